/*
 * HTTP/2 of the client over nghttp2: many calls on one connection; see client_internal.h.
 *
 * Windows are given back by hand: the connection's as soon as bytes come, a stream's when its caller has taken them, so
 * that a paused call holds back its own stream and nobody else's.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "net/client_internal.h"
#include "net/http2_session.h"

#define READ_SIZE	  (16 * 1024)
#define READS_PER_TURN	  8
#define STREAM_WINDOW	  (512 * 1024)
#define CONNECTION_WINDOW (8 * 1024 * 1024)
#define HEADERS_PER_CALL  64

struct client_http2 {
	struct http2_session session;
};

static struct http_call *call_at(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* The call has gone while the session still has its stream. */
static void abandon(nghttp2_session *session, int32_t stream_id, uint32_t code)
{
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, code);
}

/* --- receiving --- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_data, size_t name_len,
		     const uint8_t *value_data, size_t value_len, uint8_t flags UNUSED, void *data UNUSED)
{
	struct str name = {(const char *)name_data, name_len}, value = {(const char *)value_data, value_len};
	struct http_call *call = call_at(session, frame->hd.stream_id);
	uint64_t status;

	if (!call || (call->state != CALL_SENT && call->state != CALL_BODY))
		return 0;
	if (str_eq_c(name, ":status")) {
		call->status = str_parse_uint64(value, &status) == 0 && status < 1000 ? (int)status : 0;
		return 0;
	}
	if (call->status >= 100 && call->status < 200)
		return 0;
	return call_add_header(call, name, value) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct client_conn *conn = data;
	struct http_call *call;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		conn->draining = true;
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		loop_defer(&conn->origin->client->defer);
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	call = call_at(session, frame->hd.stream_id);
	if (!call || (call->state != CALL_SENT && call->state != CALL_BODY) || call->status < 200)
		return 0;
	if (!(call->state == CALL_BODY ? call_trailers_complete(call) : call_headers_complete(call)) &&
	    call_at(session, frame->hd.stream_id))
		abandon(session, frame->hd.stream_id, NGHTTP2_CANCEL);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags UNUSED, int32_t stream_id, const uint8_t *bytes, size_t len,
		   void *data UNUSED)
{
	struct http_call *call = call_at(session, stream_id);

	nghttp2_session_consume_connection(session, len);
	if (!call) {
		nghttp2_session_consume_stream(session, stream_id, len);
		return 0;
	}
	if (!call_deliver(call, (struct str){(const char *)bytes, len}) && call_at(session, stream_id))
		abandon(session, stream_id, NGHTTP2_CANCEL);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *data)
{
	struct http_call *call = call_at(session, stream_id);
	struct client_conn *conn = data;
	struct error err = {0};

	if (!call)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	call_detach(call);
	client_conn_release_call(conn);
	/* A server may end an answer without waiting for the rest of the request. */
	if (code == NGHTTP2_NO_ERROR && call->state == CALL_BODY) {
		call_complete(call);
		return 0;
	}
	error_set(&err, ERR_CLOSED, "the server reset the stream: %s", nghttp2_http2_strerror(code));
	call_fail(call, code == NGHTTP2_REFUSED_STREAM, &err);
	return 0;
}

static void lose(struct client_conn *conn, const char *why)
{
	struct error err = {0};

	error_set(&err, ERR_CLOSED, "%s", why);
	client_conn_close(conn, &err);
}

static void http2_produce(struct client_conn *conn);

static void http2_readable(struct client_conn *conn)
{
	uint8_t buffer[READ_SIZE];
	ssize_t n = -ERR_AGAIN;
	int failed;

	for (int i = 0; i < READS_PER_TURN && !conn->closing; i++) {
		n = conn_read(conn->conn, buffer, sizeof(buffer));
		if (n <= 0)
			break;
		failed = http2_session_feed(&conn->http2->session, buffer, (size_t)n);
		if (failed) {
			http2_produce(conn);
			lose(conn, nghttp2_strerror(failed));
			return;
		}
	}
	if (n == 0) {
		lose(conn, "the server closed the connection");
		return;
	}
	client_conn_produce_later(conn);
}

/* --- sending --- */

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t length, uint32_t *flags,
			 nghttp2_data_source *source UNUSED, void *data UNUSED)
{
	struct http_call *call = call_at(session, stream_id);
	size_t part;

	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	part = MIN(length, call->body.bytes.len - call->body_sent);
	memcpy(out, call->body.bytes.data + call->body_sent, part);
	call->body_sent += part;
	if (call->body_sent == call->body.bytes.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)part;
}

