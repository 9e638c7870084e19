/* Applying configurations, without owners: what is refused, what is merged in which order, what is dropped. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/cog.h"
#include "types/field_merge.h"
#include "types/gen/apps_v1.h"
#include "types/gen/core_v1.h"

static struct value *parse(const char *json, struct arena *arena)
{
	struct error err = {0};
	struct value *tree;

	assert_int_equal(json_parse(str_from(json), arena, NULL, &tree, &err), 0);
	return tree;
}

static struct field_set *parse_set(const char *json, struct arena *arena)
{
	struct error err = {0};
	struct field_set *set;

	assert_int_equal(field_set_parse(str_from(json), arena, &set, &err), 0);
	return set;
}

static void assert_tree(const struct value *tree, const char *expected)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	json_write(tree, &text);
	assert_string_equal(text.data, expected);
}

static void test_check(void **state UNUSED)
{
	static const struct {
		const struct schema *schema;
		const char *config, *problem;
	} cases[] = {
		{&schema_core_v1_pod, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":null}}", NULL},
		{&schema_core_v1_pod, "{\"foo\":1}", ".foo: field not declared in schema"},
		{&schema_core_v1_pod, "{\"spec\":[]}", ".spec: expected map, got &{[]}"},
		{&schema_core_v1_pod, "{\"metadata\":{\"labels\":{\"a.b/c\":1}}}",
		 ".metadata.labels.a.b/c: expected string, got &value.valueUnstructured{Value:1}"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":{\"a\":1}}}",
		 ".spec.containers: expected list, got &{map[a:1]}"},
		{&schema_core_v1_pod, "{\"spec\":{\"hostNetwork\":\"x\"}}",
		 ".spec.hostNetwork: expected boolean, got &{x}"},
		{&schema_core_v1_pod, "{\"spec\":{\"priority\":[]}}",
		 ".spec.priority: expected numeric (int or float), got []interface {}"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":[{\"name\":\"c\"},{\"name\":\"c\"}]}}",
		 ".spec.containers: duplicate entries for key [name=\"c\"]"},
		{&schema_core_v1_pod,
		 "{\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":80},"
		 "{\"containerPort\":80,\"protocol\":\"TCP\"}]}]}}",
		 ".spec.containers[name=\"c\"].ports: duplicate entries for key [containerPort=80,protocol=\"TCP\"]"},
		{&schema_core_v1_pod, "{\"spec\":{\"containers\":[null]}}",
		 ".spec.containers: element 0: associative list with keys may not have a null element"},
		{&schema_core_v1_pod, "{\"metadata\":{\"finalizers\":[\"a\",\"a\"]}}",
		 ".metadata.finalizers: duplicate entries for key [=\"a\"]"},
		{&schema_core_v1_pod, "{\"metadata\":{\"finalizers\":[{}]}}",
		 ".metadata.finalizers: element 0: associative list without keys has an element that's a map type"},
		/* What is owned as a whole is looked into all the same. */
		{&schema_core_v1_pod, "{\"spec\":{\"tolerations\":[{\"key\":\"a\"},{\"kee\":\"a\"}]}}",
		 ".spec.tolerations[1].kee: field not declared in schema"},
		{&schema_core_v1_pod, "{\"a\":1,\"b\":2}",
		 "errors:\n  .a: field not declared in schema\n  .b: field not declared in schema"},
		{&cog_schema, "{\"spec\":{\"teeth\":3,\"free\":{\"any\":[{\"thing\":null}]}},\"kind\":\"Cog\"}", NULL},
		{&cog_schema, "{\"spec\":{\"parts\":[{\"id\":1},{\"id\":1}]}}",
		 ".spec.parts: duplicate entries for key [id=1]"},
		{&cog_schema, "{\"spec\":{\"teeth\":\"x\",\"zz\":1}}",
		 "errors:\n  .spec.teeth: expected numeric (int or float), got string\n"
		 "  .spec.zz: field not declared in schema"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		int result = field_merge_check(cases[i].schema, parse(cases[i].config, &arena), &arena, &err);

		if (!cases[i].problem) {
			assert_int_equal(result, 0);
			continue;
		}
		assert_int_equal(result, -ERR_INVALID);
		assert_string_equal(err.message, cases[i].problem);
	}
}

#define CONTAINERS(list) "{\"spec\":{\"containers\":" list "}}"

