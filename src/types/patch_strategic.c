/*
 * Strategic merge patch; see patch.h.
 *
 * A merge patch whose lists merge by key where the schema says so.  Members that are directives:
 *   $patch: replace | delete | merge        for the object they stand in
 *   $retainKeys: [names]                    members of the target not named go
 *   $deleteFromPrimitiveList/NAME: [values] these go from the list NAME
 *   $setElementOrder/NAME: [keys or values] the order of the list NAME
 * The document and the patch are copied once and then changed in place.  Order after a merge: elements the patch names
 * in the patch's order, those it does not in their old order; which of the two comes next is decided by the old order
 * where it knows both, else the patch's element does.
 */
#include "types/patch.h"

#define DELETE_PREFIX "$deleteFromPrimitiveList"
#define ORDER_PREFIX  "$setElementOrder"
#define RETAIN_KEYS   "$retainKeys"
#define DIRECTIVE     "$patch"

struct merger {
	struct arena *arena;
	struct error *err;
};

/* What is known of a place in the document: the fields of a struct, or nothing (inside maps and free-form JSON). */
struct place {
	const struct schema *schema;
};

struct field_patch {
	struct place inside; /* of the member, or of a list's elements */
	unsigned strategy;   /* PATCH_ bits */
	struct str merge_key;
};

static struct field_patch look_up(struct place place, struct str name)
{
	const struct schema_field *field = place.schema ? schema_find(place.schema, name) : NULL;
	struct field_patch found = {.strategy = 0};

	if (!field)
		return found;
	/* The members of a map are named by the document. */
	if (field->shape != SHAPE_MAP && field->shape != SHAPE_MAP_OF_LISTS)
		found.inside.schema = field->message;
	found.strategy = field->rules->patch_strategy;
	found.merge_key = field->rules->patch_merge_key;
	return found;
}

static int merge_object(struct merger *m, struct place place, struct value *target, struct value *patch,
			struct value **ret) MUST_CHECK;

static int bad_list_format(struct merger *m, const char *what)
{
	return error_set(m->err, ERR_BAD_REQUEST, "invalid patch format of %s", what);
}

static int no_merge_key(struct merger *m, const struct value *object, struct str key)
{
	struct str text = value_format_go(object, m->arena);

	return error_set(m->err, ERR_INTERNAL,
			 "Internal error occurred: map: " STR_FMT " does not contain declared merge key: " STR_FMT,
			 STR_ARG(text), STR_ARG(key));
}

static const char *go_type(const struct value *value)
{
	static const char *const names[VALUE_KIND_MAX] = {
		[VALUE_NULL] = "%!s(<nil>)",
		[VALUE_BOOL] = "bool",
		[VALUE_INT] = "int64",
		[VALUE_DOUBLE] = "float64",
		[VALUE_STRING] = "string",
		[VALUE_ARRAY] = "[]interface {}",
		[VALUE_OBJECT] = "map[string]interface {}",
	};

	return names[value->kind];
}

static int bad_type(struct merger *m, const char *expected, const struct value *value)
{
	return error_set(m->err, ERR_INTERNAL, "Internal error occurred: expected a %s, but received a %s", expected,
			 go_type(value));
}

static int unknown_directive(struct merger *m, const struct value *directive, const struct value *object)
{
	struct str word = value_format_go(directive, m->arena), text = value_format_go(object, m->arena);

	return error_set(m->err, ERR_INTERNAL,
			 "Internal error occurred: unknown patch type: " STR_FMT " in map: " STR_FMT, STR_ARG(word),
			 STR_ARG(text));
}

static bool is_word(const struct value *value, const char *word)
{
	return value && value->kind == VALUE_STRING && str_eq_c(value->string, word);
}

/* Takes directives out of what is added as a whole; false: the object itself is one and goes. */
static bool strip_directives(struct value *value)
{
	size_t kept = 0;

	if (value->kind == VALUE_OBJECT) {
		if (value_get(value, STR(DIRECTIVE)))
			return false;
		for (size_t i = 0; i < value->object.len; i++)
			if (strip_directives(value->object.members[i].value))
				value->object.members[kept++] = value->object.members[i];
		value->object.len = kept;
	} else if (value->kind == VALUE_ARRAY) {
		for (size_t i = 0; i < value->array.len; i++)
			if (strip_directives(value->array.items[i]))
				value->array.items[kept++] = value->array.items[i];
		value->array.len = kept;
	}
	return true;
}

