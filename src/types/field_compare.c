/*
 * Which fields differ between two states of an object, and which a single one names; see field_set.h.
 *
 * Both walks go by the schema (field_node.h): what is owned as a whole is one field, all else is gone into.  A node
 * that was not there before is a field of its own too, beside what is in it.  Equal branches are not gone into at all,
 * so the price of a comparison is that of what changed.
 */
#include "types/field_node.h"
#include "types/field_set_internal.h"

/* Where a walk is: nodes of both results, which stand for the same path, and what is ignored there. */
struct spot {
	struct field_set *changed, *removed;
	const struct field_set *ignored;
};

static void compare(struct arena *arena, struct field_node node, const struct value *old, const struct value *new_,
		    struct spot spot);

static bool equal_lists(const struct field_part *a, size_t a_len, const struct field_part *b, size_t b_len)
{
	for (size_t i = 0; i < a_len && a_len == b_len; i++)
		if (!value_eq(a[i].value, b[i].value))
			return false;
	return a_len == b_len;
}

/* The parts of both states that have one name; more than one of a state is a list that repeats itself. */
static void compare_part(struct arena *arena, struct field_node node, const struct field_part *old, size_t old_len,
			 const struct field_part *new_, size_t new_len, struct spot spot)
{
	const struct value *before = old_len ? old->value : NULL, *after = new_len ? new_->value : NULL;

	if (old_len < 2 && new_len < 2) {
		compare(arena, node, before, after, spot);
	} else if (old_len >= 2 && new_len >= 2) {
		spot.changed->member = spot.changed->member || !equal_lists(old, old_len, new_, new_len);
	} else if (old_len >= 2) {
		if (after)
			compare(arena, node, NULL, after, spot);
		spot.removed->member = true;
	} else {
		if (before)
			compare(arena, node, before, NULL, spot);
		spot.changed->member = true;
	}
}

static size_t run_length(const struct field_parts *parts, size_t from, struct str element)
{
	size_t len = 0;

	while (from + len < parts->len && str_eq(parts->items[from + len].element, element))
		len++;
	return len;
}

static void compare_parts(struct arena *arena, struct field_node node, const struct value *old,
			  const struct value *new_, struct spot spot)
{
	struct field_parts before = field_parts_of(node, old, arena), after = field_parts_of(node, new_, arena);

	for (size_t i = 0, j = 0; i < before.len || j < after.len;) {
		bool old_is_next = j == after.len || (i < before.len && field_element_cmp(before.items[i].element,
											  after.items[j].element) < 0);
		struct str element = old_is_next ? before.items[i].element : after.items[j].element;
		size_t old_len = run_length(&before, i, element), new_len = run_length(&after, j, element);
		const struct field_set *ignored = field_set_find(spot.ignored, element);

		if (!(ignored && ignored->member) &&
		    !equal_lists(before.items + i, old_len, after.items + j, new_len)) {
			struct spot below = {field_set_child(spot.changed, element, arena),
					     field_set_child(spot.removed, element, arena), ignored};

			compare_part(arena, field_node_part(node, element), before.items + i, old_len, after.items + j,
				     new_len, below);
		}
		i += old_len;
		j += new_len;
	}
}

static void compare(struct arena *arena, struct field_node node, const struct value *old, const struct value *new_,
		    struct spot spot)
{
	bool by_parts = field_node_by_parts(node, old, new_);

	if (by_parts)
		compare_parts(arena, node, old, new_, spot);
	if (!old || !new_) {
		/* What came or went is a field itself. */
		spot.changed->member = spot.changed->member || new_;
		spot.removed->member = spot.removed->member || old;
	} else if (!by_parts && !value_eq(old, new_)) {
		spot.changed->member = true;
	}
}

void field_set_compare(const struct schema *schema, const struct value *old, const struct value *new_,
		       const struct field_set *ignored, struct arena *arena, struct field_set **ret_changed,
		       struct field_set **ret_removed)
{
	struct spot root = {field_set_new(arena), field_set_new(arena), ignored};

	compare(arena, field_node_of_schema(schema), old, new_, root);
	root.changed->member = root.removed->member = false;
	field_set_prune(root.changed);
	field_set_prune(root.removed);
	*ret_changed = root.changed;
	*ret_removed = root.removed;
}

/* --- Naming ----------------------------------------------------------------------------------------------------- */

static void name_fields(struct arena *arena, struct field_node node, const struct value *value, struct field_set *set);

static void name_part(struct arena *arena, struct field_node node, const struct field_part *part, size_t len,
		      struct field_set *set)
{
	if (len == 1)
		name_fields(arena, field_node_part(node, part->element), part->value, set);
	if (len > 1 || !field_node_declares(node, part->element) || value_is_null(part->value) ||
	    (part->value->kind == VALUE_OBJECT && !part->value->object.len))
		set->member = true;
}

static void name_fields(struct arena *arena, struct field_node node, const struct value *value, struct field_set *set)
{
	struct field_parts parts;
	size_t len;

	if (!field_node_has_parts(node, value)) {
		set->member = true;
		return;
	}
	parts = field_parts_of(node, value, arena);
	for (size_t i = 0; i < parts.len; i += len) {
		len = run_length(&parts, i, parts.items[i].element);
		name_part(arena, node, &parts.items[i], len, field_set_child(set, parts.items[i].element, arena));
	}
}

struct field_set *field_set_of(const struct schema *schema, const struct value *object, struct arena *arena)
{
	struct field_set *set = field_set_new(arena);

	name_fields(arena, field_node_of_schema(schema), object, set);
	set->member = false;
	field_set_prune(set);
	return set;
}
