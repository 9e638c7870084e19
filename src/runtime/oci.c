/* OCI configurations from container records; see oci.h. */
#include "runtime/oci.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/limits.h"
#include "base/map.h"
#include "runtime/caps.h"
#include "runtime/json_writer.h"
#include "sys/path.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const default_masked[] = {
	"/proc/acpi",	     "/proc/asound",	    "/proc/interrupts", "/proc/kcore",
	"/proc/keys",	     "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi",	    "/sys/firmware",	"/sys/devices/virtual/powercap",
};
static const char *const default_readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					       "/proc/sysrq-trigger"};

int oci_oom_score_floor(void)
{
	char text[32];
	int64_t current = 0;
	struct str number;

	if (caps_bounding() & (UINT64_C(1) << caps_number(STR("SYS_RESOURCE"))))
		return -1000;
	if (path_read_small(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) < 0)
		return 0;
	number = str_trim(str_from(text));
	return str_parse_int64(number, &current) < 0 ? 0 : (int)current;
}

/* ---- the process ---- */

static void put_strs(struct json_writer *w, const char *key, struct runtime_strs strs)
{
	json_open(w, key, '[');
	SLICE_FOREACH (s, strs)
		json_str(w, NULL, *s);
	json_close(w, ']');
}

static void put_names(struct json_writer *w, const char *key, const char *const *names, size_t len)
{
	json_open(w, key, '[');
	for (size_t i = 0; i < len; i++)
		json_c(w, NULL, names[i]);
	json_close(w, ']');
}

static void put_capabilities(struct json_writer *w, const struct oci_spec *spec)
{
	static const char *const sets[] = {"bounding", "effective", "permitted"};
	const struct runtime_security_context *security = &spec->container->config.security;
	uint64_t wanted = spec->bounding &
			  caps_wanted(security->privileged, security->capabilities_add, security->capabilities_drop);

	json_open(w, "capabilities", '{');
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		json_open(w, sets[i], '[');
		for (int cap = 0; caps_name(cap); cap++)
			if (wanted & (UINT64_C(1) << cap))
				json_c(w, NULL, caps_name(cap));
		json_close(w, ']');
	}
	json_close(w, '}');
}

/* One value per name: a later one takes the place of an earlier. */
static void put_env(struct json_writer *w, const struct oci_spec *spec, bool tty, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;
	VEC_OF(struct runtime_pair) all = {0};
	struct map places = {0}; /* name -> 1 + index */
	struct str name, value;

	vec_push(arena, &all, (struct runtime_pair){STR("PATH"), STR(DEFAULT_PATH + 5)});
	vec_push(arena, &all, (struct runtime_pair){STR("HOSTNAME"), spec->hostname});
	/* Of a user it knows the OCI runtime looks the home up. */
	if (!spec->user->known)
		vec_push(arena, &all, (struct runtime_pair){STR("HOME"), STR("/")});
	if (tty)
		vec_push(arena, &all, (struct runtime_pair){STR("TERM"), STR("xterm")});
	SLICE_FOREACH (text, spec->image->env)
		if (str_cut(*text, '=', &name, &value))
			vec_push(arena, &all, (struct runtime_pair){name, value});
	SLICE_FOREACH (pair, config->envs)
		vec_push(arena, &all, *pair);
	for (size_t i = 0; i < all.len; i++) {
		uintptr_t place = (uintptr_t)map_get(&places, all.items[i].key);

		if (place) {
			all.items[place - 1].value = all.items[i].value;
			all.items[i].key = STR_EMPTY;
		} else {
			map_set(&places, all.items[i].key, (void *)(i + 1));
		}
	}
	map_release(&places);
	json_open(w, "env", '[');
	for (size_t i = 0; i < all.len; i++)
		if (all.items[i].key.len)
			json_str(w, NULL,
				 arena_printf(arena, STR_FMT "=" STR_FMT, STR_ARG(all.items[i].key),
					      STR_ARG(all.items[i].value)));
	json_close(w, ']');
}

static void put_process(struct json_writer *w, const char *key, const struct oci_spec *spec, struct runtime_strs args,
			bool tty, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;
	struct str cwd = config->working_dir.len ? config->working_dir : spec->image->working_dir;
	int64_t oom = config->resources.oom_score_adj;

	json_open(w, key, '{');
	json_bool(w, "terminal", tty);
	json_open(w, "user", '{');
	json_int(w, "uid", spec->user->uid);
	json_int(w, "gid", spec->user->gid);
	if (spec->user->groups.len) {
		json_open(w, "additionalGids", '[');
		SLICE_FOREACH (gid, spec->user->groups)
			json_int(w, NULL, *gid);
		json_close(w, ']');
	}
	json_close(w, '}');
	put_strs(w, "args", args);
	put_env(w, spec, tty, arena);
	json_str(w, "cwd", cwd.len ? cwd : STR("/"));
	put_capabilities(w, spec);
	json_bool(w, "noNewPrivileges", config->security.no_new_privs);
	json_int(w, "oomScoreAdj", MAX(oom, spec->oom_score_floor));
	json_close(w, '}');
}

