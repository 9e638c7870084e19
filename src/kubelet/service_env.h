/*
 * The variables by which containers find services: DB_SERVICE_HOST, DB_SERVICE_PORT, DB_PORT and its kin.  Pure.
 */
#ifndef WHERRY_KUBELET_SERVICE_ENV_H
#define WHERRY_KUBELET_SERVICE_ENV_H

#include "runtime/runtime.h"
#include "types/object.h"

/*
 * Of @services, those of @namespace when @links, and always default/kubernetes (unless @namespace has one of that name
 * and links).  Services without an address have none.
 */
struct runtime_pairs service_env(struct object *const *services, size_t services_len, struct str namespace, bool links,
				 struct arena *arena);

#endif
