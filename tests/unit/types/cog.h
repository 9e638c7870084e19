/*
 * A schema as a custom resource's would be made at run time, for tests of passes over trees:
 * Cog {spec: {teeth: number, parts: [{id, note}] by id, free: anything, labels: map of text}}.
 */
#ifndef WHERRY_TESTS_COG_H
#define WHERRY_TESTS_COG_H

#include "types/schema.h"

extern const struct schema cog_schema;

#endif
