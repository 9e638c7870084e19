/* Channels of remote commands: framing in every protocol, outcomes, terminal sizes. */
#include "unit.h"

#include "base/limits.h"
#include "kubelet/channel.h"

static void test_frames(void **state UNUSED)
{
	static const struct {
		const char *protocol;
		enum channel channel;
		const char *bytes;
		struct str message;
	} cases[] = {
		{"v5.channel.k8s.io", CHANNEL_STDOUT, "hi", STR_INIT("\1hi")},
		{"v4.channel.k8s.io", CHANNEL_STDERR, "", STR_INIT("\2")},
		{"channel.k8s.io", CHANNEL_STDIN, "a", STR_INIT("\0a")},
		{"", CHANNEL_ERROR, "x", STR_INIT("\3x")},
		{"v4.base64.channel.k8s.io", CHANNEL_STDOUT, "hi", STR_INIT("1aGk=")},
		{"base64.channel.k8s.io", CHANNEL_RESIZE, "", STR_INIT("4")},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct channel_protocol *protocol = channel_protocol_find(str_from(cases[i].protocol));
		struct arena cleanup_arena arena = {0};
		struct buf cleanup_buf out;
		unsigned channel;
		struct str bytes;

		buf_init(&out, KIB);
		assert_string_equal(protocol->name, cases[i].protocol);
		channel_encode(protocol, cases[i].channel, str_from(cases[i].bytes), &out);
		assert_true(str_eq(buf_view(&out), cases[i].message));
		assert_true(channel_decode(protocol, cases[i].message, &arena, &channel, &bytes));
		assert_int_equal(channel, cases[i].channel);
		assert_str_equal(bytes, cases[i].bytes);
	}
}

static void test_no_frames(void **state UNUSED)
{
	const struct channel_protocol *binary = channel_protocol_find(STR("v5.channel.k8s.io"));
	const struct channel_protocol *base64 = channel_protocol_find(STR("v4.base64.channel.k8s.io"));
	struct arena cleanup_arena arena = {0};
	struct str bytes;
	unsigned channel;

	assert_false(channel_decode(binary, STR_EMPTY, &arena, &channel, &bytes));
	assert_false(channel_decode(base64, STR_EMPTY, &arena, &channel, &bytes));
	assert_false(channel_decode(base64, STR("x"), &arena, &channel, &bytes));
	assert_false(channel_decode(base64, STR("1!!"), &arena, &channel, &bytes));
	assert_true(channel_decode(binary, STR("\377\0"), &arena, &channel, &bytes));
	assert_int_equal(channel, CHANNEL_CLOSE);
}

static void test_outcomes(void **state UNUSED)
{
	const struct channel_protocol *v5 = channel_protocol_find(STR("v5.channel.k8s.io"));
	const struct channel_protocol *v1 = channel_protocol_find(STR("channel.k8s.io"));
	struct buf cleanup_buf out;

	buf_init(&out, KIB);
	assert_true(channel_exit(v5, 0, &out));
	assert_str_equal(buf_view(&out), "{\"metadata\":{},\"status\":\"Success\"}");
	buf_clear(&out);
	assert_true(channel_exit(v5, 137, &out));
	assert_str_equal(buf_view(&out),
			 "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero exit "
			 "code: exit status 137\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":"
			 "\"ExitCode\",\"message\":\"137\"}]}}");
	buf_clear(&out);
	channel_failure(v5, STR("no \"x\""), &out);
	assert_str_equal(
		buf_view(&out),
		"{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Internal error occurred: no \\\"x\\\"\","
		"\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":\"no \\\"x\\\"\"}]},\"code\":"
		"500}");
	buf_clear(&out);
	assert_false(channel_exit(v1, 0, &out));
	assert_int_equal(out.len, 0);
	assert_true(channel_exit(v1, 1, &out));
	assert_str_equal(buf_view(&out), "command terminated with non-zero exit code: exit status 1");
}

static void test_sizes(void **state UNUSED)
{
	static const char *const wrong[] = {"",
					    "{}",
					    "{\"Width\":1}",
					    "{\"Width\":-1,\"Height\":1}",
					    "{\"Width\":1,\"Height\":65536}",
					    "{\"Width\":\"1\",\"Height\":1}",
					    "[1,2]"};
	struct arena cleanup_arena arena = {0};
	uint16_t width, height;

	assert_true(channel_parse_size(STR("{\"Width\":80,\"Height\":24}\n"), &arena, &width, &height));
	assert_int_equal(width, 80);
	assert_int_equal(height, 24);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(channel_parse_size(str_from(wrong[i]), &arena, &width, &height));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_no_frames),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
