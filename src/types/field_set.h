/*
 * Sets of fields: what managedFields says of an object, in the form fieldsV1.
 *
 * A set is a tree of path elements; a node that is a member stands for its own path, "." in the text.  Elements are
 * written as upstream writes them: f:NAME a field or a map's key, k:{...} a list's item by its keys, v:VALUE an item of
 * a set, i:N an item by its place.  Sets live in an arena; operations make new ones and share nothing with their
 * operands but strings.
 */
#ifndef WHERRY_TYPES_FIELD_SET_H
#define WHERRY_TYPES_FIELD_SET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/value.h"
#include "types/schema.h"

struct field_set {
	struct str element; /* of this node; empty at the root */
	bool member;
	VEC_OF(struct field_set *) children; /* sorted */
};

struct field_set *field_set_new(struct arena *arena);
int field_set_parse(struct str fields_v1, struct arena *arena, struct field_set **ret, struct error *err) MUST_CHECK;
void field_set_write(const struct field_set *set, struct buf *out);
bool field_set_empty(const struct field_set *set);
bool field_set_eq(const struct field_set *a, const struct field_set *b);
struct field_set *field_set_union(const struct field_set *a, const struct field_set *b, struct arena *arena);
/* The members of both. */
struct field_set *field_set_intersection(const struct field_set *a, const struct field_set *b, struct arena *arena);
/* The members of @a that are not members of @b. */
struct field_set *field_set_difference(const struct field_set *a, const struct field_set *b, struct arena *arena);
/* @set without the members of @branches and all that is below them. */
struct field_set *field_set_without(const struct field_set *set, const struct field_set *branches, struct arena *arena);
/* The child called @element, or NULL; @set may be NULL. */
const struct field_set *field_set_find(const struct field_set *set, struct str element);
/* Makes the path a member: names of fields with dots between them, "metadata.labels". */
void field_set_add_path(struct field_set *set, struct str path, struct arena *arena);

struct field_paths {
	VEC_OF(struct str) list;
};

/* The members as people read them, appended in the set's order: `.spec.ports[port=80,protocol="TCP"].name`. */
void field_set_paths(const struct field_set *set, struct arena *arena, struct field_paths *ret);

/* Metadata the server owns, which is nobody's field: what comparing and owning always leave out. */
struct field_set *field_set_server_owned(struct arena *arena);

/*
 * What differs between two states of an object, both as encode_value() gives them: fields that were added or have
 * another value in *ret_changed, fields that are gone in *ret_removed.  Lists and structs count as one field where the
 * schema calls them atomic.  Members of @ignored are left out with all that is below them.
 */
void field_set_compare(const struct schema *schema, const struct value *old, const struct value *new_,
		       const struct field_set *ignored, struct arena *arena, struct field_set **ret_changed,
		       struct field_set **ret_removed);
/* The fields an object names: leaves, and what has no name in the schema (entries of maps, items of lists). */
struct field_set *field_set_of(const struct schema *schema, const struct value *object, struct arena *arena);

#endif