static void test_merge(void **state UNUSED)
{
	static const struct {
		const struct schema *schema;
		const char *live, *config, *merged;
	} cases[] = {
		/* Nothing goes; the configuration wins. */
		{&schema_core_v1_config_map, "{\"data\":{\"a\":\"1\",\"b\":\"1\"}}",
		 "{\"data\":{\"b\":\"2\",\"c\":\"2\"}}", "{\"data\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"2\"}}"},
		{&schema_core_v1_config_map, "{\"data\":{\"a\":\"1\"}}", "{\"data\":null}", "{\"data\":{\"a\":\"1\"}}"},
		{&schema_core_v1_config_map, "{\"data\":{}}", "{\"data\":null}", "{\"data\":null}"},
		{&schema_core_v1_config_map, "{}", "{\"data\":{}}", "{\"data\":{}}"},
		/* As a whole: atomic lists, maps and structs. */
		{&schema_core_v1_pod, "{\"spec\":{\"tolerations\":[{\"key\":\"a\"}],\"nodeSelector\":{\"x\":\"y\"}}}",
		 "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}],\"nodeSelector\":{\"z\":\"y\"}}}",
		 "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}],\"nodeSelector\":{\"z\":\"y\"}}}"},
		/* Lists by key: items merge. */
		{&schema_core_v1_pod, CONTAINERS("[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]"),
		 CONTAINERS("[{\"name\":\"b\",\"command\":[\"x\"]}]"),
		 CONTAINERS("[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\",\"command\":[\"x\"]}]")},
		/* Order: the configuration's for what it names, the live object's for the rest. */
		{&schema_core_v1_pod, CONTAINERS("[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]"),
		 CONTAINERS("[{\"name\":\"c\"},{\"name\":\"n\"},{\"name\":\"a\"}]"),
		 CONTAINERS("[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"n\"},{\"name\":\"a\"}]")},
		{&schema_core_v1_pod, CONTAINERS("[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		 CONTAINERS("[{\"name\":\"n\"},{\"name\":\"b\"},{\"name\":\"m\"}]"),
		 CONTAINERS("[{\"name\":\"a\"},{\"name\":\"n\"},{\"name\":\"b\"},{\"name\":\"m\"}]")},
		/* Sets. */
		{&schema_core_v1_pod, "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
		 "{\"metadata\":{\"finalizers\":[\"c\",\"a\"]}}",
		 "{\"metadata\":{\"finalizers\":[\"c\",\"a\",\"b\"]}}"},
		/* A key's default. */
		{&schema_core_v1_service, "{\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"TCP\",\"name\":\"x\"}]}}",
		 "{\"spec\":{\"ports\":[{\"port\":1,\"targetPort\":2},{\"port\":1,\"protocol\":\"UDP\"}]}}",
		 "{\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"TCP\",\"name\":\"x\",\"targetPort\":2},"
		 "{\"port\":1,\"protocol\":\"UDP\"}]}}"},
		/* What the live list has twice is replaced by the one that is applied. */
		{&schema_core_v1_pod,
		 CONTAINERS("[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"},{\"name\":\"a\"}]"),
		 CONTAINERS("[{\"name\":\"a\",\"image\":\"2\"}]"),
		 CONTAINERS("[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"b\"}]")},
		/* Run-time schemas: what they leave open merges by names, and lists in it as a whole. */
		{&cog_schema, "{\"spec\":{\"free\":{\"a\":{\"x\":1},\"l\":[1]},\"parts\":[{\"id\":1,\"note\":\"n\"}]}}",
		 "{\"spec\":{\"free\":{\"a\":{\"y\":2},\"l\":[2]},\"parts\":[{\"id\":2},{\"id\":1}]}}",
		 "{\"spec\":{\"free\":{\"a\":{\"x\":1,\"y\":2},\"l\":[2]},\"parts\":[{\"id\":2},{\"id\":1,\"note\":"
		 "\"n\"}]}}"},
		{&cog_schema, "{\"spec\":{\"free\":{\"a\":{\"x\":1}}}}", "{\"spec\":{\"free\":{\"a\":[1]}}}",
		 "{\"spec\":{\"free\":{\"a\":[1]}}}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct value *live = parse(cases[i].live, &arena), *config = parse(cases[i].config, &arena);

		assert_tree(field_merge(cases[i].schema, live, config, &arena), cases[i].merged);
		/* The inputs are as they were. */
		assert_tree(live, cases[i].live);
		assert_tree(config, cases[i].config);
	}
}

static void test_named_fields(void **state UNUSED)
{
	static const struct {
		const struct schema *schema;
		const char *config, *set;
	} cases[] = {
		{&schema_core_v1_config_map, "{\"data\":{\"a\":\"1\"},\"binaryData\":{}}",
		 "{\"f:binaryData\":{},\"f:data\":{\"f:a\":{}}}"},
		{&schema_core_v1_config_map, "{\"data\":null,\"immutable\":null}",
		 "{\"f:data\":{},\"f:immutable\":{}}"},
		{&schema_core_v1_pod, "{\"metadata\":{\"finalizers\":[]},\"spec\":{\"tolerations\":[]}}",
		 "{\"f:spec\":{\"f:tolerations\":{}}}"},
		{&schema_core_v1_pod, CONTAINERS("[{\"name\":\"c\",\"ports\":[{\"containerPort\":80}]}]"),
		 "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":{},\"f:ports\":{"
		 "\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{}}}}}}"
		 "}"},
		{&schema_apps_v1_deployment,
		 "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"strategy\":{}}}",
		 "{\"f:spec\":{\"f:selector\":{},\"f:strategy\":{}}}"},
		{&cog_schema, "{\"spec\":{\"free\":{\"a\":{\"x\":1},\"l\":[1]},\"parts\":[{\"id\":1}]}}",
		 "{\"f:spec\":{\"f:free\":{\"f:a\":{\".\":{},\"f:x\":{}},\"f:l\":{}},"
		 "\"f:parts\":{\"k:{\\\"id\\\":1}\":{\".\":{},\"f:id\":{}}}}}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct buf cleanup_buf text;

		buf_init(&text, LIMIT_OBJECT);
		field_set_write(field_set_of(cases[i].schema, parse(cases[i].config, &arena), &arena), &text);
		assert_string_equal(text.data, cases[i].set);
	}
}

static void test_drop(void **state UNUSED)
{
	static const char containers[] =
		CONTAINERS("[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]");
	static const char a_owned[] =
		"{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}}";
	static const struct {
		const struct schema *schema;
		const char *merged, *last, *owned, *rest;
	} cases[] = {
		/* Nobody's, and somebody else's. */
		{&schema_core_v1_config_map, "{\"data\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"}}",
		 "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}", "{\"f:data\":{\"f:b\":{}}}",
		 "{\"data\":{\"b\":\"1\",\"c\":\"1\"}}"},
		/* A field of the schema goes when nothing in it is owned, with what nobody ever owned. */
		{&schema_core_v1_config_map, "{\"data\":{\"a\":\"1\",\"c\":\"1\"},\"immutable\":true}",
		 "{\"f:data\":{\"f:a\":{}}}", "{}", "{\"immutable\":true}"},
		/* An item goes with all in it; its list stays while another is owned. */
		{&schema_core_v1_pod, containers,
		 "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}}", a_owned,
		 CONTAINERS("[{\"name\":\"a\",\"image\":\"1\"}]")},
		/* A field of an item. */
		{&schema_core_v1_pod, containers,
		 "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},\"f:image\":{}}"
		 "}}}",
		 a_owned, CONTAINERS("[{\"name\":\"a\"},{\"name\":\"b\",\"image\":\"1\"}]")},
		/* A list whose items are all gone is empty: it is no field itself. */
		{&schema_core_v1_pod, "{\"metadata\":{\"name\":\"p\",\"finalizers\":[]}}",
		 "{\"f:metadata\":{\"f:finalizers\":{\"v:\\\"x\\\"\":{}}}}", "{\"f:metadata\":{\"f:name\":{}}}",
		 "{\"metadata\":{\"name\":\"p\",\"finalizers\":[]}}"},
		{&cog_schema, "{\"spec\":{\"free\":{\"a\":{\"x\":1,\"y\":1}},\"teeth\":3}}",
		 "{\"f:spec\":{\"f:free\":{\"f:a\":{\".\":{},\"f:x\":{}}}}}",
		 "{\"f:spec\":{\"f:free\":{\"f:a\":{\".\":{},\"f:y\":{}}}}}",
		 "{\"spec\":{\"free\":{\"a\":{\"y\":1}},\"teeth\":3}}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct value *merged = parse(cases[i].merged, &arena);

		assert_tree(field_merge_drop(cases[i].schema, merged, parse_set(cases[i].last, &arena),
					     parse_set(cases[i].owned, &arena), &arena),
			    cases[i].rest);
		assert_tree(merged, cases[i].merged);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_named_fields),
		cmocka_unit_test(test_drop),
	};

	return cmocka_run_group_tests_name("field_merge", tests, NULL, NULL);
}
