/*
 * SPDY/3.1, the server's side: streams of one connection, as kubectl port-forward opens them.
 *
 * Framing alone: the bytes that come are given to spdy_feed(), what is to be sent comes out through ops->send(), and
 *the way between (a connection, a WebSocket) is the owner's.  The client opens streams; the server never does.
 *
 * A stream is known by its number.  It is there from opened() until both sides have ended it, or one has reset it;
 * functions called with a number that is not there do nothing, so that an owner need not know whether the client was
 * quicker.  The owner may hang a pointer on a stream and gets it back with each call about it.
 *
 * Bounds: LIMIT_SPDY_STREAMS at a time (more are refused), LIMIT_SPDY_CONTROL bytes in a control frame,
 * LIMIT_SPDY_HEADERS and LIMIT_SPDY_FIELDS in a header block.  Data frames are passed on as they come, whatever their
 * size.
 *
 * Flow control: window updates are read and none are sent, nor is a window waited for, since the clients there are, all
 * of one library, have no windows.  What holds a sender back is the connection below: an owner that can take no more
 * stops feeding, and one whose connection takes no more stops writing.
 *
 * A malformed frame ends the connection: GOAWAY is sent and spdy_feed() fails.  One thread.
 *
 *	static const struct spdy_ops ops = {.opened = opened, .bytes = bytes, .finished = finished, .reset = reset,
 *					    .send = send_to_client};
 *	struct spdy *spdy = spdy_new(&ops, session);
 *	if (spdy_feed(spdy, received, &err) < 0)
 *		...			close when all is sent
 */
#ifndef WHERRY_NET_SPDY_H
#define WHERRY_NET_SPDY_H

#include "base/error.h"
#include "net/http.h"

struct spdy;

/* Why a stream is reset (RST_STREAM). */
enum spdy_status {
	SPDY_PROTOCOL_ERROR = 1,
	SPDY_INVALID_STREAM = 2,
	SPDY_REFUSED_STREAM = 3,
	SPDY_CANCEL = 5,
	SPDY_STREAM_ALREADY_CLOSED = 9,
};

/*
 * @data is the owner's, @hung what spdy_hang() hung on the stream.  All are called from inside spdy_feed() but send(),
 * and may call anything here but spdy_free() and spdy_feed().
 */
struct spdy_ops {
	/* A new stream; it is answered with spdy_reply() or spdy_reset().  Headers live until the return. */
	void (*opened)(void *data, uint32_t stream, struct http_headers headers);
	void (*bytes)(void *data, uint32_t stream, void *hung, struct str bytes);
	/* The client has said all. */
	void (*finished)(void *data, uint32_t stream, void *hung);
	/* The client has reset it; it is gone. */
	void (*reset)(void *data, uint32_t stream, void *hung);
	/* The client will open no more streams and wants to leave. */
	void (*left)(void *data);
	/* Bytes for the client, to be copied or sent before the return. */
	void (*send)(void *data, struct str bytes);
};

struct spdy *spdy_new(const struct spdy_ops *ops, void *data) __attribute__((returns_nonnull));
/* No call is made; NULL is fine; returns NULL. */
struct spdy *spdy_free(struct spdy *spdy);
/* Bytes from the client, cut anywhere.  After a failure it takes no more. */
int spdy_feed(struct spdy *spdy, struct str bytes, struct error *err) MUST_CHECK;

/* Accepts a stream, without header fields. */
void spdy_reply(struct spdy *spdy, uint32_t stream);
void spdy_hang(struct spdy *spdy, uint32_t stream, void *hung);
/* At most LIMIT_SPDY_CONTROL bytes become one frame. */
void spdy_write(struct spdy *spdy, uint32_t stream, struct str bytes);
/* Says that no more bytes come. */
void spdy_finish(struct spdy *spdy, uint32_t stream);
void spdy_reset(struct spdy *spdy, uint32_t stream, enum spdy_status status);

#endif
