/* Capabilities; see caps.h. */
#include "runtime/caps.h"

#include <stdio.h>
#include <sys/prctl.h>

/* In the kernel's order: the index is the number (linux/capability.h). */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

/* What container runtimes agree on giving a container that asks for nothing. */
static const char *const defaults[] = {"CHOWN",	     "DAC_OVERRIDE", "FSETID",	    "FOWNER",	       "MKNOD",
				       "NET_RAW",    "SETGID",	     "SETUID",	    "SETFCAP",	       "SETPCAP",
				       "SYS_CHROOT", "KILL",	     "AUDIT_WRITE", "NET_BIND_SERVICE"};

const char *caps_name(int cap)
{
	return cap >= 0 && (size_t)cap < ARRAY_LEN(names) ? names[cap] : NULL;
}

int caps_number(struct str name)
{
	if (name.len > 4 && str_eq_nocase(str_sub(name, 0, 4), STR("CAP_")))
		name = str_from_at(name, 4);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(name, str_from(names[i] + 4)))
			return (int)i;
	return -1;
}

static bool has_all(struct runtime_strs list)
{
	SLICE_FOREACH (name, list)
		if (str_eq_nocase(*name, STR("ALL")))
			return true;
	return false;
}

static uint64_t named(struct runtime_strs list)
{
	uint64_t set = 0;

	SLICE_FOREACH (name, list) {
		int number = caps_number(*name);

		if (number >= 0)
			set |= UINT64_C(1) << number;
	}
	return set;
}

uint64_t caps_wanted(bool privileged, struct runtime_strs add, struct runtime_strs drop)
{
	uint64_t set = 0;

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		set |= UINT64_C(1) << caps_number(str_from(defaults[i]));
	if (privileged)
		return ~UINT64_C(0);
	/* ALL is applied before single names, so that "drop ALL, add X" and "add ALL, drop X" mean what they say. */
	if (has_all(add))
		set = ~UINT64_C(0);
	if (has_all(drop))
		set = 0;
	return (set | named(add)) & ~named(drop);
}

uint64_t caps_bounding(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}
