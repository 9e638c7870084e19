/*
 * The HTTP server: HTTP/1.1 and HTTP/2, in clear or with TLS, over one or several loops.
 *
 * A handler is called on an I/O thread once header and body of a request have arrived.  From then on the request is the
 * handler's, until it answers, in exactly one of these ways, each of which takes the request back:
 *
 *	http_respond()		an answer whole				loop thread
 *	http_respond_post()	the same				any thread
 *	http_stream_start()	an answer that goes on (watch, logs)	loop thread
 *	http_upgrade()		another protocol, raw bytes		loop thread
 *	websocket_accept()	(net/websocket.h)			loop thread
 *
 * The loop thread is the one the handler was called on.  A handler that may block hands the request to a worker, which
 * owns it, arena and all, until it answers with http_respond_post() or goes back with http_request_post().  A client
 * that goes away in the meantime changes nothing for the worker: the answer is dropped; `aborted` tells who wants to
 * know.
 *
 *	static void hello(void *cookie, struct http_request *request)
 *	{
 *		struct http_response response = {
 *			.status = 200,
 *			.headers = HTTP_HEADERS({STR("content-type"), STR("text/plain")}),
 *			.body = PAYLOAD(arena_printf(&request->arena, "hello " STR_FMT, STR_ARG(request->path))),
 *		};
 *		http_respond(request, &response);
 *	}
 *
 * What the server does by itself: turns away malformed requests (400), header sections over LIMIT_REQUEST_HEADERS (431)
 * and bodies over the configured maximum (413); Expect: 100-continue; HEAD (the handler answers as for GET, the body is
 * not sent); keep-alive and pipelining; content-length, date, chunked; gzip where a response allows it; deadlines
 * (net/http.h); TCP keep-alive.
 */
#ifndef WHERRY_NET_HTTP_SERVER_H
#define WHERRY_NET_HTTP_SERVER_H

#include "base/address.h"
#include "base/error.h"
#include "net/http.h"
#include "net/tls.h"

struct conn;
struct http_server;
struct http_request;
struct http_response;
struct loop;

struct http_server_config {
	/* Where: an address and port (0: any free one), or a listening socket of any family that becomes the server's.
	 */
	struct ip_address address; /* IP_NONE: all addresses, both families */
	uint16_t port;
	int listen_fd;		 /* > 0: used instead of the address */
	struct tls_context *tls; /* NULL: in clear; a reference is taken */

	/* Who: threads of the server's own (0: one per processor), or a loop that runs already. */
	unsigned threads;
	struct loop *loop;
	const char *name; /* of the threads; "http" when NULL */

	void (*handle)(void *cookie, struct http_request *request);
	void *cookie;
	size_t body_max;	  /* 0: LIMIT_REQUEST_BODY */
	unsigned connections_max; /* 0: LIMIT_CONNECTIONS; those beyond are closed at once */
	/* For tests; 0: the values of net/http.h. */
	int64_t header_timeout, body_timeout, idle_timeout, peer_timeout;
	/*
	 * The answer to a request the server itself turns away (400, 413, 431 ...), so that it can be a Status: fills
	 * @response from @request's arena.  NULL: a line of text.
	 */
	void (*refuse)(void *cookie, struct http_request *request, int status, const char *why,
		       struct http_response *response);
};

/* Listens and serves from now on. */
int http_server_new(const struct http_server_config *config, struct http_server **ret, struct error *err) MUST_CHECK;
/*
 * Stops accepting, tells clients so (GOAWAY, Connection: close), lets requests under way end for at most @grace
 * nanoseconds, then closes what is left.  Any thread; returns at once.  @stopped (may be NULL) is called when no
 * connection is left, on one of the server's loops.
 */
void http_server_stop(struct http_server *server, int64_t grace, void (*stopped)(void *cookie));
/*
 * Closes everything and frees; waits for its own threads.  Requests that workers hold must have been answered before or
 * be answered while this waits.  With a given loop: on that loop's thread, outside of handlers.  NULL is fine.
 */
