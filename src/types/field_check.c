/*
 * Is a configuration one that its schema knows?  field_merge_check() of field_merge.h.
 *
 * Unlike a decoder this knows of kinds of values alone: a number that does not fit is found when the merged object is
 * decoded.  The tree's depth was limited when it was read, so recursion is too.
 */
#include "types/field_merge.h"
#include "types/field_node.h"
#include "types/field_set_internal.h"
#include "types/patch.h"

#define PROBLEMS_MAX 100

/* Where we are, from the innermost value out; the root has no element. */
struct place {
	const struct place *parent;
	struct str element;
};

struct checker {
	struct arena *arena;
	VEC_OF(struct str) problems;
};

static struct str place_path(const struct checker *c, const struct place *place)
{
	if (!place->parent)
		return STR_EMPTY;
	return arena_concat(c->arena, place_path(c, place->parent), field_element_shown(place->element, c->arena));
}

static void problem(struct checker *c, const struct place *place, struct str what)
{
	struct str path;

	if (c->problems.len >= PROBLEMS_MAX)
		return;
	path = place_path(c, place);
	vec_push(c->arena, &c->problems,
		 arena_printf(c->arena, STR_FMT "%s" STR_FMT, STR_ARG(path), path.len ? ": " : "", STR_ARG(what)));
}

/* A value as Go prints the struct it is held in. */
static void unexpected(struct checker *c, const struct place *place, const char *expected, const struct value *value)
{
	struct str text = value_format_go(value, c->arena);

	problem(c, place, arena_printf(c->arena, "expected %s, got &{" STR_FMT "}", expected, STR_ARG(text)));
}

static const char *go_type(const struct value *value)
{
	static const char *const names[VALUE_KIND_MAX] = {
		[VALUE_NULL] = "<nil>",
		[VALUE_BOOL] = "bool",
		[VALUE_INT] = "float64",
		[VALUE_DOUBLE] = "float64",
		[VALUE_STRING] = "string",
		[VALUE_ARRAY] = "[]interface {}",
		[VALUE_OBJECT] = "map[string]interface {}",
	};

	return names[value->kind];
}

static void no_string(struct checker *c, const struct place *place, const struct value *value)
{
	struct str text = value_format_go(value, c->arena);

	problem(c, place,
		arena_printf(c->arena, "expected string, got &value.valueUnstructured{Value:" STR_FMT "}",
			     STR_ARG(text)));
}

static void check_scalar(struct checker *c, const struct schema_field *field, const struct value *value,
			 const struct place *place)
{
	bool number = value->kind == VALUE_INT || value->kind == VALUE_DOUBLE;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_DURATION:
		if (value->kind != VALUE_STRING)
			no_string(c, place, value);
		break;
	case FIELD_BOOL:
		if (value->kind != VALUE_BOOL)
			unexpected(c, place, "boolean", value);
		break;
	case FIELD_INT32:
	case FIELD_INT64:
	case FIELD_DOUBLE:
		if (!number)
			problem(c, place,
				arena_printf(c->arena, "expected numeric (int or float), got %s", go_type(value)));
		break;
	default:
		if (!number && value->kind != VALUE_STRING && value->kind != VALUE_BOOL)
			unexpected(c, place, "any scalar", value);
	}
}

static void check(struct checker *c, struct field_node node, const struct value *value, const struct place *place);

static void check_members(struct checker *c, struct field_node node, const struct value *object,
			  const struct place *parent)
{
	if (object->kind != VALUE_OBJECT) {
		unexpected(c, parent, "map", object);
		return;
	}
	for (size_t i = 0; i < object->object.len; i++) {
		const struct value_member *member = &object->object.members[i];
		struct place place = {parent, arena_concat(c->arena, STR("f:"), member->key)};
		struct field_node inside;

		if (field_node_member(node, member->key, &inside))
			check(c, inside, member->value, &place);
		else
			problem(c, &place, STR("field not declared in schema"));
	}
}

/* Items have names that tell them apart, or none. */
static void check_items(struct checker *c, struct field_node node, const struct value *list, const struct place *parent)
{
	bool named = node.kind != NODE_LIST;
	struct field_parts parts;

	if (list->kind != VALUE_ARRAY) {
		unexpected(c, parent, "list", list);
		return;
	}
	for (size_t i = 0; i < list->array.len; i++) {
		struct place place = {parent, arena_printf(c->arena, "i:%zu", i)};
		const char *why;

		if (named && !field_node_item_element(node, list->array.items[i], c->arena, &place.element, &why)) {
			problem(c, parent, arena_printf(c->arena, "element %zu: %s", i, why));
			return;
		}
		check(c, field_node_item(node), list->array.items[i], &place);
	}
	parts = named ? field_parts_of(node, list, c->arena) : (struct field_parts){0};
	for (size_t i = 1; i < parts.len; i++)
		if (str_eq(parts.items[i].element, parts.items[i - 1].element))
			problem(c, parent,
				arena_concat(c->arena, STR("duplicate entries for key "),
					     field_element_shown(parts.items[i].element, c->arena)));
}

static void check(struct checker *c, struct field_node node, const struct value *value, const struct place *place)
{
	if (!field_value_given(value))
		return;
	switch (node.kind) {
	case NODE_SCALAR:
		check_scalar(c, node.field, value, place);
		break;
	case NODE_STRUCT:
	case NODE_MAP:
		check_members(c, node, value, place);
		break;
	case NODE_LIST:
	case NODE_SET:
	case NODE_KEYED:
		check_items(c, node, value, place);
		break;
	default:
		break;
	}
}

int field_merge_check(const struct schema *schema, const struct value *config, struct arena *arena, struct error *err)
{
	struct checker c = {.arena = arena};
	const struct place root = {0};
	struct str text = STR_EMPTY;

	check(&c, field_node_of_schema(schema), config, &root);
	if (!c.problems.len)
		return 0;
	if (c.problems.len == 1)
		return error_set(err, ERR_INVALID, STR_FMT, STR_ARG(c.problems.items[0]));
	for (size_t i = 0; i < c.problems.len; i++)
		text = arena_printf(arena, STR_FMT "\n  " STR_FMT, STR_ARG(text), STR_ARG(c.problems.items[i]));
	return error_set(err, ERR_INVALID, "errors:" STR_FMT, STR_ARG(text));
}
