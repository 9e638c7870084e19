/*
 * WebSockets over wslay; see websocket.h.
 *
 * wslay reads through conn_read() and writes into the connection's queue, which takes everything: what waits is seen by
 * conn_pending().  A message handler may free the socket from inside wslay: then the struct stays until the stack is
 * out of it (`entered`), and wslay is told to stop.
 */
#include "net/websocket.h"

#include <openssl/evp.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/random.h"
#include "net/conn.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "sys/loop.h"

#define CLOSE_TIMEOUT (5 * NS_PER_SEC)
#define LINGER	      (2 * NS_PER_SEC)
#define NO_STATUS     1005
#define ABNORMAL      1006
#define ACCEPT_SIZE   29
#define REFUSAL_MAX   (64 * 1024)

enum state { STATE_OPEN, STATE_CLOSING, STATE_CLOSED };

/* A message that came while paused. */
struct held {
	struct list link;
	enum websocket_type type;
	size_t len;
	char bytes[];
};

struct websocket {
	struct conn *conn;
	wslay_event_context_ptr wslay;
	const struct websocket_ops *ops;
	void *data;
	struct loop_timer timer;
	struct loop_defer defer;
	struct list held;
	enum state state;
	int code;
	int64_t last_heard;
	unsigned entered;
	bool paused, dead;
	char protocol[64];
};

static void destroy(struct websocket *socket)
{
	wslay_event_context_free(socket->wslay);
	while (!list_empty(&socket->held)) {
		struct held *held = LIST_FIRST(&socket->held, struct held, link);

		list_remove(&held->link);
		free(held);
	}
	free(socket);
}

static bool leave(struct websocket *socket)
{
	bool alive = !socket->dead;

	if (--socket->entered == 0 && !alive)
		destroy(socket);
	return alive;
}

struct websocket *websocket_free(struct websocket *socket)
{
	if (!socket || socket->dead)
		return NULL;
	socket->dead = true;
	loop_timer_stop(&socket->timer);
	loop_defer_cancel(&socket->defer);
	socket->conn = conn_free(socket->conn);
	if (!socket->entered)
		destroy(socket);
	return NULL;
}

/* The only place where the state changes: forward. */
static void enter_state(struct websocket *socket, enum state state, int code)
{
	if (state <= socket->state)
		return;
	socket->state = state;
	if (state == STATE_CLOSED) {
		socket->code = code;
		loop_timer_stop(&socket->timer);
		loop_defer(&socket->defer);
	} else {
		loop_timer_start(&socket->timer, CLOSE_TIMEOUT, 0);
	}
}

static void deliver(struct websocket *socket, enum websocket_type type, struct str bytes)
{
	if (socket->ops->message && socket->state == STATE_OPEN)
		socket->ops->message(socket, socket->data, type, bytes);
}

static void run_later(struct loop_defer *defer)
{
	struct websocket *socket = CONTAINER_OF(defer, struct websocket, defer);

	socket->entered++;
	while (!socket->dead && !socket->paused && !list_empty(&socket->held)) {
		struct held *held = LIST_FIRST(&socket->held, struct held, link);

		list_remove(&held->link);
		if (socket->ops->message)
			socket->ops->message(socket, socket->data, held->type, (struct str){held->bytes, held->len});
		free(held);
	}
	if (!socket->dead && socket->state == STATE_CLOSED && list_empty(&socket->held)) {
		struct conn *conn = socket->conn;

		socket->conn = NULL;
		conn_free_drained(conn, LINGER);
		if (socket->ops->closed)
			socket->ops->closed(socket, socket->data, socket->code);
		websocket_free(socket);
	}
	leave(socket);
}

/* --- wslay's side --- */

