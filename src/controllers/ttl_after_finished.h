/* What a plan of the controller that takes away ended Jobs works on, for tests. */
#ifndef WHERRY_CONTROLLERS_TTL_AFTER_FINISHED_H
#define WHERRY_CONTROLLERS_TTL_AFTER_FINISHED_H

#include "client/reconciler.h"

struct ttl_inputs {
	const struct resource *jobs;
	struct object *object;
	bool asked;	      /* its time seemed to be over, and the server was asked */
	struct object *fresh; /* what it said; NULL: there is none */
};

void ttl_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#endif
