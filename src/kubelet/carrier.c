/* The client's end of port-forward; see carrier.h. */
#include "kubelet/carrier.h"

#include "net/conn.h"
#include "net/http_server.h"
#include "net/websocket.h"
#include "sys/loop.h"

#define PROTOCOL       "portforward.k8s.io"
#define READ_SIZE      (16 * 1024)
#define READS_PER_TURN 8
#define LINGER	       (INT64_C(5) * 1000000000)

struct carrier {
	const struct carrier_ops *ops;
	void *data;
	struct conn *conn;	  /* either this */
	struct websocket *socket; /* or that, until it is closed */
	struct loop_defer ending; /* of a connection */
	bool paused, closing;
};

static void tell_end(struct carrier *carrier)
{
	const struct carrier_ops *ops = carrier->ops;
	void *data = carrier->data;

	carrier_free(carrier);
	ops->closed(data);
}

/* --- A connection ------------------------------------------------------------------------------------------------ */

static void on_ending(struct loop_defer *defer)
{
	tell_end(CONTAINER_OF(defer, struct carrier, ending));
}

static void on_readable(struct conn *conn, void *owner)
{
	struct carrier *carrier = owner;
	char buffer[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN && !carrier->paused && !carrier->closing; i++) {
		ssize_t n = conn_read(conn, buffer, sizeof(buffer));

		if (n < 0)
			return;
		if (n == 0) {
			carrier_close(carrier);
			return;
		}
		carrier->ops->bytes(carrier->data, (struct str){buffer, (size_t)n});
	}
}

static void on_conn_drained(struct conn *conn UNUSED, void *owner)
{
	struct carrier *carrier = owner;

	carrier->ops->drained(carrier->data);
}

static void on_broken(struct conn *conn UNUSED, void *owner, const struct error *why UNUSED)
{
	struct carrier *carrier = owner;

	carrier->closing = true;
	loop_defer(&carrier->ending);
}

static bool begin_conn(struct carrier *carrier, struct http_request *http)
{
	static const struct conn_ops ops = {.readable = on_readable, .drained = on_conn_drained, .broken = on_broken};

	carrier->conn = http_upgrade(http, HTTP_HEADERS({STR("upgrade"), STR("SPDY/3.1")},
							{STR("x-stream-protocol-version"), STR(PROTOCOL)}));
	if (!carrier->conn)
		return false;
	loop_defer_init(&carrier->ending, conn_loop(carrier->conn), on_ending);
	conn_set_owner(carrier->conn, &ops, carrier);
	conn_resume(carrier->conn);
	return true;
}

/* --- A WebSocket ------------------------------------------------------------------------------------------------- */

static void on_message(struct websocket *socket UNUSED, void *data, enum websocket_type type, struct str bytes)
{
	struct carrier *carrier = data;

	if (carrier->closing)
		return;
	if (type == WEBSOCKET_BINARY)
		carrier->ops->bytes(carrier->data, bytes);
	else
		carrier_close(carrier);
}

static void on_socket_drained(struct websocket *socket UNUSED, void *data)
{
	struct carrier *carrier = data;

	if (!carrier->closing)
		carrier->ops->drained(carrier->data);
}

static void on_socket_closed(struct websocket *socket UNUSED, void *data, int code UNUSED)
{
	struct carrier *carrier = data;

	carrier->socket = NULL;
	tell_end(carrier);
}

static bool begin_socket(struct carrier *carrier, struct http_request *http)
{
	static const char *const protocols[] = {"SPDY/3.1+" PROTOCOL};
	static const struct websocket_ops ops = {
		.message = on_message, .drained = on_socket_drained, .closed = on_socket_closed};

	carrier->socket = websocket_accept(http, protocols, ARRAY_LEN(protocols), &ops, carrier);
	return carrier->socket;
}

/* --- Either ------------------------------------------------------------------------------------------------------ */

static void refuse(struct http_request *http)
{
	static const struct str field = STR_INIT("x-stream-protocol-version");
	struct str asked = http_request_header(http, field);

	if (websocket_requested(http))
		http_respond_text(http, 400, "unable to upgrade: no tunneling spdy protocols provided");
	else if (!str_eq_nocase(http_request_upgrade(http), STR("SPDY/3.1")))
		http_respond_text(http, 400, "unable to upgrade: missing upgrade headers in request");
	else if (!asked.data)
		http_respond_text(http, 400,
				  "unable to upgrade: header X-Stream-Protocol-Version does not exist in request");
	else
		http_respond_text(http, 403,
				  "unable to upgrade: unable to negotiate protocol: client supports [" STR_FMT
				  "], server accepts [" PROTOCOL "]",
				  STR_ARG(asked));
}

struct carrier *carrier_accept(struct http_request *http, const struct carrier_ops *ops, void *data)
{
	struct carrier *carrier = XNEW(struct carrier);
	bool accepted = false;

	carrier->ops = ops;
	carrier->data = data;
	if (websocket_requested(http)) {
		/* Without a subprotocol there is nothing to agree on. */
		if (http_request_header(http, STR("sec-websocket-protocol")).len)
			accepted = begin_socket(carrier, http);
	} else if (str_eq_nocase(http_request_upgrade(http), STR("SPDY/3.1")) &&
		   http_headers_has_token(http->headers, STR("x-stream-protocol-version"), STR(PROTOCOL))) {
		accepted = begin_conn(carrier, http);
	}
	if (accepted)
		return carrier;
	free(carrier);
	refuse(http);
	return NULL;
}

void carrier_send(struct carrier *carrier, struct str bytes)
{
	if (carrier->closing)
		return;
	if (carrier->conn)
		conn_queue(carrier->conn, bytes);
	else
		websocket_send(carrier->socket, WEBSOCKET_BINARY, bytes);
}

size_t carrier_pending(const struct carrier *carrier)
{
	if (carrier->closing)
		return 0;
	return carrier->conn ? conn_pending(carrier->conn) : websocket_pending(carrier->socket);
}

void carrier_pause(struct carrier *carrier, bool pause)
{
	if (carrier->paused == pause || carrier->closing)
		return;
	carrier->paused = pause;
	if (carrier->conn && pause)
		conn_pause(carrier->conn);
	else if (carrier->conn)
		conn_resume(carrier->conn);
	else if (pause)
		websocket_pause(carrier->socket);
	else
		websocket_resume(carrier->socket);
}

void carrier_close(struct carrier *carrier)
{
	if (carrier->closing)
		return;
	carrier_pause(carrier, false); /* a WebSocket waits for the client's answer */
	carrier->closing = true;
	if (carrier->conn) {
		conn_free_drained(TAKE_PTR(carrier->conn), LINGER);
		loop_defer(&carrier->ending);
	} else {
		websocket_close(carrier->socket, 1000, STR_EMPTY);
	}
}

struct carrier *carrier_free(struct carrier *carrier)
{
	if (!carrier)
		return NULL;
	loop_defer_cancel(&carrier->ending);
	conn_free(carrier->conn);
	websocket_free(carrier->socket);
	free(carrier);
	return NULL;
}
