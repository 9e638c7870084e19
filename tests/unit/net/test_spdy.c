/* SPDY/3.1's server side: streams and their ends, header blocks, and what is malformed, too large or too much. */
#include "unit.h"

#include "net/spdy.h"
#include "spdy_client.h"

#define HEADERS HTTP_HEADERS({STR("streamtype"), STR("data")}, {STR("port"), STR("80")}, {STR("requestid"), STR("0")})

/* A server that notes what it is told; streams are accepted unless it refuses them. */
struct fixture {
	struct spdy_client client;
	struct spdy *spdy;
	struct buf story; /* what happened, a word each */
	struct buf sent;
	bool refuse;
};

static void on_opened(void *data, uint32_t stream, struct http_headers headers)
{
	struct fixture *fixture = data;

	buf_printf(&fixture->story, "open %u", stream);
	SLICE_FOREACH (field, headers)
		buf_printf(&fixture->story, " " STR_FMT "=" STR_FMT, STR_ARG(field->name), STR_ARG(field->value));
	buf_char(&fixture->story, '\n');
	if (fixture->refuse)
		spdy_reset(fixture->spdy, stream, SPDY_CANCEL);
	else
		spdy_reply(fixture->spdy, stream);
	spdy_hang(fixture->spdy, stream, fixture);
}

static void on_bytes(void *data, uint32_t stream UNUSED, void *hung, struct str bytes)
{
	struct fixture *fixture = data;

	assert_ptr_equal(hung, fixture);
	buf_str(&fixture->story, bytes);
}

static void on_finished(void *data, uint32_t stream, void *hung)
{
	struct fixture *fixture = data;

	assert_ptr_equal(hung, fixture);
	buf_printf(&fixture->story, "finish %u\n", stream);
}

static void on_reset(void *data, uint32_t stream, void *hung)
{
	struct fixture *fixture = data;

	assert_ptr_equal(hung, fixture);
	buf_printf(&fixture->story, "reset %u\n", stream);
}

static void on_left(void *data)
{
	struct fixture *fixture = data;

	buf_c(&fixture->story, "left\n");
}

static void on_send(void *data, struct str bytes)
{
	struct fixture *fixture = data;

	buf_str(&fixture->sent, bytes);
}

static const struct spdy_ops ops = {.opened = on_opened,
				    .bytes = on_bytes,
				    .finished = on_finished,
				    .reset = on_reset,
				    .left = on_left,
				    .send = on_send};

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	spdy_client_init(&fixture->client);
	buf_init(&fixture->story, 16 * MIB);
	buf_init(&fixture->sent, 16 * MIB);
	fixture->spdy = spdy_new(&ops, fixture);
}

static void end(struct fixture *fixture)
{
	spdy_free(fixture->spdy);
	spdy_client_release(&fixture->client);
	buf_release(&fixture->story);
	buf_release(&fixture->sent);
}

/* Gives the server what the client has made, @piece bytes at a time. */
static int feed(struct fixture *fixture, size_t piece)
{
	struct str rest = buf_view(&fixture->client.out);
	struct error err = {0};
	int result = 0;

	while (rest.len && result == 0) {
		result = spdy_feed(fixture->spdy, str_sub(rest, 0, MIN(piece, rest.len)), &err);
		rest = str_from_at(rest, MIN(piece, rest.len));
	}
	buf_clear(&fixture->client.out);
	return result;
}

