/* Environment, expansion and the downward API. */
#include "unit.h"

#include "kubelet/env.h"
#include "kubelet/env_file.h"
#include "kubelet/service_env.h"
#include "node.h"
#include "types/gen/core_v1.h"

static struct test_node node;

static int setup(void **state UNUSED)
{
	test_node_init(&node);
	return 0;
}

static int teardown(void **state UNUSED)
{
	test_node_release(&node);
	return 0;
}

static void test_expands(void **state UNUSED)
{
	static const struct runtime_pair pairs[] = {{STR_INIT("A"), STR_INIT("1")}, {STR_INIT("E"), STR_INIT("")}};
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},	{"plain", "plain"},	{"$(A)", "1"},		{"x$(A)y$(A)", "x1y1"},
		{"$(E)", ""},	{"$(NONE)", "$(NONE)"}, {"$$(A)", "$(A)"},	{"$$$(A)", "$1"},
		{"$$$$", "$$"}, {"$A ${A}", "$A ${A}"}, {"$(A", "$(A"},		{"$", "$"},
		{"a$", "a$"},	{"$()", "$()"},		{"$($(A))", "$($(A))"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_str_equal(env_expand(str_from(cases[i].text), (struct runtime_pairs){pairs, 2}, &node.arena),
				 cases[i].expected);
}

static void test_parts_of_paths_need_values(void **state UNUSED)
{
	static const struct runtime_pair pairs[] = {{STR_INIT("A"), STR_INIT("1")}, {STR_INIT("E"), STR_INIT("")}};
	struct runtime_pairs envs = {pairs, 2};
	struct str out;

	assert_true(env_expand_known(STR("a/$(A)"), envs, &node.arena, &out));
	assert_str_equal(out, "a/1");
	assert_false(env_expand_known(STR("$(A)/$(E)"), envs, &node.arena, &out));
	assert_str_equal(out, "E");
	assert_false(env_expand_known(STR("$(X)"), envs, &node.arena, &out));
	assert_str_equal(out, "X");
}

static void test_fields(void **state UNUSED)
{
	static const struct {
		const char *path, *expected; /* expected NULL: an error, in @error's words */
		const char *error;
	} cases[] = {
		{"metadata.name", "p", NULL},
		{"metadata.namespace", "n", NULL},
		{"metadata.uid", "u", NULL},
		{"spec.nodeName", "node", NULL},
		{"spec.serviceAccountName", "sa", NULL},
		{"metadata.labels", "a=\"1\"\nb=\"2\"", NULL},
		{"metadata.labels['a']", "1", NULL},
		{"metadata.labels['none']", "", NULL},
		{"metadata.annotations['X/y']", "upper", NULL},
		{"metadata.annotations", "X/y=\"upper\"\nz=\"quo\\\"te\\nline\"", NULL},
		{"status.podIP", "10.0.0.5", NULL},
		{"status.podIPs", "10.0.0.5,fd00::5", NULL},
		{"status.hostIP", "192.168.0.1", NULL},
		{"metadata.labels['-']", NULL, "invalid key subscript in metadata.labels['-']: "},
		{"spec.nodeName['a']", NULL, "fieldPath \"spec.nodeName['a']\" does not support subscript"},
		{"spec.x", NULL, "unsupported fieldPath: spec.x"},
	};
	const struct core_v1_pod *pod = test_node_pod(
		&node,
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"labels\":{\"b\":\"2\",\"a\":\"1\"},"
		"\"annotations\":{\"z\":\"quo\\\"te\\nline\",\"X/y\":\"upper\"}},"
		"\"spec\":{\"nodeName\":\"node\",\"serviceAccountName\":\"sa\"}}");
	struct ip_address pod_ips[2], host_ip;
	struct downward downward = {.pod_ips = {pod_ips, 2}, .host_ips = {&host_ip, 1}};

	assert_int_equal(ip_parse(STR("10.0.0.5"), &pod_ips[0]), 0);
	assert_int_equal(ip_parse(STR("fd00::5"), &pod_ips[1]), 0);
	assert_int_equal(ip_parse(STR("192.168.0.1"), &host_ip), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {0};
		struct str value;

		if (cases[i].expected) {
			assert_int_equal(
				downward_field(pod, &downward, str_from(cases[i].path), &node.arena, &value, &err), 0);
			assert_str_equal(value, cases[i].expected);
			continue;
		}
		assert_int_equal(downward_field(pod, &downward, str_from(cases[i].path), &node.arena, &value, &err),
				 -ERR_BAD_REQUEST);
		assert_true(str_has_prefix(str_from(err.message), str_from(cases[i].error)));
	}
}

