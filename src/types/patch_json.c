/*
 * JSON patch, RFC 6902; see patch.h.
 *
 * What does not fit the document gets the API's one sentence for such a patch, as upstream's library errors are not
 * passed on.  Two ceilings beyond the number of operations: a document cannot be copied into itself until it is larger
 * than a request may be, and not nested deeper than a reader would take it.
 */
#include "types/patch.h"

#include "base/limits.h"

struct patch_target {
	struct value *root;
	struct arena *arena;
	size_t start; /* the arena's size at the beginning */
};

static int refuse(struct error *err)
{
	return error_set(err, ERR_INVALID, "the server rejected our request due to an error in our request");
}

static size_t depth_of(const struct value *value)
{
	size_t deepest = 0;

	if (value->kind == VALUE_ARRAY)
		for (size_t i = 0; i < value->array.len; i++)
			deepest = MAX(deepest, depth_of(value->array.items[i]));
	else if (value->kind == VALUE_OBJECT)
		for (size_t i = 0; i < value->object.len; i++)
			deepest = MAX(deepest, depth_of(value->object.members[i].value));
	else
		return 0;
	return deepest + 1;
}

/* The first token of a pointer "/a/b" with ~1 and ~0 undone; @ret_rest is "/b". */
static struct str first_token(struct str pointer, struct arena *arena, struct str *ret_rest)
{
	struct str text = str_from_at(pointer, 1);
	ptrdiff_t slash = str_index(text, '/');
	struct str token = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
	char *out;
	size_t len = 0;

	*ret_rest = slash < 0 ? STR_EMPTY : str_from_at(text, (size_t)slash);
	if (str_index(token, '~') < 0)
		return token;
	out = arena_alloc(arena, token.len + 1);
	for (size_t i = 0; i < token.len; i++) {
		char c = token.data[i];

		if (c == '~' && i + 1 < token.len && (token.data[i + 1] == '0' || token.data[i + 1] == '1'))
			c = token.data[++i] == '0' ? '~' : '/';
		out[len++] = c;
	}
	out[len] = '\0';
	return (struct str){out, len};
}

/* The index @token names in a list of @len; negative ones count from the end, as upstream's library has it. */
static bool parse_index(struct str token, size_t len, size_t *ret)
{
	int64_t index;

	if (str_parse_int64(token, &index) < 0)
		return false;
	if (index < 0)
		index += (int64_t)len;
	if (index < 0 || (size_t)index >= len)
		return false;
	*ret = (size_t)index;
	return true;
}

static struct value *child_of(const struct value *parent, struct str token)
{
	size_t index;

	if (parent->kind == VALUE_OBJECT)
		return value_get(parent, token);
	if (parent->kind == VALUE_ARRAY && parse_index(token, parent->array.len, &index))
		return parent->array.items[index];
	return NULL;
}

/* The container that holds the last token of @pointer, which is not empty; NULL when there is none. */
static struct value *parent_of(const struct patch_target *target, struct str pointer, struct str *ret_token,
			       size_t *ret_depth)
{
	struct value *value = target->root;
	struct str token, rest = pointer;
	size_t depth = 0;

	for (;;) {
		if (!rest.len || rest.data[0] != '/' || depth > LIMIT_JSON_DEPTH)
			return NULL;
		token = first_token(rest, target->arena, &rest);
		depth++;
		if (!rest.len)
			break;
		value = child_of(value, token);
		if (!value)
			return NULL;
	}
	if (value->kind != VALUE_OBJECT && value->kind != VALUE_ARRAY)
		return NULL;
	*ret_token = token;
	*ret_depth = depth;
	return value;
}

static struct value *find(const struct patch_target *target, struct str pointer)
{
	struct value *parent;
	struct str token;
	size_t depth;

	if (!pointer.len)
		return target->root;
	parent = parent_of(target, pointer, &token, &depth);
	return parent ? child_of(parent, token) : NULL;
}

