/* JSON to trees and back: Go's messages, repairs, repeated keys, numbers, escapes. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"

static struct value *parse(struct arena *arena, const char *text)
{
	struct error err = {0};
	struct value *value = NULL;

	if (json_parse(str_from(text), arena, NULL, &value, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return value;
}

static void assert_written(const char *text, const char *want)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf out;

	buf_init(&out, 10000);
	json_write(parse(&arena, text), &out);
	assert_string_equal(out.data, want);
}

static void test_errors(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "unexpected end of JSON input"},
		{"  \n", "unexpected end of JSON input"},
		{"{\"kind\":\"ConfigMap\"", "unexpected end of JSON input"},
		{"\"abc", "unexpected end of JSON input"},
		{"hello", "invalid character 'h' looking for beginning of value"},
		{"{} x", "invalid character 'x' after top-level value"},
		{"{\"a\":1, /* x */ \"b\":2}", "invalid character '/' looking for beginning of object key string"},
		{"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
		{"{\"a\" 1}", "invalid character '1' after object key"},
		{"{\"a\":1 2}", "invalid character '2' after object key:value pair"},
		{"[1 2]", "invalid character '2' after array element"},
		{"[1,]", "invalid character ']' looking for beginning of value"},
		{"tru", "unexpected end of JSON input"},
		{"trux", "invalid character 'x' in literal true (expecting 'e')"},
		{"01", "invalid character '1' after top-level value"},
		{"-x", "invalid character 'x' in numeric literal"},
		{"1.x", "invalid character 'x' after decimal point in numeric literal"},
		{"1ex", "invalid character 'x' in exponent of numeric literal"},
		{"\"\\x\"", "invalid character 'x' in string escape code"},
		{"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
		{"\"a\nb\"", "invalid character '\\n' in string literal"},
		{"'a'", "invalid character '\\'' looking for beginning of value"},
		{"\xef\xbb\xbf{}", "invalid character '\xc3\xaf' looking for beginning of value"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		struct value *value = NULL;

		assert_int_equal(json_parse(str_from(cases[i].text), &arena, NULL, &value, &err), -ERR_BAD_REQUEST);
		assert_string_equal(err.message, cases[i].want);
		assert_null(value);
	}
}

static void test_depth(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct error err = {0};
	struct value *value;
	static char text[2 * 2000];

	memset(text, '[', 2000);
	memset(text + 2000, ']', 2000);
	assert_true(json_parse((struct str){text, 4000}, &arena, NULL, &value, &err) < 0);
	assert_string_equal(err.message, "exceeded max depth");
	error_clear(&err);
	assert_int_equal(json_parse((struct str){text + 2000 - LIMIT_JSON_DEPTH, 2 * LIMIT_JSON_DEPTH}, &arena, NULL,
				    &value, &err),
			 0);
}

static void test_budget(void **state UNUSED)
{
	struct arena cleanup_arena arena;
	struct error err = {0};
	struct value *value;
	static char text[20002] = "[";

	arena_init(&arena, 30000);
	for (size_t i = 0; i < 10000; i++)
		memcpy(text + 1 + 2 * i, "[]", 2);
	for (size_t i = 2; i < 20000; i += 3)
		memcpy(text + i - 1, "{},", 3);
	memcpy(text + 19999, "1]", 3);
	assert_int_equal(json_parse(str_from(text), &arena, NULL, &value, &err), -ERR_TOO_LARGE);
}

static void test_written(void **state UNUSED)
{
	assert_written(" { \"b\" : [ 1 , -2.50 , true , null ] , \"a\" : { } } ",
		       "{\"b\":[1,-2.5,true,null],\"a\":{}}");
	assert_written("\"<a&b>\\u2028\\u2029\\u007f\\u0001\\n\\t\\\"\\\\\\/\"",
		       "\"\\u003ca\\u0026b\\u003e\\u2028\\u2029\x7f\\u0001\\n\\t\\\"\\\\/\"");
	assert_written("\"\\ud800\"", "\"\xef\xbf\xbd\"");
	assert_written("\"a\\ud800\\u0041\\ud83d\\ude00\"", "\"a\xef\xbf\xbd"
							    "A\xf0\x9f\x98\x80\"");
	assert_written("\"a\xff\xc3\"", "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("[9223372036854775807,9223372036854775808,-9223372036854775808]",
		       "[9223372036854775807,9223372036854776000,-9223372036854775808]");
	assert_written("[1e21,1e20,0.000001,0.0000001,1.5e-9,0.1,123456.789,1e400,-0.0,5e-324,100.0]",
		       "[1e+21,100000000000000000000,0.000001,1e-7,1.5e-9,0.1,123456.789,1.7976931348623157e+308,0,"
		       "5e-324,100]");
}

static void test_strings_of_every_length(void **state UNUSED)
{
	/* The eight-at-a-time scan must see a special byte at every place. */
	for (size_t len = 1; len < 40; len++) {
		for (size_t at = 0; at < len; at++) {
			struct buf cleanup_buf out;
			char text[40], want[60];

			memset(text, 'x', len);
			text[at] = '<';
			snprintf(want, sizeof(want), "\"%.*s\\u003c%.*s\"", (int)at, text, (int)(len - at - 1),
				 text + at + 1);
			buf_init(&out, 1000);
			json_write_str((struct str){text, len}, &out);
			assert_string_equal(out.data, want);
		}
	}
}

static void test_duplicates(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct json_duplicates duplicates = {0};
	struct error err = {0};
	struct value *value;
	struct buf cleanup_buf text, out;

	assert_int_equal(json_parse(STR("{\"a\":1,\"b\":[{\"c\":1,\"c\":2}],\"a\":3,\"a\":4}"), &arena, &duplicates,
				    &value, &err),
			 0);
	assert_int_equal(duplicates.paths.len, 2);
	assert_string_equal(duplicates.paths.items[0].data, "b[0].c");
	assert_string_equal(duplicates.paths.items[1].data, "a");
	buf_init(&out, 1000);
	json_write(value, &out);
	assert_string_equal(out.data, "{\"a\":4,\"b\":[{\"c\":2}]}");

	/* Many members take the sorting way. */
	buf_init(&text, 100000);
	buf_char(&text, '{');
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "\"k%d\":%d,", i % 60, i);
	buf_c(&text, "\"z\":0}");
	duplicates.paths.len = 0;
	assert_int_equal(json_parse(buf_view(&text), &arena, &duplicates, &value, &err), 0);
	assert_int_equal(duplicates.paths.len, 40);
	assert_int_equal(value->object.len, 61);
	assert_int_equal(value_get_int(value_get(value, STR("k5")), 0), 65);
}

