/*
 * Copying, comparing and walking structs by their schemas.
 *
 * Any thread; the structs are only read.
 */
#ifndef WHERRY_TYPES_COPY_H
#define WHERRY_TYPES_COPY_H

#include "base/arena.h"
#include "types/schema.h"

/* A deep copy of the struct @data in @arena, in one allocation: shares nothing with the original. */
void *copy_struct(const struct schema *schema, const void *data, struct arena *arena);
/* Bytes that copy_struct() will take from its arena, for arena_reserve(). */
size_t copy_struct_size(const struct schema *schema, const void *data);
/*
 * Semantic equality, as upstream's equality.Semantic: nil and empty lists and maps are equal, quantities and times
 * compare by value; an absent optional member differs from any present one.
 */
bool equal_struct(const struct schema *schema, const void *a, const void *b);
/*
 * Empty lists and maps become absent ones, all the way down, as they do in protobuf: what upstream's storage makes of
 * them, so that `[]` comes back as null.  @data is unpublished and nobody else's.
 */
void drop_empty_lists(const struct schema *schema, void *data);
/* Is every member zero, nil or empty, all the way down? */
bool empty_struct(const struct schema *schema, const void *data);

#endif
