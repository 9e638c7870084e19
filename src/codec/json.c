/* JSON to trees and back; see json.h.  yyjson parses; depth, repeated keys and Go's repairs are ours. */
#include "codec/json.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "codec/json_doc.h"

#define DUPLICATES_MAX 100

static void *scratch_malloc(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void *scratch_realloc(void *arena, void *p, size_t old_size, size_t size)
{
	return size <= old_size ? p : arena_grow(arena, p, old_size, size);
}

static void scratch_free(void *arena UNUSED, void *p UNUSED)
{
}

/* Parses in place, in a copy of @json that stays in @text. */
static yyjson_val *parse(struct str json, struct arena *text, struct arena *scratch)
{
	yyjson_alc alc = {scratch_malloc, scratch_realloc, scratch_free, scratch};
	char *copy = arena_alloc(text, json.len + YYJSON_PADDING_SIZE);
	yyjson_doc *doc;

	memcpy(copy, json.data, json.len);
	memset(copy + json.len, 0, YYJSON_PADDING_SIZE);
	doc = yyjson_read_opts(copy, json.len, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, NULL);
	return doc ? yyjson_doc_get_root(doc) : NULL;
}

int json_doc_read(struct str json, struct arena *text, struct arena *scratch, yyjson_val **ret, struct error *err)
{
	yyjson_val *root = json.len ? parse(json, text, scratch) : NULL;
	struct str why;

	if (!root) {
		why = json_explain(json, scratch);
		if (!why.len)
			root = parse(json_repair(json, scratch), text, scratch);
		if (!root)
			return error_set(err, ERR_BAD_REQUEST, "%s", why.len ? str_c(why) : "invalid JSON");
	}
	*ret = root;
	return 0;
}

const char *json_doc_kind(yyjson_val *node)
{
	switch (yyjson_get_type(node)) {
	case YYJSON_TYPE_NULL:
		return "null";
	case YYJSON_TYPE_BOOL:
		return "bool";
	case YYJSON_TYPE_STR:
		return "string";
	case YYJSON_TYPE_ARR:
		return "array";
	case YYJSON_TYPE_OBJ:
		return "object";
	default:
		return "number";
	}
}

bool json_number(struct str text, int64_t *ret_integer, double *ret_double)
{
	char digits[512];
	double number;

	if (str_parse_int64(text, ret_integer) == 0)
		return true;
	/* strtod wants a NUL; text longer than this is all digits that no longer matter but for their count. */
	if (text.len < sizeof(digits)) {
		memcpy(digits, text.data, text.len);
		digits[text.len] = '\0';
		number = strtod(digits, NULL);
	} else {
		char *copy = xmemdup(text.data, text.len);

		number = strtod(copy, NULL);
		free(copy);
	}
	if (isinf(number))
		number = copysign(0x1.fffffffffffffp1023, number);
	*ret_double =
		number == 0 ? 0 : number; /* without its sign: -0 would be written, and read back as the integer 0 */
	return false;
}

/* --- to trees ------------------------------------------------------------------------------------------------- */

/* Where a node stands, from the innermost container out. */
struct place {
	const struct place *parent;
	struct str key; /* data == NULL: the item @index of an array */
	size_t index;
};

struct reader {
	struct arena *arena;
	struct json_duplicates *duplicates;
	struct error *err;
	unsigned depth;
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

static void report_duplicate(struct reader *r, const struct place *place)
{
	struct str path;

	if (!r->duplicates || r->duplicates->paths.len >= DUPLICATES_MAX)
		return;
	path = place_path(place, r->arena);
	for (size_t i = 0; i < r->duplicates->paths.len; i++)
		if (str_eq(r->duplicates->paths.items[i], path))
			return;
	vec_push(r->arena, &r->duplicates->paths, path);
}

struct ranked_key {
	struct str key;
	size_t index;
};

static int ranked_cmp(const void *a, const void *b)
{
	const struct ranked_key *left = a, *right = b;
	int order = str_cmp(left->key, right->key);

	return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

/*
 * Drops all but the last of members with one key; the survivor keeps the first one's place.  Sorting a list of keys
 * instead of comparing each with each keeps a hostile object of a million members from costing 10^12 comparisons.
 */
static void drop_duplicates(struct reader *r, struct value *object, const struct place *parent)
{
	size_t len = object->object.len, kept = 0;
	struct value_member *members = object->object.members;
	struct ranked_key *ranked = xcalloc(len ? len : 1, sizeof(*ranked));
	bool any = false;

	for (size_t i = 0; i < len; i++)
		ranked[i] = (struct ranked_key){members[i].key, i};
	qsort(ranked, len, sizeof(*ranked), ranked_cmp);
	for (size_t i = 1; i < len; i++) {
		size_t first = i - 1;

		while (i < len && str_eq(ranked[i].key, ranked[first].key)) {
			struct place place = {.parent = parent, .key = ranked[i].key};

			report_duplicate(r, &place);
			members[ranked[first].index].value = members[ranked[i].index].value;
			members[ranked[i].index].value = NULL;
			any = true;
			i++;
		}
	}
	free(ranked);
	if (!any)
		return;
	for (size_t i = 0; i < len; i++)
		if (members[i].value)
			members[kept++] = members[i];
	object->object.len = kept;
}

#define FEW_MEMBERS 16

static bool may_repeat(const struct value *object)
{
	const struct value_member *members = object->object.members;

	if (object->object.len > FEW_MEMBERS)
		return true;
	for (size_t i = 1; i < object->object.len; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(members[i].key, members[j].key))
				return true;
	return false;
}

static int read_node(struct reader *r, yyjson_val *node, const struct place *place, struct value **ret);

static int read_array(struct reader *r, yyjson_val *node, const struct place *parent, struct value *array)
{
	size_t i, max;
	yyjson_val *item;

	array->kind = VALUE_ARRAY;
	array->array.cap = yyjson_arr_size(node);
	array->array.items = ARENA_NEW_N(r->arena, struct value *, array->array.cap);
	yyjson_arr_foreach(node, i, max, item)
	{
		struct place place = {.parent = parent, .index = i};
		int rc = read_node(r, item, &place, &array->array.items[i]);

		if (rc < 0)
			return rc;
		array->array.len++;
	}
	return 0;
}

static int read_object(struct reader *r, yyjson_val *node, const struct place *parent, struct value *object)
{
	size_t i, max;
	yyjson_val *key, *item;

	object->kind = VALUE_OBJECT;
	object->object.cap = yyjson_obj_size(node);
	object->object.members = ARENA_NEW_N(r->arena, struct value_member, object->object.cap);
	yyjson_obj_foreach(node, i, max, key, item)
	{
		struct value_member *member = &object->object.members[i];
		struct place place = {.parent = parent, .key = json_doc_str(key)};
		int rc;

		member->key = place.key;
		rc = read_node(r, item, &place, &member->value);
		if (rc < 0)
			return rc;
		object->object.len++;
	}
	if (may_repeat(object))
		drop_duplicates(r, object, parent);
	return 0;
}

static int read_container(struct reader *r, yyjson_val *node, const struct place *place, struct value *value)
{
	int rc;

	if (++r->depth > LIMIT_JSON_DEPTH)
		return error_set(r->err, ERR_BAD_REQUEST, "exceeded max depth");
	if (arena_over_budget(r->arena))
		return error_set(r->err, ERR_TOO_LARGE, "the document needs more than %zu bytes of memory",
				 r->arena->budget);
	rc = yyjson_is_arr(node) ? read_array(r, node, place, value) : read_object(r, node, place, value);
	r->depth--;
	return rc;
}

static int read_node(struct reader *r, yyjson_val *node, const struct place *place, struct value **ret)
{
	struct value *value = ARENA_NEW(r->arena, struct value);

	*ret = value;
	switch (yyjson_get_type(node)) {
	case YYJSON_TYPE_BOOL:
		value->kind = VALUE_BOOL;
		value->boolean = unsafe_yyjson_get_bool(node);
		return 0;
	case YYJSON_TYPE_STR:
		value->kind = VALUE_STRING;
		value->string = json_doc_str(node);
		return 0;
	case YYJSON_TYPE_RAW: {
		int64_t integer = 0;
		double number = 0;

		value->kind = json_number(json_doc_str(node), &integer, &number) ? VALUE_INT : VALUE_DOUBLE;
		if (value->kind == VALUE_INT)
			value->integer = integer;
		else
			value->number = number;
		return 0;
	}
	case YYJSON_TYPE_ARR:
	case YYJSON_TYPE_OBJ:
		return read_container(r, node, place, value);
	default:
		value->kind = VALUE_NULL;
		return 0;
	}
}

int json_doc_tree(yyjson_val *root, struct arena *arena, struct json_duplicates *duplicates, struct value **ret,
		  struct error *err)
{
	struct reader r = {.arena = arena, .duplicates = duplicates, .err = err};
	struct value *value;
	int rc = read_node(&r, root, NULL, &value);

	if (rc == 0)
		*ret = value;
	return rc;
}

int json_parse(struct str text, struct arena *arena, struct json_duplicates *duplicates, struct value **ret,
	       struct error *err)
{
	struct arena cleanup_arena scratch = {0};
	yyjson_val *root;
	int rc = json_doc_read(text, arena, &scratch, &root, err);

	return rc < 0 ? rc : json_doc_tree(root, arena, duplicates, ret, err);
}
