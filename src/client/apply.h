/* Carrying out a plan's changes; part of the reconciler (reconciler.h), apart so that it can be tested alone. */
#ifndef WHERRY_CLIENT_APPLY_H
#define WHERRY_CLIENT_APPLY_H

#include "client/reconciler.h"

/* A write that the cache must show before its key is planned again. */
struct awaited {
	const struct resource *resource;
	uint64_t revision;   /* the informer must have come this far; 0: see uid */
	struct str key, uid; /* a deletion: that incarnation is gone or going */
};

struct apply_result {
	VEC_OF(struct awaited) awaited;		/* in the plan's arena */
	bool conflict;				/* try again at once */
	bool failed;				/* try again with back-off */
	struct error err;			/* the first failure */
	VEC_OF(struct change_failure) failures; /* all but conflicts, in the plan's arena */
};

/* Worker thread. */
void apply_plan(struct plan *plan, struct transport *transport, struct str field_manager, struct recorder *recorder,
		struct apply_result *ret);

#endif
