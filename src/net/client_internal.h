/*
 * The HTTP client's inside: what http_client.c (calls, origins, which call goes where), client_http1.c, client_http2.c
 * (framing) and client_dial.c (making sockets) share.
 *
 * A call waits at its origin (scheme, host, port) until a connection takes it:
 *
 *	WAITING -> SENT -> BODY -> ENDED		call_enter(); back to WAITING for another try, never from BODY
 *
 * Callbacks are made between call_guard_begin() and _end(), so that a cancel from inside leaves the struct until the
 * stack is out of it.
 */
#ifndef WHERRY_NET_CLIENT_INTERNAL_H
#define WHERRY_NET_CLIENT_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "net/conn.h"
#include "net/http_client.h"
#include "net/url.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct client_conn;
struct dial_job;
struct client_http1;
struct client_http2;

enum origin_protocol { ORIGIN_UNKNOWN, ORIGIN_HTTP1, ORIGIN_HTTP2 };

struct origin {
	struct http_client *client;
	struct arena arena;
	struct str key;
	struct url url; /* scheme, host, port */
	struct list conns;
	struct list waiting;
	size_t conns_len, connecting;
	enum origin_protocol protocol;
};

struct http_client {
	struct http_client_config config;
	struct arena arena; /* the config's strings */
	struct map origins;
	struct list calls; /* all there are */
	struct loop_defer defer;
	struct worker_pool *own_pool;
	bool freeing;
};

/* A framing of a client's connection. */
struct client_framing {
	bool (*init)(struct client_conn *conn);
	/* Sends the call's request. */
	void (*send)(struct client_conn *conn, struct http_call *call);
	void (*readable)(struct client_conn *conn);
	void (*drained)(struct client_conn *conn);
	void (*produce)(struct client_conn *conn);
	/* Forgets a call that has not ended; the connection may be of no more use. */
	void (*cancel)(struct client_conn *conn, struct http_call *call);
	/* @size bytes of the body were delivered. */
	void (*consumed)(struct client_conn *conn, struct http_call *call, size_t size);
	bool (*has_room)(const struct client_conn *conn);
	void (*release)(struct client_conn *conn);
};
extern const struct client_framing client_http1_framing, client_http2_framing;

struct client_conn {
	struct list link; /* origin->conns */
	struct origin *origin;
	struct conn *conn; /* NULL while a worker dials */
	struct dial_job *dial;
	const struct client_framing *framing; /* NULL until established */
	union {
		struct client_http1 *http1;
		struct client_http2 *http2;
	};
	struct list calls;
	size_t calls_len;
	struct http_call *reserved; /* an upgrade's own connection, until established */
	struct loop_defer defer;
	struct loop_timer timer; /* connecting, idle, or keeping alive */
	int64_t last_read;
	struct error *why;		   /* of closing */
	bool draining, closing, exclusive; /* exclusive: for one upgrade */
};

enum call_state { CALL_WAITING, CALL_SENT, CALL_BODY, CALL_ENDED };

struct http_call {
	struct list link;  /* client->calls */
	struct list place; /* origin->waiting or conn->calls */
	struct http_client *client;
	struct origin *origin;
	struct client_conn *conn;
	struct arena arena;
	struct http_call_config config; /* strings in the arena */
	struct url url;
	struct payload body;
	size_t body_sent;
	struct loop_timer timer;
	struct loop_defer defer;
	int64_t deadline, header_deadline;
	enum call_state state;
	unsigned entered, tries;
	int32_t stream_id;
	/* The answer. */
	int status;
	VEC_OF(struct http_header) headers;
	size_t header_size;
	struct arena answer_arena;
	struct buf held; /* body that came while paused */
	bool paused, complete, dead;
};

/* client_dial.c */
/* Makes a connected socket on a worker; client_conn_dialed() is called with it on the loop. */
struct dial_job *dial_start(struct client_conn *conn);
/* The connection no longer wants it. */
void dial_abandon(struct dial_job *job);
void client_conn_dialed(struct client_conn *conn, int fd, const struct error *err);

/* client_http2.c */
void client_http2_ping(struct client_conn *conn);

/* http_client.c */
void call_guard_begin(struct http_call *call);
/* False: the call is gone or cancelled. */
bool call_guard_end(struct http_call *call);
/* Adds a field of the answer; false when there are too many. */
bool call_add_header(struct http_call *call, struct str name, struct str value);
/* All of the answer's header is there.  False: the call has left the connection (redirected, cancelled). */
bool call_headers_complete(struct http_call *call);
/* The fields after the body are there.  False: as above. */
bool call_trailers_complete(struct http_call *call);
/* A piece of the body.  False: as above. */
bool call_deliver(struct http_call *call, struct str bytes);
/* The answer is complete; the framing has let go of the call. */
void call_complete(struct http_call *call);
/* The server has switched protocols; the call ends, @socket goes to its owner. */
void call_upgraded(struct http_call *call, struct http_headers headers, struct conn *socket);
/* The connection failed it; @unseen: the server has not acted on it. */
void call_fail(struct http_call *call, bool unseen, const struct error *err);
/* Takes the call out of its connection's list. */
void call_detach(struct http_call *call);

/* Closes at the end of the turn; its calls fail with @err (or are tried again). */
void client_conn_close(struct client_conn *conn, const struct error *err);
void client_conn_produce_later(struct client_conn *conn);
/* A call has left: the connection is free for others, or idle. */
void client_conn_release_call(struct client_conn *conn);

#endif
