/* YAML to trees and back: the YAML 1.1 rules, anchors, merges, errors in upstream's words, bombs, upstream's output. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"

static void assert_reads(const char *yaml, const char *json)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf out;
	struct error err = {0};
	struct value *value;

	if (yaml_parse(str_from(yaml), &arena, NULL, &value, &err) < 0)
		fail_msg("%s: %s", yaml, err.message);
	buf_init(&out, 100000);
	json_write(value, &out);
	assert_string_equal(out.data, json);
}

static void test_scalars(void **state UNUSED)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{"", "null"},
		{"~", "null"},
		{"Null", "null"},
		{"yes", "true"},
		{"Y", "true"},
		{"on", "true"},
		{"NO", "false"},
		{"off", "false"},
		{"yEs", "\"yEs\""},
		{"1", "1"},
		{"-1_000", "-1000"},
		{"0x1F", "31"},
		{"017", "15"},
		{"0o17", "15"},
		{"08", "8"},
		{"0b101", "5"},
		{"-0b101", "-5"},
		{"1.50", "1.5"},
		{".5", "0.5"},
		{"1e3", "1000"},
		{"1.", "1"},
		{"+5", "5"},
		{"9223372036854775807", "9223372036854775807"},
		{"9223372036854775808", "9223372036854776000"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"1.2.3", "\"1.2.3\""},
		{"1:20", "\"1:20\""},
		{"100m", "\"100m\""},
		{"-", "[null]"},
		{"2001-01-02", "\"2001-01-02\""},
		{"2001-01-02T03:04:05Z", "\"2001-01-02T03:04:05Z\""},
		{"\"1\"", "\"1\""},
		{"'yes'", "\"yes\""},
		{"!!str 1", "\"1\""},
		{"!!int \"1\"", "1"},
		{"!!float 1", "1"},
		{"!!binary aGVsbG8=", "\"hello\""},
		{"! 1", "\"1\""},
		{"|\n  a\n  b\n", "\"a\\nb\\n\""},
		{">-\n  a\n  b\n", "\"a b\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_reads(cases[i].yaml, cases[i].json);
}

static void test_structure(void **state UNUSED)
{
	assert_reads("a: 1\nb:\n- x\n- {w: z}\n", "{\"a\":1,\"b\":[\"x\",{\"w\":\"z\"}]}");
	assert_reads("1: a\ntrue: b\n1.5: c\n", "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\"}");
	/* The key y is a boolean to upstream too. */
	assert_reads("x: &q [1, 2]\ny: *q\n", "{\"x\":[1,2],\"true\":[1,2]}");
	assert_reads("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3\n", "{\"a\":{\"x\":1,\"z\":2},\"b\":{\"z\":3,\"x\":1}}");
	assert_reads("b:\n  <<: [{x: 1}, {x: 2, z: 3}]\n", "{\"b\":{\"x\":1,\"z\":3}}");
	assert_reads("{\"a\":{\"b\":[1,2.5,null,\"x\"]}}", "{\"a\":{\"b\":[1,2.5,null,\"x\"]}}");
	assert_reads("a: 1\n---\nb: 2\n", "{\"a\":1}");
}

static void test_documents(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct yaml_reader reader;
	struct error err = {0};
	struct value *value;
	int count = 0, rc;

	yaml_reader_init(&reader, STR("a: 1\n---\n---\nb: &x 2\n...\n---\nc: 3\n"));
	while ((rc = yaml_reader_next(&reader, &arena, NULL, &value, &err)) > 0)
		count++;
	yaml_reader_release(&reader);
	assert_int_equal(rc, 0);
	assert_int_equal(count, 4);
}