static ssize_t recv_bytes(wslay_event_context_ptr wslay, uint8_t *buffer, size_t size, int flags UNUSED, void *data)
{
	struct websocket *socket = data;
	ssize_t n;

	if (socket->dead) {
		wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	if (socket->paused) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	n = conn_read(socket->conn, buffer, size);
	if (n > 0) {
		socket->last_heard = clock_monotonic_ns();
		return n;
	}
	if (n == 0)
		enter_state(socket, STATE_CLOSED, ABNORMAL);
	wslay_event_set_error(wslay, n == -ERR_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t send_bytes(wslay_event_context_ptr wslay UNUSED, const uint8_t *bytes, size_t size, int flags UNUSED,
			  void *data)
{
	struct websocket *socket = data;

	if (socket->conn)
		conn_queue(socket->conn, (struct str){(const char *)bytes, size});
	return (ssize_t)size;
}

static int make_mask(wslay_event_context_ptr wslay UNUSED, uint8_t *out, size_t size, void *data UNUSED)
{
	random_bytes(out, size);
	return 0;
}

static void on_message(wslay_event_context_ptr wslay UNUSED, const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
	struct websocket *socket = data;
	struct held *held;

	if (socket->dead)
		return;
	if (arg->opcode == WSLAY_CONNECTION_CLOSE) {
		/* wslay has queued the answer. */
		socket->code = arg->status_code ? arg->status_code : NO_STATUS;
		return;
	}
	if (arg->opcode != WSLAY_TEXT_FRAME && arg->opcode != WSLAY_BINARY_FRAME)
		return;
	if (!socket->paused && list_empty(&socket->held)) {
		deliver(socket, (enum websocket_type)arg->opcode,
			(struct str){(const char *)arg->msg, arg->msg_length});
		return;
	}
	/* Few: no more is read while paused than what wslay had read already. */
	held = xmalloc(sizeof(*held) + arg->msg_length);
	held->type = (enum websocket_type)arg->opcode;
	held->len = arg->msg_length;
	if (held->len)
		memcpy(held->bytes, arg->msg, held->len);
	list_append(&socket->held, &held->link);
}

static void send_out(struct websocket *socket)
{
	if (!socket->dead && socket->conn && wslay_event_want_write(socket->wslay))
		wslay_event_send(socket->wslay);
}

static void on_readable(struct conn *conn UNUSED, void *owner)
{
	struct websocket *socket = owner;
	int r;

	if (socket->state == STATE_CLOSED)
		return;
	socket->entered++;
	r = wslay_event_recv(socket->wslay);
	if (!socket->dead) {
		send_out(socket);
		if (wslay_event_get_close_received(socket->wslay) && wslay_event_get_close_sent(socket->wslay))
			enter_state(socket, STATE_CLOSED, socket->code ? socket->code : NO_STATUS);
		else if (wslay_event_get_close_sent(socket->wslay) && !wslay_event_get_read_enabled(socket->wslay))
			/* wslay met a breach of the protocol and has said so. */
			enter_state(socket, STATE_CLOSED, wslay_event_get_status_code_sent(socket->wslay));
		else if (r != 0)
			enter_state(socket, STATE_CLOSED, ABNORMAL);
	}
	leave(socket);
}

static void on_drained(struct conn *conn UNUSED, void *owner)
{
	struct websocket *socket = owner;

	if (socket->ops->drained && socket->state == STATE_OPEN)
		socket->ops->drained(socket, socket->data);
}

static void on_broken(struct conn *conn UNUSED, void *owner, const struct error *why UNUSED)
{
	enter_state(owner, STATE_CLOSED, ABNORMAL);
}

static const struct conn_ops socket_ops = {.readable = on_readable, .drained = on_drained, .broken = on_broken};

static void on_timer(struct loop_timer *timer)
{
	struct websocket *socket = CONTAINER_OF(timer, struct websocket, timer);
	struct wslay_event_msg ping = {.opcode = WSLAY_PING};

	if (socket->state == STATE_CLOSING) {
		enter_state(socket, STATE_CLOSED, socket->code ? socket->code : ABNORMAL);
		return;
	}
	if (!socket->paused && clock_monotonic_ns() - socket->last_heard > 2 * HTTP_WEBSOCKET_PING) {
		enter_state(socket, STATE_CLOSED, ABNORMAL);
		return;
	}
	wslay_event_queue_msg(socket->wslay, &ping);
	send_out(socket);
}

static struct websocket *make(struct conn *conn, bool client, struct str protocol, const struct websocket_ops *ops,
			      void *data)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = recv_bytes,
		.send_callback = send_bytes,
		.genmask_callback = make_mask,
		.on_msg_recv_callback = on_message,
	};
	struct websocket *socket = XNEW(struct websocket);
	int r = client ? wslay_event_context_client_init(&socket->wslay, &callbacks, socket)
		       : wslay_event_context_server_init(&socket->wslay, &callbacks, socket);

	if (r != 0)
		abort(); /* no memory for a small allocation */
	wslay_event_config_set_max_recv_msg_length(socket->wslay, WEBSOCKET_MESSAGE_MAX);
	socket->conn = conn;
	socket->ops = ops;
	socket->data = data;
	socket->last_heard = clock_monotonic_ns();
	memcpy(socket->protocol, protocol.data ? protocol.data : "", MIN(protocol.len, sizeof(socket->protocol) - 1));
	list_init(&socket->held);
	loop_defer_init(&socket->defer, conn_loop(conn), run_later);
	loop_timer_init(&socket->timer, conn_loop(conn), on_timer);
	loop_timer_start(&socket->timer, HTTP_WEBSOCKET_PING, HTTP_WEBSOCKET_PING);
	conn_set_owner(conn, &socket_ops, socket);
	conn_resume(conn);
	return socket;
}

/* --- the handshake --- */

/* base64 of SHA-1 of the key and the constant of RFC 6455, 1.3. */
static void accept_value(struct str key, char out[ACCEPT_SIZE])
{
	static const char constant[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[20];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (EVP_DigestInit_ex(context, EVP_sha1(), NULL) != 1 || EVP_DigestUpdate(context, key.data, key.len) != 1 ||
	    EVP_DigestUpdate(context, constant, sizeof(constant) - 1) != 1 ||
	    EVP_DigestFinal_ex(context, digest, NULL) != 1)
		abort(); /* SHA-1 is part of every provider we can run with */
	EVP_MD_CTX_free(context);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}

bool websocket_requested(const struct http_request *request)
{
	return str_eq_nocase(http_request_upgrade(request), STR("websocket"));
}

/* The first of the client's protocols that is in @protocols; false when it asks for some and none fits. */
static bool choose_protocol(const struct http_request *request, const char *const *protocols, size_t protocols_len,
			    struct str *ret)
{
	bool asked = false;

	*ret = STR_EMPTY;
	for (size_t i = 0; i < request->headers.len; i++) {
		struct str rest = request->headers.items[i].value, item;

		if (!str_eq_c(request->headers.items[i].name, "sec-websocket-protocol"))
			continue;
		while (rest.len) {
			str_cut(rest, ',', &item, &rest);
			item = str_trim(item);
			asked |= item.len > 0;
			for (size_t j = 0; j < protocols_len; j++)
				if (str_eq_c(item, protocols[j])) {
					*ret = str_from(protocols[j]);
					return true;
				}
		}
	}
	return !asked;
}

struct websocket *websocket_accept(struct http_request *request, const char *const *protocols, size_t protocols_len,
				   const struct websocket_ops *ops, void *data)
{
	struct str key = http_request_header(request, STR("sec-websocket-key")), protocol;
	char accept[ACCEPT_SIZE];
	struct conn *conn;

	if (!websocket_requested(request) || !str_eq_c(request->method, "GET") || key.len != 24 ||
	    !str_eq_c(http_request_header(request, STR("sec-websocket-version")), "13") ||
	    !choose_protocol(request, protocols, protocols_len, &protocol))
		return NULL;
	accept_value(key, accept);
	conn = http_upgrade(request,
			    (struct http_headers){(const struct http_header[]){
							  {STR("upgrade"), STR("websocket")},
							  {STR("sec-websocket-accept"), {accept, ACCEPT_SIZE - 1}},
							  {STR("sec-websocket-protocol"), protocol},
						  },
						  protocol.len ? 3 : 2});
	return conn ? make(conn, false, protocol, ops, data) : NULL;
}

struct str websocket_protocol(const struct websocket *socket)
{
	return str_from(socket->protocol);
}

/* A client's attempt, until there is a socket or a refusal. */
struct attempt {
	const struct websocket_ops *ops;
	void *data;
	char key[25];
	int status;
	struct buf body;
};

static void attempt_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers UNUSED)
{
	((struct attempt *)data)->status = status;
}

static void attempt_body(struct http_call *call UNUSED, void *data, struct str bytes)
{
	buf_str(&((struct attempt *)data)->body, bytes);
}

static void refuse(struct attempt *attempt, const struct error *err)
{
	if (attempt->ops->refused)
		attempt->ops->refused(attempt->data, attempt->status, buf_view(&attempt->body), err);
	buf_release(&attempt->body);
	free(attempt);
}

static void attempt_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct attempt *attempt = data;
	struct error own = {0};

	if (!err)
		error_set(&own, ERR_BAD_REQUEST, "the server answered %d, not an upgrade", attempt->status);
	refuse(attempt, err ? err : &own);
}

