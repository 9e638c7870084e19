/*
 * The HTTP client: API servers, webhooks, kubelets, registries, gRPC's carrier, upgrades.
 *
 * A client belongs to a loop and has one TLS context; it keeps connections and uses them again: HTTP/2 where the server
 * agrees to it (many calls, watches too, share one connection), else HTTP/1.1 with keep-alive.  A call on a connection
 * that turns out to be closed is made again on a new one when that cannot do harm (the server has not seen it, or the
 * method is idempotent and no byte of the answer has come).
 *
 * On the loop:
 *
 *	struct http_call *call = http_client_call(client, &(struct http_call_config){
 *		.method = "GET", .url = STR("https://10.0.0.1:6443/api/v1/pods?watch=true"),
 *		.ops = &watch_ops, .data = watch});
 *	...
 *	http_call_cancel(call);			ended() is not called
 *
 * On a worker thread:
 *
 *	struct http_result result;
 *	if (http_client_do(client, &config, &arena, &result, err) < 0)
 *		return -1;			no answer at all
 *	if (result.status == 200) use(result.body);
 */
#ifndef WHERRY_NET_HTTP_CLIENT_H
#define WHERRY_NET_HTTP_CLIENT_H

#include "base/error.h"
#include "net/http.h"
#include "net/tls.h"

struct conn;
struct http_call;
struct http_client;
struct loop;
struct worker_pool;

struct http_client_config {
	struct loop *loop;
	struct tls_context *tls; /* for https; a reference is taken; NULL: only http */
	struct str server_name;	 /* checked instead of the URL's host (kubeconfig's tls-server-name) */
	struct str user_agent;
	bool no_http2;
	bool http2_plain;	  /* http URLs too are HTTP/2, known beforehand (RFC 9113, 3.3): what gRPC does */
	unsigned connections_max; /* per host and port, HTTP/1.1; 0: HTTP_CLIENT_CONNECTIONS */
	/*
	 * How connections are made; all of this runs on worker threads.  @pool may be NULL: then one of the client's
	 * own is started when needed.  @netns_fd > 0: sockets are made in that network namespace (borrowed).  @dial,
	 * when set, does it all: returns a connected socket or -1 with @err set; @host is a name or an address without
	 * brackets.
	 */
	struct worker_pool *pool;
	int netns_fd;
	int (*dial)(void *cookie, const char *host, uint16_t port, struct error *err);
	void *dial_cookie;
	int64_t connect_timeout; /* 0: HTTP_CONNECT_TIMEOUT */
};
#define HTTP_CLIENT_CONNECTIONS 32

struct http_client *http_client_new(const struct http_client_config *config) __attribute__((returns_nonnull));
/* Ends all calls (ended() with ERR_CANCELLED), closes and frees.  Loop thread, not from a callback.  NULL is fine. */
struct http_client *http_client_free(struct http_client *client);
/* Closes idle connections and uses none of the open ones for new calls: after certificates changed.  Loop thread. */
void http_client_reset(struct http_client *client);
struct loop *http_client_loop(const struct http_client *client);

struct http_call_ops {
	/* Status and header fields, which live until this returns; may be NULL. */
	void (*headers)(struct http_call *call, void *data, int status, struct http_headers headers);
	/* A piece of the body; may be NULL. */
	void (*body)(struct http_call *call, void *data, struct str bytes);
	/* Once and last, unless cancelled: @err is NULL when the answer was complete.  The call is gone afterwards. */
	void (*ended)(struct http_call *call, void *data, const struct error *err);
	/*
	 * Fields that came after the body (HTTP/2 only), which live until this returns; may be NULL.  To a paused call
	 * they may come before what is held of its body.
	 */
	void (*trailers)(struct http_call *call, void *data, struct http_headers trailers);
	/*
	 * The server answered 101 to a call with `upgrade` set: the connection is the caller's.  ended() does not
	 * follow.
	 */
	void (*upgraded)(struct http_call *call, void *data, struct http_headers headers, struct conn *conn);
};

struct http_call_config {
	const char *method; /* NULL: "GET" */
	struct str url;	    /* http or https, absolute; unix sockets and others through `dial` */
	struct http_headers headers;
	struct payload body; /* without a release: copied */
	/* Nanoseconds until the whole answer must be there, 0: none (watches); and until the header must. */
	int64_t timeout, header_timeout;
	unsigned redirects; /* at most so many are followed (GET and HEAD); authorization does not cross to other hosts
			     */
	bool upgrade;	    /* HTTP/1.1 on a connection of its own; headers name the protocol */
	size_t body_max;    /* 0: LIMIT_RESPONSE_BODY; for http_client_do() */
	const struct http_call_ops *ops;
	void *data;
};

/* Begins a call; the config is copied.  Failures come through ended(), never from inside this function.  Loop thread.
 */
struct http_call *http_client_call(struct http_client *client, const struct http_call_config *config)
	__attribute__((returns_nonnull));
/* No callback comes after this.  Loop thread; from the call's own callbacks too. */
void http_call_cancel(struct http_call *call);
/* Back-pressure: no body() until resumed, and the server is held back. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
/* The server's certificate, or NULL; inside headers() and later. */
const struct tls_peer *http_call_peer(struct http_call *call);

struct http_result {
	int status;
	struct http_headers headers;
	struct str body; /* NUL after it */
};
/*
 * A whole call, waited for: any thread but the loop's.  ops and data are not used.  The result lives in @arena.
 * @config->timeout 0 means HTTP_CALL_TIMEOUT.
 */
int http_client_do(struct http_client *client, const struct http_call_config *config, struct arena *arena,
		   struct http_result *ret, struct error *err) MUST_CHECK;
#define HTTP_CALL_TIMEOUT (INT64_C(60) * 1000000000)

#endif
