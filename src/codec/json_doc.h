/*
 * A parsed JSON document, for decoders that build something other than a tree from it.
 *
 * Strings lie in the arena of the text, NUL after each, so a decoder keeps them without copying; the nodes lie in
 * scratch memory that can go as soon as decoding is over.  Numbers are raw text (yyjson_is_raw).  Nesting is not
 * checked here: what descends counts its depth.
 */
#ifndef WHERRY_CODEC_JSON_DOC_H
#define WHERRY_CODEC_JSON_DOC_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/json.h"
#include "codec/value.h"

/* Reads @json; errors as json_parse. */
int json_doc_read(struct str json, struct arena *text, struct arena *scratch, yyjson_val **ret,
		  struct error *err) MUST_CHECK;
/* The tree of @root, which shares its strings. */
int json_doc_tree(yyjson_val *root, struct arena *arena, struct json_duplicates *duplicates, struct value **ret,
		  struct error *err) MUST_CHECK;
/* Writes @root compactly, numbers as they came; fails when it is nested too deeply. */
int json_doc_write(yyjson_val *root, struct buf *out, struct error *err) MUST_CHECK;

/* The text of a string or number node. */
static inline struct str json_doc_str(yyjson_val *node)
{
	return (struct str){unsafe_yyjson_get_str(node), unsafe_yyjson_get_len(node)};
}

/* "string", "number", "bool", "array", "object", "null": how Go calls it in its messages. */
const char *json_doc_kind(yyjson_val *node);

/*
 * Why Go would refuse @text, in its words, or an empty string when it would not.  For text that another reader refused.
 */
struct str json_explain(struct str text, struct arena *arena);
/* A copy of well-formed @text with broken UTF-8 and lone surrogates replaced by U+FFFD. */
struct str json_repair(struct str text, struct arena *arena);

#endif
