/* Strings, buffers and errors. */
#include "unit.h"

#include "base/buf.h"
#include "base/error.h"

static void test_numbers(void **state UNUSED)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1x", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t value = 0;

		assert_int_equal(str_parse_int64(str_from(cases[i].text), &value), cases[i].result);
		assert_true(value == cases[i].value);
	}
}

static void test_parts(void **state UNUSED)
{
	struct str before, after;

	assert_true(str_cut(STR("apps/v1"), '/', &before, &after));
	assert_str_equal(before, "apps");
	assert_str_equal(after, "v1");
	assert_false(str_cut(STR("v1"), '/', &before, &after));
	assert_str_equal(before, "v1");
	assert_true(str_empty(after));
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR_EMPTY, (struct str){NULL, 0}) == 0);
	assert_str_equal(str_trim(STR(" \t x y\n")), "x y");
	assert_str_equal(str_sub(STR("abc"), 2, 9), "c");
	assert_true(str_has_suffix(STR("web.svc"), STR(".svc")));
	assert_false(str_has_suffix(STR("svc"), STR(".svc")));
	assert_true(str_eq_secret(STR("secret"), STR("secret")));
	assert_false(str_eq_secret(STR("secret"), STR("secreT")));
}

static void test_utf8(void **state UNUSED)
{
	assert_true(str_is_utf8(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xa2")));
	assert_false(str_is_utf8(STR("\xc0\xaf")));	    /* overlong */
	assert_false(str_is_utf8(STR("\xed\xa0\x80")));	    /* surrogate */
	assert_false(str_is_utf8(STR("\xf4\x90\x80\x80"))); /* past U+10FFFF */
	assert_false(str_is_utf8(STR("\xe2\x82")));	    /* cut short */
}

static void test_buf_ceiling(void **state UNUSED)
{
	struct buf cleanup_buf buf;

	buf_init(&buf, 10);
	assert_str_equal(buf_view(&buf), "");
	buf_c(&buf, "0123456789");
	assert_false(buf.overflow);
	buf_char(&buf, 'x');
	assert_true(buf.overflow);
	assert_str_equal(buf_view(&buf), "0123456789");
	buf_clear(&buf);
	buf_int64(&buf, INT64_MIN + 1);
	assert_true(buf.overflow);
	buf_clear(&buf);
	buf_int64(&buf, -1234567);
	buf_printf(&buf, "%c", 'z');
	assert_str_equal(buf_view(&buf), "-1234567z");
	buf_consume(&buf, 5);
	assert_str_equal(buf_view(&buf), "567z");
}

static void test_error(void **state UNUSED)
{
	struct error err = {0};

	assert_int_equal(error_set_errno(&err, ENOENT, "open %s", "/x"), -ERR_SYSTEM);
	error_wrap(&err, "data folder");
	assert_string_equal(err.message, "data folder: open /x: No such file or directory");
	assert_int_equal(err.os_errno, ENOENT);
	error_clear(&err);
	assert_int_equal(error_set(&err, ERR_NOT_FOUND, "pods \"%s\" not found", "a"), -ERR_NOT_FOUND);
	assert_string_equal(error_code_reason(err.code), "NotFound");
	assert_int_equal(error_code_http(err.code), 404);
	assert_int_equal(error_code_from_reason("AlreadyExists", 409), ERR_ALREADY_EXISTS);
	assert_int_equal(error_code_from_reason("", 422), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	    cmocka_unit_test(test_parts), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_buf_ceiling), cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
