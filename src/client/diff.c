/* The merge patch between two states of an object; see client_diff() in client.h. */
#include "client/client.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/codec.h"

/* The merge patch (RFC 7386) from @old to @new_, or NULL when they are equal.  Lists are replaced whole. */
static struct value *diff_objects(struct arena *arena, const struct value *old, const struct value *new_)
{
	struct value *patch = NULL;

	for (size_t i = 0; i < new_->object.len; i++) {
		const struct value_member *member = &new_->object.members[i];
		const struct value *before = value_get(old, member->key);
		struct value *change = member->value;

		if (before && value_eq(before, member->value))
			continue;
		if (before && before->kind == VALUE_OBJECT && member->value->kind == VALUE_OBJECT)
			change = diff_objects(arena, before, member->value);
		if (!patch)
			patch = value_object(arena);
		if (change)
			value_set(arena, patch, member->key, change);
	}
	for (size_t i = 0; i < old->object.len; i++) {
		if (value_get(new_, old->object.members[i].key))
			continue;
		if (!patch)
			patch = value_object(arena);
		value_set(arena, patch, old->object.members[i].key, value_null(arena));
	}
	return patch;
}

struct str client_diff(const struct schema *schema, const void *old, const void *new_, const char *only,
		       struct arena *arena)
{
	struct value *before = encode_value(schema, old, ENCODE_NO_RESOURCE_VERSION, arena);
	struct value *after = encode_value(schema, new_, ENCODE_NO_RESOURCE_VERSION, arena);
	struct value *patch, *whole;
	struct buf cleanup_buf text = {0};

	buf_init(&text, LIMIT_OBJECT);
	if (only) {
		struct value *empty = value_object(arena), *part = value_get(before, str_from(only));

		before = part ? part : empty;
		part = value_get(after, str_from(only));
		after = part ? part : empty;
	}
	patch = diff_objects(arena, before, after);
	if (!patch)
		return STR_EMPTY;
	whole = patch;
	if (only) {
		whole = value_object(arena);
		value_set(arena, whole, str_from(only), patch);
	}
	json_write(whole, &text);
	return arena_str(arena, buf_view(&text));
}
