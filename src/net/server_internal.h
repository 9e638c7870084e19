/*
 * The HTTP server's inside: what server.c (listening, connections, deadlines), server_http1.c, server_http2.c (framing)
 * and server_answer.c (answers and streams) share.
 *
 * A server has homes, one per loop.  A connection belongs to a home; exchanges (a request and its answer) belong to a
 * connection, and outlive it while a handler holds the request.
 *
 *	RECEIVING -> HANDLING -> ANSWERING -> gone		exchange_enter() is the only place where it changes
 *
 * In HANDLING the handler owns the request; `conn` becomes NULL when the connection goes away meanwhile.  An answer
 * whole is in ANSWERING until its last byte is in the connection's queue; a stream until it is closed.
 */
#ifndef WHERRY_NET_SERVER_INTERNAL_H
#define WHERRY_NET_SERVER_INTERNAL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "net/conn.h"
#include "net/http_server.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct server_conn;
struct exchange;
struct http1;
struct http2;

struct home {
	struct http_server *server;
	struct loop *loop;
	struct thread *thread;
	struct list conns;
	struct list streams; /* not closed */
	size_t exchanges;    /* not gone */
	struct loop_timer grace;
	bool stopping, stopped;
	char date[32]; /* "Wed, 25 Nov 2026 00:40:00 GMT", of second date_at */
	int64_t date_at;
	_Atomic uint64_t requests, requests_open, streams_open, received, sent, tls_failures;
};

struct http_server {
	struct http_server_config config;
	struct home *homes;
	unsigned homes_len;
	unsigned next_home; /* loop 0's thread */
	int listen_fd;
	struct loop_watch *listen_watch; /* home 0's */
	struct loop_timer accept_again;
	uint16_t port;
	atomic_uint homes_open;
	int64_t grace;
	void (*stopped)(void *cookie);
	bool freeing; /* http_server_free() waits for workers on a given loop */
	_Atomic uint64_t connections_open, connections_total, connections_refused;
};

/* A framing: HTTP/1.1 or HTTP/2. */
struct framing {
	void (*readable)(struct server_conn *conn);
	/* The connection's queue is empty. */
	void (*drained)(struct server_conn *conn);
	/* Moves what exchanges have to send into the connection's queue; called at the end of a turn. */
	void (*produce)(struct server_conn *conn);
	/* Sends status and headers; the whole answer, when `whole`. */
	void (*start)(struct exchange *exchange, const struct http_response *response, bool whole);
	void (*write)(struct exchange *exchange, struct payload payload);
	void (*end)(struct exchange *exchange);
	/* Ends it so that the client sees it is not whole. */
	void (*reset)(struct exchange *exchange);
	size_t (*pending)(const struct exchange *exchange);
	/* No new requests. */
	void (*shut)(struct server_conn *conn);
	/* Frees the framing's part of the connection. */
	void (*release)(struct server_conn *conn);
};
extern const struct framing http1_framing, http2_framing;

struct server_conn {
	struct list link;
	struct home *home;
	struct conn *conn; /* NULL once it was handed over */
	const struct framing *framing;
	union {
		struct http1 *http1;
		struct http2 *http2;
	};
	struct list exchanges;
	struct loop_defer defer;
	struct loop_timer timer;
	int64_t deadline; /* INT64_MAX: none; the timer may be set earlier */
	struct ip_address peer_address;
	uint16_t peer_port;
	bool closing, shut;
};

enum exchange_state { EXCHANGE_RECEIVING, EXCHANGE_HANDLING, EXCHANGE_ANSWERING, EXCHANGE_GONE };

/* A piece of an HTTP/2 answer's body that waits for its turn. */
struct piece {
	struct piece *next;
	struct payload payload;
	size_t sent;
	char own[];
};

struct exchange {
	struct http_request request;
	struct home *home;
	struct server_conn *conn; /* NULL: gone */
	struct list link;	  /* conn->exchanges */
	enum exchange_state state;
	unsigned refs;
	atomic_bool aborted;
	VEC_OF(struct http_header) headers; /* in the request's arena */
	size_t header_size;
	struct buf body;
	int refuse; /* a status, decided while receiving */
	const char *refuse_why;
	bool keep_alive, chunked, head, ended, expects_continue, deferred, notify_drained;
	struct str upgrade;
	int32_t stream_id;
	int64_t started;
	struct piece *first, *last; /* HTTP/2 */
	size_t pending;
	int64_t moved; /* when something of `pending` was taken last, or it began to wait */
	struct http_stream *stream;
	struct loop_call call; /* of a post; one at a time, for a request has one holder */
	void (*posted)(struct http_request *request);
	struct http_response response;
};

struct http_stream {
	atomic_uint refs;
	struct list link;	   /* home->streams */
	struct exchange *exchange; /* NULL: closed */
	struct loop *loop;
	const struct http_stream_ops *ops;
	void *data;
	struct loop_defer defer; /* closed() and drained() */
	bool closing, drained;
};

/* server_answer.c */
void http_stream_finish(struct http_stream *stream);

/* server.c */
struct server_conn *server_conn_close(struct server_conn *conn); /* at the end of the turn; returns NULL */
/* Closes once what is queued has been sent. */
void server_conn_close_drained(struct server_conn *conn);
void server_conn_set_deadline(struct server_conn *conn, int64_t deadline);
/* Runs framing->produce() at the end of the turn. */
void server_conn_produce_later(struct server_conn *conn);
int64_t server_header_timeout(const struct http_server *server);
int64_t server_body_timeout(const struct http_server *server);
int64_t server_idle_timeout(const struct http_server *server);
int64_t server_peer_timeout(const struct http_server *server);
const char *home_date(struct home *home);
void home_check_stopped(struct home *home);

/* exchange.c */
struct exchange *exchange_new(struct server_conn *conn);
void exchange_unref(struct exchange *exchange);
void exchange_enter(struct exchange *exchange, enum exchange_state state);
/* Adds a header field; false when there are too many bytes (refuse is set). */
bool exchange_add_header(struct exchange *exchange, struct str name, struct str value);
bool exchange_add_body(struct exchange *exchange, const void *data, size_t size);
/* Sets path, raw path, query of a request target; false when malformed. */
bool exchange_set_target(struct exchange *exchange, struct str target);
/* Everything has arrived: hands it to the handler, or refuses it. */
void exchange_dispatch(struct exchange *exchange);
/* The connection or stream under it has gone. */
void exchange_detach(struct exchange *exchange);
/* The answer is complete: the exchange has nothing more to do with its connection. */
void exchange_done(struct exchange *exchange);
/* The stream's owner should hear that all was taken. */
void exchange_notify_drained(struct exchange *exchange);

/* server_http2.c */
bool http2_init(struct server_conn *conn);
void http2_deadline(struct server_conn *conn);

/* server_http1.c */
struct conn *http1_take_conn(struct exchange *exchange, struct http_headers headers);

#endif
