/* Trees against schemas; see tree.h.  The tree's depth was limited when it was read, so recursion is too. */
#include "types/tree.h"

#define PROBLEMS_MAX 100

/* Where we are, from the innermost container out. */
struct place {
	const struct place *parent;
	struct str key; /* data == NULL: the item @index */
	size_t index;
};

struct pruner {
	struct decode_report *report;
	size_t removed;
};

static struct str place_path(const struct place *place, struct arena *arena)
{
	struct str parent;

	if (!place)
		return STR_EMPTY;
	parent = place_path(place->parent, arena);
	if (!place->key.data)
		return arena_printf(arena, STR_FMT "[%zu]", STR_ARG(parent), place->index);
	return arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(parent), parent.len ? "." : "", STR_ARG(place->key));
}

static void report_unknown(struct pruner *p, const struct place *place)
{
	p->removed++;
	if (p->report && p->report->problems.len < PROBLEMS_MAX)
		vec_push(p->report->arena, &p->report->problems,
			 arena_printf(p->report->arena, "unknown field \"" STR_FMT "\"",
				      STR_ARG(place_path(place, p->report->arena))));
}

static void prune_object(struct pruner *p, const struct schema *schema, struct value *tree, const struct place *place);

/* One item of the field; scalars have nothing to prune. */
static void prune_item(struct pruner *p, const struct schema_field *field, struct value *value,
		       const struct place *place)
{
	if (field->type == FIELD_MESSAGE)
		prune_object(p, field->message, value, place);
}

static void prune_list(struct pruner *p, const struct schema_field *field, struct value *list,
		       const struct place *parent)
{
	for (size_t i = 0; list->kind == VALUE_ARRAY && i < list->array.len; i++) {
		struct place place = {.parent = parent, .index = i};

		prune_item(p, field, list->array.items[i], &place);
	}
}

static void prune_field(struct pruner *p, const struct schema_field *field, struct value *value,
			const struct place *place)
{
	switch ((enum field_shape)field->shape) {
	case SHAPE_LIST:
		prune_list(p, field, value, place);
		break;
	case SHAPE_MAP:
	case SHAPE_MAP_OF_LISTS:
		for (size_t i = 0; value->kind == VALUE_OBJECT && i < value->object.len; i++) {
			struct place entry = {.parent = place, .key = value->object.members[i].key};

			if (field->shape == SHAPE_MAP)
				prune_item(p, field, value->object.members[i].value, &entry);
			else
				prune_list(p, field, value->object.members[i].value, &entry);
		}
		break;
	default:
		prune_item(p, field, value, place);
		break;
	}
}

static bool is_type_meta(const struct schema *schema, struct str name)
{
	return schema->flags & SCHEMA_TOP_LEVEL && (str_eq(name, STR("kind")) || str_eq(name, STR("apiVersion")));
}

#define CUSTOM_JSON (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

static void prune_object(struct pruner *p, const struct schema *schema, struct value *tree, const struct place *parent)
{
	size_t kept = 0;

	if (schema->flags & SCHEMA_VALUE) {
		prune_field(p, &schema->fields[0], tree, parent);
		return;
	}
	if (tree->kind != VALUE_OBJECT || schema->flags & CUSTOM_JSON)
		return;
	for (size_t i = 0; i < tree->object.len; i++) {
		struct value_member member = tree->object.members[i];
		const struct schema_field *field = schema_find(schema, member.key);
		struct place place = {.parent = parent, .key = member.key};

		if (field)
			prune_field(p, field, member.value, &place);
		else if (!(schema->flags & SCHEMA_PRESERVE_UNKNOWN) && !is_type_meta(schema, member.key)) {
			report_unknown(p, &place);
			continue;
		}
		tree->object.members[kept++] = member;
	}
	tree->object.len = kept;
}

size_t tree_prune(const struct schema *schema, struct value *tree, struct decode_report *report)
{
	struct pruner p = {.report = report};

	prune_object(&p, schema, tree, NULL);
	return p.removed;
}
