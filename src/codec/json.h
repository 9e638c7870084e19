/*
 * JSON: text to trees and back, as Go's encoding/json does it.
 *
 * Reading is by yyjson; its numbers stay text until somebody knows what they should be, so nothing is rounded on the
 * way.  Malformed input fails with ERR_BAD_REQUEST and Go's words ("invalid character 'h' looking for beginning of
 * value", "unexpected end of JSON input").  What Go repairs is repaired: bytes that are no UTF-8 and lone surrogates
 * become U+FFFD.  Nesting beyond LIMIT_JSON_DEPTH is refused.  An object's repeated keys are reported and the last one
 * wins.
 *
 * Writing is compact; <, >, & and the line separators U+2028 and U+2029 are escaped, as Go's default is.
 *
 *	struct value *tree;
 *	if (json_parse(body, arena, NULL, &tree, err) < 0)
 *		return error_wrap(err, "error decoding patch");
 *	json_write(tree, &out);
 *
 * Any thread; nothing is shared.
 */
#ifndef WHERRY_CODEC_JSON_H
#define WHERRY_CODEC_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/value.h"

/* Paths of repeated keys, `metadata.name` and `spec.ports[0].name`; the first 100 of them. */
struct json_duplicates {
	VEC_OF(struct str) paths;
};

/*
 * The tree of one document in @arena, which holds a copy of the text: the tree does not point into @text.  @duplicates
 * may be NULL.  Fails with ERR_BAD_REQUEST, or with ERR_TOO_LARGE when @arena's budget is used up.
 */
int json_parse(struct str text, struct arena *arena, struct json_duplicates *duplicates, struct value **ret,
	       struct error *err) MUST_CHECK;

void json_write(const struct value *value, struct buf *out);
/* One member a line, each level set in by @indent, "key": value; empty containers stay {} and []. */
void json_write_indented(const struct value *value, struct str indent, struct buf *out);
/* One string with its quotes.  Bytes that are no UTF-8 are written as \ufffd. */
void json_write_str(struct str s, struct buf *out);
/* The shortest text that reads back as the same number, in Go's form (1e+21, 0.000001, 1e-7). */
void json_write_double(double number, struct buf *out);

/*
 * The value of JSON number text: an int64 when it has neither fraction nor exponent and fits (true), else a double
 * (false).  Numbers too large for a double become the largest one.
 */
bool json_number(struct str text, int64_t *ret_integer, double *ret_double);

#endif
