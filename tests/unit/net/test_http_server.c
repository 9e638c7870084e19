/* The HTTP/1.1 server, byte by byte: framing, pipelining, limits, deadlines, streams, upgrades, the end. */
#include "unit.h"

#include <stdatomic.h>

#include "base/limits.h"
#include "net/conn.h"
#include "net_fixture.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct site {
	struct http_server *server;
	struct worker_pool *pool;
	atomic_int aborted, closed, stopped;
	struct http_stream *stream; /* of the last /stream, a reference */
	atomic_bool has_stream;
	struct http_request *held;
	atomic_bool has_held;
};

static void answer_echo(struct http_request *request)
{
	http_respond_text(request, 200, STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT, STR_ARG(request->method),
			  STR_ARG(request->path), STR_ARG(request->query), STR_ARG(request->body));
}

static void answer_blocking(void *data)
{
	http_respond_text(data, 200, "worker");
}

static void on_closed(struct http_stream *stream, void *data)
{
	struct site *site = data;

	(void)stream;
	atomic_fetch_add(&site->closed, 1);
}

static const struct http_stream_ops stream_ops = {.closed = on_closed};

static void on_aborted(struct http_request *request)
{
	struct site *site = request->data;

	atomic_fetch_add(&site->aborted, 1);
}

static void echo_readable(struct conn *conn, void *owner UNUSED)
{
	char part[256];
	ssize_t n = conn_read(conn, part, sizeof(part));

	if (n > 0)
		conn_queue(conn, (struct str){part, (size_t)n});
	if (n == 0)
		conn_free_drained(conn, NS_PER_SEC);
}

static void echo_broken(struct conn *conn, void *owner UNUSED, const struct error *why UNUSED)
{
	conn_free(conn);
}

static const struct conn_ops echo_ops = {.readable = echo_readable, .broken = echo_broken};

static void answer_big(struct http_request *request)
{
	struct http_response response = {.status = 200, .gzip = true};
	size_t size = 400000;
	char *body = arena_alloc(&request->arena, size);

	memset(body, 'x', size);
	response.body = PAYLOAD(((struct str){body, size}));
	http_respond(request, &response);
}

static void handle(void *cookie, struct http_request *request)
{
	struct site *site = cookie;
	struct http_response ok = {.status = 200, .headers = HTTP_HEADERS({STR("x-kind"), STR("stream")})};

	request->data = site;
	if (str_eq_c(request->path, "/worker")) {
		worker_pool_submit(site->pool, answer_blocking, request);
	} else if (str_eq_c(request->path, "/hold")) {
		request->aborted = on_aborted;
		site->held = request;
		atomic_store(&site->has_held, true);
	} else if (str_eq_c(request->path, "/stream")) {
		site->stream = http_stream_ref(http_stream_start(request, &ok, &stream_ops, site));
		http_stream_write(site->stream, PAYLOAD(STR("one ")));
		atomic_store(&site->has_stream, true);
	} else if (str_eq_c(request->path, "/big")) {
		answer_big(request);
	} else if (str_eq_c(request->path, "/drop")) {
		http_request_drop(request);
	} else if (str_eq_c(http_request_upgrade(request), "echo")) {
		conn_set_owner(http_upgrade(request, HTTP_HEADERS({STR("upgrade"), STR("echo")})), &echo_ops, NULL);
	} else {
		answer_echo(request);
	}
}

static void on_stopped(void *cookie)
{
	atomic_fetch_add(&((struct site *)cookie)->stopped, 1);
}

static int set_up_with(void **state, int64_t request_timeout, int64_t idle_timeout)
{
	struct site *site = XNEW(struct site);
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}},
		.threads = 2,
		.handle = handle,
		.cookie = site,
		.body_max = 1000,
		.header_timeout = request_timeout,
		.body_timeout = request_timeout,
		.idle_timeout = idle_timeout,
		.peer_timeout = request_timeout,
		.connections_max = 20,
	};
	struct error err = {0};

	site->pool = worker_pool_new("test", 4);
	must(http_server_new(&config, &site->server, &err), &err);
	*state = site;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, 0, 0);
}

