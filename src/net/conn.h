/*
 * Connections: a stream socket on a loop, in clear or with TLS, with a queue of bytes to send.
 *
 * HTTP, WebSocket and the relay stand on this.  A connection has one owner at a time (ops and owner pointer), who may
 * change: an upgrade hands the connection of an HTTP request to whoever speaks the next protocol.  Loop thread only.
 *
 * Reading is pulled: readable() is called, once in a turn at most, as long as there is something to conn_read(), be it
 *in the socket or in TLS; an owner may leave the rest to let others in, and pauses if it wants no more.  Writing is
 *queued and goes out at the end of the loop's turn, so that many small writes are one system call; conn_pending() says
 *how much the peer has not taken, drained() that it took all.  Callbacks may call anything here, conn_free() too.
 *
 *	conn_queue(conn, STR("hello\n"));
 *	if (conn_pending(conn) > LIMIT_RELAY_BUFFER)
 *		...					make no more until drained()
 */
#ifndef WHERRY_NET_CONN_H
#define WHERRY_NET_CONN_H

#include <sys/types.h>

#include "base/address.h"
#include "base/error.h"
#include "net/http.h"

struct conn;
struct loop;
struct tls_context;
struct tls_peer;

struct conn_ops {
	/* Connected and, with TLS, shaken hands; may be NULL. */
	void (*established)(struct conn *conn, void *owner);
	/* There are bytes, or the end. */
	void (*readable)(struct conn *conn, void *owner);
	/* The queue is empty again; may be NULL. */
	void (*drained)(struct conn *conn, void *owner);
	/* Broken: nothing can be read or written any more.  Called once, never from inside a call of the owner's. */
	void (*broken)(struct conn *conn, void *owner, const struct error *why);
};

struct conn_config {
	struct loop *loop;
	int fd;			 /* connected, or connecting; the connection's from now on, also when this fails */
	struct tls_context *tls; /* NULL: in clear */
	bool server;		 /* side of the handshake */
	const char *server_name; /* client: checked against the certificate (a name or an address) and sent as SNI */
	const char *alpn;	 /* client: "h2 http/1.1", "http/1.1" or NULL */
	const struct conn_ops *ops;
	void *owner;
};

/* The handshake begins at once. */
int conn_new(const struct conn_config *config, struct conn **ret, struct error *err) MUST_CHECK;
/* Closes and frees; what is queued is dropped (released).  NULL is fine; returns NULL. */
struct conn *conn_free(struct conn *conn);
/* Frees it as soon as the queue is sent, the peer is gone or @timeout has passed; the owner hears no more of it. */
void conn_free_drained(struct conn *conn, int64_t timeout);
/* The new owner's readable() is called for what was not read. */
void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner);

/* Bytes read (> 0), 0 at the end, -ERR_AGAIN or -ERR_CLOSED. */
ssize_t conn_read(struct conn *conn, void *buffer, size_t size) MUST_CHECK;
/* Puts bytes back in front of what will be read (after an upgrade, say) and calls readable() soon. */
void conn_unread(struct conn *conn, struct str bytes);
/* Stops and resumes readable(). */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);

/* Queues a copy of @bytes. */
void conn_queue(struct conn *conn, struct str bytes);
/* Queues @payload by reference; without a release its bytes are copied. */
void conn_queue_payload(struct conn *conn, struct payload payload);
/* Tries to send now what would go at the end of the turn. */
void conn_flush(struct conn *conn);
/* Bytes queued and not yet taken by the kernel. */
size_t conn_pending(const struct conn *conn);
/* Says to the peer that no more comes, once the queue is sent (TLS close_notify, FIN). */
void conn_shutdown_write(struct conn *conn);

bool conn_is_established(const struct conn *conn);
/* "h2", "http/1.1", or "" when nothing was agreed. */
struct str conn_alpn(const struct conn *conn);
/* The certificate the peer presented, or NULL; lives as long as the connection. */
const struct tls_peer *conn_peer(struct conn *conn);
/* False for a socket without addresses. */
bool conn_peer_address(const struct conn *conn, struct ip_address *ret_address, uint16_t *ret_port);
struct loop *conn_loop(const struct conn *conn);
int conn_fd(const struct conn *conn);

#endif