static uint32_t number_at(const struct buf *buf, size_t at)
{
	const unsigned char *bytes = (const unsigned char *)buf->data + at;

	assert_true(at + 4 <= buf->len);
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The next frame the server has sent is a control frame of this type and these numbers. */
static void expect_numbers(struct fixture *fixture, unsigned type, uint32_t first, uint32_t second, bool two)
{
	assert_int_equal(number_at(&fixture->sent, 0), 0x80030000U | type);
	assert_int_equal(number_at(&fixture->sent, 4), two ? 8 : 4);
	assert_int_equal(number_at(&fixture->sent, 8), first);
	if (two)
		assert_int_equal(number_at(&fixture->sent, 12), second);
	buf_consume(&fixture->sent, two ? 16 : 12);
}

/* SYN_REPLY of @stream, whose block is the first of the connection: no fields. */
static void expect_first_reply(struct fixture *fixture, uint32_t stream)
{
	struct str dictionary = spdy_dictionary();
	unsigned char plain[16];
	uint32_t size = number_at(&fixture->sent, 4);
	z_stream in = {0};

	assert_int_equal(number_at(&fixture->sent, 0), 0x80030002U);
	assert_int_equal(number_at(&fixture->sent, 8), stream);
	assert_int_equal(inflateInit(&in), Z_OK);
	in.next_in = (Bytef *)fixture->sent.data + 12;
	in.avail_in = size - 4;
	in.next_out = plain;
	in.avail_out = sizeof(plain);
	assert_int_equal(inflate(&in, Z_SYNC_FLUSH), Z_NEED_DICT);
	assert_int_equal(inflateSetDictionary(&in, (const Bytef *)dictionary.data, (uInt)dictionary.len), Z_OK);
	assert_int_equal(inflate(&in, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(sizeof(plain) - in.avail_out, 4);
	assert_memory_equal(plain, "\0\0\0\0", 4);
	inflateEnd(&in);
	buf_consume(&fixture->sent, 8 + size);
}

/* --- Cases ------------------------------------------------------------------------------------------------------- */

/* Its checksum is in the protocol. */
static void the_dictionary(void **state UNUSED)
{
	struct str dictionary = spdy_dictionary();

	assert_int_equal(adler32(adler32(0, NULL, 0), (const Bytef *)dictionary.data, (uInt)dictionary.len),
			 0xe3c6a7c2U);
}

static void life_of_a_stream(void **state UNUSED)
{
	static const size_t pieces[] = {1, 7, 4096};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct fixture fixture;

		begin(&fixture);
		spdy_client_open(&fixture.client, 1, 0, HEADERS);
		spdy_client_data(&fixture.client, 1, 0, STR("hello "));
		spdy_client_data(&fixture.client, 1, 1, STR("world\n"));
		assert_int_equal(feed(&fixture, pieces[i]), 0);
		assert_str_equal(buf_view(&fixture.story),
				 "open 1 streamtype=data port=80 requestid=0\nhello world\nfinish 1\n");
		expect_first_reply(&fixture, 1);
		spdy_write(fixture.spdy, 1, STR("bye"));
		spdy_finish(fixture.spdy, 1);
		assert_int_equal(fixture.sent.len, 8 + 3 + 8);
		assert_memory_equal(fixture.sent.data, "\0\0\0\1\0\0\0\3bye\0\0\0\1\1\0\0\0", 19);
		/* Gone: nothing more is sent. */
		spdy_write(fixture.spdy, 1, STR("x"));
		spdy_finish(fixture.spdy, 1);
		spdy_reset(fixture.spdy, 1, SPDY_CANCEL);
		assert_int_equal(fixture.sent.len, 19);
		end(&fixture);
	}
}

static void resets(void **state UNUSED)
{
	struct fixture fixture;
	const uint32_t cancel[] = {1, SPDY_CANCEL}, unknown[] = {77, SPDY_CANCEL};

	begin(&fixture);
	spdy_client_open(&fixture.client, 1, 0, HEADERS);
	spdy_client_numbers(&fixture.client, 3, unknown, 2);
	spdy_client_numbers(&fixture.client, 3, cancel, 2);
	spdy_client_data(&fixture.client, 1, 1, STR("too late"));
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_str_equal(buf_view(&fixture.story), "open 1 streamtype=data port=80 requestid=0\nreset 1\n");
	expect_first_reply(&fixture, 1);
	/* Refused at once; its end comes to nobody. */
	fixture.refuse = true;
	buf_clear(&fixture.story);
	spdy_client_open(&fixture.client, 3, 1, HEADERS);
	spdy_client_data(&fixture.client, 3, 1, STR("too late"));
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_str_equal(buf_view(&fixture.story), "open 3 streamtype=data port=80 requestid=0\n");
	expect_numbers(&fixture, 3, 3, SPDY_CANCEL, true);
	assert_int_equal(fixture.sent.len, 0);
	end(&fixture);
}

static void bytes_after_the_end(void **state UNUSED)
{
	struct fixture fixture;

	begin(&fixture);
	spdy_client_open(&fixture.client, 1, 1, HEADERS);
	spdy_client_data(&fixture.client, 1, 0, STR("more"));
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_str_equal(buf_view(&fixture.story), "open 1 streamtype=data port=80 requestid=0\nfinish 1\nreset 1\n");
	expect_first_reply(&fixture, 1);
	expect_numbers(&fixture, 3, 1, SPDY_STREAM_ALREADY_CLOSED, true);
	end(&fixture);
}

static void streams_are_bounded(void **state UNUSED)
{
	struct fixture fixture;
	uint32_t id = 1;

	begin(&fixture);
	for (size_t i = 0; i < LIMIT_SPDY_STREAMS; i++, id += 2)
		spdy_client_open(&fixture.client, id, 0, HEADERS);
	assert_int_equal(feed(&fixture, 4096), 0);
	buf_clear(&fixture.sent);
	buf_clear(&fixture.story);
	spdy_client_open(&fixture.client, id, 0, HEADERS);
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_int_equal(fixture.story.len, 0);
	expect_numbers(&fixture, 3, id, SPDY_REFUSED_STREAM, true);
	/* One goes, one comes. */
	spdy_reset(fixture.spdy, 5, SPDY_CANCEL);
	spdy_client_open(&fixture.client, id + 2, 0, HEADERS);
	spdy_client_data(&fixture.client, 7, 0, STR("still there"));
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_non_null(strstr(str_c(buf_view(&fixture.story)), "still there"));
	end(&fixture);
}

static void control_frames(void **state UNUSED)
{
	struct fixture fixture;
	const uint32_t theirs[] = {7}, ours[] = {8}, settings[] = {1, 4, 100}, window[] = {1, 65536}, going[] = {0, 0};

	begin(&fixture);
	spdy_client_numbers(&fixture.client, 6, theirs, 1);
	spdy_client_numbers(&fixture.client, 6, ours, 1);
	spdy_client_numbers(&fixture.client, 4, settings, 3);
	spdy_client_numbers(&fixture.client, 9, window, 2);
	spdy_client_control(&fixture.client, 99, 0, STR("nobody knows"));
	assert_int_equal(feed(&fixture, 3), 0);
	expect_numbers(&fixture, 6, 7, 0, false);
	assert_int_equal(fixture.sent.len, 0);
	spdy_client_numbers(&fixture.client, 7, going, 2);
	spdy_client_open(&fixture.client, 1, 0, HEADERS);
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_str_equal(buf_view(&fixture.story), "left\n");
	end(&fixture);
}

/* Later blocks build on those before, also on those that are nobody's business. */
static void blocks_share_a_history(void **state UNUSED)
{
	struct fixture fixture;
	struct buf payload, plain;

	begin(&fixture);
	buf_init(&payload, KIB);
	buf_init(&plain, KIB);
	spdy_client_open(&fixture.client, 1, 0, HEADERS);
	spdy_put_number(&payload, 1);
	spdy_client_plain(HTTP_HEADERS({STR("x"), STR("one\0two")}), &plain);
	spdy_client_block(&fixture.client, buf_view(&plain), &payload);
	spdy_client_control(&fixture.client, 8, 1, buf_view(&payload));
	spdy_client_open(&fixture.client, 3, 0, HTTP_HEADERS({STR("x"), STR("one\0two")}));
	assert_int_equal(feed(&fixture, 4096), 0);
	assert_str_equal(buf_view(&fixture.story),
			 "open 1 streamtype=data port=80 requestid=0\nfinish 1\nopen 3 x=one x=two\n");
	buf_release(&payload);
	buf_release(&plain);
	end(&fixture);
}

static void long_writes_are_cut(void **state UNUSED)
{
	struct fixture fixture;
	char *bytes = xcalloc(1, 2 * LIMIT_SPDY_CONTROL + 1);

	begin(&fixture);
	spdy_client_open(&fixture.client, 1, 0, HEADERS);
	assert_int_equal(feed(&fixture, 4096), 0);
	buf_clear(&fixture.sent);
	spdy_write(fixture.spdy, 1, (struct str){bytes, 2 * LIMIT_SPDY_CONTROL + 1});
	assert_int_equal(fixture.sent.len, 2 * LIMIT_SPDY_CONTROL + 1 + 3 * 8);
	free(bytes);
	end(&fixture);
}

/* --- Malformed --------------------------------------------------------------------------------------------------- */

static void expect_failure(struct fixture *fixture, const char *about, uint32_t last)
{
	if (feed(fixture, 4096) == 0)
		fail_msg("%s: taken", about);
	expect_numbers(fixture, 7, last, 1, true);
	/* It takes no more. */
	buf_clear(&fixture->story);
	spdy_client_data(&fixture->client, 1, 0, STR("more"));
	assert_int_equal(feed(fixture, 4096), 0);
	assert_int_equal(fixture->story.len + fixture->sent.len, 0);
}

#define RAW(bytes) STR_INIT(bytes)

static void malformed_frames(void **state UNUSED)
{
	static const struct {
		const char *about;
		struct str bytes;
	} rows[] = {
		{"data for stream 0", RAW("\0\0\0\0\0\0\0\1x")},
		{"another version", RAW("\x80\2\0\6\0\0\0\4\0\0\0\1")},
		{"a control frame too large", RAW("\x80\3\0\6\0\xff\xff\xff")},
		{"a short SYN_STREAM", RAW("\x80\3\0\1\0\0\0\4\0\0\0\1")},
		{"an empty SYN_STREAM", RAW("\x80\3\0\1\0\0\0\0")},
		{"an even stream", RAW("\x80\3\0\1\0\0\0\12\0\0\0\2\0\0\0\0\0\0")},
		{"stream 0", RAW("\x80\3\0\1\0\0\0\12\0\0\0\0\0\0\0\0\0\0")},
		{"no block", RAW("\x80\3\0\1\0\0\0\12\0\0\0\1\0\0\0\0\0\0")},
		{"a block that is no zlib", RAW("\x80\3\0\1\0\0\0\16\0\0\0\1\0\0\0\0\0\0abcd")},
		{"a short HEADERS", RAW("\x80\3\0\10\0\0\0\2\0\0")},
		{"a short RST_STREAM", RAW("\x80\3\0\3\0\0\0\4\0\0\0\1")},
		{"a long PING", RAW("\x80\3\0\6\0\0\0\5\0\0\0\1x")},
		{"SETTINGS without a count", RAW("\x80\3\0\4\0\0\0\0")},
		{"SETTINGS that count wrong", RAW("\x80\3\0\4\0\0\0\4\0\0\0\1")},
		{"SETTINGS with a rest", RAW("\x80\3\0\4\0\0\0\5\0\0\0\0x")},
		{"a short GOAWAY", RAW("\x80\3\0\7\0\0\0\4\0\0\0\0")},
		{"a short WINDOW_UPDATE", RAW("\x80\3\0\11\0\0\0\4\0\0\0\1")},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture fixture;
		uint32_t last = strstr(rows[i].about, "block") ? 1 : 0;

		begin(&fixture);
		buf_str(&fixture.client.out, rows[i].bytes);
		expect_failure(&fixture, rows[i].about, last);
		end(&fixture);
	}
}

static void malformed_blocks(void **state UNUSED)
{
	static const struct {
		const char *about;
		struct str plain;
	} rows[] = {
		{"no count", RAW("\0\0")},
		{"a field that is not there", RAW("\0\0\0\1")},
		{"a name that is cut off", RAW("\0\0\0\1\0\0\0\5ab")},
		{"a value that is cut off", RAW("\0\0\0\1\0\0\0\1a\0\0\0\5b")},
		{"a length beyond all", RAW("\0\0\0\1\xff\xff\xff\xff")},
		{"more than the count", RAW("\0\0\0\0\0\0\0\1a\0\0\0\1b")},
		{"an empty name", RAW("\0\0\0\1\0\0\0\0\0\0\0\1b")},
		{"an upper-case name", RAW("\0\0\0\1\0\0\0\1A\0\0\0\1b")},
		{"a name twice", RAW("\0\0\0\2\0\0\0\1a\0\0\0\1b\0\0\0\1a\0\0\0\1c")},
		{"too many fields", RAW("\0\1\0\0")},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture fixture;

		begin(&fixture);
		spdy_client_open_plain(&fixture.client, 1, 0, rows[i].plain);
		expect_failure(&fixture, rows[i].about, 1);
		end(&fixture);
	}
}

/* A few bytes that become many. */
static void a_bomb(void **state UNUSED)
{
	struct fixture fixture;
	char *zeros = xcalloc(1, MIB);

	begin(&fixture);
	spdy_client_open_plain(&fixture.client, 1, 0, (struct str){zeros, MIB});
	assert_true(fixture.client.out.len < 8 * KIB);
	expect_failure(&fixture, "a bomb", 1);
	free(zeros);
	end(&fixture);
}

static void many_values(void **state UNUSED)
{
	struct fixture fixture;
	char *zeros = xcalloc(1, KIB);

	begin(&fixture);
	spdy_client_open(&fixture.client, 1, 0, HTTP_HEADERS({STR("a"), {zeros, KIB}}));
	expect_failure(&fixture, "many values", 1);
	free(zeros);
	end(&fixture);
}

static void numbers_must_grow(void **state UNUSED)
{
	static const uint32_t ids[] = {5, 3, 4};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct fixture fixture;

		begin(&fixture);
		spdy_client_open(&fixture.client, 5, 0, HEADERS);
		assert_int_equal(feed(&fixture, 4096), 0);
		buf_clear(&fixture.sent);
		spdy_client_open(&fixture.client, ids[i], 0, HEADERS);
		expect_failure(&fixture, "a number that does not grow", 5);
		end(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dictionary),
		cmocka_unit_test(life_of_a_stream),
		cmocka_unit_test(resets),
		cmocka_unit_test(bytes_after_the_end),
		cmocka_unit_test(streams_are_bounded),
		cmocka_unit_test(control_frames),
		cmocka_unit_test(blocks_share_a_history),
		cmocka_unit_test(long_writes_are_cut),
		cmocka_unit_test(malformed_frames),
		cmocka_unit_test(malformed_blocks),
		cmocka_unit_test(a_bomb),
		cmocka_unit_test(many_values),
		cmocka_unit_test(numbers_must_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
