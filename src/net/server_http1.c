/*
 * HTTP/1.1 of the server: llhttp reads, one exchange at a time; see server_internal.h.
 *
 * The parser pauses after each message, and the handler is called outside of it.  While an exchange is under way the
 * connection is still read, to hear the peer leave; bytes that come (pipelining) are put back and reading is paused
 * until the answer is out.
 */
#include <llhttp.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http1_text.h"
#include "net/server_internal.h"

#define READ_SIZE      (16 * 1024)
#define READS_PER_TURN 4
#define LINGER	       NS_PER_SEC /* for what was sent to be read, after an error */

struct http1 {
	llhttp_t parser;
	struct exchange *exchange; /* under way, or NULL */
	struct str rest;	   /* during a dispatch: bytes after the request */
	/* The field being read; in the exchange's arena. */
	struct http1_text text;
	struct str name;
	bool ended, taken;
};

static struct http1 *http1_of(llhttp_t *parser)
{
	return CONTAINER_OF(parser, struct http1, parser);
}

static struct server_conn *conn_of(llhttp_t *parser)
{
	return parser->data;
}

/* --- reading --- */

static int refuse_message(struct exchange *exchange, int status, const char *why)
{
	if (!exchange->refuse) {
		exchange->refuse = status;
		exchange->refuse_why = why;
	}
	return -1;
}

static int on_message_begin(llhttp_t *parser)
{
	struct server_conn *conn = conn_of(parser);
	struct http1 *http1 = http1_of(parser);

	http1->exchange = exchange_new(conn);
	http1->text = (struct http1_text){0};
	server_conn_set_deadline(conn, http1->exchange->started + server_header_timeout(conn->home->server));
	return 0;
}

static int on_text(llhttp_t *parser, const char *at, size_t size)
{
	struct http1 *http1 = http1_of(parser);
	struct exchange *exchange = http1->exchange;

	if (exchange->header_size + http1->text.len + size > LIMIT_REQUEST_HEADERS)
		return refuse_message(exchange, 431, "the request's header fields are too large");
	http1_text_add(&http1->text, at, size, &exchange->request.arena);
	return 0;
}

static int on_method_complete(llhttp_t *parser)
{
	http1_of(parser)->exchange->request.method = http1_text_take(&http1_of(parser)->text);
	return 0;
}

static int on_url_complete(llhttp_t *parser)
{
	struct http1 *http1 = http1_of(parser);
	struct str target = http1_text_take(&http1->text);

	http1->exchange->header_size += target.len;
	if (!exchange_set_target(http1->exchange, target))
		return refuse_message(http1->exchange, 400, "malformed request target");
	return 0;
}

static int on_version_complete(llhttp_t *parser)
{
	/* The text is not wanted: the parser keeps the numbers. */
	(void)http1_text_take(&http1_of(parser)->text);
	return 0;
}

static int on_field_complete(llhttp_t *parser)
{
	struct http1 *http1 = http1_of(parser);

	http1->name = http1_text_take_name(&http1->text);
	return 0;
}