static void attempt_upgraded(struct http_call *call UNUSED, void *data, struct http_headers headers, struct conn *conn)
{
	struct attempt *attempt = data;
	struct error err = {0};
	char accept[ACCEPT_SIZE];
	struct websocket *socket;

	accept_value(str_from(attempt->key), accept);
	attempt->status = 101;
	if (!str_eq_c(http_headers_get(headers, STR("sec-websocket-accept")), accept) ||
	    !str_eq_nocase(http_headers_get(headers, STR("upgrade")), STR("websocket"))) {
		conn_free(conn);
		error_set(&err, ERR_BAD_REQUEST, "the server's upgrade is not to a WebSocket");
		refuse(attempt, &err);
		return;
	}
	socket =
		make(conn, true, http_headers_get(headers, STR("sec-websocket-protocol")), attempt->ops, attempt->data);
	buf_release(&attempt->body);
	free(attempt);
	socket->entered++;
	if (socket->ops->opened)
		socket->ops->opened(socket, socket->data, websocket_protocol(socket));
	leave(socket);
}

void websocket_connect(struct http_client *client, const struct http_call_config *config, struct str protocols,
		       const struct websocket_ops *ops, void *data)
{
	static const struct http_call_ops call_ops = {
		.headers = attempt_headers,
		.body = attempt_body,
		.ended = attempt_ended,
		.upgraded = attempt_upgraded,
	};
	struct arena cleanup_arena arena = {0};
	struct attempt *attempt = XNEW(struct attempt);
	struct http_call_config call = *config;
	struct http_header *headers = ARENA_NEW_N(&arena, struct http_header, config->headers.len + 4);
	size_t len = config->headers.len;
	unsigned char key[16];

	random_bytes(key, sizeof(key));
	EVP_EncodeBlock((unsigned char *)attempt->key, key, sizeof(key));
	buf_init(&attempt->body, REFUSAL_MAX);
	attempt->ops = ops;
	attempt->data = data;
	if (len)
		memcpy(headers, config->headers.items, len * sizeof(*headers));
	headers[len++] = (struct http_header){STR("upgrade"), STR("websocket")};
	headers[len++] = (struct http_header){STR("sec-websocket-version"), STR("13")};
	headers[len++] = (struct http_header){STR("sec-websocket-key"), str_from(attempt->key)};
	if (protocols.len)
		headers[len++] = (struct http_header){STR("sec-websocket-protocol"), protocols};
	call.method = "GET";
	call.headers = (struct http_headers){headers, len};
	call.upgrade = true;
	call.ops = &call_ops;
	call.data = attempt;
	http_client_call(client, &call);
}