static void strip_nulls(struct value *value)
{
	size_t kept = 0;

	if (value->kind == VALUE_OBJECT) {
		for (size_t i = 0; i < value->object.len; i++)
			if (value->object.members[i].value->kind != VALUE_NULL) {
				strip_nulls(value->object.members[i].value);
				value->object.members[kept++] = value->object.members[i];
			}
		value->object.len = kept;
	} else if (value->kind == VALUE_ARRAY) {
		for (size_t i = 0; i < value->array.len; i++)
			strip_nulls(value->array.items[i]);
	}
}

/* All elements are of one kind, which is returned; an empty pair of lists counts as scalars. */
static int element_kind(struct merger *m, const struct value *a, const struct value *b, enum value_kind *ret)
{
	const struct value *first = NULL, *lists[] = {a, b};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t j = 0; lists[i] && j < lists[i]->array.len; j++) {
			const struct value *item = lists[i]->array.items[j];

			if (item->kind == VALUE_ARRAY)
				return error_set(m->err, ERR_INVALID, "lists of lists are not supported");
			if (first && first->kind != item->kind) {
				struct str x = a ? value_format_go(a, m->arena) : STR("[]");
				struct str y = b ? value_format_go(b, m->arena) : STR("[]");

				return error_set(m->err, ERR_INTERNAL,
						 "Internal error occurred: list element types are not identical: "
						 "[" STR_FMT " " STR_FMT "]",
						 STR_ARG(x), STR_ARG(y));
			}
			first = item;
		}
	*ret = first ? first->kind : VALUE_STRING;
	return 0;
}

