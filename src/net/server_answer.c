/*
 * Answers: whole ones, compressed ones, streams and upgrades, on top of either framing; see http_server.h.
 *
 * Compression is a stream of our own: each time the connection has taken what there was, the next slice of the body is
 * compressed, so that a long body neither stalls the loop nor is held twice.
 */
#include <zlib.h>

#include "base/limits.h"
#include "net/headers.h"
#include "net/server_internal.h"

#define GZIP_SLICE (64 * 1024)
#define GZIP_LEVEL 1 /* upstream's */

static struct exchange *exchange_of(const struct http_request *request)
{
	return CONTAINER_OF(request, struct exchange, request);
}

struct str http_request_header(const struct http_request *request, struct str name)
{
	return http_headers_get(request->headers, name);
}

bool http_request_is_aborted(const struct http_request *request)
{
	return atomic_load(&exchange_of(request)->aborted);
}

struct loop *http_request_loop(const struct http_request *request)
{
	return exchange_of(request)->home->loop;
}

static void run_posted(struct loop_call *call)
{
	struct exchange *exchange = CONTAINER_OF(call, struct exchange, call);

	exchange->posted(&exchange->request);
}

void http_request_post(struct http_request *request, void (*run)(struct http_request *request))
{
	struct exchange *exchange = exchange_of(request);

	exchange->posted = run;
	exchange->call.run = run_posted;
	loop_post_call(exchange->home->loop, &exchange->call);
}

/* The handler's hold ends: the exchange answers, or, when the client has gone, ends here.  False in that case. */
static bool take_back(struct exchange *exchange)
{
	assert(exchange->state == EXCHANGE_HANDLING);
	if (exchange->conn) {
		exchange_enter(exchange, EXCHANGE_ANSWERING);
		return true;
	}
	exchange_enter(exchange, EXCHANGE_GONE);
	exchange_unref(exchange);
	return false;
}

struct gzip {
	z_stream z;
	struct payload body;
	size_t taken;
	struct exchange *exchange; /* a reference: the body may be in its arena */
};

static void gzip_next(struct http_stream *stream, void *data)
{
	struct gzip *gzip = data;
	size_t size = MIN(gzip->body.bytes.len - gzip->taken, (size_t)GZIP_SLICE), made;
	bool last = gzip->taken + size == gzip->body.bytes.len;
	char *out = xmalloc(GZIP_SLICE + GZIP_SLICE / 8 + 64);

	/* zlib only reads its input, but for old compilers' sake has no const. */
	gzip->z.next_in = UNCONST(unsigned char *, gzip->body.bytes.data) + gzip->taken;
	gzip->z.avail_in = (unsigned)size;
	gzip->taken += size;
	do {
		gzip->z.next_out = (unsigned char *)out;
		gzip->z.avail_out = GZIP_SLICE;
		deflate(&gzip->z, last ? Z_FINISH : Z_NO_FLUSH);
		made = GZIP_SLICE - gzip->z.avail_out;
		if (made)
			http_stream_write(stream, PAYLOAD(((struct str){out, made})));
	} while (gzip->z.avail_out == 0);
	free(out);
	if (last)
		http_stream_end(stream);
	else
		exchange_of(http_stream_request(stream))->notify_drained = true;
	if (!last)
		loop_defer(&stream->defer);
}

static void gzip_closed(struct http_stream *stream UNUSED, void *data)
{
	struct gzip *gzip = data;

	deflateEnd(&gzip->z);
	payload_release(&gzip->body);
	free(gzip);
}

