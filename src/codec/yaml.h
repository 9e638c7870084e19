/*
 * YAML to trees and back, as Kubernetes' tools do it (sigs.k8s.io/yaml).
 *
 * libyaml scans and emits; what a plain scalar means is ours, by the rules of YAML 1.1 that upstream follows:
 *   null      empty, ~, null, Null, NULL
 *   booleans  y yes true on, n no false off, in lower case, capitalized and (but for y and n) in capitals
 *   integers  decimal, 0x.., 0.. and 0o.. (octal), 0b..; underscores are ignored
 *   floats    decimal with fraction or exponent; .inf and .nan, which JSON and so we refuse
 *   all else, what is quoted, and times: strings
 * Keys become strings.  `<<` merges.  Anchors and aliases work; an alias is a copy, and what copies add is bounded.
 *
 * Errors are upstream's: "yaml: line 2: mapping values are not allowed in this context".
 *
 *	struct yaml_reader reader;
 *	yaml_reader_init(&reader, text);
 *	while ((rc = yaml_reader_next(&reader, arena, NULL, &document, err)) > 0)
 *		...
 *	yaml_reader_release(&reader);
 */
#ifndef WHERRY_CODEC_YAML_H
#define WHERRY_CODEC_YAML_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/value.h"

/* Repeated keys, `line 4: key "k" already set in map`; the last one wins. */
struct yaml_duplicates {
	VEC_OF(struct str) lines;
};

/* All of them as the one error of upstream's library: "yaml: unmarshal errors:\n  line 4: key ...". */
struct str yaml_duplicates_text(const struct yaml_duplicates *duplicates, struct arena *arena);

/*
 * The first document of @text in @arena, null when there is none.  @duplicates may be NULL.  Fails with
 * ERR_BAD_REQUEST, or with ERR_TOO_LARGE when the arena's budget is used up.
 */
int yaml_parse(struct str text, struct arena *arena, struct yaml_duplicates *duplicates, struct value **ret,
	       struct error *err) MUST_CHECK;

struct yaml_reader {
	void *parser; /* libyaml's */
};

/* The bytes of @text must live as long as the reader. */
void yaml_reader_init(struct yaml_reader *reader, struct str text);
void yaml_reader_release(struct yaml_reader *reader);
/* 1 and the next document, 0 at the end. */
int yaml_reader_next(struct yaml_reader *reader, struct arena *arena, struct yaml_duplicates *duplicates,
		     struct value **ret, struct error *err) MUST_CHECK;

/*
 * Block style, keys sorted, strings quoted when they would read back as something else; ends with a newline.  The same
 * text as upstream's, byte for byte.
 */
void yaml_write(const struct value *value, struct buf *out);

#endif