/* Where in @list the element like @item stands: of the same merge key, or the same value; -1: nowhere. */
static ptrdiff_t index_of(const struct value *list, const struct value *item, struct str merge_key)
{
	const struct value *wanted = merge_key.len ? value_get(item, merge_key) : item;

	for (size_t i = 0; list && wanted && i < list->array.len; i++) {
		const struct value *other = list->array.items[i];

		if (merge_key.len)
			other = value_get(other, merge_key);
		if (other && value_eq(other, wanted))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* A stable sort by the place in @order. */
static void sort_by(struct value *list, const struct value *order, struct str merge_key)
{
	for (size_t i = 1; i < list->array.len; i++) {
		struct value *item = list->array.items[i];
		ptrdiff_t at = index_of(order, item, merge_key);
		size_t j = i;

		for (; at >= 0 && j > 0; j--) {
			ptrdiff_t before = index_of(order, list->array.items[j - 1], merge_key);

			if (before < 0 || before <= at)
				break;
			list->array.items[j] = list->array.items[j - 1];
		}
		list->array.items[j] = item;
	}
}

/* @merged in its final order: what @order names by it, the rest by @old; see the top. */
static struct value *in_order(struct merger *m, const struct value *merged, const struct value *order,
			      const struct value *old, struct str merge_key)
{
	struct value *named = value_array(m->arena), *rest = value_array(m->arena), *out = value_array(m->arena);
	size_t i = 0, j = 0;

	for (size_t k = 0; k < merged->array.len; k++)
		value_append(m->arena, index_of(order, merged->array.items[k], merge_key) >= 0 ? named : rest,
			     merged->array.items[k]);
	sort_by(named, order, merge_key);
	sort_by(rest, old, merge_key);
	while (i < rest->array.len || j < named->array.len) {
		bool take_rest = j == named->array.len;

		if (i < rest->array.len && j < named->array.len) {
			ptrdiff_t a = index_of(old, rest->array.items[i], merge_key);
			ptrdiff_t b = index_of(old, named->array.items[j], merge_key);

			take_rest = a >= 0 && b >= 0 && a < b;
		}
		value_append(m->arena, out, take_rest ? rest->array.items[i++] : named->array.items[j++]);
	}
	return out;
}

static void remove_matching(struct value *list, const struct value *item, struct str merge_key)
{
	ptrdiff_t at;

	while ((at = index_of(list, item, merge_key)) >= 0)
		value_remove_at(list, (size_t)at);
}

/* Carries out the `$patch` elements of a list; the others are appended to @ret_rest. */
static int apply_list_directives(struct merger *m, struct value *target, const struct value *patch,
				 struct str merge_key, struct value *rest, bool *ret_replace)
{
	bool replace = false;

	for (size_t i = 0; i < patch->array.len; i++) {
		struct value *item = patch->array.items[i];
		const struct value *directive = value_get(item, STR(DIRECTIVE));

		if (!directive) {
			value_append(m->arena, rest, item);
		} else if (is_word(directive, "delete")) {
			if (!value_get(item, merge_key))
				return no_merge_key(m, item, merge_key);
			remove_matching(target, item, merge_key);
		} else if (is_word(directive, "replace")) {
			replace = true;
		} else if (is_word(directive, "merge")) {
			return error_set(m->err, ERR_INTERNAL,
					 "Internal error occurred: merging lists cannot yet be "
					 "specified in the patch");
		} else {
			return unknown_directive(m, directive, item);
		}
	}
	*ret_replace = replace;
	return 0;
}

/* Elements are objects: each of the patch's is merged into the one of the same key, or added. */
static int merge_by_key(struct merger *m, const struct field_patch *field, struct value *target, struct value *patch,
			struct value **ret)
{
	struct value *rest = value_array(m->arena), *merged;
	struct str key = field->merge_key;
	bool replace = false;
	int result;

	if (!key.len)
		return error_set(m->err, ERR_INTERNAL,
				 "Internal error occurred: cannot merge lists without merge key for " STR_FMT,
				 STR_ARG(field->inside.schema ? field->inside.schema->name : STR_EMPTY));
	result = apply_list_directives(m, target, patch, key, rest, &replace);
	if (result < 0)
		return result;
	if (replace) {
		*ret = rest;
		return 0;
	}
	merged = value_array(m->arena);
	for (size_t i = 0; i < target->array.len; i++)
		value_append(m->arena, merged, target->array.items[i]);
	for (size_t i = 0; i < rest->array.len; i++) {
		struct value *item = rest->array.items[i];
		ptrdiff_t at;

		if (!value_get(item, key))
			return no_merge_key(m, item, key);
		at = index_of(merged, item, key);
		if (at < 0) {
			value_append(m->arena, merged, item);
			continue;
		}
		result = merge_object(m, field->inside, merged->array.items[at], item, &merged->array.items[at]);
		if (result < 0)
			return result;
	}
	for (size_t i = 0; i < merged->array.len; i++)
		if (!value_get(merged->array.items[i], key))
			return no_merge_key(m, merged->array.items[i], key);
	*ret = in_order(m, merged, rest, target, key);
	return 0;
}

static void merge_scalars(struct merger *m, const struct value *target, const struct value *patch, struct value **ret)
{
	struct value *merged = value_array(m->arena);
	const struct value *lists[] = {target, patch};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t j = 0; j < lists[i]->array.len; j++)
			if (index_of(merged, lists[i]->array.items[j], STR_EMPTY) < 0)
				value_append(m->arena, merged, lists[i]->array.items[j]);
	*ret = in_order(m, merged, patch, target, STR_EMPTY);
}

static int merge_list(struct merger *m, const struct field_patch *field, struct value *target, struct value *patch,
		      struct value **ret)
{
	enum value_kind kind;
	int result;

	if (!(field->strategy & PATCH_MERGE)) {
		*ret = patch;
		return 0;
	}
	if (!target->array.len && !patch->array.len) {
		*ret = target;
		return 0;
	}
	result = element_kind(m, target, patch, &kind);
	if (result < 0)
		return result;
	if (kind == VALUE_OBJECT)
		return merge_by_key(m, field, target, patch, ret);
	merge_scalars(m, target, patch, ret);
	return 0;
}

/* The patch's list may only name elements in an order that the order list has too. */
static int check_order(struct merger *m, const struct value *patch, const struct value *order, struct str merge_key)
{
	size_t at = 0;

	if (!patch || !patch->array.len || !order->array.len)
		return 0;
	for (size_t i = 0; i < patch->array.len; i++) {
		const struct value *item = patch->array.items[i];

		if (merge_key.len && item->kind != VALUE_OBJECT)
			return bad_type(m, "map[string]interface {}", item);
		if (item->kind == VALUE_OBJECT && value_get(item, STR(DIRECTIVE)))
			continue;
		for (; at < order->array.len; at++) {
			const struct value *a = item, *b = order->array.items[at];

			if (merge_key.len) {
				a = value_get(a, merge_key);
				b = value_get(b, merge_key);
				if (!a || !b)
					return no_merge_key(m, a ? order->array.items[at] : item, merge_key);
			}
			if (value_eq(a, b))
				break;
		}
		if (at++ == order->array.len) {
			struct str x = value_format_go(patch, m->arena), y = value_format_go(order, m->arena);

			return error_set(m->err, ERR_INTERNAL,
					 "Internal error occurred: The order in patch list:\n" STR_FMT
					 "\n doesn't match " ORDER_PREFIX " list:\n" STR_FMT "\n",
					 STR_ARG(x), STR_ARG(y));
		}
	}
	return 0;
}

static int check_keys(struct merger *m, const struct value *list, struct str merge_key)
{
	for (size_t i = 0; i < list->array.len; i++) {
		if (list->array.items[i]->kind != VALUE_OBJECT)
			return bad_type(m, "map[string]interface {}", list->array.items[i]);
		if (!value_get(list->array.items[i], merge_key))
			return no_merge_key(m, list->array.items[i], merge_key);
	}
	return 0;
}

/* One `$setElementOrder/NAME`: merges the list NAME, if the patch has one, and puts it in order. */
static int apply_order(struct merger *m, struct place place, struct value *target, struct value *patch, struct str name,
		       const struct value *order)
{
	struct value *old = value_get(target, name), *items = value_get(patch, name), *merged;
	struct field_patch field = look_up(place, name);
	enum value_kind kind;
	int result;

	if (order->kind != VALUE_ARRAY || (old && old->kind != VALUE_ARRAY) || (items && items->kind != VALUE_ARRAY))
		return bad_type(m, "[]interface {}",
				order->kind != VALUE_ARRAY	  ? order
				: old && old->kind != VALUE_ARRAY ? old
								  : items);
	result = check_order(m, items, order, field.merge_key);
	if (result < 0 || (!old && !items))
		return result;
	result = element_kind(m, old, items, &kind);
	if (result < 0)
		return result;
	if (old && items) {
		result = merge_list(m, &field, value_copy(m->arena, old), items, &merged);
		if (result < 0)
			return result;
	} else {
		merged = old ? old : items;
		strip_directives(merged);
	}
	if (field.merge_key.len) {
		result = check_keys(m, merged, field.merge_key);
		if (result < 0)
			return result;
	}
	value_set(m->arena, target, name, in_order(m, merged, order, old, field.merge_key));
	value_remove(patch, name);
	return 0;
}

static int apply_orders(struct merger *m, struct place place, struct value *target, struct value *patch)
{
	for (size_t i = 0; i < patch->object.len;) {
		struct str key = patch->object.members[i].key, prefix, name;
		struct value *order = patch->object.members[i].value;
		int result;

		if (!str_has_prefix(key, STR(ORDER_PREFIX))) {
			i++;
			continue;
		}
		value_remove(patch, key);
		if (!str_cut(key, '/', &prefix, &name) || !str_eq_c(prefix, ORDER_PREFIX))
			return bad_list_format(m, "setElementOrder list");
		result = apply_order(m, place, target, patch, name, order);
		if (result < 0)
			return result;
		i = 0; /* the list itself may have stood before it */
	}
	return 0;
}

static bool list_has_word(const struct value *list, struct str word)
{
	for (size_t i = 0; i < list->array.len; i++)
		if (list->array.items[i]->kind == VALUE_STRING && str_eq(list->array.items[i]->string, word))
			return true;
	return false;
}

static int apply_retain_keys(struct merger *m, struct value *target, struct value *patch)
{
	struct value *keys = value_get(patch, STR(RETAIN_KEYS));
	size_t kept = 0;

	if (!keys)
		return 0;
	value_remove(patch, STR(RETAIN_KEYS));
	if (keys->kind != VALUE_ARRAY)
		return bad_list_format(m, "retainKeys");
	for (size_t i = 0; i < patch->object.len; i++) {
		const struct value_member *member = &patch->object.members[i];

		if (member->value->kind != VALUE_NULL && !str_has_prefix(member->key, STR(DELETE_PREFIX)) &&
		    !str_has_prefix(member->key, STR(ORDER_PREFIX)) && !list_has_word(keys, member->key))
			return bad_list_format(m, "retainKeys");
	}
	for (size_t i = 0; i < target->object.len; i++)
		if (list_has_word(keys, target->object.members[i].key))
			target->object.members[kept++] = target->object.members[i];
	target->object.len = kept;
	return 0;
}

static int delete_from_list(struct merger *m, struct value *target, struct str key, const struct value *values)
{
	struct str prefix, name;
	struct value *list;

	if (!str_cut(key, '/', &prefix, &name) || !str_eq_c(prefix, DELETE_PREFIX))
		return bad_list_format(m, "primitive list");
	list = value_get(target, name);
	if (values->kind == VALUE_NULL) {
		value_remove(target, name);
		return 0;
	}
	if (!list || list->kind != VALUE_ARRAY || values->kind != VALUE_ARRAY)
		return 0;
	for (size_t i = 0; i < values->array.len; i++)
		remove_matching(list, values->array.items[i], STR_EMPTY);
	return 0;
}

static int merge_member(struct merger *m, struct place place, struct value *target, struct str key, struct value *value)
{
	struct value *old = value_get(target, key), *merged = NULL;
	struct field_patch field;
	int result = 0;

	if (str_has_prefix(key, STR(DELETE_PREFIX)))
		return delete_from_list(m, target, key, value);
	if (value->kind == VALUE_NULL) {
		value_remove(target, key);
		return 0;
	}
	if (!old || old->kind != value->kind || (value->kind != VALUE_OBJECT && value->kind != VALUE_ARRAY)) {
		strip_nulls(value);
		if (strip_directives(value))
			value_set(m->arena, target, key, value);
		else
			value_remove(target, key);
		return 0;
	}
	field = look_up(place, key);
	if (value->kind == VALUE_ARRAY)
		result = merge_list(m, &field, old, value, &merged);
	else if (field.strategy & PATCH_REPLACE)
		merged = value;
	else
		result = merge_object(m, field.inside, old, value, &merged);
	if (result < 0)
		return result;
	value_set(m->arena, target, key, merged);
	return 0;
}

static int merge_object(struct merger *m, struct place place, struct value *target, struct value *patch,
			struct value **ret)
{
	struct value *directive = value_get(patch, STR(DIRECTIVE));
	int result;

	if (directive) {
		if (is_word(directive, "replace")) {
			value_remove(patch, STR(DIRECTIVE));
			*ret = patch;
		} else if (is_word(directive, "delete")) {
			*ret = value_object(m->arena);
		} else {
			return unknown_directive(m, directive, patch);
		}
		return 0;
	}
	result = apply_retain_keys(m, target, patch);
	if (result == 0)
		result = apply_orders(m, place, target, patch);
	for (size_t i = 0; result == 0 && i < patch->object.len; i++)
		result = merge_member(m, place, target, patch->object.members[i].key, patch->object.members[i].value);
	if (result < 0)
		return result;
	*ret = target;
	return 0;
}

int patch_strategic(const struct schema *schema, const struct value *document, const struct value *patch,
		    struct arena *arena, struct value **ret, struct error *err)
{
	struct merger m = {arena, err};
	struct value *target;

	if (patch->kind != VALUE_OBJECT && patch->kind != VALUE_NULL)
		return error_set(err, ERR_BAD_REQUEST,
				 "json: cannot unmarshal %s into Go value of type map[string]interface {}",
				 value_unmarshal_name(patch));
	target = document->kind == VALUE_OBJECT ? value_copy(arena, document) : value_object(arena);
	if (patch->kind == VALUE_NULL) {
		*ret = target;
		return 0;
	}
	return merge_object(&m, (struct place){schema}, target, value_copy(arena, patch), ret);
}
