/* Conversion between versions of a resource; see convert.h. */
#include "apiserver/convert.h"

#include "apiserver/registry/conversions.h"

static const struct conversion *const conversions[] = {
#define X(name) &conversion_##name,
	CONVERSIONS(X)
#undef X
};

/* A conversion as seen from one of its sides; without one, names tell all. */
struct direction {
	const struct conversion *conversion;
	bool backward; /* from b to a */
	const struct schema *from, *to;
};

/* Where a member is and what it is. */
struct place {
	const struct schema_field *field;
	size_t offset;
};

static struct direction direction_of(const struct schema *from, const struct schema *to)
{
	struct direction direction = {.from = from, .to = to};

	for (size_t i = 0; i < ARRAY_LEN(conversions); i++) {
		const struct conversion *it = conversions[i];

		if ((it->a != from || it->b != to) && (it->b != from || it->a != to))
			continue;
		direction.conversion = it;
		direction.backward = it->b == from;
	}
	return direction;
}

static struct str source_path(const struct direction *direction, size_t i)
{
	const struct renamed_member *member = &direction->conversion->renamed[i];

	return str_from(direction->backward ? member->b : member->a);
}

static struct str target_path(const struct direction *direction, size_t i)
{
	const struct renamed_member *member = &direction->conversion->renamed[i];

	return str_from(direction->backward ? member->a : member->b);
}

static bool begins_with(struct str path, struct str name)
{
	struct str head, rest;

	str_cut(path, '.', &head, &rest);
	return str_eq(head, name);
}

static bool is_renamed(const struct direction *direction, struct str name)
{
	size_t len = direction->conversion ? direction->conversion->renamed_len : 0;

	for (size_t i = 0; i < len; i++)
		if (begins_with(source_path(direction, i), name) || begins_with(target_path(direction, i), name))
			return true;
	return false;
}

/* Paths lead through members that are always there. */
static struct place place_of(const struct schema *schema, struct str path)
{
	struct place place = {0};
	struct str name, rest = path;

	do {
		str_cut(rest, '.', &name, &rest);
		assert(!place.field || place.field->shape == SHAPE_ONE);
		place.field = schema_find(place.field ? place.field->message : schema, name);
		assert(place.field);
		place.offset += place.field->offset;
	} while (rest.len);
	return place;
}

static void convert_into(const struct schema *from, const struct schema *to, const char *source, char *target,
			 struct arena *arena);

static void convert_list(const struct schema *from, const struct schema *to, const struct any_slice *source,
			 struct any_slice *target, struct arena *arena)
{
	char *items = source->items ? arena_zalloc(arena, MAX(source->len, (size_t)1) * to->size) : NULL;

	for (size_t i = 0; i < source->len; i++)
		convert_into(from, to, (const char *)source->items + i * from->size, items + i * to->size, arena);
	*target = (struct any_slice){items, source->len};
}

/* Messages that are different types. */
static void convert_message(const struct schema_field *from, const struct schema_field *to, const char *source,
			    char *target, struct arena *arena)
{
	const struct schema *message = to->message;
	char *made;

	switch ((enum field_shape)from->shape) {
	case SHAPE_ONE:
		convert_into(from->message, message, source, target, arena);
		break;
	case SHAPE_OPTIONAL:
		if (!*(const void *const *)(const void *)source)
			break;
		made = arena_zalloc(arena, message->size);
		convert_into(from->message, message, *(const char *const *)(const void *)source, made, arena);
		memcpy(target, &made, sizeof(made));
		break;
	case SHAPE_LIST:
		convert_list(from->message, message, (const struct any_slice *)(const void *)source,
			     (struct any_slice *)(void *)target, arena);
		break;
	default:
		break; /* no version has maps of messages of its own */
	}
}

static void convert_member(const struct schema_field *from, const struct schema_field *to, const char *source,
			   char *target, struct arena *arena)
{
	size_t size = field_type_size((enum field_type)from->type, from->message);
	const void *value;

	if (from->type != to->type)
		return;
	if (from->shape == SHAPE_ONE && to->shape == SHAPE_OPTIONAL && from->message == to->message) {
		memcpy(target, &source, sizeof(source));
		return;
	}
	if (from->shape == SHAPE_OPTIONAL && to->shape == SHAPE_ONE && from->message == to->message) {
		memcpy(&value, source, sizeof(value));
		if (value)
			memcpy(target, value, size);
		return;
	}
	if (from->shape != to->shape)
		return;
	if (from->message != to->message)
		convert_message(from, to, source, target, arena);
	else
		memcpy(target, source,
		       from->shape == SHAPE_ONE	       ? size
		       : from->shape == SHAPE_OPTIONAL ? sizeof(void *)
						       : sizeof(struct any_slice));
}

static void convert_into(const struct schema *from, const struct schema *to, const char *source, char *target,
			 struct arena *arena)
{
	struct direction direction = direction_of(from, to);
	const struct conversion *conversion = direction.conversion;

	for (size_t i = 0; i < from->len; i++) {
		const struct schema_field *other = schema_find(to, from->fields[i].name);

		if (other && !is_renamed(&direction, other->name))
			convert_member(&from->fields[i], other, source + from->fields[i].offset, target + other->offset,
				       arena);
	}
	if (!conversion)
		return;
	for (size_t i = 0; i < conversion->renamed_len; i++) {
		struct place at = place_of(from, source_path(&direction, i)),
			     into = place_of(to, target_path(&direction, i));

		convert_member(at.field, into.field, source + at.offset, target + into.offset, arena);
	}
	if (direction.backward && conversion->to_a)
		conversion->to_a(source, target, arena);
	if (!direction.backward && conversion->to_b)
		conversion->to_b(source, target, arena);
}

void *convert_struct(const struct schema *from, const struct schema *to, const void *data, struct arena *arena)
{
	char *target = arena_zalloc(arena, to->size);

	convert_into(from, to, data, target, arena);
	return target;
}
