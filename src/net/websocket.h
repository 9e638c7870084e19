/*
 * WebSockets (RFC 6455), server and client side, over a connection that has been upgraded.
 *
 * Messages come whole, at most message_max bytes each; a larger one closes the socket with 1009.  Pings are answered;
 * one is sent every HTTP_WEBSOCKET_PING, and a peer that sends nothing for two of them is gone.  Loop thread only.
 *
 *	static const char *const protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
 *	struct websocket *socket = websocket_accept(request, protocols, ARRAY_LEN(protocols), &ops, session);
 *	...
 *	websocket_send(socket, WEBSOCKET_BINARY, bytes);
 *	if (websocket_pending(socket) > LIMIT_RELAY_BUFFER)
 *		...				make no more until drained()
 */
#ifndef WHERRY_NET_WEBSOCKET_H
#define WHERRY_NET_WEBSOCKET_H

#include "base/error.h"
#include "net/http.h"

struct conn;
struct http_client;
struct http_call_config;
struct http_request;
struct websocket;

enum websocket_type { WEBSOCKET_TEXT = 1, WEBSOCKET_BINARY = 2 };

#define WEBSOCKET_MESSAGE_MAX (1024 * 1024)

struct websocket_ops {
	void (*message)(struct websocket *socket, void *data, enum websocket_type type, struct str bytes);
	/* All that was sent is taken; may be NULL. */
	void (*drained)(struct websocket *socket, void *data);
	/*
	 * The end, once and last, never from inside a call of the owner's: @code is the peer's close code, 1005 when it
	 * gave none, 1006 when the connection broke.  The socket is gone afterwards.
	 */
	void (*closed)(struct websocket *socket, void *data, int code);
	/* Client: the upgrade succeeded; may be NULL. */
	void (*opened)(struct websocket *socket, void *data, struct str protocol);
	/* Client: there is no socket and never was; @status is the answer's, or 0. */
	void (*refused)(void *data, int status, struct str body, const struct error *err);
};

/* Does the request ask for a WebSocket? */
bool websocket_requested(const struct http_request *request);
/*
 * Accepts with the first of the client's subprotocols that is in @protocols (the client's order decides, as upstream
 * does).  A client that asks for none is accepted without one.  NULL, with the request still the caller's to refuse
 * (400, or 403 when no subprotocol fits), when it cannot be done.
 */
struct websocket *websocket_accept(struct http_request *request, const char *const *protocols, size_t protocols_len,
				   const struct websocket_ops *ops, void *data);
/* What was agreed, or empty. */
struct str websocket_protocol(const struct websocket *socket);

/*
 * Connects as a client: @config's url (http or https), headers and timeout are used.  opened() or refused() follows,
 * never from inside this function.
 */
void websocket_connect(struct http_client *client, const struct http_call_config *config, struct str protocols,
		       const struct websocket_ops *ops, void *data);

void websocket_send(struct websocket *socket, enum websocket_type type, struct str bytes);
size_t websocket_pending(const struct websocket *socket);
/* Stops and resumes message(). */
void websocket_pause(struct websocket *socket);
void websocket_resume(struct websocket *socket);
/* Sends what is queued, then a close frame, and waits shortly for the peer's; closed() follows. */
void websocket_close(struct websocket *socket, int code, struct str reason);
/* Closes at once, without closed(); NULL is fine; returns NULL. */
struct websocket *websocket_free(struct websocket *socket);

#endif