/* Fields of HTTP/1.1's connections have no place here, but for "te: trailers" (RFC 9113, 8.2.2). */
static bool is_hop_field(struct str name, struct str value)
{
	static const char *const names[] = {"connection",	"host",	   "keep-alive",
					    "proxy-connection", "upgrade", "transfer-encoding"};

	if (str_eq_c(name, "te"))
		return !str_eq_c(value, "trailers");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_c(name, names[i]))
			return true;
	return false;
}

static void http2_send(struct client_conn *conn, struct http_call *call)
{
	const struct http_call_config *config = &call->config;
	struct str host = http_headers_get(config->headers, STR("host")), path = call->url.path;
	nghttp2_data_provider provider = {.read_callback = read_body};
	nghttp2_nv nv[HEADERS_PER_CALL + 6];
	char number[24];
	size_t len = 0;

	if (call->url.query.len)
		path = arena_printf(&call->arena, STR_FMT "?" STR_FMT, STR_ARG(path), STR_ARG(call->url.query));
	nv[len++] = http2_field(STR(":method"), str_from(config->method));
	nv[len++] = http2_field(STR(":scheme"), call->url.scheme);
	nv[len++] = http2_field(STR(":authority"), host.len ? host : url_authority(&call->url, &call->arena));
	nv[len++] = http2_field(STR(":path"), path);
	if (call->client->config.user_agent.len)
		nv[len++] = http2_field(STR("user-agent"), call->client->config.user_agent);
	for (size_t i = 0; i < MIN(config->headers.len, (size_t)HEADERS_PER_CALL); i++)
		if (!is_hop_field(config->headers.items[i].name, config->headers.items[i].value))
			nv[len++] = http2_field(config->headers.items[i].name, config->headers.items[i].value);
	if (call->body.bytes.len) {
		snprintf(number, sizeof(number), "%zu", call->body.bytes.len);
		nv[len++] = http2_field(STR("content-length"), str_from(number));
	}
	call->body_sent = 0;
	call->stream_id = nghttp2_submit_request(conn->http2->session.nghttp2, NULL, nv, len,
						 call->body.bytes.len ? &provider : NULL, call);
	if (call->stream_id < 0) {
		/* The stream numbers of this connection are used up: the call goes to another. */
		conn->draining = true;
		lose(conn, "no more streams");
		return;
	}
	client_conn_produce_later(conn);
}

static void http2_produce(struct client_conn *conn)
{
	struct http2_session *session = &conn->http2->session;
	int failed = http2_session_produce(session, conn->conn);

	if (failed)
		lose(conn, nghttp2_strerror(failed));
	else if (http2_session_is_over(session))
		lose(conn, "the server ended the connection");
}

static void http2_cancel(struct client_conn *conn, struct http_call *call)
{
	abandon(conn->http2->session.nghttp2, call->stream_id, NGHTTP2_CANCEL);
	client_conn_produce_later(conn);
}

static void http2_consumed(struct client_conn *conn, struct http_call *call, size_t size)
{
	if (size)
		nghttp2_session_consume_stream(conn->http2->session.nghttp2, call->stream_id, size);
	client_conn_produce_later(conn);
}

static bool http2_has_room(const struct client_conn *conn)
{
	return conn->calls_len < nghttp2_session_get_remote_settings(conn->http2->session.nghttp2,
								     NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static void http2_release(struct client_conn *conn)
{
	if (conn->http2)
		nghttp2_session_del(conn->http2->session.nghttp2);
	free(conn->http2);
	conn->http2 = NULL;
}

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_callbacks(void)
{
	http2_make_settings(&callbacks, &options);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_peer_max_concurrent_streams(options, 100);
}

static bool http2_init(struct client_conn *conn)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	};

	pthread_once(&once, make_callbacks);
	conn->http2 = XNEW(struct client_http2);
	if (nghttp2_session_client_new2(&conn->http2->session.nghttp2, callbacks, conn, options) != 0)
		return false;
	http2_session_begin(&conn->http2->session, settings, ARRAY_LEN(settings), CONNECTION_WINDOW);
	client_conn_produce_later(conn);
	return true;
}

/* Something to send, so that a dead peer shows itself (net/http.h: HTTP_PEER_TIMEOUT_MS). */
void client_http2_ping(struct client_conn *conn)
{
	nghttp2_submit_ping(conn->http2->session.nghttp2, NGHTTP2_FLAG_NONE, NULL);
	client_conn_produce_later(conn);
}

const struct client_framing client_http2_framing = {
	.init = http2_init,
	.send = http2_send,
	.readable = http2_readable,
	.drained = http2_produce,
	.produce = http2_produce,
	.cancel = http2_cancel,
	.consumed = http2_consumed,
	.has_room = http2_has_room,
	.release = http2_release,
};