/* A server that waits for nobody: requests must come whole, and soon. */
static int set_up_hasty(void **state)
{
	return set_up_with(state, 300 * NS_PER_MS, 0);
}

/* One that keeps no connection it does not need. */
static int set_up_thrifty(void **state)
{
	return set_up_with(state, 0, 100 * NS_PER_MS);
}

static int tear_down(void **state)
{
	struct site *site = *state;

	/* Workers first: they may use what is the server's. */
	worker_pool_free(site->pool);
	http_server_free(site->server);
	http_stream_unref(site->stream);
	free(site);
	return 0;
}

static void wait_for(atomic_int *count, int value)
{
	int64_t deadline = clock_monotonic_ns() + DEADLINE;

	while (atomic_load(count) < value)
		if (clock_monotonic_ns() > deadline)
			fail_msg("the count is %d, not %d", atomic_load(count), value);
		else
			usleep(1000);
}

static void wait_true(atomic_bool *flag)
{
	int64_t deadline = clock_monotonic_ns() + DEADLINE;

	while (!atomic_load(flag)) {
		assert_true(clock_monotonic_ns() < deadline);
		usleep(1000);
	}
}

#define END NULL
/* What is said, in pieces; what must be heard by then; and what must not. */
static const struct {
	const char *say[3], *hear[3], *not_heard;
} talks[] = {
	{{"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	 {"HTTP/1.1 200 OK\r\n", "Content-Length: 13\r\n", "\r\n\r\nGET /a b c=d "}},
	{{"POST / HTTP/1.1\r\nHost: x\r\nContent-Le", "ngth: 4\r\nConnection: close\r\n\r\nab", "cd"},
	 {"POST /  abcd"}},
	{{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n",
	  "2\r\ncd\r\n", "0\r\n\r\n"},
	 {"POST /  abcd"}},
	/* Pipelining keeps order, over an answer from a worker too. */
	{{"GET /worker HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	 {"worker", "GET /2"}},
	{{"HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	 {"Content-Length: 9\r\n", "\r\n\r\n"},
	 "HEAD /a"},
	{{"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n", "z"},
	 {"HTTP/1.1 100 Continue\r\n\r\n", "POST /  z"}},
	{{"GET / HTTP/1.0\r\n\r\n"}, {"HTTP/1.1 200 OK", "Connection: close", "GET /"}},
	{{"GET http://example.com/abs?q HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n"}, {"GET /abs q"}},
	/* Turned away. */
	{{"GET / HTTP/1.1\r\n\r\n"}, {"HTTP/1.1 400 Bad Request", "missing required Host"}},
	{{"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"}, {"HTTP/1.1 400", "malformed request target"}},
	{{"nonsense\r\n\r\n"}, {"HTTP/1.1 400"}},
	{{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"}, {"HTTP/1.1 400"}},
	{{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"}, {"HTTP/1.1 413", "Connection: close"}},
	{{"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"}, {"HTTP/1.1 4"}},
	/* An upgrade nobody serves is not one. */
	{{"GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	  "GET /v HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
	 {"GET /u", "GET /v"}},
	{{"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst ", "second"},
	 {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nfirst ", "second"}},
	{{"GET /drop HTTP/1.1\r\nHost: x\r\n\r\n"}, {""}, "HTTP"},
};

static void test_talks(void **state)
{
	struct site *site = *state;

	for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
		int fd = dial(http_server_port(site->server));
		struct buf cleanup_buf in;
		bool upgraded = talks[i].hear[0] && strstr(talks[i].hear[0], " 101 ");

		buf_init(&in, MIB);
		for (size_t j = 0; j < 3 && talks[i].say[j]; j++) {
			say(fd, talks[i].say[j]);
			usleep(2000);
		}
		if (upgraded) {
			hear(fd, &in, talks[i].hear[1]);
			shutdown(fd, SHUT_WR);
		}
		hear(fd, &in, END);
		for (size_t j = 0; j < 3 && talks[i].hear[j]; j++)
			if (!strstr(in.data, talks[i].hear[j]))
				fail_msg("talk %zu: no \"%s\" in \"%s\"", i, talks[i].hear[j], in.data);
		if (talks[i].not_heard && strstr(in.data, talks[i].not_heard))
			fail_msg("talk %zu: \"%s\" in \"%s\"", i, talks[i].not_heard, in.data);
		close_fd(fd);
	}
}

/* A client that says this, and then a byte now and then: progress buys no time. */
static void test_dripping(void **state)
{
	static const char *const beginnings[] = {
		"GET /",
		"GET / HTTP/1.1\r\nX-Long: ",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e7\r\n",
	};
	struct site *site = *state;

	for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
		int fd = dial(http_server_port(site->server));
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t end = clock_monotonic_ns() + DEADLINE;
		char byte;

		say(fd, beginnings[i]);
		while (poll(&p, 1, 10) == 0) {
			if (clock_monotonic_ns() > end)
				fail_msg("the server still listens to client %zu", i);
			say(fd, "a");
		}
		/* The end, without an answer. */
		assert_true(recv(fd, &byte, 1, 0) <= 0);
		close_fd(fd);
	}
}

/* Frames of HTTP/2: the preface, settings without a window, GET /big on stream 1. */
static const char windowless[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				 "\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0"
				 "\0\0\13\1\5\0\0\0\1\x82\x86\1\1x\4\4/big";

/* A peer that asks and grants no window for the answer: the stream is reset, and what it held is free. */
static void test_no_window(void **state)
{
	static const char reset[] = "\0\0\4\3\0\0\0\0\1";
	struct site *site = *state;
	int fd = dial(http_server_port(site->server));
	int64_t end = clock_monotonic_ns() + DEADLINE;
	struct http_server_stats stats;
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say_bytes(fd, windowless, sizeof(windowless) - 1);
	while (!in.len || !memmem(in.data, in.len, reset, sizeof(reset) - 1)) {
		char part[4096];
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_true(clock_monotonic_ns() < end);
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = recv(fd, part, sizeof(part), 0);
		assert_true(n > 0);
		buf_append(&in, part, (size_t)n);
	}
	http_server_stats(site->server, &stats);
	assert_int_equal(stats.requests_open, 0);
	close_fd(fd);
}

static void test_idle(void **state)
{
	struct site *site = *state;
	int fd = dial(http_server_port(site->server));
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say(fd, "GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, &in, END);
	assert_non_null(strstr(in.data, "GET /idle"));
	close_fd(fd);
}

/* It has said all and hears all, be the answer the loop's or a worker's. */
static void test_half_closed(void **state)
{
	struct site *site = *state;

	for (int i = 0; i < 2; i++) {
		int fd = dial(http_server_port(site->server));
		struct buf cleanup_buf in;

		buf_init(&in, MIB);
		say(fd, i ? "GET /worker HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
		shutdown(fd, SHUT_WR);
		hear(fd, &in, END);
		assert_non_null(strstr(in.data, i ? "worker" : "GET /x"));
		close_fd(fd);
	}
}

static void test_big_header(void **state)
{
	struct site *site = *state;
	int fd = dial(http_server_port(site->server));
	struct buf cleanup_buf in;
	char *filler = xcalloc(1, 2 * MIB);

	buf_init(&in, MIB);
	memset(filler, 'a', 2 * MIB);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\nX-Big: ");
	say_bytes(fd, filler, 2 * MIB);
	hear(fd, &in, "HTTP/1.1 431 Request Header Fields Too Large");
	free(filler);
	close_fd(fd);
}

static void test_stream(void **state)
{
	struct site *site = *state;
	const char *request = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial(http_server_port(site->server));
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say(fd, request);
	hear(fd, &in, "4\r\none \r\n");
	wait_true(&site->has_stream);
	http_stream_write_post(site->stream, PAYLOAD(STR("two")));
	hear(fd, &in, "3\r\ntwo\r\n");
	http_stream_end_post(site->stream);
	hear(fd, &in, "0\r\n\r\n");
	wait_for(&site->closed, 1);
	/* The connection goes on. */
	say(fd, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, &in, "GET /next");
	/* After the end nothing is written any more, and nothing breaks. */
	http_stream_write_post(site->stream, PAYLOAD(STR("late")));
	close_fd(fd);
}

static void test_client_leaves(void **state)
{
	struct site *site = *state;
	int fd = dial(http_server_port(site->server));
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, &in, "one ");
	close_fd(fd);
	wait_for(&site->closed, 1);
	fd = dial(http_server_port(site->server));
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_true(&site->has_held);
	close_fd(fd);
	wait_for(&site->aborted, 1);
	assert_true(http_request_is_aborted(site->held));
	worker_pool_submit(site->pool, answer_blocking, site->held);
}

static void flood(void *data)
{
	struct site *site = data;
	char *block = xcalloc(1, 256 * KIB);

	for (int i = 0; i < 100 && atomic_load(&site->closed) == 0; i++)
		http_stream_write_post(site->stream, PAYLOAD(((struct str){block, 256 * KIB})));
	free(block);
}

/* A reader that does not read: the stream is aborted, memory stays bounded. */
static void test_slow_reader(void **state)
{
	struct site *site = *state;
	int fd = dial(http_server_port(site->server));

	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_true(&site->has_stream);
	worker_pool_submit(site->pool, flood, site);
	wait_for(&site->closed, 1);
	close_fd(fd);
}

static void test_gzip(void **state)
{
	struct site *site = *state;
	const char *request = "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
	int fd = dial(http_server_port(site->server));
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say(fd, request);
	hear(fd, &in, END);
	assert_non_null(strstr(in.data, "Content-Encoding: gzip\r\n"));
	assert_true(in.len < 10000);
	close_fd(fd);
	fd = dial(http_server_port(site->server));
	buf_clear(&in);
	say(fd, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	hear(fd, &in, END);
	assert_non_null(strstr(in.data, "Content-Length: 400000\r\n"));
	assert_true(in.len > 400000);
	close_fd(fd);
}

static void test_connection_limit(void **state)
{
	struct site *site = *state;
	struct http_server_stats stats;
	int fds[30];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial(http_server_port(site->server));
	for (int64_t end = clock_monotonic_ns() + DEADLINE;;) {
		http_server_stats(site->server, &stats);
		if (stats.connections_total + stats.connections_refused == ARRAY_LEN(fds))
			break;
		assert_true(clock_monotonic_ns() < end);
		usleep(1000);
	}
	assert_true(stats.connections_refused > 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close_fd(fds[i]);
}

static void test_graceful_stop(void **state)
{
	struct site *site = *state;
	int fd = dial(http_server_port(site->server)), idle = dial(http_server_port(site->server));
	struct buf cleanup_buf in;

	buf_init(&in, MIB);
	say(idle, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(idle, &in, "GET /x");
	buf_clear(&in);
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_true(&site->has_held);
	http_server_stop(site->server, 5 * NS_PER_SEC, on_stopped);
	hear(idle, &in, END);
	assert_int_equal(atomic_load(&site->stopped), 0);
	worker_pool_submit(site->pool, answer_blocking, site->held);
	buf_clear(&in);
	hear(fd, &in, END);
	assert_non_null(strstr(in.data, "worker"));
	assert_non_null(strstr(in.data, "Connection: close"));
	wait_for(&site->stopped, 1);
	close_fd(fd);
	close_fd(idle);
}

int main(void)
{
#define CASE_WITH(f, set_up) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define CASE(f)		     CASE_WITH(f, set_up)
	const struct CMUnitTest tests[] = {
		CASE(test_talks),
		CASE(test_big_header),
		CASE(test_stream),
		CASE(test_client_leaves),
		CASE(test_slow_reader),
		CASE(test_gzip),
		CASE(test_connection_limit),
		CASE(test_graceful_stop),
		CASE(test_half_closed),
		CASE_WITH(test_dripping, set_up_hasty),
		CASE_WITH(test_no_window, set_up_hasty),
		CASE_WITH(test_idle, set_up_thrifty),
	};

	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