/* Kubernetes' rule: a command replaces the image's entrypoint and its arguments, arguments alone only those. */
static struct runtime_strs full_command(const struct oci_spec *spec, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;
	struct runtime_strs first = config->command.len ? config->command : spec->image->entrypoint;
	struct runtime_strs rest = config->args;
	VEC_OF(struct str) all = {0};

	if (rest.len == 0 && config->command.len == 0)
		rest = spec->image->cmd;
	SLICE_FOREACH (s, first)
		vec_push(arena, &all, *s);
	SLICE_FOREACH (s, rest)
		vec_push(arena, &all, *s);
	return (struct runtime_strs){all.items, all.len};
}

/* ---- mounts ---- */

static void put_mount(struct json_writer *w, struct str target, const char *type, struct str source,
		      const char *const *options, size_t options_len)
{
	json_open(w, NULL, '{');
	json_str(w, "destination", target);
	json_c(w, "type", type);
	json_str(w, "source", source);
	put_names(w, "options", options, options_len);
	json_close(w, '}');
}

#define OPTIONS(...) (const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__}))

static bool is_mounted(const struct oci_spec *spec, struct str path)
{
	const struct runtime_container_config *config = &spec->container->config;

	for (size_t i = 0; i < config->mounts_len; i++)
		if (str_eq(config->mounts[i].container_path, path))
			return true;
	return false;
}

static void put_file(struct json_writer *w, const struct oci_spec *spec, struct str target, const char *name,
		     struct arena *arena)
{
	if (!is_mounted(spec, target))
		put_mount(w, target, "bind", arena_printf(arena, STR_FMT "/%s", STR_ARG(spec->run_dir), name),
			  OPTIONS("rbind", "rprivate", "rw"));
}

static void put_volume(struct json_writer *w, const struct runtime_mount *mount)
{
	static const char *const propagations[] = {"rprivate", "rslave", "rshared"};

	put_mount(w, mount->container_path, "bind", mount->host_path,
		  OPTIONS("rbind", propagations[mount->propagation], mount->readonly ? "ro" : "rw"));
}

