/* The client against the server: HTTP/1.1 and HTTP/2, TLS with client certificates, streams, cancels, WebSockets. */
#include "unit.h"

#include <stdatomic.h>

#include "base/limits.h"
#include "net/conn.h"
#include "net/http_client.h"
#include "net/relay.h"
#include "net/websocket.h"
#include "net_fixture.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct world {
	struct authority authority, other;
	struct str client_cert, client_key, foreign_cert, foreign_key;
	struct tls_context *server_tls;
	struct http_server *server, *plain, *origin;
	struct loop *loop;
	struct thread *thread;
	struct worker_pool *pool;
	atomic_int streams_closed, requests;
};

/* --- the server's side --- */

static void stream_closed(struct http_stream *stream UNUSED, void *data)
{
	atomic_fetch_add(&((struct world *)data)->streams_closed, 1);
}

/* Writes as much as is taken, for ever. */
static void stream_more(struct http_stream *stream, void *data UNUSED)
{
	static const char block[32 * KIB];

	while (http_stream_pending(stream) < 128 * KIB)
		if (!http_stream_write(stream, PAYLOAD(((struct str){block, sizeof(block)}))))
			return;
}

static const struct http_stream_ops watch_ops = {.closed = stream_closed};
static const struct http_stream_ops endless_ops = {.closed = stream_closed, .drained = stream_more};

static void ws_message(struct websocket *socket, void *data UNUSED, enum websocket_type type, struct str bytes)
{
	if (str_eq_c(bytes, "bye"))
		websocket_close(socket, 4001, STR("as asked"));
	else
		websocket_send(socket, type, bytes);
}

static void ws_closed(struct websocket *socket UNUSED, void *data, int code UNUSED)
{
	atomic_fetch_add(&((struct world *)data)->streams_closed, 1);
}

static const struct websocket_ops ws_ops = {.message = ws_message, .closed = ws_closed};

static void answer_identity(struct http_request *request)
{
	const struct tls_peer *peer = request->peer;

	if (peer)
		http_respond_text(request, peer->verified ? 200 : 401, STR_FMT "/" STR_FMT, STR_ARG(peer->common_name),
				  STR_ARG(peer->organizations.len ? peer->organizations.items[0] : STR_EMPTY));
	else
		http_respond_text(request, 200, "nobody");
}

static void answer_large(struct http_request *request)
{
	struct http_response response = {.status = 200};
	size_t size = 3000000;
	char *body = arena_alloc(&request->arena, size);

	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 26);
	response.body = PAYLOAD(((struct str){body, size}));
	http_respond(request, &response);
}

static void handle(void *cookie, struct http_request *request)
{
	static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
	struct world *world = cookie;
	struct http_response ok = {.status = 200};
	struct http_response moved = {
		.status = 307,
		.headers = HTTP_HEADERS({STR("location"), http_request_header(request, STR("x-to"))}),
	};

	atomic_fetch_add(&world->requests, 1);
	if (str_eq_c(request->path, "/who")) {
		answer_identity(request);
	} else if (str_eq_c(request->path, "/large")) {
		answer_large(request);
	} else if (str_eq_c(request->path, "/watch")) {
		http_stream_write(http_stream_start(request, &ok, &watch_ops, world), PAYLOAD(STR("event")));
	} else if (str_eq_c(request->path, "/endless")) {
		stream_more(http_stream_start(request, &ok, &endless_ops, world), world);
	} else if (str_eq_c(request->path, "/broken")) {
		struct http_stream *stream = http_stream_start(request, &ok, &watch_ops, world);

		http_stream_write(stream, PAYLOAD(STR("half")));
		http_stream_abort(stream);
	} else if (str_eq_c(request->path, "/moved")) {
		http_respond(request, &moved);
	} else if (str_eq_c(request->path, "/auth")) {
		http_respond_text(request, 200, "[" STR_FMT "]",
				  STR_ARG(http_request_header(request, STR("authorization"))));
	} else if (str_eq_c(request->path, "/ws")) {
		if (!websocket_accept(request, protocols, 2, &ws_ops, world))
			http_respond_text(request, 403, "no such protocol");
	} else if (str_eq_c(request->path, "/silent")) {
		http_stream_start(request, &ok, &watch_ops, world);
	} else {
		http_respond_text(request, 200, STR_FMT " %d " STR_FMT, STR_ARG(request->method), request->version,
				  STR_ARG(request->body));
	}
}

/* --- the fixture --- */

