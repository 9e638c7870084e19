/* What the ReplicaSet controller decides from; see replicaset.c. */
#ifndef WHERRY_CONTROLLERS_REPLICASET_H
#define WHERRY_CONTROLLERS_REPLICASET_H

#include "controllers/controller.h"

struct replicaset_inputs {
	const struct resource *replicasets, *pods;
	struct object *object;
	struct object_slice candidates; /* pods that are or may become its own */
	struct object_slice related;	/* pods of all ReplicaSets that have the same controller */
};

void replicaset_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#endif