static void put_mounts(struct json_writer *w, const struct oci_spec *spec, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;
	const char *rw = config->security.privileged ? "rw" : "ro";
	bool host_ipc = config->security.namespaces.ipc == RUNTIME_NAMESPACE_NODE;

	json_open(w, "mounts", '[');
	put_mount(w, STR("/proc"), "proc", STR("proc"), OPTIONS("nosuid", "noexec", "nodev"));
	put_mount(w, STR("/dev"), "tmpfs", STR("tmpfs"), OPTIONS("nosuid", "strictatime", "mode=755", "size=65536k"));
	put_mount(w, STR("/dev/pts"), "devpts", STR("devpts"),
		  OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"));
	put_mount(w, STR("/dev/mqueue"), "mqueue", STR("mqueue"), OPTIONS("nosuid", "noexec", "nodev"));
	put_mount(w, STR("/sys"), "sysfs", STR("sysfs"), OPTIONS("nosuid", "noexec", "nodev", rw));
	put_mount(w, STR("/sys/fs/cgroup"), "cgroup", STR("cgroup"),
		  OPTIONS("nosuid", "noexec", "nodev", "relatime", rw));
	if (!is_mounted(spec, STR("/dev/shm")))
		put_mount(w, STR("/dev/shm"), "bind",
			  host_ipc ? STR("/dev/shm") : arena_printf(arena, STR_FMT "/shm", STR_ARG(spec->run_dir)),
			  OPTIONS("rbind", "rprivate", "rw"));
	put_file(w, spec, STR("/etc/hosts"), "hosts", arena);
	put_file(w, spec, STR("/etc/resolv.conf"), "resolv.conf", arena);
	put_file(w, spec, STR("/etc/hostname"), "hostname", arena);
	for (size_t i = 0; i < config->mounts_len; i++)
		put_volume(w, &config->mounts[i]);
	json_close(w, ']');
}

/* ---- linux ---- */

static void put_namespace(struct json_writer *w, const char *type, struct str path)
{
	json_open(w, NULL, '{');
	json_c(w, "type", type);
	if (path.len)
		json_str(w, "path", path);
	json_close(w, '}');
}

static struct str pin(const struct oci_spec *spec, const char *name, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/%s", STR_ARG(spec->run_dir), name);
}

static void put_namespaces(struct json_writer *w, const struct oci_spec *spec, struct arena *arena)
{
	const struct runtime_namespace_options *own = &spec->container->config.security.namespaces;

	json_open(w, "namespaces", '[');
	put_namespace(w, "mount", STR_EMPTY);
	if (spec->unified_cgroups || !spec->container->config.security.privileged)
		put_namespace(w, "cgroup", STR_EMPTY);
	if (own->network != RUNTIME_NAMESPACE_NODE) {
		put_namespace(w, "network", pin(spec, "net", arena));
		put_namespace(w, "uts", pin(spec, "uts", arena));
	}
	if (own->ipc != RUNTIME_NAMESPACE_NODE)
		put_namespace(w, "ipc", pin(spec, "ipc", arena));
	if (own->pid == RUNTIME_NAMESPACE_CONTAINER)
		put_namespace(w, "pid", STR_EMPTY);
	else if (own->pid == RUNTIME_NAMESPACE_POD)
		put_namespace(w, "pid", pin(spec, "pid", arena));
	else if (own->pid == RUNTIME_NAMESPACE_TARGET)
		put_namespace(w, "pid", spec->target_pid_path);
	json_close(w, ']');
}

static void put_int_if(struct json_writer *w, const char *key, int64_t value)
{
	if (value)
		json_int(w, key, value);
}

static void put_device_rule(struct json_writer *w, bool allow, const char *type, int64_t major, int64_t minor,
			    const char *access)
{
	json_open(w, NULL, '{');
	json_bool(w, "allow", allow);
	if (type) {
		json_c(w, "type", type);
		if (major >= 0)
			json_int(w, "major", major);
		if (minor >= 0)
			json_int(w, "minor", minor);
	}
	json_c(w, "access", access);
	json_close(w, '}');
}

static void put_resources(struct json_writer *w, const struct oci_spec *spec)
{
	const struct runtime_container_config *config = &spec->container->config;
	const struct runtime_linux_resources *r = &config->resources;

	json_open(w, "resources", '{');
	json_open(w, "devices", '[');
	put_device_rule(w, config->security.privileged, NULL, 0, 0, "rwm");
	for (size_t i = 0; i < config->devices_len && !config->security.privileged; i++) {
		const struct runtime_device *device = &config->devices[i];
		struct stat st;

		if (stat(str_c(device->host_path), &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			put_device_rule(w, true, S_ISCHR(st.st_mode) ? "c" : "b", major(st.st_rdev), minor(st.st_rdev),
					device->permissions.len ? str_c(device->permissions) : "rwm");
	}
	json_close(w, ']');
	json_open(w, "cpu", '{');
	put_int_if(w, "shares", r->cpu_shares);
	put_int_if(w, "quota", r->cpu_quota);
	put_int_if(w, "period", r->cpu_period);
	if (r->cpuset_cpus.len)
		json_str(w, "cpus", r->cpuset_cpus);
	if (r->cpuset_mems.len)
		json_str(w, "mems", r->cpuset_mems);
	json_close(w, '}');
	json_open(w, "memory", '{');
	put_int_if(w, "limit", r->memory_limit);
	put_int_if(w, "swap", r->memory_swap);
	json_close(w, '}');
	if (r->pids_limit) {
		json_open(w, "pids", '{');
		json_int(w, "limit", r->pids_limit);
		json_close(w, '}');
	}
	if (spec->unified_cgroups && r->unified.len) {
		json_open(w, "unified", '{');
		SLICE_FOREACH (pair, r->unified)
			json_str_at(w, pair->key, pair->value);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void put_device(struct json_writer *w, struct str path, const struct stat *st)
{
	json_open(w, NULL, '{');
	json_str(w, "path", path);
	json_c(w, "type", S_ISCHR(st->st_mode) ? "c" : "b");
	json_int(w, "major", major(st->st_rdev));
	json_int(w, "minor", minor(st->st_rdev));
	json_int(w, "fileMode", st->st_mode & 0777);
	json_int(w, "uid", st->st_uid);
	json_int(w, "gid", st->st_gid);
	json_close(w, '}');
}

/* A privileged container sees the host's devices, but for terminals and what every container has of its own. */
static void put_host_devices(struct json_writer *w, struct arena *arena)
{
	static const char *const own[] = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"};
	DIR *stream = opendir("/dev");
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		bool skip = entry->d_type != DT_CHR && entry->d_type != DT_BLK;
		struct stat st;

		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			skip |= strcmp(entry->d_name, own[i]) == 0;
		if (!skip && fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			put_device(w, arena_printf(arena, "/dev/%s", entry->d_name), &st);
	}
	if (stream)
		closedir(stream);
}

static void put_devices(struct json_writer *w, const struct oci_spec *spec, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;

	json_open(w, "devices", '[');
	if (config->security.privileged)
		put_host_devices(w, arena);
	for (size_t i = 0; i < config->devices_len; i++) {
		struct stat st;

		if (stat(str_c(config->devices[i].host_path), &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			put_device(w, config->devices[i].container_path, &st);
	}
	json_close(w, ']');
}

static void put_linux(struct json_writer *w, const struct oci_spec *spec, struct arena *arena)
{
	const struct runtime_container_config *config = &spec->container->config;
	const struct runtime_security_context *security = &config->security;
	bool shared = false;

	for (size_t i = 0; i < config->mounts_len; i++)
		shared |= config->mounts[i].propagation == RUNTIME_PROPAGATION_BIDIRECTIONAL;
	json_open(w, "linux", '{');
	put_namespaces(w, spec, arena);
	json_str(w, "cgroupsPath", spec->container->cgroup);
	put_resources(w, spec);
	put_devices(w, spec, arena);
	if (shared)
		json_c(w, "rootfsPropagation", "shared");
	if (!security->privileged) {
		if (security->masked_paths.len)
			put_strs(w, "maskedPaths", security->masked_paths);
		else
			put_names(w, "maskedPaths", default_masked, ARRAY_LEN(default_masked));
		if (security->readonly_paths.len)
			put_strs(w, "readonlyPaths", security->readonly_paths);
		else
			put_names(w, "readonlyPaths", default_readonly, ARRAY_LEN(default_readonly));
		if (spec->seccomp_profile.len)
			json_raw(w, "seccomp", spec->seccomp_profile);
	}
	json_close(w, '}');
}

int oci_write_config(const struct oci_spec *spec, struct buf *out, struct error *err)
{
	const struct runtime_container_config *config = &spec->container->config;
	struct arena cleanup_arena arena = {0};
	struct runtime_strs command = full_command(spec, &arena);
	struct json_writer w = {.out = out};

	if (command.len == 0)
		return error_set(err, ERR_INVALID, "no command specified");
	json_open(&w, NULL, '{');
	json_c(&w, "ociVersion", "1.0.2");
	put_process(&w, "process", spec, command, config->tty, &arena);
	json_open(&w, "root", '{');
	json_c(&w, "path", "rootfs");
	json_bool(&w, "readonly", config->security.readonly_rootfs);
	json_close(&w, '}');
	put_mounts(&w, spec, &arena);
	put_linux(&w, spec, &arena);
	json_close(&w, '}');
	return out->overflow ? error_set(err, ERR_TOO_LARGE, "container configuration is too large") : 0;
}

int oci_write_process(const struct oci_spec *spec, struct runtime_strs command, bool tty, struct buf *out,
		      struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct json_writer w = {.out = out};

	if (command.len == 0)
		return error_set(err, ERR_INVALID, "no command specified");
	put_process(&w, NULL, spec, command, tty, &arena);
	return out->overflow ? error_set(err, ERR_TOO_LARGE, "command is too large") : 0;
}

/* ---- seccomp ---- */

/*
 * What a container has no business with and what has been a way out of one: the rest is allowed.  Kernels and libraries
 * learn new calls, so the list says what is refused.
 */
#define SECCOMP_REFUSED                                                                                                \
	"\"acct\",\"add_key\",\"bpf\",\"clock_adjtime\",\"clock_settime\",\"create_module\",\"delete_module\","        \
	"\"finit_module\",\"fsconfig\",\"fsmount\",\"fsopen\",\"fspick\",\"get_kernel_syms\",\"init_module\","         \
	"\"ioperm\","                                                                                                  \
	"\"iopl\",\"kcmp\",\"kexec_file_load\",\"kexec_load\",\"keyctl\",\"lookup_dcookie\",\"mount\",\"mount_"        \
	"setattr\","                                                                                                   \
	"\"move_mount\",\"move_pages\",\"nfsservctl\",\"open_by_handle_at\",\"open_tree\",\"perf_event_open\","        \
	"\"personality\",\"pivot_root\",\"process_vm_readv\",\"process_vm_writev\",\"query_module\",\"quotactl\","     \
	"\"quotactl_fd\",\"reboot\",\"request_key\",\"setns\",\"settimeofday\",\"stime\",\"swapoff\",\"swapon\","      \
	"\"_sysctl\",\"sysfs\",\"umount\",\"umount2\",\"unshare\",\"uselib\",\"userfaultfd\",\"ustat\",\"vm86\","      \
	"\"vm86old\",\"io_uring_setup\",\"io_uring_enter\",\"io_uring_register\""

struct str oci_default_seccomp(void)
{
	return STR("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[" SECCOMP_REFUSED
		   "],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]}");
}
