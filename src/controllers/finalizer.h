/* Finalizers that a controller takes away. */
#ifndef WHERRY_CONTROLLERS_FINALIZER_H
#define WHERRY_CONTROLLERS_FINALIZER_H

#include "client/reconciler.h"

bool has_finalizer(const struct meta_v1_object_meta *meta, const char *name);
/* The merge patch that leaves only the other finalizers; it names the version it was made from. */
void plan_finalizer_removal(struct plan *plan, const struct resource *resource, const struct meta_v1_object_meta *meta,
			    const char *name);

#endif
