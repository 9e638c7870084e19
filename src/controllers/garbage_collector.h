/*
 * The garbage collector's view of ownership, shared by its two files.
 *
 * garbage_collector.c keeps informers of every resource that can be deleted, all indexed by the UIDs of owners;
 * garbage_plan.c decides about one object from what was gathered of its owners and dependents.
 */
#ifndef WHERRY_CONTROLLERS_GARBAGE_COLLECTOR_H
#define WHERRY_CONTROLLERS_GARBAGE_COLLECTOR_H

#include "controllers/controller.h"

#define FINALIZER_FOREGROUND "foregroundDeletion"
#define FINALIZER_ORPHAN     "orphan"

enum owner_state {
	OWNER_SOLID,   /* there, and not waiting for its dependents */
	OWNER_WAITING, /* being deleted in the foreground */
	OWNER_ABSENT,
};

struct garbage_owner {
	struct meta_v1_owner_reference reference;
	const struct resource *resource; /* NULL: of no resource we know; then it counts as solid */
	bool cached;			 /* seen in the cache with this UID */
	enum owner_state state;
};

struct garbage_dependent {
	struct object *object;
	const struct resource *resource;
	bool blocks; /* blockOwnerDeletion on the reference to us */
};

struct garbage_inputs {
	const struct resource *resource;
	struct object *object;
	struct garbage_owner *owners;
	size_t owners_len;
	struct garbage_dependent *dependents; /* only when the object is being deleted */
	size_t dependents_len;
};

void garbage_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#endif
