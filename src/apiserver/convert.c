/* Conversion between versions of a resource; see convert.h. */
#include "apiserver/convert.h"

/*
 * Fields with the same JSON name, type and shape are the same field.  A message type of another version is converted
 * inside out; where shapes differ the field is left out.
 */
static void convert_by_name(const struct schema *from, const struct schema *to, const char *source, char *target,
			    struct arena *arena);

static void convert_field(const struct schema_field *from, const struct schema_field *to, const char *source,
			  char *target, struct arena *arena)
{
	size_t size = field_type_size((enum field_type)from->type, from->message);

	if (from->type != to->type || from->shape != to->shape)
		return;
	if (from->shape != SHAPE_ONE || from->type != FIELD_MESSAGE || from->message == to->message) {
		if (from->type == FIELD_MESSAGE && from->message != to->message)
			return;
		if (from->shape == SHAPE_OPTIONAL)
			size = sizeof(void *);
		else if (from->shape != SHAPE_ONE)
			size = sizeof(struct any_slice);
		memcpy(target + to->offset, source + from->offset, size);
		return;
	}
	convert_by_name(from->message, to->message, source + from->offset, target + to->offset, arena);
}

static void convert_by_name(const struct schema *from, const struct schema *to, const char *source, char *target,
			    struct arena *arena)
{
	for (size_t i = 0; i < from->len; i++) {
		const struct schema_field *other = schema_find(to, from->fields[i].name);

		if (other)
			convert_field(&from->fields[i], other, source, target, arena);
	}
}

void *convert_struct(const struct schema *from, const struct schema *to, const void *data, struct arena *arena)
{
	char *target = arena_zalloc(arena, to->size);

	convert_by_name(from, to, data, target, arena);
	return target;
}
