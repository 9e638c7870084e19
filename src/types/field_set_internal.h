/* What field_set.c and field_compare.c share. */
#ifndef WHERRY_TYPES_FIELD_SET_INTERNAL_H
#define WHERRY_TYPES_FIELD_SET_INTERNAL_H

#include "types/field_set.h"

/* The child of that element, made when there is none. */
struct field_set *field_set_child(struct field_set *set, struct str element, struct arena *arena);
/* Drops nodes that hold no member. */
void field_set_prune(struct field_set *set);

#endif