static void test_errors(void **state UNUSED)
{
	static const struct {
		const char *yaml, *want;
	} cases[] = {
		{"apiVersion: v1\n\tkind: x\n", "yaml: line 2: found a tab character that violates indentation"},
		{"apiVersion: v1\n  kind: ConfigMap\n metadata: x\n",
		 "yaml: line 2: mapping values are not allowed in this context"},
		{"a: [1, 2", "yaml: line 1: did not find expected ',' or ']'"},
		{"a: [", "yaml: line 1: did not find expected node content"},
		{"a: *x", "yaml: unknown anchor 'x' referenced"},
		{"a: &x [*x]", "yaml: anchor 'x' value contains itself"},
		{"!!int x", "yaml: cannot decode !!str `x` as a !!int"},
		{"a: .inf", "json: unsupported value: +Inf"},
		{"[a]: b", "yaml: invalid map key: array"},
		{"<<: 1", "yaml: map merge requires map or sequence of maps as the value"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		struct value *value;

		assert_int_equal(yaml_parse(str_from(cases[i].yaml), &arena, NULL, &value, &err), -ERR_BAD_REQUEST);
		assert_string_equal(err.message, cases[i].want);
	}
}

static void test_duplicates(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct yaml_duplicates duplicates = {0};
	struct error err = {0};
	struct value *value;

	assert_int_equal(yaml_parse(STR("a: 1\nb:\n  k: \"1\"\n  k: \"2\"\na: 3\n"), &arena, &duplicates, &value, &err),
			 0);
	assert_int_equal(duplicates.lines.len, 2);
	assert_string_equal(duplicates.lines.items[0].data, "line 4: key \"k\" already set in map");
	assert_string_equal(duplicates.lines.items[1].data, "line 5: key \"a\" already set in map");
	assert_int_equal(value_get_int(value_get(value, STR("a")), 0), 3);
}

static void test_bombs(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf text;
	struct error err = {0};
	struct value *value;

	buf_init(&text, 1000000);
	buf_c(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 10; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
		buf_c(&text, "]\n");
	}
	assert_int_equal(yaml_parse(buf_view(&text), &arena, NULL, &value, &err), -ERR_BAD_REQUEST);
	assert_string_equal(err.message, "yaml: document contains excessive aliasing");

	/* Depth by aliases: each document level puts the one before at its deepest place. */
	error_clear(&err);
	buf_clear(&text);
	for (int i = 0; i < 3; i++) {
		buf_printf(&text, "- &d%d ", i);
		for (int k = 0; k < 600; k++)
			buf_char(&text, '[');
		if (i)
			buf_printf(&text, "*d%d ", i - 1);
		for (int k = 0; k < 600; k++)
			buf_char(&text, ']');
		buf_char(&text, '\n');
	}
	assert_int_equal(yaml_parse(buf_view(&text), &arena, NULL, &value, &err), -ERR_BAD_REQUEST);
	assert_string_equal(err.message, "yaml: exceeded max depth of 1000");

	error_clear(&err);
	buf_clear(&text);
	for (int k = 0; k < LIMIT_JSON_DEPTH + 1; k++)
		buf_char(&text, '[');
	assert_int_equal(yaml_parse(buf_view(&text), &arena, NULL, &value, &err), -ERR_BAD_REQUEST);
	assert_string_equal(err.message, "yaml: exceeded max depth of 1000");
}

static void test_written(void **state UNUSED)
{
	static const struct {
		const char *json, *yaml;
	} cases[] = {
		{"{}", "{}\n"},
		{"{\"b\":[],\"a\":{}}", "a: {}\nb: []\n"},
		{"{\"l\":[1,{\"x\":true,\"w\":null},[2]]}", "l:\n- 1\n- w: null\n  x: true\n- - 2\n"},
		{"{\"a\":\"1\",\"b\":\"yes\",\"c\":\"\",\"d\":\"x\",\"e\":\"2008-01-01T01:01:01Z\",\"f\":\"a: b\"}",
		 "a: \"1\"\nb: \"yes\"\nc: \"\"\nd: x\ne: \"2008-01-01T01:01:01Z\"\nf: 'a: b'\n"},
		{"{\"a\":\"x\\ny\\n\",\"b\":\"x\\ny\"}", "a: |\n  x\n  y\nb: |-\n  x\n  y\n"},
		{"{\"a\":\"- x\",\"b\":\"1:20\",\"c\":\"~\",\"d\":\"a #b\",\"e\":1.5,\"f\":\"\xc3\xa9\"}",
		 "a: '- x'\nb: \"1:20\"\nc: \"~\"\nd: 'a #b'\ne: 1.5\nf: \xc3\xa9\n"},
		{"{\"1\":\"a\",\"true\":2}", "\"1\": a\n\"true\": 2\n"},
		{"{\"m\":\"Name must be unique within a namespace. Is required when creating: resources, although "
		 "some\"}",
		 "m: 'Name must be unique within a namespace. Is required when creating: resources,\n  although "
		 "some'\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct buf cleanup_buf out;
		struct error err = {0};
		struct value *value, *again;

		buf_init(&out, 10000);
		assert_int_equal(json_parse(str_from(cases[i].json), &arena, NULL, &value, &err), 0);
		yaml_write(value, &out);
		assert_string_equal(out.data, cases[i].yaml);
		assert_int_equal(yaml_parse(buf_view(&out), &arena, NULL, &again, &err), 0);
		assert_true(value_eq(value, again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars), cmocka_unit_test(test_structure),  cmocka_unit_test(test_documents),
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_duplicates), cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
