/*
 * Label and field selectors: parsed once, matched often.
 *
 * Syntax and messages are upstream's (labels.Parse, fields.ParseSelector): `a=b,c!=d,e in (f,g),!h`.  A parsed selector
 * is immutable and lives in its arena; any thread may match with it.
 */
#ifndef WHERRY_TYPES_SELECTOR_H
#define WHERRY_TYPES_SELECTOR_H

#include "base/arena.h"
#include "base/error.h"
#include "types/gen/meta_v1.h"

enum selector_operator {
	SELECT_EQUALS,
	SELECT_NOT_EQUALS,
	SELECT_IN,
	SELECT_NOT_IN,
	SELECT_EXISTS,
	SELECT_DOES_NOT_EXIST,
	SELECT_GREATER,
	SELECT_LESS,
	SELECT_MAX
};

struct selector_requirement {
	struct str key;
	enum selector_operator op;
	struct str_slice values; /* sorted */
};

struct selector {
	const struct selector_requirement *items; /* all must hold */
	size_t len;				  /* 0: everything */
	bool nothing;				  /* matches no object (a nil LabelSelector) */
};

int selector_parse(struct str text, struct arena *arena, struct selector *ret, struct error *err) MUST_CHECK;
/* Field selectors know only =, == and !=. */
int selector_parse_fields(struct str text, struct arena *arena, struct selector *ret, struct error *err) MUST_CHECK;
/* A LabelSelector of an object; NULL matches nothing, an empty one everything. */
int selector_from_label_selector(const struct meta_v1_label_selector *labels, struct arena *arena, struct selector *ret,
				 struct error *err) MUST_CHECK;
/* `matchLabels` alone, as services and replication controllers have; an empty map matches everything. */
struct selector selector_from_map(const struct str_map *labels, struct arena *arena);
/* A copy that needs nothing of where @selector lives. */
struct selector selector_copy(const struct selector *selector, struct arena *arena);

bool selector_matches(const struct selector *selector, const struct str_map *labels);
/* For field selectors: @get returns the value of a field path ("" when unset). */
bool selector_matches_fields(const struct selector *selector, struct str (*get)(const void *object, struct str path),
			     const void *object);
/* The canonical text, requirements sorted by key. */
struct str selector_format(const struct selector *selector, struct arena *arena);

/* The value of @key in a sorted map, or NULL. */
const struct str *str_map_get(const struct str_map *map, struct str key);
/* A copy with @key set. */
struct str_map str_map_set(const struct str_map *map, struct str key, struct str value, struct arena *arena);
/* The same without @key. */
struct str_map str_map_without(const struct str_map *map, struct str key, struct arena *arena);

#endif
