/*
 * One resource, several versions: from the struct of one to the struct of another.
 *
 * A conversion is registered for each pair that is served and differs in more than its name; where the two versions
 * have the same fields, members are carried over by name.
 */
#ifndef WHERRY_APISERVER_CONVERT_H
#define WHERRY_APISERVER_CONVERT_H

#include "base/arena.h"
#include "types/schema.h"

/* A struct of schema @to with what @data, a struct of @from, says; shares memory with it. */
void *convert_struct(const struct schema *from, const struct schema *to, const void *data, struct arena *arena);

#endif