static void test_resources(void **state UNUSED)
{
	static const struct {
		const char *selector, *expected;
	} cases[] = {
		{"{\"resource\":\"limits.cpu\"}", "1"},
		{"{\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}", "250"},
		{"{\"resource\":\"limits.memory\",\"divisor\":\"1Mi\"}", "64"},
		{"{\"resource\":\"requests.memory\",\"divisor\":\"1k\"}", "33555"},
		{"{\"resource\":\"requests.cpu\",\"divisor\":\"1m\"}", "0"},
		{"{\"resource\":\"limits.ephemeral-storage\"}", "7"},
	};
	const struct core_v1_pod *pod = test_node_pod(
		&node, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"250m\","
		       "\"memory\":\"64Mi\"},\"requests\":{\"memory\":\"32Mi\"}}}]}}");
	struct quantity_pair disk = {STR("ephemeral-storage"),
				     {.mantissa = 7, .format = QUANTITY_DECIMAL_SI, .is_set = true}};
	struct downward downward = {.node_allocatable = {&disk, 1}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char json[256];
		const struct core_v1_pod *holder;
		struct error err = {0};
		struct str value;

		snprintf(json, sizeof(json),
			 "{\"spec\":{\"containers\":[{\"env\":[{\"valueFrom\":{\"resourceFieldRef\":%s}}]}]}}",
			 cases[i].selector);
		holder = test_node_pod(&node, json);
		assert_int_equal(
			downward_resource(pod->spec.containers.items, &downward,
					  holder->spec.containers.items[0].env.items[0].value_from->resource_field_ref,
					  &node.arena, &value, &err),
			0);
		assert_str_equal(value, cases[i].expected);
	}
}

static struct str joined(struct runtime_pairs pairs)
{
	struct str out = STR_EMPTY;

	for (size_t i = 0; i < pairs.len; i++)
		out = arena_printf(&node.arena, STR_FMT STR_FMT "=" STR_FMT "\n", STR_ARG(out),
				   STR_ARG(pairs.items[i].key), STR_ARG(pairs.items[i].value));
	return out;
}

static void resolve(const char *container, const char *expected, const char *message)
{
	struct str json = arena_printf(&node.arena,
				       "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":"
				       "{\"enableServiceLinks\":false,\"containers\":[%s]}}",
				       container);
	const struct core_v1_pod *pod = test_node_pod(&node, str_c(json));
	struct downward downward = {0};
	struct runtime_pairs pairs;
	struct error err = {0};

	if (env_resolve(&node.context, pod, pod->spec.containers.items, &downward, &node.arena, &pairs, &err) < 0) {
		assert_non_null(message);
		assert_string_equal(err.message, message);
		return;
	}
	assert_null(message);
	assert_str_equal(joined(pairs), expected);
}

static void test_resolves(void **state UNUSED)
{
	test_node_has(&node, &schema_core_v1_config_map,
		      "{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"},\"data\":{\"one\":\"1\",\"two\":\"2\"}}");
	test_node_has(&node, &schema_core_v1_secret,
		      "{\"metadata\":{\"name\":\"s\",\"namespace\":\"n\"},\"data\":{\"pw\":\"aHVzaA==\"}}");
	resolve("{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)$(D)\"},"
		"{\"name\":\"D\",\"value\":\"4\"},{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"E\",\"value\":\"\"}]}",
		"A=x\nB=1$(D)\nD=4\nE=\n", NULL);
	resolve("{\"envFrom\":[{\"prefix\":\"P_\",\"configMapRef\":{\"name\":\"m\"}},"
		"{\"secretRef\":{\"name\":\"none\",\"optional\":true}}],"
		"\"env\":[{\"name\":\"P_one\",\"value\":\"mine\"},{\"name\":\"X\",\"value\":\"$(P_two)\"}]}",
		"P_one=mine\nP_two=2\nX=2\n", NULL);
	resolve("{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"m\",\"key\":\"one\"}}},"
		"{\"name\":\"B\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"pw\"}}},"
		"{\"name\":\"C\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\",\"optional\":true}}},"
		"{\"name\":\"D\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}]}",
		"A=1\nB=hush\nD=p\n", NULL);
	resolve("{\"envFrom\":[{\"configMapRef\":{\"name\":\"none\"}}]}", NULL, "configmap \"none\" not found");
	resolve("{\"envFrom\":[{\"secretRef\":{\"name\":\"none\"}}]}", NULL, "secret \"none\" not found");
	resolve("{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"m\",\"key\":\"k\"}}}]}", NULL,
		"couldn't find key k in ConfigMap n/m");
	resolve("{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}}]}", NULL,
		"couldn't find key k in Secret n/s");
	node.unreachable = true;
	resolve("{\"envFrom\":[{\"secretRef\":{\"name\":\"none\",\"optional\":true}}]}", NULL, "unreachable");
}

