/* What the parts of field_set.h share. */
#ifndef WHERRY_TYPES_FIELD_SET_INTERNAL_H
#define WHERRY_TYPES_FIELD_SET_INTERNAL_H

#include "types/field_set.h"

/* The child of that element, made when there is none; cheapest in ascending order. */
struct field_set *field_set_child(struct field_set *set, struct str element, struct arena *arena);
/* Drops nodes that hold no member. */
void field_set_prune(struct field_set *set);
/* The order of children: fields before keys, keys before values, values before places. */
int field_element_cmp(struct str a, struct str b);
/* An element as people read it: `.spec`, `[name="c"]`, `[="x"]`, `[3]`. */
struct str field_element_shown(struct str element, struct arena *arena);

#endif
