/*
 * Relays: bytes pumped between two connections, both ways, until both have said all.
 *
 * Holds no thread.  At most LIMIT_RELAY_BUFFER bytes wait in each direction: reading stops until the other side has
 * taken them.  An end from one side is passed on to the other; when both have ended, or one breaks, both are closed.
 * Loop thread only; both connections on the same loop.
 */
#ifndef WHERRY_NET_RELAY_H
#define WHERRY_NET_RELAY_H

#include "base/alloc.h"

struct conn;
struct relay;

/*
 * Takes both connections.  @ended (may be NULL) is called once when it is over, with the bytes that went each way,
 * never from inside this function.
 */
struct relay *relay_new(struct conn *a, struct conn *b, void (*ended)(void *data, uint64_t a_to_b, uint64_t b_to_a),
			void *data) __attribute__((returns_nonnull));
/* Closes both at once, without ended(); NULL is fine; returns NULL. */
struct relay *relay_free(struct relay *relay);

#endif
