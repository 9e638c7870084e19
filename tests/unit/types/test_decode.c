/* JSON to structs: upstream's messages for wrong types, unknown and repeated fields; what the structs then hold. */
#include "unit.h"

#include "types/codec.h"
#include "types/gen/all.h"

#define META "\"metadata\":{\"name\":\"a\"}"

struct decoded {
	struct arena arena;
	struct decode_report report;
	struct error err;
	void *data;
	int rc;
};

static void decode(struct decoded *d, const struct schema *schema, const char *json)
{
	*d = (struct decoded){0};
	d->report.arena = &d->arena;
	d->rc = decode_json(schema, str_from(json), &d->arena, &d->report, &d->data, &d->err);
}

static void test_wrong_types(void **state UNUSED)
{
	static const struct {
		const struct schema *schema;
		const char *json, *want;
	} cases[] = {
		{&schema_core_v1_config_map, "{\"metadata\":\"x\"}",
		 "json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta"},
		{&schema_core_v1_config_map, "{\"metadata\":{\"name\":5}}",
		 "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"},
		{&schema_core_v1_config_map, "{" META ",\"data\":{\"k\":true}}",
		 "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string"},
		{&schema_core_v1_config_map, "{\"immutable\":\"yes\"}",
		 "json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool"},
		{&schema_core_v1_config_map, "{\"data\":[\"x\"]}",
		 "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"},
		{&schema_core_v1_config_map, "{\"binaryData\":{\"a\":\"not base64\"}}",
		 "illegal base64 data at input byte 3"},
		{&schema_core_v1_secret, "{\"data\":{\"a\":\"***\"}}", "illegal base64 data at input byte 0"},
		{&schema_scheduling_v1_priority_class, "{\"value\":-2147483649}",
		 "json: cannot unmarshal number -2147483649 into Go struct field PriorityClass.value of type int32"},
		{&schema_scheduling_v1_priority_class, "{\"value\":1.5}",
		 "json: cannot unmarshal number 1.5 into Go struct field PriorityClass.value of type int32"},
		{&schema_apps_v1_controller_revision, "{\"revision\":\"x\"}",
		 "json: cannot unmarshal string into Go struct field ControllerRevision.revision of type int64"},
		{&schema_core_v1_service_account, "{\"secrets\":[{\"name\":5}]}",
		 "json: cannot unmarshal number into Go struct field ObjectReference.secrets.name of type string"},
		{&schema_core_v1_service_account, "{\"imagePullSecrets\":[1]}",
		 "json: cannot unmarshal number into Go struct field ServiceAccount.imagePullSecrets of type "
		 "v1.LocalObjectReference"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":{}}}",
		 "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":[{\"command\":\"x\"}]}}",
		 "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type "
		 "[]string"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":[{\"ports\":[{\"containerPort\":\"80\"}]}]}}",
		 "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort "
		 "of "
		 "type int32"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1x\"}}}]}}",
		 "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
		{&schema_coordination_v1_lease, "{\"spec\":{\"renewTime\":\"2025-01-02T03:04:05Z\"}}",
		 "parsing time \"2025-01-02T03:04:05Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as "
		 "\".000000\""},
		{&schema_core_v1_config_map, "[]",
		 "json: cannot unmarshal array into Go value of type struct { APIVersion string "
		 "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }"},
		{&schema_core_v1_config_map, "{\"kind\":5}",
		 "json: cannot unmarshal number into Go struct field .kind of type string"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct decoded d;

		decode(&d, cases[i].schema, cases[i].json);
		assert_int_equal(d.rc, -ERR_BAD_REQUEST);
		assert_string_equal(d.err.message, cases[i].want);
		assert_null(d.data);
		arena_release(&d.arena);
	}
}

static void test_problems(void **state UNUSED)
{
	static const struct {
		const struct schema *schema;
		const char *json, *want[4];
	} cases[] = {
		{&schema_core_v1_config_map,
		 "{\"metadata\":{\"name\":\"a\",\"name\":\"b\"},\"data\":{\"k\":\"1\",\"k\":\"2\"}}",
		 {"duplicate field \"metadata.name\"", "duplicate field \"data.k\""}},
		{&schema_core_v1_config_map,
		 "{\"metadata\":{\"Labels\":{}},\"Data\":1,\"Data\":2}",
		 {"unknown field \"metadata.Labels\"", "unknown field \"Data\""}},
		{&schema_apps_v1_deployment,
		 "{\"spec\":{\"replicaz\":1,\"template\":{\"spec\":{\"containers\":[{\"imagePullPolice\":1,"
		 "\"ports\":[{\"foo\":1}]}]}}}}",
		 {"unknown field \"spec.replicaz\"",
		  "unknown field \"spec.template.spec.containers[0].imagePullPolice\"",
		  "unknown field \"spec.template.spec.containers[0].ports[0].foo\""}},
		{&schema_core_v1_config_map,
		 "{\"kind\":\"ConfigMap\",\"kind\":\"ConfigMap\",\"data\":{},\"data\":{}}",
		 {"duplicate field \"kind\"", "duplicate field \"data\""}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct decoded d;
		size_t n = 0;

		decode(&d, cases[i].schema, cases[i].json);
		assert_int_equal(d.rc, 0);
		for (; n < 4 && cases[i].want[n]; n++) {
			assert_true(n < d.report.problems.len);
			assert_string_equal(d.report.problems.items[n].data, cases[i].want[n]);
		}
		assert_int_equal(n, d.report.problems.len);
		arena_release(&d.arena);
	}
}

static void test_contents(void **state UNUSED)
{
	struct decoded d;
	const struct core_v1_config_map *map;
	const struct core_v1_pod *pod;

	decode(&d, &schema_core_v1_config_map,
	       "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"," META
	       ",\"data\":{\"z\":\"1\",\"b\":\"2\",\"z\":\"3\"},\"immutable\":false,\"binaryData\":null}");
	assert_int_equal(d.rc, 0);
	map = d.data;
	assert_string_equal(d.report.kind.data, "ConfigMap");
	assert_string_equal(d.report.api_version.data, "v1");
	assert_true(d.report.identified);
	assert_int_equal(map->data.len, 2);
	assert_string_equal(map->data.items[0].key.data, "b");
	assert_string_equal(map->data.items[1].value.data, "3");
	assert_non_null(map->immutable);
	assert_false(*map->immutable);
	assert_null(map->binary_data.items);
	arena_release(&d.arena);

	decode(&d, &schema_core_v1_config_map, "{\"data\":{\"k\":\"1\"},\"data\":{\"j\":\"2\"}}");
	map = d.data;
	assert_int_equal(map->data.len, 2);
	arena_release(&d.arena);

	decode(&d, &schema_core_v1_pod,
	       "{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":0.5,\"memory\":\"64Mi\"}}"
	       ","
	       "\"readinessProbe\":{\"httpGet\":{\"port\":\"http\"}}}],\"volumes\":[]}}");
	assert_int_equal(d.rc, 0);
	pod = d.data;
	assert_int_equal(pod->spec.containers.len, 1);
	assert_non_null(pod->spec.volumes.items);
	assert_int_equal(pod->spec.containers.items[0].resources.limits.items[0].value.mantissa, 5);
	assert_int_equal(pod->spec.containers.items[0].resources.limits.items[0].value.exponent, -1);
	assert_true(pod->spec.containers.items[0].readiness_probe->probe_handler.http_get->port.is_string);
	arena_release(&d.arena);
}

static void test_raw(void **state UNUSED)
{
	static const char text[] = "{\"data\":{\"b\":[1.50,1e400,12345678901234567890],\"a\":\"<\"},\"revision\":1}";
	struct decoded d;
	struct buf cleanup_buf out;

	decode(&d, &schema_apps_v1_controller_revision, text);
	assert_int_equal(d.rc, 0);
	buf_init(&out, 10000);
	encode_json(&schema_apps_v1_controller_revision, d.data, 0, &out);
	assert_string_equal(out.data,
			    "{\"metadata\":{},\"data\":{\"b\":[1.50,1e400,12345678901234567890],\"a\":\"\\u003c\"},"
			    "\"revision\":1}");
	arena_release(&d.arena);
}

static int refuse(const struct decode_report *report, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "no " STR_FMT, STR_ARG(report->kind));
}

static void test_check(void **state UNUSED)
{
	struct decoded d = {.report = {.arena = &d.arena, .check = refuse}};

	d.rc = decode_json(&schema_core_v1_pod, STR("{\"metadata\":5,\"kind\":\"Secret\"}"), &d.arena, &d.report,
			   &d.data, &d.err);
	assert_int_equal(d.rc, -ERR_NOT_FOUND);
	assert_string_equal(d.err.message, "no Secret");
	arena_release(&d.arena);
}

static void test_budget(void **state UNUSED)
{
	struct arena cleanup_arena arena;
	struct error err = {0};
	struct buf cleanup_buf text;
	void *data;

	/* A small text that asks for a lot of memory: each empty container is hundreds of bytes. */
	buf_init(&text, 1000000);
	buf_c(&text, "{\"spec\":{\"containers\":[{}");
	for (int i = 0; i < 10000; i++)
		buf_c(&text, ",{}");
	buf_c(&text, "]}}");
	arena_init(&arena, 1000000);
	assert_int_equal(decode_json(&schema_core_v1_pod, buf_view(&text), &arena, NULL, &data, &err), -ERR_TOO_LARGE);
}

static void test_flags(void **state UNUSED)
{
	struct decoded d;
	struct buf cleanup_buf out;

	decode(&d, &schema_core_v1_config_map, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}");
	buf_init(&out, 10000);
	encode_json(&schema_core_v1_config_map, d.data, ENCODE_KIND | ENCODE_NO_RESOURCE_VERSION, &out);
	assert_string_equal(out.data, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}");
	buf_clear(&out);
	encode_json(&schema_core_v1_config_map, d.data, 0, &out);
	assert_string_equal(out.data, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}");
	arena_release(&d.arena);
	decode(&d, &schema_apps_v1_stateful_set,
	       "{\"spec\":{\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"}}]}}");
	buf_clear(&out);
	encode_json(&schema_apps_v1_stateful_set, d.data, ENCODE_NESTED_KIND, &out);
	assert_non_null(strstr(out.data,
			       "\"volumeClaimTemplates\":[{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\","
			       "\"metadata\":{\"name\":\"data\"}"));
	arena_release(&d.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_problems), cmocka_unit_test(test_contents),
		cmocka_unit_test(test_raw),	    cmocka_unit_test(test_check),    cmocka_unit_test(test_budget),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
