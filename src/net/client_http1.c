/* HTTP/1.1 of the client: one call at a time on a connection, llhttp reads; see client_internal.h. */
#include <llhttp.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/client_internal.h"
#include "net/http1_text.h"

#define READ_SIZE      (16 * 1024)
#define READS_PER_TURN 8

struct client_http1 {
	llhttp_t parser;
	struct http_call *call; /* NULL: idle, or the call has left in the middle */
	struct http1_text text;
	struct str name;
	struct arena arena; /* of the field being read */
	bool keep_alive, complete, upgraded, lost;
};

static struct client_http1 *http1_of(llhttp_t *parser)
{
	return CONTAINER_OF(parser, struct client_http1, parser);
}

static bool is_informational(const llhttp_t *parser)
{
	return parser->status_code >= 100 && parser->status_code < 200 && parser->status_code != 101;
}

/* --- reading --- */

static int on_message_begin(llhttp_t *parser)
{
	struct client_http1 *http1 = http1_of(parser);

	http1->text = (struct http1_text){0};
	/* Bytes nobody asked for. */
	return http1->call ? 0 : -1;
}

static int on_text(llhttp_t *parser, const char *at, size_t size)
{
	struct client_http1 *http1 = http1_of(parser);

	if (http1->text.len + size > LIMIT_REQUEST_HEADERS)
		return -1;
	http1_text_add(&http1->text, at, size, &http1->arena);
	return 0;
}

static int on_field_complete(llhttp_t *parser)
{
	struct client_http1 *http1 = http1_of(parser);

	http1->name = http1_text_take_name(&http1->text);
	return 0;
}

static int on_value_complete(llhttp_t *parser)
{
	struct client_http1 *http1 = http1_of(parser);
	struct str value = str_trim(http1_text_take(&http1->text));
	bool ok = true;

	if (http1->call && !is_informational(parser) && !(parser->flags & F_TRAILING))
		ok = call_add_header(http1->call, http1->name, value);
	arena_release(&http1->arena);
	return ok ? 0 : -1;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct client_http1 *http1 = http1_of(parser);
	struct http_call *call = http1->call;

	if (is_informational(parser))
		return 0;
	if (!call)
		return -1;
	call->status = parser->status_code;
	if (parser->status_code == 101) {
		http1->upgraded = call->config.upgrade;
		return http1->upgraded ? 2 : -1;
	}
	http1->keep_alive = llhttp_should_keep_alive(parser);
	if (!call_headers_complete(call)) {
		http1->call = NULL;
		return -1;
	}
	return strcmp(call->config.method, "HEAD") == 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct client_http1 *http1 = http1_of(parser);

	if (!http1->call)
		return -1;
	if (!call_deliver(http1->call, (struct str){at, size})) {
		http1->call = NULL;
		return -1;
	}
	return 0;
}