static void run_loop(void *data)
{
	loop_run(data);
}

static int set_up(void **state)
{
	struct world *world = XNEW(struct world);
	struct tls_server_config tls = {0};
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}},
		.threads = 2,
		.handle = handle,
		.cookie = world,
	};
	struct error err = {0};

	authority_init(&world->authority);
	authority_init(&world->other);
	authority_issue(&world->authority, "server", NULL, &tls.certificate_pem, &tls.key_pem);
	authority_issue(&world->authority, "alice", "system:masters", &world->client_cert, &world->client_key);
	authority_issue(&world->other, "mallory", "system:masters", &world->foreign_cert, &world->foreign_key);
	tls.client_ca_pem = world->authority.ca_pem;
	must(tls_context_new_server(&tls, &world->server_tls, &err), &err);
	must(http_server_new(&config, &world->plain, &err), &err);
	config.tls = world->server_tls;
	must(http_server_new(&config, &world->server, &err), &err);
	world->loop = loop_new();
	world->pool = worker_pool_new("test", 4);
	must(thread_start("client", run_loop, world->loop, &world->thread, &err), &err);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	worker_pool_free(world->pool);
	loop_stop(world->loop);
	thread_join(world->thread);
	loop_free(world->loop);
	http_server_free(world->server);
	http_server_free(world->plain);
	tls_context_unref(world->server_tls);
	authority_release(&world->authority);
	authority_release(&world->other);
	free(world);
	return 0;
}

static struct http_client *new_client(struct world *world, struct str ca, struct str cert, struct str key, bool http1)
{
	struct tls_client_config tls = {.ca_pem = ca, .certificate_pem = cert, .key_pem = key};
	struct http_client_config config = {.loop = world->loop, .no_http2 = http1, .user_agent = STR("test")};
	struct error err = {0};
	struct http_client *client;

	must(tls_context_new_client(&tls, &config.tls, &err), &err);
	config.pool = world->pool;
	client = http_client_new(&config);
	tls_context_unref(config.tls);
	return client;
}

struct freeing {
	struct http_client *client;
	atomic_bool done;
};

static void free_on_loop(void *data)
{
	struct freeing *freeing = data;

	http_client_free(freeing->client);
	atomic_store(&freeing->done, true);
}

static void wait_true(atomic_bool *flag)
{
	int64_t deadline = clock_monotonic_ns() + DEADLINE;

	while (!atomic_load(flag)) {
		if (clock_monotonic_ns() > deadline)
			fail_msg("it did not come");
		usleep(500);
	}
}

static void wait_count_(int line, atomic_int *count, int value)
{
	int64_t deadline = clock_monotonic_ns() + DEADLINE;

	while (atomic_load(count) < value) {
		if (clock_monotonic_ns() > deadline)
			fail_msg("line %d: the count is %d, not %d", line, atomic_load(count), value);
		usleep(500);
	}
}

#define wait_count(count, value) wait_count_(__LINE__, (count), (value))

static void free_client(struct world *world, struct http_client *client)
{
	struct freeing freeing = {.client = client};

	loop_post(world->loop, free_on_loop, &freeing);
	wait_true(&freeing.done);
}

static struct str url_of(struct arena *arena, const char *scheme, struct http_server *server, const char *path)
{
	return arena_printf(arena, "%s://127.0.0.1:%u%s", scheme, http_server_port(server), path);
}

static void expect_body(struct http_client *client, struct http_call_config config, int status, const char *body)
{
	struct arena cleanup_arena arena = {0};
	struct http_result result;
	struct error err = {0};

	config.timeout = DEADLINE;
	must(http_client_do(client, &config, &arena, &result, &err), &err);
	assert_string_equal(str_c(result.body), body);
	assert_int_equal(result.status, status);
}

static void expect_error(struct http_client *client, struct http_call_config config, enum error_code code)
{
	struct arena cleanup_arena arena = {0};
	struct http_result result;
	struct error err = {0};

	config.timeout = config.timeout ? config.timeout : DEADLINE;
	assert_true(http_client_do(client, &config, &arena, &result, &err) < 0);
	if (err.code != code)
		fail_msg("code %d, not %d: %s", err.code, code, err.message);
}

/* --- tests --- */

