/* A schema made at run time, as a custom resource's would be, and a generated one, against trees. */
#include "unit.h"

#include "codec/json.h"
#include "types/gen/core_v1.h"
#include "types/tree.h"

/* What a definition of `Cog` would be read into: {spec: {n, tags[], ports[{name}], free{...}, grid[][]}}. */
static const struct field_rules no_rules;
static const struct schema_field port_fields[] = {
	{STR_INIT("name"), NULL, &no_rules, 0, 0, 0, FIELD_STRING, SHAPE_ONE}};
static const uint16_t one_by_name[] = {0};
static const struct schema port = {
	.name = STR_INIT("Cog.spec.ports"), .fields = port_fields, .by_name = one_by_name, .len = 1};
static const struct schema anything = {.name = STR_INIT("Cog.spec.free"), .flags = SCHEMA_PRESERVE_UNKNOWN};
static const struct schema_field row_fields[] = {{STR_INIT(""), &port, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_LIST}};
static const struct schema row = {.name = STR_INIT("Cog.spec.grid"),
				  .fields = row_fields,
				  .by_name = one_by_name,
				  .len = 1,
				  .flags = SCHEMA_VALUE};
static const struct schema_field spec_fields[] = {
	{STR_INIT("n"), NULL, &no_rules, 0, 0, 0, FIELD_INT64, SHAPE_OPTIONAL},
	{STR_INIT("ports"), &port, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_LIST},
	{STR_INIT("free"), &anything, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_OPTIONAL},
	{STR_INIT("grid"), &row, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_LIST},
	{STR_INIT("byName"), &port, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_MAP},
};
static const uint16_t spec_by_name[] = {4, 2, 3, 0, 1};
static const struct schema spec = {
	.name = STR_INIT("Cog.spec"), .fields = spec_fields, .by_name = spec_by_name, .len = 5};
static const struct schema_field cog_fields[] = {
	{STR_INIT("spec"), &spec, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_ONE}};
static const struct schema cog = {.name = STR_INIT("Cog"),
				  .kind = STR_INIT("Cog"),
				  .api_version = STR_INIT("example.com/v1"),
				  .fields = cog_fields,
				  .by_name = one_by_name,
				  .len = 1,
				  .flags = SCHEMA_TOP_LEVEL};

static void prune(const struct schema *schema, const char *text, const char *const *problems, const char *want)
{
	struct arena cleanup_arena arena = {0};
	struct decode_report report = {.arena = &arena};
	struct buf cleanup_buf out;
	struct error err = {0};
	struct value *tree;
	size_t n = 0, removed;

	assert_int_equal(json_parse(str_from(text), &arena, NULL, &tree, &err), 0);
	removed = tree_prune(schema, tree, &report);
	for (; problems[n]; n++) {
		assert_true(n < report.problems.len);
		assert_string_equal(report.problems.items[n].data, problems[n]);
	}
	assert_int_equal(report.problems.len, n);
	assert_int_equal(removed, n);
	buf_init(&out, 10000);
	json_write(tree, &out);
	assert_string_equal(out.data, want);
	assert_int_equal(tree_prune(schema, tree, NULL), 0);
}

static void test_run_time_schema(void **state UNUSED)
{
	static const char *const problems[] = {"unknown field \"spec.zz\"",
					       "unknown field \"spec.ports[1].foo\"",
					       "unknown field \"spec.grid[0][1].bar\"",
					       "unknown field \"spec.byName.a.baz\"",
					       "unknown field \"status\"",
					       NULL};

	prune(&cog,
	      "{\"apiVersion\":\"example.com/"
	      "v1\",\"kind\":\"Cog\",\"spec\":{\"n\":3,\"zz\":1,\"ports\":[{\"name\":\"x\"},"
	      "{\"foo\":1,\"name\":\"y\"}],\"free\":{\"any\":{\"thing\":1}},\"grid\":[[{},{\"bar\":2}]],\"byName\":{"
	      "\"a\":"
	      "{\"baz\":1}}},\"status\":{}}",
	      problems,
	      "{\"apiVersion\":\"example.com/"
	      "v1\",\"kind\":\"Cog\",\"spec\":{\"n\":3,\"ports\":[{\"name\":\"x\"},{\"name\":"
	      "\"y\"}],\"free\":{\"any\":{\"thing\":1}},\"grid\":[[{},{}]],\"byName\":{\"a\":{}}}}");
}

static void test_wrong_types_are_left(void **state UNUSED)
{
	static const char *const problems[] = {NULL};

	prune(&cog, "{\"spec\":{\"ports\":{\"x\":1},\"free\":[1],\"byName\":[]}}", problems,
	      "{\"spec\":{\"ports\":{\"x\":1},\"free\":[1],\"byName\":[]}}");
	prune(&cog, "[1]", problems, "[1]");
}

static void test_generated_schema(void **state UNUSED)
{
	static const char *const problems[] = {"unknown field \"metadata.Labels\"",
					       "unknown field \"spec.containers[0].imagePullPolice\"", NULL};

	prune(&schema_core_v1_pod,
	      "{\"kind\":\"Pod\",\"metadata\":{\"Labels\":{},\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"
	      "\"name\":\"c\","
	      "\"imagePullPolice\":1}]}}",
	      problems,
	      "{\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\"}]}"
	      "}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_time_schema),
		cmocka_unit_test(test_wrong_types_are_left),
		cmocka_unit_test(test_generated_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
