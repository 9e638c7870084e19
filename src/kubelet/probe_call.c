/* One HTTP call of a probe; see probe_call.h. */
#include "kubelet/probe_call.h"

#include "base/clock.h"
#include "base/limits.h"
#include "kubelet/probe_run.h"
#include "sys/loop.h"

#define BODY_MAX    (10 * KIB) /* as upstream's */
#define DIAL_MAX_NS (30 * NS_PER_SEC)

struct once {
	struct loop *loop;
	struct arena *arena;
	int status;
	VEC_OF(struct http_header) headers;
	struct buf body;
	struct error err;
};

static void keep(struct once *once, struct http_headers headers)
{
	for (size_t i = 0; i < headers.len; i++)
		vec_push(once->arena, &once->headers,
			 (struct http_header){arena_str(once->arena, headers.items[i].name),
					      arena_str(once->arena, headers.items[i].value)});
}

static void on_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers)
{
	struct once *once = data;

	once->status = status;
	keep(once, headers);
}

static void on_trailers(struct http_call *call UNUSED, void *data, struct http_headers trailers)
{
	keep(data, trailers);
}

static void on_body(struct http_call *call UNUSED, void *data, struct str bytes)
{
	struct once *once = data;

	buf_append(&once->body, bytes.data, MIN(bytes.len, once->body.limit - once->body.len));
}

static void on_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct once *once = data;

	if (err)
		error_pass(&once->err, err);
	loop_stop(once->loop);
}

static int dial(void *cookie UNUSED, const char *host, uint16_t port, struct error *err)
{
	int fd = probe_dial(host, port, DIAL_MAX_NS, err); /* the call's own time is shorter */

	return fd < 0 ? -1 : fd;
}

int probe_call(const struct kubelet_context *context, const struct probe_call *call, struct arena *arena,
	       struct http_result *ret, struct error *err)
{
	static const struct http_call_ops ops = {
		.headers = on_headers, .trailers = on_trailers, .body = on_body, .ended = on_ended};
	struct once once = {.loop = loop_new(), .arena = arena};
	struct http_client_config client = {.loop = once.loop,
					    .no_http2 = !call->http2,
					    .http2_plain = call->http2,
					    .pool = context->pool,
					    .dial = dial};
	struct http_call_config config = call->http;
	struct http_client *http;

	config.ops = &ops;
	config.data = &once;
	buf_init(&once.body, BODY_MAX);
	if (tls_context_new_client(&(struct tls_client_config){.insecure = true}, &client.tls, &once.err) == 0) {
		http = http_client_new(&client);
		http_client_call(http, &config);
		loop_run(once.loop);
		http_client_free(http);
		tls_context_unref(client.tls);
	}
	loop_free(once.loop);
	*ret = (struct http_result){.status = once.status,
				    .headers = {once.headers.items, once.headers.len},
				    .body = arena_str(arena, buf_view(&once.body))};
	buf_release(&once.body);
	return once.err.code == ERR_NONE ? 0 : error_pass(err, &once.err);
}