static void test_services(void **state UNUSED)
{
	test_node_has(&node, &schema_core_v1_service,
		      "{\"metadata\":{\"name\":\"my-db\",\"namespace\":\"n\"},\"spec\":{\"clusterIP\":\"10.1.0.1\","
		      "\"ports\":[{\"name\":\"sql\",\"port\":5432},{\"port\":80,\"protocol\":\"UDP\"}]}}");
	test_node_has(&node, &schema_core_v1_service,
		      "{\"metadata\":{\"name\":\"none\",\"namespace\":\"n\"},\"spec\":{\"clusterIP\":\"None\","
		      "\"ports\":[{\"port\":1}]}}");
	test_node_has(&node, &schema_core_v1_service,
		      "{\"metadata\":{\"name\":\"kubernetes\",\"namespace\":\"default\"},\"spec\":{\"clusterIP\":"
		      "\"fd00::1\",\"ports\":[{\"name\":\"https\",\"port\":443}]}}");
	assert_str_equal(joined(service_env(node.objects, node.objects_len, STR("n"), true, &node.arena)),
			 "MY_DB_SERVICE_HOST=10.1.0.1\nMY_DB_SERVICE_PORT=5432\nMY_DB_SERVICE_PORT_SQL=5432\n"
			 "MY_DB_PORT=tcp://10.1.0.1:5432\nMY_DB_PORT_5432_TCP=tcp://10.1.0.1:5432\n"
			 "MY_DB_PORT_5432_TCP_PROTO=tcp\nMY_DB_PORT_5432_TCP_PORT=5432\n"
			 "MY_DB_PORT_5432_TCP_ADDR=10.1.0.1\nMY_DB_PORT_80_UDP=udp://10.1.0.1:80\n"
			 "MY_DB_PORT_80_UDP_PROTO=udp\nMY_DB_PORT_80_UDP_PORT=80\nMY_DB_PORT_80_UDP_ADDR=10.1.0.1\n"
			 "KUBERNETES_SERVICE_HOST=fd00::1\nKUBERNETES_SERVICE_PORT=443\n"
			 "KUBERNETES_SERVICE_PORT_HTTPS=443\nKUBERNETES_PORT=tcp://[fd00::1]:443\n"
			 "KUBERNETES_PORT_443_TCP=tcp://[fd00::1]:443\nKUBERNETES_PORT_443_TCP_PROTO=tcp\n"
			 "KUBERNETES_PORT_443_TCP_PORT=443\nKUBERNETES_PORT_443_TCP_ADDR=fd00::1\n");
	assert_true(str_has_prefix(joined(service_env(node.objects, node.objects_len, STR("n"), false, &node.arena)),
				   STR("KUBERNETES_SERVICE_HOST=")));
}

static void test_env_files(void **state UNUSED)
{
	static const struct {
		const char *text, *key, *expected; /* NULL: not well formed */
	} cases[] = {
		{"A='one'\n# no\n\nB='two words' # yes\n", "B", "two words"},
		{"A='one'", "B", ""},
		{" \tA='x'\r\n", "A", "x"},
		{"A='1\n2\n3'\nB='b'", "A", "1\n2\n3"},
		{"A='1\n2'\nB='b'", "B", "b"},
		{"A= 'x'\n", "A", ""},
		{"A=1\n", "A", NULL},
		{"A ='x'\n", "A", NULL},
		{"A\n", "A", NULL},
		{"='x'\n", "A", NULL},
		{"A='x\n", "A", NULL},
		{"A='x'y\n", "A", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str value;
		bool good = env_file_find(str_from(cases[i].text), str_from(cases[i].key), &node.arena, &value);

		assert_int_equal(good, cases[i].expected != NULL);
		if (good)
			assert_str_equal(value, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_expands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_of_paths_need_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_env_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