static void test_versions(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};

	for (int http1 = 0; http1 < 2; http1++) {
		struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, http1);
		char *big = arena_alloc(&arena, 2 * MIB);
		struct http_result result;
		struct error err = {0};

		memset(big, 'b', 2 * MIB);
		expect_body(client, (struct http_call_config){.url = url_of(&arena, "https", world->server, "/x")}, 200,
			    http1 ? "GET 1 " : "GET 2 ");
		expect_body(client,
			    (struct http_call_config){.method = "POST",
						      .url = url_of(&arena, "https", world->server, "/x"),
						      .body = PAYLOAD(STR("hello"))},
			    200, http1 ? "POST 1 hello" : "POST 2 hello");
		expect_body(client, (struct http_call_config){.url = url_of(&arena, "http", world->plain, "/x")}, 200,
			    "GET 1 ");
		expect_body(client,
			    (struct http_call_config){.method = "HEAD",
						      .url = url_of(&arena, "https", world->server, "/x")},
			    200, "");
		must(http_client_do(client,
				    &(struct http_call_config){.url = url_of(&arena, "https", world->server, "/large")},
				    &arena, &result, &err),
		     &err);
		assert_int_equal(result.body.len, 3000000);
		for (size_t i = 0; i < result.body.len; i++)
			if (result.body.data[i] != (char)('a' + i % 26))
				fail_msg("byte %zu is wrong", i);
		must(http_client_do(client,
				    &(struct http_call_config){.method = "PUT",
							       .body = PAYLOAD(((struct str){big, 2 * MIB})),
							       .url = url_of(&arena, "https", world->server, "/x")},
				    &arena, &result, &err),
		     &err);
		assert_int_equal(result.body.len, 2 * MIB + 6);
		expect_error(client,
			     (struct http_call_config){.url = url_of(&arena, "https", world->server, "/large"),
						       .body_max = 1000},
			     ERR_TOO_LARGE);
		free_client(world, client);
	}
}

static void test_body_too_large(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};

	for (int http1 = 0; http1 < 2; http1++) {
		struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, http1);
		char *big = arena_zalloc(&arena, 4 * MIB);
		struct http_result result;
		struct error err = {0};
		int r = http_client_do(client,
				       &(struct http_call_config){.method = "POST",
								  .body = PAYLOAD(((struct str){big, 4 * MIB})),
								  .url = url_of(&arena, "https", world->server, "/x")},
				       &arena, &result, &err);

		must(r, &err);
		assert_int_equal(result.status, 413);
		free_client(world, client);
	}
}

static void test_identity(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_call_config who = {.url = url_of(&arena, "https", world->server, "/who")};
	struct http_client *client;

	client = new_client(world, world->authority.ca_pem, world->client_cert, world->client_key, false);
	expect_body(client, who, 200, "alice/system:masters");
	free_client(world, client);
	client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	expect_body(client, who, 200, "nobody");
	free_client(world, client);
	/* Not ours: the handshake succeeds, the peer is marked. */
	client = new_client(world, world->authority.ca_pem, world->foreign_cert, world->foreign_key, true);
	expect_body(client, who, 401, "mallory/system:masters");
	free_client(world, client);
	/* A server whose certificate is of another authority, or for another name. */
	client = new_client(world, world->other.ca_pem, STR_EMPTY, STR_EMPTY, false);
	expect_error(client, who, ERR_CLOSED);
	free_client(world, client);
	client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	who.url = arena_printf(&arena, "https://127.0.0.2:%u/who", http_server_port(world->server));
	expect_error(client, who, ERR_CLOSED);
	who.url = arena_printf(&arena, "https://localhost:%u/who", http_server_port(world->server));
	expect_body(client, who, 200, "nobody");
	free_client(world, client);
}

static void test_reload(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_call_config who = {.url = url_of(&arena, "https", world->server, "/who")};
	struct tls_server_config tls = {.client_ca_pem = world->other.ca_pem};
	struct error err = {0};
	struct http_client *client;

	tls.key_pem = STR("nonsense");
	assert_true(tls_context_reload_server(world->server_tls, &tls, &err) < 0);
	error_clear(&err);
	authority_issue(&world->other, "server", NULL, &tls.certificate_pem, &tls.key_pem);
	must(tls_context_reload_server(world->server_tls, &tls, &err), &err);
	client = new_client(world, world->other.ca_pem, world->foreign_cert, world->foreign_key, false);
	expect_body(client, who, 200, "mallory/system:masters");
	free_client(world, client);
}

