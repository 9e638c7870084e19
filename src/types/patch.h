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
/* A patch that is null changes nothing of an object, but as a whole it is no patch: ERR_BAD_REQUEST. */
int patch_merge(const struct value *document, const struct value *patch, struct arena *arena, struct value **ret,
		struct error *err) MUST_CHECK;
int patch_strategic(const struct schema *schema, const struct value *document, const struct value *patch,
		    struct arena *arena, struct value **ret, struct error *err) MUST_CHECK;

/* Go's %v of what json.Unmarshal makes of it, for messages: `map[data:5]`, keys sorted. */
struct str value_format_go(const struct value *value, struct arena *arena);
/* json.Unmarshal's words for a document that should have been another kind: "array", "object", "number" ... */
const char *value_unmarshal_name(const struct value *value);

#endif
