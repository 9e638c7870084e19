/*
 * Defaults that need nothing but their parent: those written in api/ as default= and set=.
 *
 * One walk over a decoded, unpublished struct sets what is absent (or zero, for a member that cannot be absent).  What
 * depends on other members is the kind's strategy's business and comes before: the walk fills in what the strategy
 * added.  Any thread.
 */
#ifndef WHERRY_TYPES_DEFAULTS_H
#define WHERRY_TYPES_DEFAULTS_H

#include "base/arena.h"
#include "types/schema.h"

/* @data was made in this request's arena and is nobody else's; what is added lives in @arena. */
void default_struct(const struct schema *schema, void *data, struct arena *arena);

#endif
