/*
 * What a value is to those who own fields: a document seen by its schema, for the passes over trees that field sets are
 * made of (comparing, merging, checking).
 *
 * A node says how one value is owned.  As a whole: scalars, whatever is atomic, lists that are neither set nor map.  By
 * its parts: structs and maps by name, sets by value, keyed lists by their items' keys.  What a schema does not
 * describe is ANY (one value) or DEDUCED (objects by name, the rest as a whole), as upstream's untyped schemas are.
 *
 * Generated and run-time schemas give nodes alike.  Nodes are values and point into the schema alone.
 */
#ifndef WHERRY_TYPES_FIELD_NODE_H
#define WHERRY_TYPES_FIELD_NODE_H

#include "types/field_set.h"

enum field_node_kind {
	NODE_SCALAR,
	NODE_STRUCT,
	NODE_MAP,
	NODE_LIST, /* items have no names of their own */
	NODE_SET,
	NODE_KEYED,
	NODE_ANY,
	NODE_DEDUCED,
};

struct field_node {
	enum field_node_kind kind;
	bool atomic;
	const struct schema *schema;	  /* of STRUCT */
	const struct schema_field *field; /* of SCALAR, MAP, LIST, SET, KEYED: what it or its items are */
};

struct field_node field_node_of_schema(const struct schema *schema);
/* What stands under @name in a struct, map or object; false: the schema knows no such field. */
bool field_node_member(struct field_node node, struct str name, struct field_node *ret);
/* What the items of a list are. */
struct field_node field_node_item(struct field_node node);

/* Neither absent nor null. */
bool field_value_given(const struct value *value);

/* Is @value owned by its parts?  Of DEDUCED the value decides. */
bool field_node_has_parts(struct field_node node, const struct value *value);
/*
 * The same of two states of one value, either of which may be absent.  Two that are empty count as a whole: that keeps
 * null, empty and absent apart.
 */
bool field_node_by_parts(struct field_node node, const struct value *a, const struct value *b);
/*
 * Does the schema itself name the part?  Such a field is owned when something in it is; an entry of a map or an item of
 * a list is something of its own.
 */
bool field_node_declares(struct field_node node, struct str element);
/* Absent, null, or a list or object with nothing in it. */
bool field_value_empty(const struct value *value);

/*
 * The path element of a list's item: its keys, with the defaults of those left out, or its value.  False when it has
 * none; then *ret_problem says why in upstream's words.
 */
bool field_node_item_element(struct field_node node, const struct value *item, struct arena *arena, struct str *ret,
			     const char **ret_problem);

/* The parts of a value, sorted as a set's children are; items of a list that say the same come in their order. */
struct field_part {
	struct str element;
	struct value *value;
	size_t place; /* in the value */
};

struct field_parts {
	struct field_part *items;
	size_t len;
};

/* Empty for what is absent, null or of another kind.  Items without an element are left out. */
struct field_parts field_parts_of(struct field_node node, const struct value *value, struct arena *arena);
/* The first part called @element, and in *ret_len how many there are; NULL: none. */
const struct field_part *field_parts_find(const struct field_parts *parts, struct str element, size_t *ret_len);
/* What a part of @node called @element is; an undeclared one is DEDUCED. */
struct field_node field_node_part(struct field_node node, struct str element);

#endif