static void respond_gzip(struct exchange *exchange, const struct http_response *response)
{
	static const struct http_stream_ops ops = {.drained = gzip_next, .closed = gzip_closed};
	struct arena *arena = &exchange->request.arena;
	struct http_header *headers = ARENA_NEW_N(arena, struct http_header, response->headers.len + 2);
	struct http_response head = {.status = response->status};
	struct gzip *gzip = XNEW(struct gzip);
	struct http_stream *stream;

	if (response->headers.len)
		memcpy(headers, response->headers.items, response->headers.len * sizeof(*headers));
	headers[response->headers.len] = (struct http_header){STR("content-encoding"), STR("gzip")};
	headers[response->headers.len + 1] = (struct http_header){STR("vary"), STR("Accept-Encoding")};
	head.headers = (struct http_headers){headers, response->headers.len + 2};
	gzip->body = response->body;
	/* 16 above the largest window asks for gzip's own framing. */
	if (deflateInit2(&gzip->z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* wrong parameters, or no memory for a small allocation */
	stream = http_stream_start(&exchange->request, &head, &ops, gzip);
	gzip_next(stream, gzip);
}

void http_respond(struct http_request *request, const struct http_response *response)
{
	struct exchange *exchange = exchange_of(request);
	struct payload body = response->body;

	if (!exchange->conn) {
		payload_release(&body);
		take_back(exchange);
		return;
	}
	if (response->gzip && response->body.bytes.len > HTTP_GZIP_MIN && !exchange->head &&
	    accept_encoding_has(request->headers, STR("gzip"))) {
		respond_gzip(exchange, response);
		return;
	}
	take_back(exchange);
	exchange->conn->framing->start(exchange, response, true);
}

static void respond_posted(struct http_request *request)
{
	struct http_response response = exchange_of(request)->response;

	http_respond(request, &response);
}

void http_respond_post(struct http_request *request, const struct http_response *response)
{
	struct exchange *exchange = exchange_of(request);

	exchange->response = *response;
	if (response->headers.len)
		exchange->response.headers.items =
			arena_memdup(&request->arena, response->headers.items,
				     response->headers.len * sizeof(*response->headers.items));
	http_request_post(request, respond_posted);
}

void http_respond_text(struct http_request *request, int status, const char *format, ...)
{
	struct http_response response = {
		.status = status,
		.headers = HTTP_HEADERS({STR("content-type"), STR("text/plain; charset=utf-8")}),
	};
	va_list args;

	va_start(args, format);
	response.body.bytes = arena_vprintf(&request->arena, format, args);
	va_end(args);
	if (loop_is_current(http_request_loop(request)))
		http_respond(request, &response);
	else
		http_respond_post(request, &response);
}

void http_request_drop(struct http_request *request)
{
	struct exchange *exchange = exchange_of(request);

	if (take_back(exchange))
		exchange->conn->framing->reset(exchange);
}

/* --- streams --- */

static void stream_run(struct loop_defer *defer)
{
	struct http_stream *stream = CONTAINER_OF(defer, struct http_stream, defer);
	struct exchange *exchange = stream->exchange;

	if (stream->drained && !stream->closing) {
		stream->drained = false;
		if (stream->ops && stream->ops->drained)
			stream->ops->drained(stream, stream->data);
	} else if (exchange && !stream->closing && exchange->notify_drained && http_stream_pending(stream) == 0) {
		/* Nothing was waiting when the notice was asked for. */
		exchange->notify_drained = false;
		if (stream->ops && stream->ops->drained)
			stream->ops->drained(stream, stream->data);
	}
	if (stream->closing && exchange)
		http_stream_finish(stream);
}

/* The end of a stream whose exchange has left its connection. */
void http_stream_finish(struct http_stream *stream)
{
	struct exchange *exchange = stream->exchange;

	list_remove(&stream->link);
	atomic_fetch_sub_explicit(&exchange->home->streams_open, 1, memory_order_relaxed);
	if (stream->ops && stream->ops->closed)
		stream->ops->closed(stream, stream->data);
	stream->exchange = NULL;
	exchange->stream = NULL;
	loop_defer_cancel(&stream->defer);
	exchange_enter(exchange, EXCHANGE_GONE);
	exchange_unref(exchange);
	http_stream_unref(stream);
}

struct http_stream *http_stream_start(struct http_request *request, const struct http_response *response,
				      const struct http_stream_ops *ops, void *data)
{
	struct exchange *exchange = exchange_of(request);
	struct http_stream *stream = XNEW(struct http_stream);
	struct payload body = response->body;

	assert(exchange->state == EXCHANGE_HANDLING);
	atomic_init(&stream->refs, 1);
	stream->exchange = exchange;
	stream->loop = exchange->home->loop;
	stream->ops = ops;
	stream->data = data;
	loop_defer_init(&stream->defer, stream->loop, stream_run);
	exchange->stream = stream;
	list_append(&exchange->home->streams, &stream->link);
	atomic_fetch_add_explicit(&exchange->home->streams_open, 1, memory_order_relaxed);
	exchange_enter(exchange, EXCHANGE_ANSWERING);
	if (!exchange->conn) {
		payload_release(&body);
		stream->closing = true;
		loop_defer(&stream->defer);
		return stream;
	}
	exchange->conn->framing->start(exchange, response, false);
	if (body.bytes.len || body.release)
		http_stream_write(stream, body);
	return stream;
}

static bool is_writable(const struct http_stream *stream)
{
	return stream->exchange && stream->exchange->conn && !stream->exchange->ended && !stream->closing;
}

bool http_stream_write(struct http_stream *stream, struct payload payload)
{
	struct exchange *exchange = stream->exchange;

	if (is_writable(stream) && exchange->head) {
		payload_release(&payload);
		return true;
	}
	if (!is_writable(stream) || http_stream_pending(stream) > LIMIT_CONNECTION_BUFFER) {
		payload_release(&payload);
		http_stream_abort(stream);
		return false;
	}
	if (str_empty(payload.bytes)) {
		payload_release(&payload);
		return true;
	}
	exchange->notify_drained = true;
	exchange->conn->framing->write(exchange, payload);
	return true;
}

size_t http_stream_pending(const struct http_stream *stream)
{
	const struct exchange *exchange = stream->exchange;

	return exchange && exchange->conn ? exchange->conn->framing->pending(exchange) : 0;
}

void http_stream_end(struct http_stream *stream)
{
	if (is_writable(stream)) {
		stream->exchange->ended = true;
		stream->exchange->conn->framing->end(stream->exchange);
	}
}

void http_stream_abort(struct http_stream *stream)
{
	struct exchange *exchange = stream->exchange;

	if (exchange && exchange->conn && !stream->closing) {
		exchange->ended = true;
		exchange->conn->framing->reset(exchange);
	}
}

struct http_request *http_stream_request(struct http_stream *stream)
{
	return stream->exchange ? &stream->exchange->request : NULL;
}

void http_stream_trim(struct http_stream *stream)
{
	struct exchange *exchange = stream->exchange;

	if (!exchange)
		return;
	arena_release(&exchange->request.arena);
	buf_release(&exchange->body);
	exchange->request = (struct http_request){.peer = exchange->request.peer, .version = exchange->request.version};
}

struct http_stream *http_stream_ref(struct http_stream *stream)
{
	atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
	return stream;
}

struct http_stream *http_stream_unref(struct http_stream *stream)
{
	if (stream && atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) == 1)
		free(stream);
	return NULL;
}

struct loop *http_stream_loop(const struct http_stream *stream)
{
	return stream->loop;
}

struct stream_post {
	struct http_stream *stream; /* a reference */
	struct payload payload;
	bool end;
};

static void run_stream_post(void *data)
{
	struct stream_post *post = data;
	bool copied = !post->payload.release && post->payload.bytes.len;

	if (post->end)
		http_stream_end(post->stream);
	else
		http_stream_write(post->stream, post->payload);
	if (copied)
		free(post->payload.data);
	http_stream_unref(post->stream);
	free(post);
}

void http_stream_write_post(struct http_stream *stream, struct payload payload)
{
	struct stream_post *post = XNEW(struct stream_post);

	post->stream = http_stream_ref(stream);
	post->payload = payload;
	if (!payload.release && payload.bytes.len) {
		post->payload.data = xmemdup(payload.bytes.data, payload.bytes.len);
		post->payload.bytes.data = post->payload.data;
	}
	loop_post(stream->loop, run_stream_post, post);
}

void http_stream_end_post(struct http_stream *stream)
{
	struct stream_post *post = XNEW(struct stream_post);

	post->stream = http_stream_ref(stream);
	post->end = true;
	loop_post(stream->loop, run_stream_post, post);
}

/* --- upgrades --- */

struct str http_request_upgrade(const struct http_request *request)
{
	struct str upgrade = exchange_of(request)->upgrade;

	return upgrade.data ? upgrade : STR_EMPTY;
}

struct conn *http_upgrade(struct http_request *request, struct http_headers headers)
{
	struct exchange *exchange = exchange_of(request);

	assert(exchange->state == EXCHANGE_HANDLING);
	if (!exchange->conn || str_empty(exchange->upgrade))
		return NULL;
	return http1_take_conn(exchange, headers);
}
