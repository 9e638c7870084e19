/*
 * Structs filled at random from their schema, the same for the same seed.  What they hold can be said in every
 * encoding: nothing finer than the encodings keep, no two ways of saying one thing.
 */
#ifndef WHERRY_TESTS_RANDOM_STRUCT_H
#define WHERRY_TESTS_RANDOM_STRUCT_H

#include "base/arena.h"
#include "types/schema.h"

void *random_struct(const struct schema *schema, uint64_t seed, struct arena *arena);

#endif
