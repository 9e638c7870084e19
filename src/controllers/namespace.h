/*
 * The namespace controller's two files: namespace.c finds out what is left in a namespace that is being deleted and
 * when to look again; namespace_plan.c decides what to do about it and how to tell it.
 */
#ifndef WHERRY_CONTROLLERS_NAMESPACE_H
#define WHERRY_CONTROLLERS_NAMESPACE_H

#include "controllers/controller.h"

struct namespace_remaining {
	const struct resource *resource;
	size_t count;
	size_t untouched;  /* of them, not being deleted yet */
	size_t finalizers; /* on them, all together */
};

struct namespace_inputs {
	const struct resource *namespaces, *pods;
	struct object *object;
	/* Asked of the server. */
	VEC_OF(struct namespace_remaining) remaining; /* pods alone while there are some */
	VEC_OF(struct str) finalizers;		      /* of what remains, one entry for each object */
	int64_t pod_grace_seconds;		      /* the longest that a pod may take to end */
};

void namespace_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#endif
