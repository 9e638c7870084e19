/* What differs between two structs, as errors tell of specs that may not change: a diff of how Go writes them. */
#ifndef WHERRY_APISERVER_REGISTRY_STRUCT_DIFF_H
#define WHERRY_APISERVER_REGISTRY_STRUCT_DIFF_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/* In upstream's internal form; types whose members stand there in another order are pods' specs and volume sources. */
struct str struct_diff(const struct schema *schema, const void *old, const void *now, struct arena *arena);

#endif
