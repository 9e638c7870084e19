/*
 * Patches, over trees: JSON patch (RFC 6902), JSON merge patch (RFC 7386), strategic merge patch (by schema).
 *
 * Each takes the current document and returns a new one in @arena; inputs are not changed.  Errors have upstream's
 * words and codes (a failed `test`: ERR_INVALID; a malformed patch: ERR_BAD_REQUEST).
 */
#ifndef WHERRY_TYPES_PATCH_H
#define WHERRY_TYPES_PATCH_H

#include "base/arena.h"
#include "base/error.h"
#include "codec/value.h"
#include "types/schema.h"

/* @patch is the array of operations; at most LIMIT_PATCH_OPERATIONS of them. */
int patch_json(const struct value *document, const struct value *patch, struct arena *arena, struct value **ret,
	       struct error *err) MUST_CHECK;
int patch_merge(const struct value *document, const struct value *patch, struct arena *arena, struct value **ret,
		struct error *err) MUST_CHECK;
int patch_strategic(const struct schema *schema, const struct value *document, const struct value *patch,
		    struct arena *arena, struct value **ret, struct error *err) MUST_CHECK;

#endif