static void test_failures(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);

	expect_error(client, (struct http_call_config){.url = STR("nonsense")}, ERR_INVALID);
	expect_error(client, (struct http_call_config){.url = STR("http://127.0.0.1:1/")}, ERR_CLOSED);
	expect_error(client, (struct http_call_config){.url = STR("http://name.invalid/")}, ERR_CLOSED);
	for (int tls = 0; tls < 2; tls++) {
		struct http_server *server = tls ? world->server : world->plain;
		const char *scheme = tls ? "https" : "http";

		expect_error(client, (struct http_call_config){.url = url_of(&arena, scheme, server, "/broken")},
			     ERR_CLOSED);
		expect_error(client,
			     (struct http_call_config){.url = url_of(&arena, scheme, server, "/silent"),
						       .timeout = 30 * NS_PER_MS},
			     ERR_TIMEOUT);
		/* The connection is still good for others. */
		expect_body(client, (struct http_call_config){.url = url_of(&arena, scheme, server, "/x")}, 200,
			    tls ? "GET 2 " : "GET 1 ");
	}
	/* TLS to a server in clear, and the other way round. */
	expect_error(client, (struct http_call_config){.url = url_of(&arena, "https", world->plain, "/x")}, ERR_CLOSED);
	expect_error(client, (struct http_call_config){.url = url_of(&arena, "http", world->server, "/x")}, ERR_CLOSED);
	free_client(world, client);
}

static void test_redirects(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	struct http_call_config call = {.url = url_of(&arena, "https", world->server, "/moved"), .redirects = 3};

	call.headers = HTTP_HEADERS({STR("x-to"), STR("/auth")}, {STR("authorization"), STR("secret")});
	expect_body(client, call, 200, "[secret]");
	call.headers = HTTP_HEADERS({STR("x-to"), url_of(&arena, "http", world->plain, "/auth")},
				    {STR("authorization"), STR("secret")});
	expect_body(client, call, 200, "[]");
	call.headers = HTTP_HEADERS({STR("x-to"), STR("/moved")});
	expect_body(client, call, 307, "");
	free_client(world, client);
}

/* --- watches on the loop --- */

struct watch {
	struct world *world;
	struct http_client *client;
	struct str url;
	struct http_call *call;
	atomic_int pieces, ended;
	atomic_size_t bytes;
	atomic_bool cancelled, paused;
	size_t pause_at;
};

static void watch_body(struct http_call *call, void *data, struct str bytes)
{
	struct watch *watch = data;

	assert_false(atomic_load(&watch->paused));
	atomic_fetch_add(&watch->pieces, 1);
	if (atomic_fetch_add(&watch->bytes, bytes.len) + bytes.len >= watch->pause_at && watch->pause_at) {
		watch->pause_at = 0;
		http_call_pause(call);
		atomic_store(&watch->paused, true);
	}
}

static void watch_ended(struct http_call *call UNUSED, void *data, const struct error *err UNUSED)
{
	atomic_fetch_add(&((struct watch *)data)->ended, 1);
}

static const struct http_call_ops watch_call_ops = {.body = watch_body, .ended = watch_ended};

static void begin_watch(void *data)
{
	struct watch *watch = data;

	watch->call = http_client_call(
		watch->client, &(struct http_call_config){.url = watch->url, .ops = &watch_call_ops, .data = watch});
}

static void cancel_watch(void *data)
{
	struct watch *watch = data;

	http_call_cancel(watch->call);
	atomic_store(&watch->cancelled, true);
}

static void resume_watch(void *data)
{
	struct watch *watch = data;

	atomic_store(&watch->paused, false);
	http_call_resume(watch->call);
}

#define WATCHES 30

static void test_many_watches(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	struct watch watches[WATCHES] = {0};
	struct http_server_stats stats;

	for (int i = 0; i < WATCHES; i++) {
		watches[i].client = client;
		watches[i].url = url_of(&arena, "https", world->server, "/watch");
		loop_post(world->loop, begin_watch, &watches[i]);
	}
	for (int i = 0; i < WATCHES; i++)
		wait_count(&watches[i].pieces, 1);
	http_server_stats(world->server, &stats);
	assert_int_equal(stats.connections_open, 1);
	assert_int_equal(stats.streams_open, WATCHES);
	for (int i = 0; i < WATCHES; i += 2)
		loop_post(world->loop, cancel_watch, &watches[i]);
	wait_count(&world->streams_closed, WATCHES / 2);
	expect_body(client, (struct http_call_config){.url = url_of(&arena, "https", world->server, "/x")}, 200,
		    "GET 2 ");
	/* The rest hears that the client ends. */
	free_client(world, client);
	for (int i = 0; i < WATCHES; i++)
		assert_int_equal(atomic_load(&watches[i].ended), i % 2);
	wait_count(&world->streams_closed, WATCHES);
}