struct http_server *http_server_free(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

struct http_server_stats {
	uint64_t connections_open, connections_total, connections_refused, tls_failures;
	uint64_t requests_total, requests_open, streams_open;
	uint64_t bytes_received, bytes_sent; /* of HTTP messages' bodies and headers, before TLS */
};
/* Any thread. */
void http_server_stats(const struct http_server *server, struct http_server_stats *ret);

struct http_request {
	struct str method;    /* "GET" */
	struct str path;      /* percent-decoded, begins with '/' ("*" for OPTIONS *) */
	struct str raw_path;  /* as sent */
	struct str query;     /* as sent, without '?'; see net/url.h */
	struct str authority; /* Host or :authority */
	enum http_version version;
	bool tls;
	struct http_headers headers; /* in the order received; cookie fields of HTTP/2 are not joined */
	struct str body;
	struct ip_address peer_address; /* IP_NONE for local sockets */
	uint16_t peer_port;
	const struct tls_peer *peer; /* the client's certificate, or NULL; as long as the request */
	int64_t received;	     /* clock_monotonic_ns() when it was complete */
	struct arena arena;	     /* the request's memory; freed when it has been answered and sent */
	void *data;		     /* the handler's */
	/* Set on the loop thread, before the request is handed elsewhere; called there, at most once. */
	void (*aborted)(struct http_request *request);
};

/* @name in lower case; data is NULL when there is none. */
struct str http_request_header(const struct http_request *request, struct str name);
/* Has the client gone?  Any thread. */
bool http_request_is_aborted(const struct http_request *request);
/* The loop the request came in on. */
struct loop *http_request_loop(const struct http_request *request);
/* Runs @run(@request) on its loop; any thread.  The caller's hold on the request goes to @run. */
void http_request_post(struct http_request *request, void (*run)(struct http_request *request));

struct http_response {
	int status;
	struct http_headers headers; /* without content-length, date, connection, transfer-encoding */
	struct payload body;	     /* without a release: lives in the request's arena or forever */
	bool gzip;		     /* may be compressed when the client accepts it */
};

/* Answers.  Headers may live anywhere and are copied.  Loop thread. */
void http_respond(struct http_request *request, const struct http_response *response);
/* The same from any thread; header names and values must live in the request's arena or forever. */
void http_respond_post(struct http_request *request, const struct http_response *response);
/* text/plain with @text as body, on any thread. */
void http_respond_text(struct http_request *request, int status, const char *format, ...) PRINTF_LIKE(3, 4);
/* Gives no answer: resets the stream, or closes an HTTP/1.1 connection.  Loop thread. */
void http_request_drop(struct http_request *request);

/*
 * Streams: answers that go on.  The request lives as long as the stream, unless http_stream_trim() frees it.
 *
 * Whoever writes asks http_stream_pending() and makes no more while much is waiting, until drained().  A write when
 * LIMIT_CONNECTION_BUFFER bytes wait already aborts the stream: memory of slow readers is bounded.
 *
 * Streams are counted: another thread that holds a reference may use the _post functions at any time, also after the
 * stream has closed.
 */
struct http_stream;
struct http_stream_ops {
	/* What was written has been taken; may be NULL. */
	void (*drained)(struct http_stream *stream, void *data);
	/*
	 * The end, called exactly once and last: after http_stream_end() or _abort(), when the client has gone, when
	 * the server stops.  Never from inside a call of the owner's.  May be NULL.
	 */
	void (*closed)(struct http_stream *stream, void *data);
};
/* Sends status and headers at once.  @response's body is the beginning of the body; gzip is not used. */
struct http_stream *http_stream_start(struct http_request *request, const struct http_response *response,
				      const struct http_stream_ops *ops, void *data) __attribute__((returns_nonnull));
/* Without a release the bytes are copied.  False: dropped, the stream is closed or closing. */
bool http_stream_write(struct http_stream *stream, struct payload payload);
/* Bytes written that the connection has not taken. */
size_t http_stream_pending(const struct http_stream *stream);
/* The end of the body; closed() follows when all is sent. */
void http_stream_end(struct http_stream *stream);
/* An end the client can tell from a good one (RST_STREAM, a chunked body without its end). */
void http_stream_abort(struct http_stream *stream);
/* The request, NULL after http_stream_trim(). */
struct http_request *http_stream_request(struct http_stream *stream);
/* Frees the request early: a watch of hours need not keep it. */
void http_stream_trim(struct http_stream *stream);
struct http_stream *http_stream_ref(struct http_stream *stream);
struct http_stream *http_stream_unref(struct http_stream *stream);
/* Any thread, with a reference held. */
void http_stream_write_post(struct http_stream *stream, struct payload payload);
void http_stream_end_post(struct http_stream *stream);
struct loop *http_stream_loop(const struct http_stream *stream);

/* Does the request ask for an upgrade (HTTP/1.1 with Connection: upgrade)?  To which protocol, "" if it does not. */
struct str http_request_upgrade(const struct http_request *request);
/*
 * Answers 101 with @headers (which name the protocol: {"upgrade", "SPDY/3.1"}; connection: Upgrade is added) and hands
 * the connection over, bytes that came after the request included.  NULL, with the request still the caller's, when it
 * cannot be upgraded.
 */
struct conn *http_upgrade(struct http_request *request, struct http_headers headers);

#endif
