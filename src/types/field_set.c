/* Sets of fields: the tree, its text, and operations on it; see field_set.h.  Comparing objects is field_compare.c's.
 */
#include "types/field_set.h"

#include "codec/json.h"
#include "types/field_error.h"
#include "types/field_set_internal.h"
#include "types/patch.h"

struct field_set *field_set_new(struct arena *arena)
{
	return ARENA_NEW(arena, struct field_set);
}

/* Fields before keys, keys before values, values before places. */
static int rank(struct str element)
{
	static const char order[] = "fkvi";
	const char *at = element.len ? strchr(order, element.data[0]) : NULL;

	return at ? (int)(at - order) : (int)sizeof(order);
}

int field_element_cmp(struct str a, struct str b)
{
	return rank(a) != rank(b) ? rank(a) - rank(b) : str_cmp(a, b);
}

/* The place of @element among the children, or where it belongs. */
static size_t place_of(const struct field_set *set, struct str element, bool *ret_found)
{
	size_t low = 0, high = set->children.len;

	/* Who fills a set does it in order. */
	if (high && field_element_cmp(element, set->children.items[high - 1]->element) > 0)
		low = high;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = field_element_cmp(element, set->children.items[middle]->element);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_found = false;
	return low;
}

const struct field_set *field_set_find(const struct field_set *set, struct str element)
{
	bool found;
	size_t at = set ? place_of(set, element, &found) : 0;

	return set && found ? set->children.items[at] : NULL;
}

struct field_set *field_set_child(struct field_set *set, struct str element, struct arena *arena)
{
	struct field_set *child;
	bool found;
	size_t at = place_of(set, element, &found);

	if (found)
		return set->children.items[at];
	child = field_set_new(arena);
	child->element = element;
	vec_push(arena, &set->children, child);
	memmove(set->children.items + at + 1, set->children.items + at,
		(set->children.len - 1 - at) * sizeof(*set->children.items));
	set->children.items[at] = child;
	return child;
}

bool field_set_empty(const struct field_set *set)
{
	if (set->member)
		return false;
	for (size_t i = 0; i < set->children.len; i++)
		if (!field_set_empty(set->children.items[i]))
			return false;
	return true;
}

void field_set_prune(struct field_set *set)
{
	size_t len = 0;

	for (size_t i = 0; i < set->children.len; i++) {
		field_set_prune(set->children.items[i]);
		if (!field_set_empty(set->children.items[i]))
			set->children.items[len++] = set->children.items[i];
	}
	set->children.len = len;
}

bool field_set_eq(const struct field_set *a, const struct field_set *b)
{
	if (a->member != b->member || a->children.len != b->children.len)
		return false;
	for (size_t i = 0; i < a->children.len; i++)
		if (!str_eq(a->children.items[i]->element, b->children.items[i]->element) ||
		    !field_set_eq(a->children.items[i], b->children.items[i]))
			return false;
	return true;
}

static void add_all(struct field_set *to, const struct field_set *from, struct arena *arena)
{
	to->member = to->member || from->member;
	for (size_t i = 0; i < from->children.len; i++)
		add_all(field_set_child(to, from->children.items[i]->element, arena), from->children.items[i], arena);
}

struct field_set *field_set_union(const struct field_set *a, const struct field_set *b, struct arena *arena)
{
	struct field_set *set = field_set_new(arena);

	add_all(set, a, arena);
	add_all(set, b, arena);
	return set;
}

static void add_difference(struct field_set *to, const struct field_set *a, const struct field_set *b,
			   struct arena *arena)
{
	to->member = a->member && !(b && b->member);
	for (size_t i = 0; i < a->children.len; i++) {
		const struct field_set *child = a->children.items[i];

		add_difference(field_set_child(to, child->element, arena), child, field_set_find(b, child->element),
			       arena);
	}
}

struct field_set *field_set_difference(const struct field_set *a, const struct field_set *b, struct arena *arena)
{
	struct field_set *set = field_set_new(arena);

	add_difference(set, a, b, arena);
	field_set_prune(set);
	return set;
}

static void add_intersection(struct field_set *to, const struct field_set *a, const struct field_set *b,
			     struct arena *arena)
{
	to->member = a->member && b->member;
	for (size_t i = 0; i < a->children.len; i++) {
		const struct field_set *child = a->children.items[i], *twin = field_set_find(b, child->element);

		if (twin)
			add_intersection(field_set_child(to, child->element, arena), child, twin, arena);
	}
}

struct field_set *field_set_intersection(const struct field_set *a, const struct field_set *b, struct arena *arena)
{
	struct field_set *set = field_set_new(arena);

	add_intersection(set, a, b, arena);
	field_set_prune(set);
	return set;
}

static void add_without(struct field_set *to, const struct field_set *from, const struct field_set *branches,
			struct arena *arena)
{
	to->member = from->member;
	for (size_t i = 0; i < from->children.len; i++) {
		const struct field_set *child = from->children.items[i];
		const struct field_set *branch = field_set_find(branches, child->element);

		if (!branch || !branch->member)
			add_without(field_set_child(to, child->element, arena), child, branch, arena);
	}
}