/* More answers at once than a connection may hold, all whole in the end. */
static void test_many_large(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	struct watch calls[WATCHES] = {0};

	for (int i = 0; i < WATCHES; i++) {
		calls[i].client = client;
		calls[i].url = url_of(&arena, "https", world->server, "/large");
		loop_post(world->loop, begin_watch, &calls[i]);
	}
	for (int i = 0; i < WATCHES; i++) {
		wait_count(&calls[i].ended, 1);
		assert_int_equal(atomic_load(&calls[i].bytes), 3000000);
	}
	free_client(world, client);
}

/* A paused reader holds the server back, on both framings, and others are not held up. */
static void test_back_pressure(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};

	for (int http1 = 0; http1 < 2; http1++) {
		struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, http1);
		struct watch watch = {
			.client = client,
			.url = url_of(&arena, "https", world->server, "/endless"),
			.pause_at = 2 * MIB,
		};
		size_t before;

		loop_post(world->loop, begin_watch, &watch);
		wait_true(&watch.paused);
		before = atomic_load(&watch.bytes);
		expect_body(client, (struct http_call_config){.url = url_of(&arena, "https", world->server, "/x")}, 200,
			    http1 ? "GET 1 " : "GET 2 ");
		assert_int_equal(atomic_load(&watch.bytes), before);
		loop_post(world->loop, resume_watch, &watch);
		for (int64_t end = clock_monotonic_ns() + DEADLINE; atomic_load(&watch.bytes) < before + 8 * MIB;) {
			assert_true(clock_monotonic_ns() < end);
			usleep(1000);
		}
		loop_post(world->loop, cancel_watch, &watch);
		wait_true(&watch.cancelled);
		wait_count(&world->streams_closed, http1 + 1);
		free_client(world, client);
	}
}

/* --- WebSockets --- */

struct talk {
	struct world *world;
	struct http_client *client;
	struct str url, protocols;
	struct websocket *socket;
	char heard[64], protocol[32];
	atomic_size_t bytes;
	atomic_int messages, closed_code, refused_status, opened;
};

static void talk_message(struct websocket *socket UNUSED, void *data, enum websocket_type type UNUSED, struct str bytes)
{
	struct talk *talk = data;

	memcpy(talk->heard, bytes.data, MIN(bytes.len, sizeof(talk->heard) - 1));
	atomic_fetch_add(&talk->bytes, bytes.len);
	atomic_fetch_add(&talk->messages, 1);
}

static void talk_closed(struct websocket *socket UNUSED, void *data, int code)
{
	atomic_store(&((struct talk *)data)->closed_code, code);
}

static void talk_opened(struct websocket *socket, void *data, struct str protocol)
{
	struct talk *talk = data;

	talk->socket = socket;
	memcpy(talk->protocol, protocol.data, MIN(protocol.len, sizeof(talk->protocol) - 1));
	atomic_store(&talk->opened, 1);
}

static void talk_refused(void *data, int status, struct str body UNUSED, const struct error *err UNUSED)
{
	atomic_store(&((struct talk *)data)->refused_status, status);
}

static const struct websocket_ops talk_ops = {
	.message = talk_message,
	.closed = talk_closed,
	.opened = talk_opened,
	.refused = talk_refused,
};

static void begin_talk(void *data)
{
	struct talk *talk = data;

	websocket_connect(talk->client, &(struct http_call_config){.url = talk->url}, talk->protocols, &talk_ops, talk);
}

static void say_hello(void *data)
{
	websocket_send(((struct talk *)data)->socket, WEBSOCKET_TEXT, STR("hello"));
}

static void say_much(void *data)
{
	static char block[512 * KIB];

	for (int i = 0; i < 8; i++)
		websocket_send(((struct talk *)data)->socket, WEBSOCKET_BINARY, (struct str){block, sizeof(block)});
}

static void say_bye(void *data)
{
	websocket_send(((struct talk *)data)->socket, WEBSOCKET_TEXT, STR("bye"));
}

static void say_too_much(void *data)
{
	char *block = xcalloc(1, WEBSOCKET_MESSAGE_MAX + 1);

	websocket_send(((struct talk *)data)->socket, WEBSOCKET_BINARY, (struct str){block, WEBSOCKET_MESSAGE_MAX + 1});
	free(block);
}

