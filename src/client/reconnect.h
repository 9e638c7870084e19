/*
 * When to try again: back-off as pure logic, without clock or sockets.
 *
 * The owner says what happened and when; reconnect_delay() says how long to wait.  The first failure waits the base
 * delay, each further one twice as long up to the maximum, less a random part of up to a half (so that a thousand
 * clients do not come back at once); a connection that has lasted for the reset time begins anew.
 */
#ifndef WHERRY_CLIENT_RECONNECT_H
#define WHERRY_CLIENT_RECONNECT_H

#include "base/random.h"

struct reconnect {
	int64_t base_ns, max_ns, reset_ns;
	unsigned failures;
	int64_t connected_at; /* 0: not connected */
};

void reconnect_init(struct reconnect *reconnect, int64_t base_ns, int64_t max_ns, int64_t reset_ns);
void reconnect_connected(struct reconnect *reconnect, int64_t now);
/* The attempt failed or the connection broke; returns the nanoseconds to wait from @now. */
int64_t reconnect_failed(struct reconnect *reconnect, int64_t now, struct random_source *random);

#endif
