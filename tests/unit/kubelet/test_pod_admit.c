/* What the node refuses: other operating systems, and sysctls that are not safe, not allowed, or the host's. */
#include "unit.h"

#include "kubelet/node.h"
#include "kubelet/pod_admit.h"

#define SYSCTL(name) "\"securityContext\":{\"sysctls\":[{\"name\":\"" name "\",\"value\":\"1\"}]}"

static const struct {
	const char *about, *spec, *reason, *message; /* no reason: admitted */
} rows[] = {
	{"nothing asked for", "", NULL, NULL},
	{"this system", "\"os\":{\"name\":\"linux\"}", NULL, NULL},
	{"another system", "\"os\":{\"name\":\"windows\"}", "PodOSNotSupported",
	 "Failed to admit pod as the OS field doesn't match node OS"},
	{"a safe one", SYSCTL("net.ipv4.tcp_syncookies"), NULL, NULL},
	{"a safe one with slashes", SYSCTL("kernel/shm_rmid_forced"), NULL, NULL},
	{"one that is not safe", SYSCTL("kernel.msgmnb"), "SysctlForbidden",
	 "forbidden sysctl: \"kernel.msgmnb\" not allowlisted"},
	{"the beginning of a safe one", SYSCTL("net.ipv4.tcp_syn"), "SysctlForbidden",
	 "forbidden sysctl: \"net.ipv4.tcp_syn\" not allowlisted"},
	{"one that is allowed", SYSCTL("kernel.msgmax"), NULL, NULL},
	{"one of those that are allowed", SYSCTL("net.core.somaxconn"), NULL, NULL},
	{"the host's network", "\"hostNetwork\":true," SYSCTL("net.ipv4.tcp_syncookies"), "SysctlForbidden",
	 "forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host Net enabled"},
	{"the host's network by a pattern", "\"hostNetwork\":true," SYSCTL("net.core.somaxconn"), "SysctlForbidden",
	 "forbidden sysctl: \"net.core.somaxconn\" not allowed with host Net enabled"},
	{"the host's network, but not its", "\"hostNetwork\":true," SYSCTL("kernel.msgmax"), NULL, NULL},
	{"the host's IPC", "\"hostIPC\":true," SYSCTL("kernel.shm_rmid_forced"), "SysctlForbidden",
	 "forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host IPC enabled"},
};

static void table(void **state UNUSED)
{
	const struct pod_neighbours alone = {0};
	struct str allowed[] = {STR("kernel.msgmax"), STR("net.core.*")};
	struct test_node node;

	test_node_init(&node);
	node.config.allowed_unsafe_sysctls = (struct runtime_strs){allowed, ARRAY_LEN(allowed)};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *json = str_c(arena_printf(&node.arena, "{\"spec\":{%s}}", rows[i].spec));
		struct pod_rejection rejection = {0};
		bool admitted = pod_admit(&node.config, &alone, test_node_pod(&node, json), &node.arena, &rejection);

		if (admitted != !rows[i].reason)
			fail_msg("%s: %d", rows[i].about, admitted);
		if (admitted)
			continue;
		assert_string_equal(rejection.reason, rows[i].reason);
		assert_string_equal(str_c(rejection.message), rows[i].message);
	}
	test_node_release(&node);
}

static void patterns(void **state UNUSED)
{
	static const struct {
		const char *pattern;
		bool valid;
	} cases[] = {{"net.*", true},
		     {"net.ipv4.ip_forward", true},
		     {"kernel.msg*", true},
		     {"kernel.sem", true},
		     {"fs.mqueue.*", true},
		     {"kernel.*", false},
		     {"vm.swappiness", false},
		     {"*", false},
		     {"", false}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (pod_admit_is_sysctl_pattern(str_from(cases[i].pattern)) != cases[i].valid)
			fail_msg("%s", cases[i].pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests_name("pod_admit", tests, NULL, NULL);
}