struct field_set *field_set_without(const struct field_set *set, const struct field_set *branches, struct arena *arena)
{
	struct field_set *rest = field_set_new(arena);

	add_without(rest, set, branches, arena);
	field_set_prune(rest);
	return rest;
}

void field_set_add_path(struct field_set *set, struct str path, struct arena *arena)
{
	struct str name, rest = path;

	while (rest.len) {
		str_cut(rest, '.', &name, &rest);
		set = field_set_child(set, arena_concat(arena, STR("f:"), name), arena);
	}
	set->member = true;
}

struct field_set *field_set_server_owned(struct arena *arena)
{
	static const struct str paths[] = {
		STR_INIT("apiVersion"),
		STR_INIT("kind"),
		STR_INIT("metadata.name"),
		STR_INIT("metadata.namespace"),
		STR_INIT("metadata.creationTimestamp"),
		STR_INIT("metadata.selfLink"),
		STR_INIT("metadata.uid"),
		STR_INIT("metadata.generation"),
		STR_INIT("metadata.managedFields"),
		STR_INIT("metadata.resourceVersion"),
	};
	struct field_set *set = field_set_new(arena);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		field_set_add_path(set, paths[i], arena);
	return set;
}

/* --- Paths ------------------------------------------------------------------------------------------------------ */

/* A key's value as Go prints it: text in quotes, all else plain. */
static struct str shown(const struct value *value, struct arena *arena)
{
	return value->kind == VALUE_STRING ? quote_go(value->string, arena) : value_format_go(value, arena);
}

struct str field_element_shown(struct str element, struct arena *arena)
{
	struct str rest = str_from_at(element, 2), text = STR_EMPTY;
	struct error ignored = {0};
	struct value *value;

	if (str_has_prefix(element, STR("f:")))
		return arena_concat(arena, STR("."), rest);
	/* An element that came in stored text need not be what we write. */
	if (json_parse(rest, arena, NULL, &value, &ignored) < 0)
		return arena_printf(arena, "[" STR_FMT "]", STR_ARG(rest));
	if (!str_has_prefix(element, STR("k:")) || value->kind != VALUE_OBJECT) {
		text = shown(value, arena);
		return arena_printf(arena, "[%s" STR_FMT "]", element.data[0] == 'v' ? "=" : "", STR_ARG(text));
	}
	for (size_t i = 0; i < value->object.len; i++) {
		const struct value_member *key = &value->object.members[i];
		struct str part = shown(key->value, arena);

		text = arena_printf(arena, STR_FMT "%s" STR_FMT "=" STR_FMT, STR_ARG(text), i ? "," : "",
				    STR_ARG(key->key), STR_ARG(part));
	}
	return arena_printf(arena, "[" STR_FMT "]", STR_ARG(text));
}

static void add_paths(const struct field_set *set, struct str path, struct arena *arena, struct field_paths *ret)
{
	/* Leaves before what is deeper, as upstream goes through a set. */
	for (size_t i = 0; i < set->children.len; i++)
		if (set->children.items[i]->member)
			vec_push(
				arena, &ret->list,
				arena_concat(arena, path, field_element_shown(set->children.items[i]->element, arena)));
	for (size_t i = 0; i < set->children.len; i++) {
		const struct field_set *child = set->children.items[i];

		if (child->children.len)
			add_paths(child, arena_concat(arena, path, field_element_shown(child->element, arena)), arena,
				  ret);
	}
}

void field_set_paths(const struct field_set *set, struct arena *arena, struct field_paths *ret)
{
	add_paths(set, STR_EMPTY, arena, ret);
}

/* --- Text ------------------------------------------------------------------------------------------------------- */

void field_set_write(const struct field_set *set, struct buf *out)
{
	bool first = true;

	buf_char(out, '{');
	if (set->member && set->children.len) {
		buf_c(out, "\".\":{}");
		first = false;
	}
	for (size_t i = 0; i < set->children.len; i++) {
		if (!first)
			buf_char(out, ',');
		first = false;
		json_write_str(set->children.items[i]->element, out);
		buf_char(out, ':');
		field_set_write(set->children.items[i], out);
	}
	buf_char(out, '}');
}

static void take(struct field_set *set, const struct value *value, struct arena *arena)
{
	for (size_t i = 0; i < value->object.len; i++) {
		const struct value_member *member = &value->object.members[i];

		if (str_eq(member->key, STR(".")))
			set->member = true;
		else if (member->value->kind == VALUE_OBJECT)
			take(field_set_child(set, member->key, arena), member->value, arena);
	}
	/* A leaf is written without its dot. */
	if (!value->object.len)
		set->member = true;
}

int field_set_parse(struct str fields_v1, struct arena *arena, struct field_set **ret, struct error *err)
{
	struct field_set *set = field_set_new(arena);
	struct value *value;

	if (json_parse(fields_v1, arena, NULL, &value, err) < 0)
		return -(int)err->code;
	if (value->kind != VALUE_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "fieldsV1 is no object");
	take(set, value, arena);
	set->member = false;
	*ret = set;
	return 0;
}
