/* Names for what is made of a template: the same template has the same name, another one most likely another. */
#ifndef WHERRY_CONTROLLERS_TEMPLATE_HASH_H
#define WHERRY_CONTROLLERS_TEMPLATE_HASH_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/*
 * A few lower-case letters and digits, without vowels.  @collision_count: how many of those before it were taken by
 * something else.
 */
struct str template_hash(const struct core_v1_pod_template_spec *template, int32_t collision_count,
			 struct arena *arena);
/* "PARENT-HASH"; of a parent whose name is longer than @parent_max only the beginning. */
struct str template_hash_name(struct str parent, size_t parent_max, struct str hash, struct arena *arena);

#endif
