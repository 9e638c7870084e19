/*
 * Trees against schemas: what a document has that its schema does not know.
 *
 * For documents without a C type, whose schema was made at run time; generated schemas work the same.  Values of the
 * wrong type are left alone: telling about them is validation's business.
 *
 *	size_t dropped = tree_prune(schema, tree, &report);
 *
 * A tree belongs to one thread; the schema is only read.
 */
#ifndef WHERRY_TYPES_TREE_H
#define WHERRY_TYPES_TREE_H

#include "codec/value.h"
#include "types/codec.h"
#include "types/schema.h"

/*
 * Removes every field of @tree that @schema does not know, except below schemas that keep what they do not know
 * (SCHEMA_PRESERVE_UNKNOWN); returns how many were removed.  @report, which may be NULL, gets a message for each, as
 * decode_json() gives it: `unknown field "spec.ports[0].foo"`.
 */
size_t tree_prune(const struct schema *schema, struct value *tree, struct decode_report *report);

#endif
