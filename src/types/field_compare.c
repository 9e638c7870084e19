/*
 * Which fields differ between two states of an object; see field_set_compare() in field_set.h.
 *
 * The walk goes by the schema: a scalar, an atomic list or struct is one field; other structs, maps and lists are gone
 * into.  A node that was not there before is a field of its own too, beside what is in it; null counts as an empty one
 * of its kind.
 */
#include "base/limits.h"
#include "codec/json.h"
#include "types/field_set_internal.h"
#include "types/gen/meta_v1.h"

struct walk {
	struct arena *arena;
};

/* Where the walk is: nodes of both results, which stand for the same path. */
struct spot {
	struct field_set *changed, *removed;
};

static void compare_value(const struct walk *walk, const struct schema_field *field, bool element,
			  const struct value *old, const struct value *new_, struct spot spot);

static struct spot below(const struct walk *walk, struct spot spot, struct str element)
{
	return (struct spot){field_set_child(spot.changed, element, walk->arena),
			     field_set_child(spot.removed, element, walk->arena)};
}

static struct str field_element(const struct walk *walk, struct str name)
{
	return arena_printf(walk->arena, "f:" STR_FMT, STR_ARG(name));
}

static bool is_null(const struct value *value)
{
	return !value || value->kind == VALUE_NULL;
}

static const struct value *member(const struct value *object, struct str key)
{
	return object && object->kind == VALUE_OBJECT ? value_get(object, key) : NULL;
}

static void mark_leaf(const struct value *old, const struct value *new_, struct spot spot)
{
	if (!new_)
		spot.removed->member = old != NULL;
	else if (!old || !value_eq(old, new_))
		spot.changed->member = true;
}

/* A container that came or went is a field itself. */
static void mark_container(const struct value *old, const struct value *new_, struct spot spot)
{
	if (!old && new_)
		spot.changed->member = true;
	if (old && !new_)
		spot.removed->member = true;
}

static bool skipped(const struct str *skip, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(skip[i], name))
			return true;
	return false;
}

static void compare_struct(const struct walk *walk, const struct schema *schema, const struct value *old,
			   const struct value *new_, const struct str *skip, size_t skip_len, struct spot spot)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		const struct value *before = member(old, field->name), *after = member(new_, field->name);

		if ((!before && !after) || skipped(skip, skip_len, field->name))
			continue;
		compare_value(walk, field, false, before, after, below(walk, spot, field_element(walk, field->name)));
	}
}

static void compare_map(const struct walk *walk, const struct schema_field *field, const struct value *old,
			const struct value *new_, struct spot spot)
{
	for (int side = 0; side < 2; side++) {
		const struct value *from = side ? old : new_;

		for (size_t i = 0; !is_null(from) && i < from->object.len; i++) {
			struct str key = from->object.members[i].key;

			if (side && member(new_, key))
				continue; /* was compared already */
			compare_value(walk, field, true, member(old, key), member(new_, key),
				      below(walk, spot, field_element(walk, key)));
		}
	}
}

static struct str item_element(const struct walk *walk, const struct field_rules *rules, const struct value *item)
{
	struct value *keys = value_object(walk->arena);
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	if (rules->list_type == LIST_TYPE_SET) {
		buf_c(&text, "v:");
		json_write(item, &text);
		return arena_str(walk->arena, buf_view(&text));
	}
	for (size_t i = 0; i < ARRAY_LEN(rules->list_map_keys) && rules->list_map_keys[i].len; i++) {
		struct value *key = value_get(item, rules->list_map_keys[i]);

		if (key)
			value_set(walk->arena, keys, rules->list_map_keys[i], key);
	}
	value_sort(keys);
	buf_c(&text, "k:");
	json_write(keys, &text);
	return arena_str(walk->arena, buf_view(&text));
}

static const struct value *find_item(const struct walk *walk, const struct field_rules *rules, const struct value *list,
				     struct str element)
{
	for (size_t i = 0; !is_null(list) && i < list->array.len; i++)
		if (str_eq(item_element(walk, rules, list->array.items[i]), element))
			return list->array.items[i];
	return NULL;
}

static void compare_list(const struct walk *walk, const struct schema_field *field, const struct value *old,
			 const struct value *new_, struct spot spot)
{
	for (int side = 0; side < 2; side++) {
		const struct value *from = side ? old : new_, *other = side ? new_ : old;

		for (size_t i = 0; !is_null(from) && i < from->array.len; i++) {
			struct str element = item_element(walk, field->rules, from->array.items[i]);
			const struct value *twin = find_item(walk, field->rules, other, element);

			if (side && twin)
				continue;
			compare_value(walk, field, true, side ? from->array.items[i] : twin,
				      side ? NULL : from->array.items[i], below(walk, spot, element));
		}
	}
}

/* @element: the value is an item of the field's list or map, not the field itself. */
static void compare_value(const struct walk *walk, const struct schema_field *field, bool element,
			  const struct value *old, const struct value *new_, struct spot spot)
{
	const struct field_rules *rules = field->rules;
	bool container = !element && field->shape >= SHAPE_LIST;
	bool is_list = field->shape == SHAPE_LIST;

	if (container ? (is_list ? rules->list_type == LIST_TYPE_NONE || rules->list_type == LIST_TYPE_ATOMIC
				 : rules->atomic)
		      : field->type != FIELD_MESSAGE || field->shape == SHAPE_MAP_OF_LISTS ||
				(field->message->flags & SCHEMA_ATOMIC) || (!element && rules->atomic)) {
		mark_leaf(old, new_, spot);
		return;
	}
	mark_container(old, new_, spot);
	if (container && is_list)
		compare_list(walk, field, old, new_, spot);
	else if (container)
		compare_map(walk, field, old, new_, spot);
	else
		compare_struct(walk, field->message, old, new_, NULL, 0, spot);
}

void field_set_compare(const struct schema *schema, const struct value *old, const struct value *new_,
		       const struct str *skip, size_t skip_len, struct arena *arena, struct field_set **ret_changed,
		       struct field_set **ret_removed)
{
	static const struct str server_owned[] = {
		STR_INIT("name"), STR_INIT("namespace"),  STR_INIT("creationTimestamp"), STR_INIT("selfLink"),
		STR_INIT("uid"),  STR_INIT("generation"), STR_INIT("managedFields"),	 STR_INIT("resourceVersion"),
	};
	const struct walk walk = {arena};
	struct spot root = {field_set_new(arena), field_set_new(arena)}, meta;
	struct str *without_meta = ARENA_NEW_N(arena, struct str, skip_len + 1);

	memcpy(without_meta, skip, skip_len * sizeof(*skip));
	without_meta[skip_len] = STR("metadata");
	compare_struct(&walk, schema, old, new_, without_meta, skip_len + 1, root);
	meta = below(&walk, root, STR("f:metadata"));
	compare_struct(&walk, &schema_meta_v1_object_meta, member(old, STR("metadata")), member(new_, STR("metadata")),
		       server_owned, ARRAY_LEN(server_owned), meta);
	field_set_prune(root.changed);
	field_set_prune(root.removed);
	*ret_changed = root.changed;
	*ret_removed = root.removed;
}
