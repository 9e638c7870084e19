/*
 * The client's end of port-forward: SPDY's bytes, both ways, over what the client has upgraded to.
 *
 * That is either the connection itself (Upgrade: SPDY/3.1) or a WebSocket whose messages are pieces of it
 * (SPDY/3.1+portforward.k8s.io), as kubectl asks for first.  Loop thread only.
 */
#ifndef WHERRY_KUBELET_CARRIER_H
#define WHERRY_KUBELET_CARRIER_H

#include "base/str.h"

struct carrier;
struct http_request;

struct carrier_ops {
	void (*bytes)(void *data, struct str bytes);
	/* All that was sent is taken. */
	void (*drained)(void *data);
	/* The end, once and last, never from inside a call of the owner's.  The carrier is gone afterwards. */
	void (*closed)(void *data);
};

/* Takes the request: NULL when it asked for neither and has been told so, in upstream's words. */
struct carrier *carrier_accept(struct http_request *http, const struct carrier_ops *ops, void *data);
void carrier_send(struct carrier *carrier, struct str bytes);
size_t carrier_pending(const struct carrier *carrier);
/* Stops and resumes bytes(). */
void carrier_pause(struct carrier *carrier, bool pause);
/* Sends what is queued and closes; no more bytes() come, closed() does. */
void carrier_close(struct carrier *carrier);
/* Closes at once, without closed(); NULL is fine; returns NULL. */
struct carrier *carrier_free(struct carrier *carrier);

#endif