static void test_websocket(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct http_client *client = new_client(world, world->authority.ca_pem, STR_EMPTY, STR_EMPTY, false);
	struct talk talk = {.client = client, .url = url_of(&arena, "https", world->server, "/ws")};

	talk.protocols = STR("v9.channel.k8s.io, v4.channel.k8s.io, v5.channel.k8s.io");
	loop_post(world->loop, begin_talk, &talk);
	wait_count(&talk.opened, 1);
	assert_string_equal(talk.protocol, "v4.channel.k8s.io");
	loop_post(world->loop, say_hello, &talk);
	wait_count(&talk.messages, 1);
	assert_string_equal(talk.heard, "hello");
	loop_post(world->loop, say_much, &talk);
	wait_count(&talk.messages, 9);
	assert_int_equal(atomic_load(&talk.bytes), 5 + 8 * 512 * KIB);
	loop_post(world->loop, say_bye, &talk);
	wait_count(&talk.closed_code, 1);
	assert_int_equal(atomic_load(&talk.closed_code), 4001);
	wait_count(&world->streams_closed, 1);
	/* Larger than allowed. */
	talk = (struct talk){.client = client, .url = talk.url};
	loop_post(world->loop, begin_talk, &talk);
	wait_count(&talk.opened, 1);
	loop_post(world->loop, say_too_much, &talk);
	wait_count(&talk.closed_code, 1);
	assert_int_equal(atomic_load(&talk.closed_code), 1009);
	/* Refused. */
	talk = (struct talk){.client = client, .url = talk.url, .protocols = STR("v9.channel.k8s.io")};
	loop_post(world->loop, begin_talk, &talk);
	wait_count(&talk.refused_status, 1);
	assert_int_equal(atomic_load(&talk.refused_status), 403);
	free_client(world, client);
}

/* --- relay --- */

struct pumping {
	struct loop *loop;
	int fds[2];
	atomic_int ended;
	uint64_t a_to_b, b_to_a;
};

static void relay_ended(void *data, uint64_t a_to_b, uint64_t b_to_a)
{
	struct pumping *pumping = data;

	pumping->a_to_b = a_to_b;
	pumping->b_to_a = b_to_a;
	atomic_store(&pumping->ended, 1);
}

static void begin_relay(void *data)
{
	struct pumping *pumping = data;
	struct conn *conns[2] = {NULL};
	struct error err = {0};

	for (int i = 0; i < 2; i++)
		must(conn_new(&(struct conn_config){.loop = pumping->loop, .fd = pumping->fds[i], .server = true},
			      &conns[i], &err),
		     &err);
	relay_new(conns[0], conns[1], relay_ended, pumping);
}

#define PUMPED (8 * MIB)

static void write_much(void *data)
{
	int fd = *(int *)data;
	char *block = xcalloc(1, PUMPED);

	for (size_t i = 0; i < PUMPED; i++)
		block[i] = (char)(i * 7 / 3);
	say_bytes(fd, block, PUMPED);
	shutdown(fd, SHUT_WR);
	free(block);
}

static void test_relay(void **state)
{
	struct world *world = *state;
	struct pumping pumping = {.loop = world->loop};
	int left[2], right[2];
	size_t total = 0;
	ssize_t n;
	char part[8192];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, left), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, right), 0);
	pumping.fds[0] = left[1];
	pumping.fds[1] = right[1];
	loop_post(world->loop, begin_relay, &pumping);
	worker_pool_submit(world->pool, write_much, &left[0]);
	while ((n = recv(right[0], part, sizeof(part), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (part[i] != (char)((total + (size_t)i) * 7 / 3))
				fail_msg("byte %zu is wrong", total + (size_t)i);
		total += (size_t)n;
	}
	assert_int_equal(total, PUMPED);
	say(right[0], "thanks");
	shutdown(right[0], SHUT_WR);
	assert_int_equal(recv(left[0], part, sizeof(part), MSG_WAITALL), 6);
	wait_count(&pumping.ended, 1);
	assert_int_equal(pumping.a_to_b, PUMPED);
	assert_int_equal(pumping.b_to_a, 6);
	close_fd(left[0]);
	close_fd(right[0]);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_versions),   CASE(test_body_too_large), CASE(test_identity),	   CASE(test_reload),
		CASE(test_failures),   CASE(test_redirects),	  CASE(test_many_watches), CASE(test_back_pressure),
		CASE(test_many_large), CASE(test_websocket),	  CASE(test_relay),
	};

	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
