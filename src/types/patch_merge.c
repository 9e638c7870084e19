/* JSON merge patch, RFC 7386, and how Go prints values; see patch.h. */
#include "types/patch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"

/* What an object becomes that was not there: its own nulls are left out. */
static struct value *without_nulls(const struct value *patch, struct arena *arena)
{
	struct value *out;

	if (patch->kind != VALUE_OBJECT)
		return value_copy(arena, patch);
	out = value_object(arena);
	for (size_t i = 0; i < patch->object.len; i++) {
		const struct value_member *member = &patch->object.members[i];

		if (member->value->kind != VALUE_NULL)
			value_set(arena, out, arena_str(arena, member->key), without_nulls(member->value, arena));
	}
	return out;
}

/* Changes @target, which is ours. */
static void merge_into(struct value *target, const struct value *patch, struct arena *arena)
{
	for (size_t i = 0; i < patch->object.len; i++) {
		const struct value_member *member = &patch->object.members[i];
		struct value *old = value_get(target, member->key);

		if (member->value->kind == VALUE_NULL)
			value_remove(target, member->key);
		else if (member->value->kind == VALUE_OBJECT && old && old->kind == VALUE_OBJECT)
			merge_into(old, member->value, arena);
		else
			value_set(arena, target, arena_str(arena, member->key), without_nulls(member->value, arena));
	}
}

int patch_merge(const struct value *document, const struct value *patch, struct arena *arena, struct value **ret,
		struct error *err)
{
	struct value *out;

	if (patch->kind == VALUE_NULL)
		return error_set(err, ERR_BAD_REQUEST, "Invalid JSON Patch");
	if (patch->kind != VALUE_OBJECT)
		return error_set(err, ERR_BAD_REQUEST,
				 "error decoding patch: json: cannot unmarshal %s into Go value of type "
				 "map[string]interface {}",
				 value_unmarshal_name(patch));
	out = document->kind == VALUE_OBJECT ? value_copy(arena, document) : value_object(arena);
	merge_into(out, patch, arena);
	*ret = out;
	return 0;
}

const char *value_unmarshal_name(const struct value *value)
{
	static const char *const names[VALUE_KIND_MAX] = {
		[VALUE_NULL] = "null",	   [VALUE_BOOL] = "bool",     [VALUE_INT] = "number",
		[VALUE_DOUBLE] = "number", [VALUE_STRING] = "string", [VALUE_ARRAY] = "array",
		[VALUE_OBJECT] = "object",
	};

	return names[value->kind];
}

static int compare_members(const void *a, const void *b)
{
	const struct value_member *const *x = a, *const *y = b;

	return str_cmp((*x)->key, (*y)->key);
}

static void format_go(const struct value *value, struct buf *out);

static void format_members(const struct value *value, struct buf *out)
{
	size_t len = value->object.len;
	const struct value_member **sorted = xcalloc(len ? len : 1, sizeof(*sorted));

	for (size_t i = 0; i < len; i++)
		sorted[i] = &value->object.members[i];
	qsort(sorted, len, sizeof(*sorted), compare_members);
	buf_c(out, "map[");
	for (size_t i = 0; i < len; i++) {
		buf_c(out, i ? " " : "");
		buf_str(out, sorted[i]->key);
		buf_char(out, ':');
		format_go(sorted[i]->value, out);
	}
	buf_char(out, ']');
	free(sorted);
}

static void format_go(const struct value *value, struct buf *out)
{
	switch (value->kind) {
	case VALUE_BOOL:
		buf_c(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		buf_int64(out, value->integer);
		break;
	case VALUE_DOUBLE:
		buf_printf(out, "%g", value->number);
		break;
	case VALUE_STRING:
		buf_str(out, value->string);
		break;
	case VALUE_ARRAY:
		buf_char(out, '[');
		for (size_t i = 0; i < value->array.len; i++) {
			buf_c(out, i ? " " : "");
			format_go(value->array.items[i], out);
		}
		buf_char(out, ']');
		break;
	case VALUE_OBJECT:
		format_members(value, out);
		break;
	default:
		buf_c(out, "<nil>");
		break;
	}
}

struct str value_format_go(const struct value *value, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	format_go(value, &out);
	return arena_str(arena, buf_view(&out));
}