static int on_value_complete(llhttp_t *parser)
{
	struct http1 *http1 = http1_of(parser);
	struct exchange *exchange = http1->exchange;
	struct str value = str_trim(http1_text_take(&http1->text)), name = http1->name;

	if (exchange->state != EXCHANGE_RECEIVING || parser->flags & F_TRAILING)
		return 0;
	if (!exchange_add_header(exchange, name, value))
		return -1;
	if (str_eq_c(name, "host") && str_empty(exchange->request.authority))
		exchange->request.authority = value;
	else if (str_eq_c(name, "upgrade"))
		exchange->upgrade = value;
	else if (str_eq_c(name, "expect"))
		exchange->expects_continue = str_eq_nocase(value, STR("100-continue"));
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct server_conn *conn = conn_of(parser);
	struct exchange *exchange = http1_of(parser)->exchange;

	exchange->request.version = parser->http_minor ? HTTP_VERSION_1_1 : HTTP_VERSION_1_0;
	if (!parser->upgrade)
		exchange->upgrade = STR_EMPTY;
	if (parser->http_major != 1)
		return refuse_message(exchange, 505, "unknown version of HTTP");
	if (parser->http_minor && !exchange->request.authority.data)
		return refuse_message(exchange, 400, "missing required Host header");
	if (parser->method == HTTP_CONNECT)
		return refuse_message(exchange, 405, "CONNECT is not served");
	if (parser->flags & F_CONTENT_LENGTH && parser->content_length > exchange->body.limit)
		return refuse_message(exchange, 413, "the request's body is too large");
	if (exchange->expects_continue && exchange->request.version == HTTP_VERSION_1_1 &&
	    (parser->content_length || parser->flags & F_CHUNKED))
		conn_queue(conn->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	server_conn_set_deadline(conn, clock_monotonic_ns() + server_body_timeout(conn->home->server));
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
	return exchange_add_body(http1_of(parser)->exchange, at, size) ? 0 : -1;
}

static int on_message_complete(llhttp_t *parser)
{
	http1_of(parser)->exchange->keep_alive = llhttp_should_keep_alive(parser);
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_text,
	.on_method = on_text,
	.on_version = on_text,
	.on_header_field = on_text,
	.on_header_value = on_text,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
	.on_url_complete = on_url_complete,
	.on_method_complete = on_method_complete,
	.on_version_complete = on_version_complete,
	.on_header_field_complete = on_field_complete,
	.on_header_value_complete = on_value_complete,
};

static void init_http1(struct server_conn *conn)
{
	conn->http1 = XNEW(struct http1);
	llhttp_init(&conn->http1->parser, HTTP_REQUEST, &settings);
	conn->http1->parser.data = conn;
}

static void dispatch(struct server_conn *conn)
{
	server_conn_set_deadline(conn, INT64_MAX);
	exchange_dispatch(conn->http1->exchange);
}

/* What the parser does not take is answered too, so that the client learns why. */
static void refuse_malformed(struct server_conn *conn)
{
	struct http1 *http1 = conn->http1;
	const char *reason;

	if (!http1->exchange)
		http1->exchange = exchange_new(conn);
	reason = llhttp_get_error_reason(&http1->parser);
	refuse_message(http1->exchange, 400, reason ? reason : "malformed request");
	if (str_empty(http1->exchange->request.path))
		http1->exchange->request.path = STR("/");
	if (str_empty(http1->exchange->request.method))
		http1->exchange->request.method = STR("GET");
	http1->exchange->request.version = HTTP_VERSION_1_1;
	http1->rest = STR_EMPTY;
	dispatch(conn);
}

/* Parses @data; true: all of it is used and more may be read now. */
static bool feed(struct server_conn *conn, struct str data)
{
	struct http1 *http1 = conn->http1;

	while (data.len) {
		llhttp_errno_t r = llhttp_execute(&http1->parser, data.data, data.len);

		if (r == HPE_OK)
			return true;
		if (r != HPE_PAUSED && r != HPE_PAUSED_UPGRADE) {
			refuse_malformed(conn);
			return false;
		}
		data = str_from_at(data, (size_t)(llhttp_get_error_pos(&http1->parser) - data.data));
		if (r == HPE_PAUSED_UPGRADE) {
			/* The handler answered as if no upgrade had been asked for: HTTP goes on. */
			llhttp_resume_after_upgrade(&http1->parser);
			continue;
		}
		llhttp_resume(&http1->parser);
		http1->rest = data;
		dispatch(conn);
		if (http1->taken || conn->closing)
			return false;
		if (http1->exchange) {
			if (http1->rest.len) {
				conn_pause(conn->conn);
				conn_unread(conn->conn, http1->rest);
			}
			http1->rest = STR_EMPTY;
			return false;
		}
		http1->rest = STR_EMPTY;
	}
	return true;
}

/* The peer has said all; what it waits for is still answered, a stream is not worth going on with. */
static void meet_end(struct server_conn *conn)
{
	struct http1 *http1 = conn->http1;
	struct exchange *exchange = http1->exchange;

	http1->ended = true;
	conn_pause(conn->conn);
	if (!exchange || exchange->state == EXCHANGE_RECEIVING || exchange->stream) {
		server_conn_close(conn);
		return;
	}
	exchange->keep_alive = false;
	if (!atomic_exchange(&exchange->aborted, true) && exchange->request.aborted)
		exchange->request.aborted(&exchange->request);
}

static void http1_readable(struct server_conn *conn)
{
	char buffer[READ_SIZE];
	ssize_t n;

	if (!conn->http1)
		init_http1(conn);
	if (conn->http1->ended)
		return;
	for (int i = 0; i < READS_PER_TURN && !conn->closing; i++) {
		n = conn_read(conn->conn, buffer, sizeof(buffer));
		if (n < 0)
			break;
		if (n == 0) {
			meet_end(conn);
			break;
		}
		if (conn->http1->exchange && conn->http1->exchange->state != EXCHANGE_RECEIVING) {
			conn_pause(conn->conn);
			conn_unread(conn->conn, (struct str){buffer, (size_t)n});
			break;
		}
		if (!feed(conn, (struct str){buffer, (size_t)n}))
			break;
	}
}

/* --- writing --- */

static void send_head(struct exchange *exchange, const struct http_response *response, bool whole)
{
	bool bodiless = response->status < 200 || response->status == 204 || response->status == 304;
	struct server_conn *conn = exchange->conn;
	char number[24];
	struct buf head;

	buf_init(&head, LIMIT_REQUEST_HEADERS);
	buf_printf(&head, "HTTP/1.1 %d %s\r\n", response->status, http_status_text(response->status));
	for (size_t i = 0; i < response->headers.len; i++)
		http_header_write(&head, response->headers.items[i].name, response->headers.items[i].value);
	http_header_write(&head, STR("date"), str_from(home_date(conn->home)));
	if (whole && !bodiless) {
		snprintf(number, sizeof(number), "%zu", response->body.bytes.len);
		http_header_write(&head, STR("content-length"), str_from(number));
	} else if (!whole && !bodiless && exchange->request.version == HTTP_VERSION_1_1) {
		exchange->chunked = true;
		http_header_write(&head, STR("transfer-encoding"), STR("chunked"));
	} else if (!whole && !bodiless) {
		/* HTTP/1.0: the end of the connection is the end of the body. */
		exchange->keep_alive = false;
	}
	exchange->keep_alive &= !conn->shut;
	if (!exchange->keep_alive)
		http_header_write(&head, STR("connection"), STR("close"));
	else if (exchange->request.version == HTTP_VERSION_1_0)
		http_header_write(&head, STR("connection"), STR("keep-alive"));
	buf_c(&head, "\r\n");
	exchange->head |= bodiless;
	atomic_fetch_add_explicit(&exchange->home->sent, head.len, memory_order_relaxed);
	conn_queue(conn->conn, buf_view(&head));
	buf_release(&head);
}

/* The answer is in the queue: the next request, or the end. */
static void finish(struct exchange *exchange)
{
	struct server_conn *conn = exchange->conn;
	struct http1 *http1 = conn->http1;
	bool keep_alive = exchange->keep_alive;

	http1->exchange = NULL;
	exchange_done(exchange);
	if (!keep_alive || http1->ended) {
		server_conn_close_drained(conn);
		return;
	}
	server_conn_set_deadline(conn, clock_monotonic_ns() + server_idle_timeout(conn->home->server));
	conn_resume(conn->conn);
}

static void release_exchange(void *data)
{
	exchange_unref(data);
}

static void http1_start(struct exchange *exchange, const struct http_response *response, bool whole)
{
	struct conn *conn = exchange->conn->conn;
	struct payload body = response->body;

	send_head(exchange, response, whole);
	if (!whole)
		return;
	if (exchange->head) {
		payload_release(&body);
	} else {
		atomic_fetch_add_explicit(&exchange->home->sent, body.bytes.len, memory_order_relaxed);
		if (!body.release && body.bytes.len) {
			/* The body may be in the arena: the exchange stays until it is sent. */
			exchange->refs++;
			body.release = release_exchange;
			body.data = exchange;
		}
		conn_queue_payload(conn, body);
	}
	finish(exchange);
}

static void http1_write(struct exchange *exchange, struct payload payload)
{
	struct conn *conn = exchange->conn->conn;
	char size[24];

	atomic_fetch_add_explicit(&exchange->home->sent, payload.bytes.len, memory_order_relaxed);
	if (exchange->chunked) {
		snprintf(size, sizeof(size), "%zx\r\n", payload.bytes.len);
		conn_queue(conn, str_from(size));
	}
	conn_queue_payload(conn, payload);
	if (exchange->chunked)
		conn_queue(conn, STR("\r\n"));
}

static void http1_end(struct exchange *exchange)
{
	if (exchange->chunked && !exchange->head)
		conn_queue(exchange->conn->conn, STR("0\r\n\r\n"));
	finish(exchange);
}

static void http1_reset(struct exchange *exchange)
{
	struct server_conn *conn = exchange->conn;

	conn->http1->exchange = NULL;
	exchange_done(exchange);
	server_conn_close(conn);
}

static size_t http1_pending(const struct exchange *exchange)
{
	return conn_pending(exchange->conn->conn);
}

static void http1_drained(struct server_conn *conn)
{
	if (conn->http1 && conn->http1->exchange)
		exchange_notify_drained(conn->http1->exchange);
}

static void http1_produce(struct server_conn *conn UNUSED)
{
}

static void http1_shut(struct server_conn *conn)
{
	struct http1 *http1 = conn->http1;

	if (!http1 || !http1->exchange)
		server_conn_close_drained(conn);
}

static void http1_release(struct server_conn *conn)
{
	free(conn->http1);
	conn->http1 = NULL;
}

struct conn *http1_take_conn(struct exchange *exchange, struct http_headers headers)
{
	struct server_conn *conn = exchange->conn;
	struct conn *socket = conn->conn;
	struct http1 *http1 = conn->http1;
	struct buf head;

	if (conn->framing != &http1_framing)
		return NULL;
	buf_init(&head, LIMIT_REQUEST_HEADERS);
	buf_c(&head, "HTTP/1.1 101 Switching Protocols\r\n");
	for (size_t i = 0; i < headers.len; i++)
		http_header_write(&head, headers.items[i].name, headers.items[i].value);
	buf_c(&head, "Connection: Upgrade\r\n\r\n");
	conn_queue(socket, buf_view(&head));
	buf_release(&head);
	conn_set_owner(socket, NULL, NULL);
	conn_unread(socket, http1->rest);
	http1->rest = STR_EMPTY;
	http1->exchange = NULL;
	http1->taken = true;
	conn_resume(socket);
	conn->conn = NULL;
	exchange_enter(exchange, EXCHANGE_ANSWERING);
	exchange_done(exchange);
	server_conn_close(conn);
	return socket;
}

const struct framing http1_framing = {
	.readable = http1_readable,
	.drained = http1_drained,
	.produce = http1_produce,
	.start = http1_start,
	.write = http1_write,
	.end = http1_end,
	.reset = http1_reset,
	.pending = http1_pending,
	.shut = http1_shut,
	.release = http1_release,
};