static void test_indented(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf out;

	buf_init(&out, 1000);
	json_write_indented(parse(&arena, "{\"a\":[1,{}],\"b\":{\"c\":[]}}"), STR("  "), &out);
	assert_string_equal(out.data, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

static void test_value(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct value *a = parse(&arena, "{\"x\":[1,2.0],\"y\":{\"z\":\"s\"}}"), *b = value_copy(&arena, a);

	assert_true(value_eq(a, b));
	assert_true(value_eq(a, parse(&arena, "{\"y\":{\"z\":\"s\"},\"x\":[1,2]}")));
	value_set(&arena, b, STR("y"), value_bool(&arena, true));
	assert_false(value_eq(a, b));
	assert_string_equal(str_c(value_get_str(value_find(a, "y", "z", NULL), STR_EMPTY)), "s");
	assert_null(value_find(a, "y", "q", "r", NULL));
	assert_true(value_remove(b, STR("x")));
	assert_false(value_remove(b, STR("x")));
	b = value_array(&arena);
	for (int i = 0; i < 5; i++)
		value_append(&arena, b, value_int(&arena, i));
	value_insert(&arena, b, 0, value_int(&arena, 9));
	value_remove_at(b, 1);
	assert_true(value_eq(b, parse(&arena, "[9,1,2,3,4]")));
	value_sort(b = parse(&arena, "{\"b\":{\"d\":1,\"c\":2},\"a\":0}"));
	assert_string_equal(b->object.members[0].key.data, "a");
	assert_string_equal(b->object.members[1].value->object.members[0].key.data, "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_strings_of_every_length),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_indented),
		cmocka_unit_test(test_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