static int add(struct patch_target *target, struct str pointer, const struct value *value, struct error *err)
{
	struct value *copy, *parent;
	struct str token;
	size_t depth, index;

	if (!pointer.len) {
		target->root = value_copy(target->arena, value);
		return 0;
	}
	parent = parent_of(target, pointer, &token, &depth);
	if (!parent)
		return refuse(err);
	copy = value_copy(target->arena, value);
	if (target->arena->size - target->start > LIMIT_REQUEST_MEMORY || depth + depth_of(copy) > LIMIT_JSON_DEPTH)
		return refuse(err);
	if (parent->kind == VALUE_OBJECT)
		value_set(target->arena, parent, token, copy);
	else if (str_eq_c(token, "-"))
		value_append(target->arena, parent, copy);
	else if (parse_index(token, parent->array.len + 1, &index))
		value_insert(target->arena, parent, index, copy);
	else
		return refuse(err);
	return 0;
}

static int remove_at(struct patch_target *target, struct str pointer, struct error *err)
{
	struct value *parent;
	struct str token;
	size_t depth, index;

	parent = pointer.len ? parent_of(target, pointer, &token, &depth) : NULL;
	if (!parent)
		return refuse(err);
	if (parent->kind == VALUE_OBJECT)
		return value_remove(parent, token) ? 0 : refuse(err);
	if (!parse_index(token, parent->array.len, &index))
		return refuse(err);
	value_remove_at(parent, index);
	return 0;
}

static int replace(struct patch_target *target, struct str pointer, const struct value *value, struct error *err)
{
	struct value *parent;
	struct str token;
	size_t depth, index;

	if (!pointer.len)
		return add(target, pointer, value, err);
	if (!find(target, pointer))
		return refuse(err);
	parent = parent_of(target, pointer, &token, &depth);
	if (parent->kind == VALUE_OBJECT)
		return add(target, pointer, value, err);
	if (!parse_index(token, parent->array.len, &index))
		return refuse(err);
	parent->array.items[index] = value_copy(target->arena, value);
	return 0;
}

static int move_or_copy(struct patch_target *target, const struct value *operation, struct str pointer, bool move,
			struct error *err)
{
	const struct value *from = value_get(operation, STR("from"));
	struct value *value;
	int result;

	value = from && from->kind == VALUE_STRING ? find(target, from->string) : NULL;
	if (!value)
		return refuse(err);
	if (move) {
		result = remove_at(target, from->string, err);
		if (result < 0)
			return result;
	}
	return add(target, pointer, value, err);
}

static int test(struct patch_target *target, struct str pointer, const struct value *value, struct error *err)
{
	const struct value *found = find(target, pointer);
	bool null = !value || value->kind == VALUE_NULL;

	if (!found || found->kind == VALUE_NULL)
		return null ? 0 : refuse(err);
	return !null && value_eq(found, value) ? 0 : refuse(err);
}

static int apply(struct patch_target *target, const struct value *operation, struct error *err)
{
	struct str op = value_get_str(value_get(operation, STR("op")), STR_EMPTY);
	const struct value *path = value_get(operation, STR("path")), *value = value_get(operation, STR("value"));
	struct value null = {.kind = VALUE_NULL};

	if (!path || path->kind != VALUE_STRING)
		return refuse(err);
	if (str_eq_c(op, "add"))
		return value ? add(target, path->string, value, err) : refuse(err);
	if (str_eq_c(op, "remove"))
		return remove_at(target, path->string, err);
	if (str_eq_c(op, "replace"))
		return replace(target, path->string, value ? value : &null, err);
	if (str_eq_c(op, "move") || str_eq_c(op, "copy"))
		return move_or_copy(target, operation, path->string, str_eq_c(op, "move"), err);
	if (str_eq_c(op, "test"))
		return test(target, path->string, value, err);
	return refuse(err);
}

int patch_json(const struct value *document, const struct value *patch, struct arena *arena, struct value **ret,
	       struct error *err)
{
	struct patch_target target = {.arena = arena, .start = arena->size};

	if (patch->kind != VALUE_ARRAY)
		return error_set(err, ERR_BAD_REQUEST,
				 "error decoding patch: json: cannot unmarshal %s into Go value of type "
				 "[]handlers.jsonPatchOp",
				 value_unmarshal_name(patch));
	if (patch->array.len > LIMIT_PATCH_OPERATIONS)
		return error_set(err, ERR_TOO_LARGE, "The allowed maximum operations in a JSON patch is %d, got %zu",
				 LIMIT_PATCH_OPERATIONS, patch->array.len);
	target.root = value_copy(arena, document);
	for (size_t i = 0; i < patch->array.len; i++) {
		int result = apply(&target, patch->array.items[i], err);

		if (result < 0)
			return result;
	}
	*ret = target.root;
	return 0;
}
