/* A configuration and a live object become one document; see field_merge.h. */
#include "types/field_merge.h"

#include "types/field_node.h"

static struct value *merge(struct arena *arena, struct field_node node, struct value *live, struct value *config);

/* Parts in the order they have in their value. */
static const struct field_part **by_place(const struct field_parts *parts, size_t places, struct arena *arena)
{
	const struct field_part **list = ARENA_NEW_N(arena, const struct field_part *, places + 1);

	for (size_t i = 0; i < parts->len; i++)
		list[parts->items[i].place] = &parts->items[i];
	return list;
}

static struct value *merge_members(struct arena *arena, struct field_node node, struct value *live,
				   struct value *config)
{
	struct field_parts before = field_parts_of(node, live, arena), after = field_parts_of(node, config, arena);
	const struct field_part **old = by_place(&before, live->object.len, arena);
	const struct field_part **new_ = by_place(&after, config->object.len, arena);
	struct value *merged = value_object(arena);
	size_t len;

	for (size_t i = 0; i < live->object.len; i++) {
		const struct field_part *twin = field_parts_find(&after, old[i]->element, &len);

		value_add(arena, merged, live->object.members[i].key,
			  twin ? merge(arena, field_node_part(node, twin->element), old[i]->value, twin->value)
			       : old[i]->value);
	}
	for (size_t i = 0; i < config->object.len; i++)
		if (!field_parts_find(&before, new_[i]->element, &len))
			value_add(arena, merged, config->object.members[i].key, new_[i]->value);
	return merged;
}

/* A list in the making: config[next] is the first item of the configuration that is not in it yet. */
struct list_merge {
	struct arena *arena;
	struct field_node node;
	struct field_parts before, after;
	const struct field_part **config;
	size_t next, config_len;
	struct value *merged;
};

/* Puts in the configuration's items before config[until]. */
static void put_config(struct list_merge *list, size_t until)
{
	for (; list->next < until; list->next++) {
		const struct field_part *part = list->config[list->next], *twin;
		size_t len;

		if (!part)
			continue;
		/* Of items the live list has twice, the configuration's stands for all. */
		twin = field_parts_find(&list->before, part->element, &len);
		value_append(
			list->arena, list->merged,
			merge(list->arena, field_node_item(list->node), len == 1 ? twin->value : NULL, part->value));
	}
}

/* The place of the next item in the configuration that the live object has too. */
static size_t next_shared(const struct list_merge *list)
{
	size_t at = list->next, len;

	while (at < list->config_len &&
	       !(list->config[at] && field_parts_find(&list->before, list->config[at]->element, &len)))
		at++;
	return at;
}

static struct value *merge_items(struct arena *arena, struct field_node node, struct value *live, struct value *config)
{
	struct list_merge list = {
		.arena = arena,
		.node = node,
		.before = field_parts_of(node, live, arena),
		.after = field_parts_of(node, config, arena),
		.config_len = config->array.len,
		.merged = value_array(arena),
	};
	const struct field_part **old = by_place(&list.before, live->array.len, arena);
	size_t shared;

	list.config = by_place(&list.after, config->array.len, arena);
	shared = next_shared(&list);
	for (size_t i = 0; i < live->array.len; i++) {
		const struct field_part *twin;
		size_t len;

		twin = old[i] ? field_parts_find(&list.after, old[i]->element, &len) : NULL;
		if (!twin) {
			value_append(arena, list.merged, live->array.items[i]);
		} else if (twin->place == shared) {
			put_config(&list, shared + 1);
			shared = next_shared(&list);
		}
	}
	put_config(&list, list.config_len);
	return list.merged;
}

static struct value *merge(struct arena *arena, struct field_node node, struct value *live, struct value *config)
{
	if (!field_node_by_parts(node, live, config))
		return config ? config : live;
	if (!field_value_given(live))
		return config;
	if (!field_value_given(config))
		return live;
	return node.kind == NODE_SET || node.kind == NODE_KEYED ? merge_items(arena, node, live, config)
								: merge_members(arena, node, live, config);
}

struct value *field_merge(const struct schema *schema, struct value *live, struct value *config, struct arena *arena)
{
	return merge(arena, field_node_of_schema(schema), live, config);
}

/* --- What goes -------------------------------------------------------------------------------------------------- */

/* A field that the schema names is owned when something in it is. */
static bool owns(const struct field_set *set, bool declared)
{
	return set && (set->member || (declared && !field_set_empty(set)));
}

static bool is_list_of_parts(struct field_node node)
{
	return node.kind == NODE_SET || node.kind == NODE_KEYED;
}

static struct value *drop(struct arena *arena, struct field_node node, struct value *value,
			  const struct field_set *last, const struct field_set *owned);

/* What is left of one part; NULL: nothing. */
static struct value *drop_part(struct arena *arena, struct field_node node, const struct field_part *part,
			       const struct field_set *last, const struct field_set *owned)
{
	const struct field_set *was = field_set_find(last, part->element), *is = field_set_find(owned, part->element);
	bool declared = field_node_declares(node, part->element);
	struct field_node inside = field_node_part(node, part->element);
	/* An empty list of items is no field: there is nothing in it to own. */
	bool nothing = is_list_of_parts(inside) && !inside.atomic && field_value_empty(part->value);

	if (owns(was, declared) && !owns(is, declared) && !nothing)
		return NULL;
	return was ? drop(arena, inside, part->value, was, is) : part->value;
}

static struct value *drop(struct arena *arena, struct field_node node, struct value *value,
			  const struct field_set *last, const struct field_set *owned)
{
	struct field_parts parts;
	struct value **kept, *rest;
	size_t places;

	if (!field_node_has_parts(node, value) || field_value_empty(value))
		return value;
	parts = field_parts_of(node, value, arena);
	places = is_list_of_parts(node) ? value->array.len : value->object.len;
	kept = ARENA_NEW_N(arena, struct value *, places);
	/* Items that have no name are nobody's. */
	for (size_t i = 0; i < places; i++)
		kept[i] = is_list_of_parts(node) ? value->array.items[i] : NULL;
	for (size_t i = 0; i < parts.len; i++)
		kept[parts.items[i].place] = drop_part(arena, node, &parts.items[i], last, owned);
	rest = is_list_of_parts(node) ? value_array(arena) : value_object(arena);
	for (size_t i = 0; i < places; i++) {
		if (!kept[i])
			continue;
		if (is_list_of_parts(node))
			value_append(arena, rest, kept[i]);
		else
			value_add(arena, rest, value->object.members[i].key, kept[i]);
	}
	return rest;
}

struct value *field_merge_drop(const struct schema *schema, struct value *merged, const struct field_set *last,
			       const struct field_set *owned, struct arena *arena)
{
	return drop(arena, field_node_of_schema(schema), merged, last, owned);
}