static int on_message_complete(llhttp_t *parser)
{
	struct client_http1 *http1 = http1_of(parser);

	if (is_informational(parser))
		return 0;
	http1->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_message_begin,
	.on_header_field = on_text,
	.on_header_value = on_text,
	.on_header_field_complete = on_field_complete,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static bool http1_init(struct client_conn *conn)
{
	conn->http1 = XNEW(struct client_http1);
	llhttp_init(&conn->http1->parser, HTTP_RESPONSE, &settings);
	return true;
}

static void lose(struct client_conn *conn, const char *why)
{
	struct error err = {0};

	error_set(&err, ERR_CLOSED, "%s", why);
	client_conn_close(conn, &err);
}

static void finish_call(struct client_conn *conn, bool more)
{
	struct client_http1 *http1 = conn->http1;
	struct http_call *call = http1->call;

	http1->call = NULL;
	http1->complete = false;
	call_detach(call);
	if (!http1->keep_alive || more || conn->draining) {
		conn->draining = true;
		lose(conn, "the server closes the connection");
	} else {
		client_conn_release_call(conn);
	}
	call_complete(call);
}

static void hand_over(struct client_conn *conn, struct str rest)
{
	struct http_call *call = conn->http1->call;
	struct conn *socket = conn->conn;
	struct http_headers headers = {call->headers.items, call->headers.len};

	conn->http1->call = NULL;
	call_detach(call);
	conn->conn = NULL;
	conn_set_owner(socket, NULL, NULL);
	conn_unread(socket, rest);
	lose(conn, "upgraded");
	call_upgraded(call, headers, socket);
}

/* False: stop reading. */
static bool feed(struct client_conn *conn, struct str data)
{
	struct client_http1 *http1 = conn->http1;
	llhttp_errno_t r = llhttp_execute(&http1->parser, data.data, data.len);
	struct str rest;

	if (r == HPE_OK)
		return true;
	if (http1->upgraded && http1->call && (r == HPE_PAUSED || r == HPE_PAUSED_UPGRADE)) {
		rest = str_from_at(data, (size_t)(llhttp_get_error_pos(&http1->parser) - data.data));
		hand_over(conn, rest);
		return false;
	}
	if (r == HPE_PAUSED && http1->complete && http1->call) {
		rest = str_from_at(data, (size_t)(llhttp_get_error_pos(&http1->parser) - data.data));
		llhttp_resume(&http1->parser);
		finish_call(conn, rest.len > 0);
		return false;
	}
	lose(conn, http1->call ? "malformed answer" : "the call has left");
	return false;
}

static void meet_end(struct client_conn *conn)
{
	struct client_http1 *http1 = conn->http1;

	if (http1->call && llhttp_finish(&http1->parser) == HPE_PAUSED && http1->complete) {
		http1->keep_alive = false;
		finish_call(conn, false);
		return;
	}
	lose(conn, http1->call ? "the server closed the connection before the answer was complete" : "closed");
}

static void http1_readable(struct client_conn *conn)
{
	char buffer[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = conn_read(conn->conn, buffer, sizeof(buffer));

		if (n == 0)
			meet_end(conn);
		if (n <= 0 || !feed(conn, (struct str){buffer, (size_t)n}))
			return;
		if (conn->http1->call && conn->http1->call->paused) {
			conn_pause(conn->conn);
			return;
		}
	}
}

/* --- writing --- */

static void http1_send(struct client_conn *conn, struct http_call *call)
{
	const struct http_call_config *config = &call->config;
	const struct http_client_config *client = &call->client->config;
	bool has_body = call->body.bytes.len || strcmp(config->method, "POST") == 0 ||
			strcmp(config->method, "PUT") == 0 || strcmp(config->method, "PATCH") == 0;
	struct str host = http_headers_get(config->headers, STR("host"));
	char number[24];
	struct buf head;

	conn->http1->call = call;
	conn->http1->complete = false;
	buf_init(&head, LIMIT_REQUEST_HEADERS);
	buf_printf(&head, "%s " STR_FMT "%s" STR_FMT " HTTP/1.1\r\n", config->method, STR_ARG(call->url.path),
		   call->url.query.len ? "?" : "", STR_ARG(call->url.query));
	http_header_write(&head, STR("host"), host.len ? host : url_authority(&call->url, &call->arena));
	if (client->user_agent.len)
		http_header_write(&head, STR("user-agent"), client->user_agent);
	for (size_t i = 0; i < config->headers.len; i++)
		if (!str_eq_c(config->headers.items[i].name, "host"))
			http_header_write(&head, config->headers.items[i].name, config->headers.items[i].value);
	if (config->upgrade && !http_headers_get(config->headers, STR("connection")).data)
		http_header_write(&head, STR("connection"), STR("Upgrade"));
	if (has_body) {
		snprintf(number, sizeof(number), "%zu", call->body.bytes.len);
		http_header_write(&head, STR("content-length"), str_from(number));
	}
	buf_c(&head, "\r\n");
	conn_queue(conn->conn, buf_view(&head));
	/* Copied: the call, which lends the body, may go first; and may need it again. */
	conn_queue(conn->conn, call->body.bytes);
	if (head.overflow)
		lose(conn, "the request's header fields are too large");
	buf_release(&head);
}

static void http1_drained(struct client_conn *conn UNUSED)
{
}

static void http1_produce(struct client_conn *conn UNUSED)
{
}

static void http1_cancel(struct client_conn *conn, struct http_call *call)
{
	if (conn->http1->call == call)
		conn->http1->call = NULL;
	conn->draining = true;
	lose(conn, "cancelled");
}

static void http1_consumed(struct client_conn *conn, struct http_call *call, size_t size UNUSED)
{
	if (!call->paused)
		conn_resume(conn->conn);
}

static bool http1_has_room(const struct client_conn *conn)
{
	return conn->calls_len == 0;
}

static void http1_release(struct client_conn *conn)
{
	if (conn->http1)
		arena_release(&conn->http1->arena);
	free(conn->http1);
	conn->http1 = NULL;
}

const struct client_framing client_http1_framing = {
	.init = http1_init,
	.send = http1_send,
	.readable = http1_readable,
	.drained = http1_drained,
	.produce = http1_produce,
	.cancel = http1_cancel,
	.consumed = http1_consumed,
	.has_room = http1_has_room,
	.release = http1_release,
};
