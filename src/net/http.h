/*
 * What HTTP's server and client share: header fields, versions, statuses, bytes on loan.
 *
 * Header names are in lower case everywhere inside the program: as received (folded on arrival) and as given to be sent
 * (HTTP/2 wants them so, and to HTTP/1.1 the case is all one).
 */
#ifndef WHERRY_NET_HTTP_H
#define WHERRY_NET_HTTP_H

#include "base/arena.h"
#include "base/buf.h"

enum http_version { HTTP_VERSION_1_0, HTTP_VERSION_1_1, HTTP_VERSION_2 };

struct http_header {
	struct str name, value;
};
struct http_headers {
	const struct http_header *items;
	size_t len;
};
#define HTTP_HEADERS(...)                                                                                              \
	((struct http_headers){(const struct http_header[]){__VA_ARGS__},                                              \
			       sizeof((const struct http_header[]){__VA_ARGS__}) / sizeof(struct http_header)})

/* The first value of the field; @name in lower case; data is NULL when there is none. */
struct str http_headers_get(struct http_headers headers, struct str name);
/* Does the comma-separated list in all fields @name hold @token, in any case ("connection: keep-alive, Upgrade")? */
bool http_headers_has_token(struct http_headers headers, struct str name, struct str token);
/* A copy of all names (folded to lower case) and values. */
struct http_headers http_headers_dup(struct http_headers headers, struct arena *arena);

/*
 * Appends "Content-Type: value" and the line's end; "content-type" is written as people expect to see it in HTTP/1.1,
 * and a value cannot end its line.
 */
void http_header_write(struct buf *out, struct str name, struct str value);

/*
 * Bytes lent to whoever sends them: @release(@data) is called once, on the sender's loop thread, when they are no
 * longer needed (sent or dropped).  Without a release they are copied, or, where a function says so, must live on.
 */
struct payload {
	struct str bytes;
	void (*release)(void *data);
	void *data;
};
#define PAYLOAD(s) ((struct payload){.bytes = (s)})
void payload_release(struct payload *payload);

/* "Not Found"; for a status without a name "Status". */
const char *http_status_text(int status);

/* Timeouts, nanoseconds.  As upstream's where it has one. */
#define HTTP_HEADER_TIMEOUT                                                                                            \
	(INT64_C(32) * 1000000000)			/* connection (TLS too) or first byte to the end of the header \
							 */
#define HTTP_BODY_TIMEOUT    (INT64_C(60) * 1000000000) /* end of the header to the end of the body */
#define HTTP_IDLE_TIMEOUT    (INT64_C(90) * 1000000000) /* no request under way */
#define HTTP_CONNECT_TIMEOUT (INT64_C(30) * 1000000000) /* client: name, connection and TLS */
#define HTTP_PEER_TIMEOUT_MS 60000 /* bytes sent and not acknowledged, or no window for them: the peer is gone */
#define HTTP_WEBSOCKET_PING  (INT64_C(30) * 1000000000)
#define HTTP_GZIP_MIN	     (128 * 1024) /* smaller bodies are sent as they are */

#endif
