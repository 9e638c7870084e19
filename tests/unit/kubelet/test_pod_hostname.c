/* What pods' machines are called. */
#include "unit.h"

#include "kubelet/node.h"
#include "kubelet/pod_hostname.h"

#define TEN  "abcdefghij"
#define LONG TEN TEN TEN TEN TEN TEN

static const struct {
	const char *about, *name, *spec, *host, *domain;
	const char *kernel; /* NULL: refused */
} rows[] = {
	{"the pod's name", "p", "", "p", "", "p"},
	{"a name of its own", "p", "\"hostname\":\"h\"", "h", "", "h"},
	{"a domain", "p", "\"subdomain\":\"s\"", "p", "s.n.svc.c", "p"},
	{"the full name", "p", "\"subdomain\":\"s\",\"setHostnameAsFQDN\":true", "p", "s.n.svc.c", "p.s.n.svc.c"},
	{"the full name without a domain", "p", "\"setHostnameAsFQDN\":true", "p", "", "p"},
	{"a full name that is too long", LONG, "\"subdomain\":\"s\",\"setHostnameAsFQDN\":true", LONG, "s.n.svc.c",
	 NULL},
	{"overridden", "p", "\"hostname\":\"h\",\"subdomain\":\"s\",\"hostnameOverride\":\"a.b\"", "a.b", "", "a.b"},
	{"63 bytes", LONG "123", "", LONG "123", "", LONG "123"},
	{"cut", LONG "1234", "", LONG "123", "", LONG "123"},
	{"cut with no dash at the end", LONG "1.-4", "", LONG "1", "", LONG "1"},
};

static void table(void **state UNUSED)
{
	struct test_node node;

	test_node_init(&node);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct core_v1_pod *pod = test_node_pod(
			&node, str_c(arena_printf(&node.arena,
						  "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\"},\"spec\":{%s}}",
						  rows[i].name, rows[i].spec)));
		struct pod_hostname host = pod_hostname(pod, STR("c"), &node.arena);
		struct error err = {0};
		struct str kernel = STR_EMPTY;
		int r = pod_kernel_hostname(pod, STR("c"), &node.arena, &kernel, &err);

		if (!str_eq_c(host.name, rows[i].host) || !str_eq_c(host.domain, rows[i].domain))
			fail_msg("%s: " STR_FMT, rows[i].about, STR_ARG(host.name));
		assert_int_equal(r < 0, !rows[i].kernel);
		if (rows[i].kernel)
			assert_true(str_eq_c(kernel, rows[i].kernel));
		else
			assert_non_null(
				strstr(err.message, "is too long (64 characters is the max, 70 characters requested)"));
	}
	test_node_release(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table)};

	return cmocka_run_group_tests_name("pod_hostname", tests, NULL, NULL);
}