/* --- the interface --- */

void websocket_send(struct websocket *socket, enum websocket_type type, struct str bytes)
{
	struct wslay_event_msg message = {
		.opcode = (uint8_t)type,
		.msg = (const uint8_t *)bytes.data,
		.msg_length = bytes.len,
	};

	if (socket->state != STATE_OPEN || socket->dead)
		return;
	wslay_event_queue_msg(socket->wslay, &message);
	send_out(socket);
}

size_t websocket_pending(const struct websocket *socket)
{
	return socket->conn ? conn_pending(socket->conn) : 0;
}

void websocket_pause(struct websocket *socket)
{
	socket->paused = true;
	if (socket->conn)
		conn_pause(socket->conn);
}

void websocket_resume(struct websocket *socket)
{
	if (!socket->paused)
		return;
	socket->paused = false;
	loop_defer(&socket->defer);
	if (socket->conn)
		conn_resume(socket->conn);
}

void websocket_close(struct websocket *socket, int code, struct str reason)
{
	if (socket->state != STATE_OPEN || socket->dead)
		return;
	wslay_event_queue_close(socket->wslay, (uint16_t)code, (const uint8_t *)reason.data,
				MIN(reason.len, (size_t)123));
	send_out(socket);
	enter_state(socket, STATE_CLOSING, 0);
}
