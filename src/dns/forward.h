/*
 * Asking the world's name servers.
 *
 * A question goes over UDP from a socket and with an id of its own; a truncated answer is asked for again over TCP; a
 * server that does not answer in time, or fails, gives way to the next.  What is answered is kept (cache.h).  The same
 * question asked again while it is on its way is not sent again: all who wait get the one answer.  That also ends a
 * loop, should a name server send our questions back to us: the second time round they wait for the first.
 *
 * Answers are believed only with the right id, question and sender (the socket is connected).  At most
 * LIMIT_DNS_FORWARDS questions are on their way at once; more fail.  One thread, the loop's.
 */
#ifndef WHERRY_DNS_FORWARD_H
#define WHERRY_DNS_FORWARD_H

#include "dns/dns.h"
#include "dns/wire.h"
#include "sys/loop.h"

struct dns_forward;

struct dns_forward *dns_forward_new(struct loop *loop) __attribute__((returns_nonnull));
/* Those who wait are told that nobody answered.  NULL is allowed; returns NULL. */
struct dns_forward *dns_forward_free(struct dns_forward *forward);
/* Copied; questions on their way are not disturbed. */
void dns_forward_set_upstreams(struct dns_forward *forward, const struct dns_upstream *upstreams, size_t len);

struct dns_waiter {
	struct list link;
	/* @message has the waiter's question but for letters' case, and any id; NULL: nobody answered.  It is gone
	 * after the call. */
	void (*done)(struct dns_waiter *waiter, const uint8_t *message, size_t size);
};
/* Calls waiter->done once, perhaps before it returns. */
void dns_forward_ask(struct dns_forward *forward, const struct dns_question *question, struct dns_waiter *waiter);
/* Questions on their way. */
size_t dns_forward_pending(const struct dns_forward *forward);

#endif
