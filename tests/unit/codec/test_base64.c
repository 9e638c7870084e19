/* Base64 and hexadecimal: every length, both alphabets, Go's messages. */
#include "unit.h"

#include "codec/base64.h"

static void test_round_trips(void **state UNUSED)
{
	uint8_t bytes[70];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct arena cleanup_arena arena = {0};
		struct buf cleanup_buf text;
		struct error err = {0};
		struct bytes back;

		buf_init(&text, 1000);
		base64_encode((struct bytes){bytes, len}, &text);
		assert_int_equal(text.len, BASE64_SIZE(len));
		assert_int_equal(base64_decode(buf_view(&text), &arena, &back, &err), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, bytes, len);
		buf_clear(&text);
		base64_url_encode((struct bytes){bytes, len}, &text);
		assert_int_equal(base64_url_decode(buf_view(&text), &arena, &back, &err), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, bytes, len);
		buf_clear(&text);
		hex_encode((struct bytes){bytes, len}, &text);
		assert_int_equal(hex_decode(buf_view(&text), &arena, &back, &err), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, bytes, len);
	}
}

static void test_errors(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"not base64", "illegal base64 data at input byte 3"}, {"***", "illegal base64 data at input byte 0"},
		{"a", "illegal base64 data at input byte 0"},	       {"YQ", "illegal base64 data at input byte 0"},
		{"YWJjYQ", "illegal base64 data at input byte 4"},     {"YQ=x", "illegal base64 data at input byte 2"},
		{"YQ=", "illegal base64 data at input byte 3"},	       {"YQ==x", "illegal base64 data at input byte 4"},
		{"=", "illegal base64 data at input byte 0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		struct bytes bytes;

		assert_true(base64_decode(str_from(cases[i].text), &arena, &bytes, &err) < 0);
		assert_string_equal(err.message, cases[i].want);
	}
}

static void test_lines(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct error err = {0};
	struct bytes bytes;

	assert_int_equal(base64_decode(STR("aGVs\r\nbG8\n=\n"), &arena, &bytes, &err), 0);
	assert_int_equal(bytes.len, 5);
	assert_memory_equal(bytes.data, "hello", 5);
	assert_int_equal(hex_decode(STR("DEADbeef"), &arena, &bytes, &err), 0);
	assert_memory_equal(bytes.data, "\xde\xad\xbe\xef", 4);
	assert_true(hex_decode(STR("abc"), &arena, &bytes, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
