/*
 * The published test data of Kubernetes' API: for each object a .json, a .pb and a .yaml that say the same.
 *
 * The environment variable WHERRY_VECTORS names the folder with the archive; without it there is nothing to test with.
 */
#ifndef WHERRY_TESTS_VECTORS_H
#define WHERRY_TESTS_VECTORS_H

#include "base/arena.h"
#include "types/schema.h"

struct vector {
	struct str name; /* "core.v1.Pod" */
	struct str json, proto, yaml;
	const struct schema *schema;
};
struct vector_list {
	VEC_OF(struct vector) list;
};

/* All vectors, in @arena; prints why there are none. */
struct vector_list vectors_load(struct arena *arena);

#endif
