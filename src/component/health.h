/*
 * Health checks: named, grouped by what they say (alive, ready), reported in upstream's words.
 *
 * Checks are registered at the start, by one thread; reports may be made by any thread at any time afterwards.  A check
 * must not block.
 */
#ifndef WHERRY_COMPONENT_HEALTH_H
#define WHERRY_COMPONENT_HEALTH_H

#include "base/buf.h"
#include "net/url.h"

enum { HEALTH_ANY = 1 << 0, HEALTH_LIVE = 1 << 1, HEALTH_READY = 1 << 2 };

struct health;

struct health *health_new(void);
struct health *health_free(struct health *health);
/* @kinds: HEALTH_ bits of the endpoints that ask it; @name lives on; @ok may be NULL: always well. */
void health_add(struct health *health, const char *name, unsigned kinds, bool (*ok)(void *data), void *data);
/* What the report says when @name fails, in place of upstream's "reason withheld": anyone may read it. */
void health_explain(struct health *health, const char *name, const char *reason);

struct health_query {
	unsigned kind;
	struct str name;  /* of the endpoint: "livez" */
	struct str check; /* one check alone, or empty */
	bool verbose;
	const struct query *params; /* exclude=..., may be NULL */
};
/* Appends the answer's text; returns the HTTP status (404: no such check). */
int health_report(const struct health *health, const struct health_query *query, struct buf *out);

#endif
