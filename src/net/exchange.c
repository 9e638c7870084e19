/* Exchanges, a request and its answer, whatever the framing; see server_internal.h. */
#include "base/clock.h"
#include "base/limits.h"
#include "net/server_internal.h"
#include "net/tls_internal.h"
#include "net/url.h"

#define HEADER_OVERHEAD 32 /* as HTTP/2 counts a field (RFC 9113, 6.5.2) */

struct exchange *exchange_new(struct server_conn *conn)
{
	struct exchange *exchange = XNEW(struct exchange);
	const struct http_server_config *config = &conn->home->server->config;

	exchange->home = conn->home;
	exchange->conn = conn;
	exchange->refs = 1;
	exchange->started = clock_monotonic_ns();
	arena_init(&exchange->request.arena, LIMIT_REQUEST_MEMORY);
	buf_init(&exchange->body, config->body_max);
	exchange->request.tls = config->tls != NULL;
	exchange->request.peer_address = conn->peer_address;
	exchange->request.peer_port = conn->peer_port;
	exchange->request.peer = conn_peer(conn->conn);
	if (exchange->request.peer)
		tls_peer_ref(exchange->request.peer);
	list_append(&conn->exchanges, &exchange->link);
	conn->home->exchanges++;
	return exchange;
}

void exchange_unref(struct exchange *exchange)
{
	struct home *home = exchange->home;

	if (--exchange->refs)
		return;
	while (exchange->first) {
		struct piece *piece = exchange->first;

		exchange->first = piece->next;
		payload_release(&piece->payload);
		free(piece);
	}
	arena_release(&exchange->request.arena);
	buf_release(&exchange->body);
	tls_peer_unref(exchange->request.peer);
	free(exchange);
	home->exchanges--;
	home_check_stopped(home);
}

void exchange_enter(struct exchange *exchange, enum exchange_state state)
{
	assert(state > exchange->state);
	if (state == EXCHANGE_HANDLING) {
		atomic_fetch_add_explicit(&exchange->home->requests, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&exchange->home->requests_open, 1, memory_order_relaxed);
	}
	if (exchange->state == EXCHANGE_HANDLING)
		atomic_fetch_sub_explicit(&exchange->home->requests_open, 1, memory_order_relaxed);
	exchange->state = state;
}

static void refuse_later(struct exchange *exchange, int status, const char *why)
{
	if (!exchange->refuse) {
		exchange->refuse = status;
		exchange->refuse_why = why;
	}
}

bool exchange_add_header(struct exchange *exchange, struct str name, struct str value)
{
	exchange->header_size += name.len + value.len + HEADER_OVERHEAD;
	if (exchange->header_size > LIMIT_REQUEST_HEADERS || exchange->headers.len >= LIMIT_REQUEST_FIELDS) {
		refuse_later(exchange, 431, "the request's header fields are too large");
		return false;
	}
	vec_push(&exchange->request.arena, &exchange->headers, (struct http_header){name, value});
	return true;
}

bool exchange_add_body(struct exchange *exchange, const void *data, size_t size)
{
	atomic_fetch_add_explicit(&exchange->home->received, size, memory_order_relaxed);
	buf_append(&exchange->body, data, size);
	if (!exchange->body.overflow)
		return true;
	refuse_later(exchange, 413, "the request's body is too large");
	return false;
}

bool exchange_set_target(struct exchange *exchange, struct str target)
{
	struct http_request *request = &exchange->request;
	struct str scheme, rest, host;

	/* The absolute form, as sent to proxies: the authority in it counts (RFC 9112, 3.2.2). */
	if (target.len && target.data[0] != '/' && !str_eq_c(target, "*")) {
		if (!str_cut(target, ':', &scheme, &rest) || !str_has_prefix(rest, STR("//")))
			return false;
		host = rest = str_from_at(rest, 2);
		host.len = 0;
		while (host.len < rest.len && rest.data[host.len] != '/' && rest.data[host.len] != '?')
			host.len++;
		request->authority = arena_str(&request->arena, host);
		target = str_from_at(rest, host.len);
		if (str_empty(target) || target.data[0] == '?')
			target = arena_concat(&request->arena, STR("/"), target);
	}
	str_cut(target, '?', &request->raw_path, &request->query);
	return target.len > 0 && url_decode_path(request->raw_path, &request->arena, &request->path) == 0;
}

static void refuse(struct exchange *exchange)
{
	const struct http_server_config *config = &exchange->home->server->config;
	struct http_response response = {
		.status = exchange->refuse,
		.headers = HTTP_HEADERS({STR("content-type"), STR("text/plain; charset=utf-8")}),
	};
	struct str text;

	exchange->keep_alive = false;
	if (config->refuse) {
		config->refuse(config->cookie, &exchange->request, exchange->refuse, exchange->refuse_why, &response);
	} else {
		text = arena_printf(&exchange->request.arena, "%d %s: %s\n", exchange->refuse,
				    http_status_text(exchange->refuse), exchange->refuse_why);
		response.body = PAYLOAD(text);
	}
	http_respond(&exchange->request, &response);
}

void exchange_dispatch(struct exchange *exchange)
{
	const struct http_server_config *config = &exchange->home->server->config;
	struct http_request *request = &exchange->request;

	request->headers = (struct http_headers){exchange->headers.items, exchange->headers.len};
	request->body = buf_view(&exchange->body);
	request->received = clock_monotonic_ns();
	exchange->head = str_eq_c(request->method, "HEAD");
	exchange_enter(exchange, EXCHANGE_HANDLING);
	if (exchange->refuse)
		refuse(exchange);
	else
		config->handle(config->cookie, request);
}

/* Tells the stream's owner the end, soon, and lets go of the exchange. */
static void close_stream(struct exchange *exchange)
{
	struct http_stream *stream = exchange->stream;

	stream->closing = true;
	loop_defer(&stream->defer);
}

void exchange_detach(struct exchange *exchange)
{
	if (!exchange->conn)
		return;
	exchange->conn = NULL;
	list_remove(&exchange->link);
	switch (exchange->state) {
	case EXCHANGE_HANDLING:
		atomic_store(&exchange->aborted, true);
		if (exchange->request.aborted)
			exchange->request.aborted(&exchange->request);
		break;
	case EXCHANGE_ANSWERING:
		atomic_store(&exchange->aborted, true);
		if (exchange->stream)
			close_stream(exchange);
		else
			exchange_unref(exchange);
		break;
	default:
		exchange_unref(exchange);
		break;
	}
}

void exchange_done(struct exchange *exchange)
{
	assert(exchange->state == EXCHANGE_ANSWERING && exchange->conn);
	exchange->conn = NULL;
	list_remove(&exchange->link);
	if (exchange->stream)
		close_stream(exchange);
	else
		exchange_unref(exchange);
}

void exchange_notify_drained(struct exchange *exchange)
{
	struct http_stream *stream = exchange->stream;

	if (stream && !stream->closing && exchange->notify_drained) {
		exchange->notify_drained = false;
		stream->drained = true;
		loop_defer(&stream->defer);
	}
}
