/*
 * Walking structs by their schemas; see copy.h.
 *
 * A copy is made in two walks over the same members: the first adds up, the second places.  Structs and lists go to the
 * front of the one block, aligned for pointers; text goes to its end, packed.
 */
#include "types/copy.h"

#include "types/scalar.h"

#define COPY_ALIGNMENT 8

STATIC_ASSERT(_Alignof(struct quantity) <= COPY_ALIGNMENT, "lists are aligned for every scalar");

/* What a present but empty list or map points to: any address but NULL. */
static const uint64_t nowhere;

struct room {
	size_t aligned, text;
};

struct placer {
	char *aligned, *text;
};

static size_t align_up(size_t size)
{
	return (size + COPY_ALIGNMENT - 1) & ~(size_t)(COPY_ALIGNMENT - 1);
}

static void measure_struct(const struct schema *schema, const void *data, struct room *room);
static void place_struct(const struct schema *schema, void *data, struct placer *to);

static void measure_text(size_t len, struct room *room)
{
	if (len)
		room->text += len + 1;
}

/* What one value of the field's type holds out of line. */
static void measure_value(const struct schema_field *field, const void *value, struct room *room)
{
	switch (field->type) {
	case FIELD_STRING:
		measure_text(((const struct str *)value)->len, room);
		break;
	case FIELD_BYTES:
		measure_text(((const struct bytes *)value)->len, room);
		break;
	case FIELD_QUANTITY:
		measure_text(((const struct quantity *)value)->text.len, room);
		break;
	case FIELD_INT_OR_STRING:
		measure_text(((const struct int_or_string *)value)->string.len, room);
		break;
	case FIELD_RAW:
		measure_text(((const struct raw_json *)value)->text.len, room);
		break;
	case FIELD_MESSAGE:
		measure_struct(field->message, value, room);
		break;
	default:
		break;
	}
}

static void measure_items(const struct schema_field *field, const struct any_slice *slice, struct room *room)
{
	size_t size = field_type_size(field->type, field->message);

	room->aligned += align_up(slice->len * size);
	for (size_t i = 0; i < slice->len; i++)
		measure_value(field, (const char *)slice->items + i * size, room);
}

static void measure_entries(const struct schema_field *field, const struct any_slice *map, struct room *room)
{
	size_t size = field_entry_size(field);

	room->aligned += map->len * size;
	for (size_t i = 0; i < map->len; i++) {
		const char *entry = (const char *)map->items + i * size;
		const void *value = entry + FIELD_ENTRY_VALUE_OFFSET;

		measure_text(((const struct str *)(const void *)entry)->len, room);
		if (field->shape == SHAPE_MAP_OF_LISTS)
			measure_items(field, value, room);
		else
			measure_value(field, value, room);
	}
}

static void measure_struct(const struct schema *schema, const void *data, struct room *room)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		const void *member = (const char *)data + field->offset;

		switch (field->shape) {
		case SHAPE_ONE:
			measure_value(field, member, room);
			break;
		case SHAPE_OPTIONAL: {
			const void *value = *(const void *const *)member;

			if (value) {
				room->aligned += align_up(field_type_size(field->type, field->message));
				measure_value(field, value, room);
			}
			break;
		}
		case SHAPE_LIST:
			measure_items(field, member, room);
			break;
		default:
			measure_entries(field, member, room);
			break;
		}
	}
}

static void *place_aligned(const void *data, size_t size, struct placer *to)
{
	void *copy = to->aligned;

	memcpy(copy, data, size);
	to->aligned += align_up(size);
	return copy;
}

static const char *place_text(const void *data, size_t len, struct placer *to)
{
	char *copy = to->text;

	if (!len)
		return data ? "" : NULL;
	memcpy(copy, data, len);
	copy[len] = '\0';
	to->text += len + 1;
	return copy;
}

static void place_str(struct str *s, struct placer *to)
{
	s->data = place_text(s->data, s->len, to);
}

/* The value was copied bit by bit; this gives it copies of what it points to. */
static void place_value(const struct schema_field *field, void *value, struct placer *to)
{
	switch (field->type) {
	case FIELD_STRING:
		place_str(value, to);
		break;
	case FIELD_BYTES: {
		struct bytes *bytes = value;

		bytes->data = (const uint8_t *)place_text(bytes->data, bytes->len, to);
		break;
	}
	case FIELD_QUANTITY:
		place_str(&((struct quantity *)value)->text, to);
		break;
	case FIELD_INT_OR_STRING:
		place_str(&((struct int_or_string *)value)->string, to);
		break;
	case FIELD_RAW:
		place_str(&((struct raw_json *)value)->text, to);
		break;
	case FIELD_MESSAGE:
		place_struct(field->message, value, to);
		break;
	default:
		break;
	}
}

static void *place_array(const void *items, size_t size, struct placer *to)
{
	if (size)
		return place_aligned(items, size, to);
	return items ? UNCONST(void *, &nowhere) : NULL; /* read-only again at once: the caller's member is to const */
}

static void place_items(const struct schema_field *field, struct any_slice *slice, struct placer *to)
{
	size_t size = field_type_size(field->type, field->message);
	char *items = place_array(slice->items, slice->len * size, to);

	slice->items = items;
	for (size_t i = 0; i < slice->len; i++)
		place_value(field, items + i * size, to);
}

static void place_entries(const struct schema_field *field, struct any_slice *map, struct placer *to)
{
	size_t size = field_entry_size(field);
	char *entries = place_array(map->items, map->len * size, to);

	map->items = entries;
	for (size_t i = 0; i < map->len; i++) {
		void *entry = entries + i * size;
		void *value = (char *)entry + FIELD_ENTRY_VALUE_OFFSET;

		place_str(entry, to);
		if (field->shape == SHAPE_MAP_OF_LISTS)
			place_items(field, value, to);
		else
			place_value(field, value, to);
	}
}

static void place_struct(const struct schema *schema, void *data, struct placer *to)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		void *member = (char *)data + field->offset;

		switch (field->shape) {
		case SHAPE_ONE:
			place_value(field, member, to);
			break;
		case SHAPE_OPTIONAL: {
			void **pointer = member;

			if (*pointer) {
				*pointer = place_aligned(*pointer, field_type_size(field->type, field->message), to);
				place_value(field, *pointer, to);
			}
			break;
		}
		case SHAPE_LIST:
			place_items(field, member, to);
			break;
		default:
			place_entries(field, member, to);
			break;
		}
	}
}

static struct room measure(const struct schema *schema, const void *data)
{
	struct room room = {.aligned = align_up(schema->size)};

	measure_struct(schema, data, &room);
	return room;
}

size_t copy_struct_size(const struct schema *schema, const void *data)
{
	struct room room = measure(schema, data);

	return room.aligned + room.text;
}

void *copy_struct(const struct schema *schema, const void *data, struct arena *arena)
{
	struct room room = measure(schema, data);
	char *block = arena_alloc(arena, room.aligned + room.text);
	struct placer to = {block, block + room.aligned};
	void *copy = place_aligned(data, schema->size, &to);

	place_struct(schema, copy, &to);
	assert(to.aligned == block + room.aligned && to.text == block + room.aligned + room.text);
	return copy;
}

/* Without trailing zeros, so that 1500m and 1.5 look the same. */
static struct quantity quantity_reduced(struct quantity q)
{
	while (q.mantissa && q.mantissa % 10 == 0) {
		q.mantissa /= 10;
		q.exponent++;
	}
	if (!q.mantissa)
		q.exponent = 0;
	return q;
}

static bool equal_quantity(const struct quantity *a, const struct quantity *b)
{
	struct quantity x = quantity_reduced(*a), y = quantity_reduced(*b);

	if (x.mantissa != y.mantissa || x.exponent != y.exponent)
		return false;
	/* Saturated ones differ only in their digits. */
	if (a->mantissa == INT64_MAX || a->mantissa == INT64_MIN)
		return str_eq(a->text, b->text);
	return true;
}

static bool equal_int_or_string(const struct int_or_string *a, const struct int_or_string *b)
{
	if (a->is_string != b->is_string)
		return false;
	return a->is_string ? str_eq(a->string, b->string) : a->number == b->number;
}

static bool equal_timestamp(const struct timestamp *a, const struct timestamp *b)
{
	if (!a->is_set || !b->is_set)
		return a->is_set == b->is_set;
	return a->seconds == b->seconds && a->nanos == b->nanos;
}

static bool equal_value(const struct schema_field *field, const void *a, const void *b)
{
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_RAW:
		return str_eq(*(const struct str *)a, *(const struct str *)b);
	case FIELD_BYTES: {
		const struct bytes *x = a, *y = b;

		return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
	}
	case FIELD_QUANTITY:
		return equal_quantity(a, b);
	case FIELD_INT_OR_STRING:
		return equal_int_or_string(a, b);
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		return equal_timestamp(a, b);
	case FIELD_MESSAGE:
		return equal_struct(field->message, a, b);
	case FIELD_DOUBLE:
		return *(const double *)a == *(const double *)b;
	default:
		return memcmp(a, b, field_type_size(field->type, NULL)) == 0;
	}
}

static bool equal_items(const struct schema_field *field, const struct any_slice *a, const struct any_slice *b)
{
	size_t size = field_type_size(field->type, field->message);

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!equal_value(field, (const char *)a->items + i * size, (const char *)b->items + i * size))
			return false;
	return true;
}

static bool equal_entries(const struct schema_field *field, const struct any_slice *a, const struct any_slice *b)
{
	size_t size = field_entry_size(field);

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		const char *x = (const char *)a->items + i * size, *y = (const char *)b->items + i * size;
		const void *x_value = x + FIELD_ENTRY_VALUE_OFFSET, *y_value = y + FIELD_ENTRY_VALUE_OFFSET;

		if (!str_eq(*(const struct str *)(const void *)x, *(const struct str *)(const void *)y))
			return false;
		if (field->shape == SHAPE_MAP_OF_LISTS ? !equal_items(field, x_value, y_value)
						       : !equal_value(field, x_value, y_value))
			return false;
	}
	return true;
}

static bool equal_optional(const struct schema_field *field, const void *a, const void *b)
{
	if (!a || !b)
		return a == b;
	return a == b || equal_value(field, a, b);
}

bool equal_struct(const struct schema *schema, const void *a, const void *b)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		const void *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
		bool equal;

		if (field->shape == SHAPE_ONE)
			equal = equal_value(field, x, y);
		else if (field->shape == SHAPE_OPTIONAL)
			equal = equal_optional(field, *(const void *const *)x, *(const void *const *)y);
		else if (field->shape == SHAPE_LIST)
			equal = equal_items(field, x, y);
		else
			equal = equal_entries(field, x, y);
		if (!equal)
			return false;
	}
	return true;
}

static bool empty_value(const struct schema_field *field, const void *value)
{
	switch (field->type) {
	case FIELD_STRING:
	case FIELD_RAW:
		return ((const struct str *)value)->len == 0;
	case FIELD_BYTES:
		return ((const struct bytes *)value)->len == 0;
	case FIELD_BOOL:
		return !*(const bool *)value;
	case FIELD_INT32:
		return *(const int32_t *)value == 0;
	case FIELD_INT64:
	case FIELD_DURATION:
		return *(const int64_t *)value == 0;
	case FIELD_DOUBLE:
		return *(const double *)value == 0;
	case FIELD_QUANTITY:
		return ((const struct quantity *)value)->mantissa == 0;
	case FIELD_INT_OR_STRING: {
		const struct int_or_string *v = value;

		return v->is_string ? v->string.len == 0 : v->number == 0;
	}
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		return !((const struct timestamp *)value)->is_set;
	default:
		return empty_struct(field->message, value);
	}
}

bool empty_struct(const struct schema *schema, const void *data)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		const void *member = (const char *)data + field->offset;

		if (field->shape == SHAPE_ONE) {
			if (!empty_value(field, member))
				return false;
		} else if (field->shape == SHAPE_OPTIONAL) {
			if (*(const void *const *)member)
				return false;
		} else if (((const struct any_slice *)member)->len) {
			return false;
		}
	}
	return true;
}

static void drop_in_items(const struct schema_field *field, const struct any_slice *slice, size_t stride, size_t offset)
{
	for (size_t i = 0; field->type == FIELD_MESSAGE && i < slice->len; i++)
		drop_empty_lists(field->message,
				 UNCONST(char *, slice->items) + i * stride + offset); /* as EDIT does */
}

void drop_empty_lists(const struct schema *schema, void *data)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		void *member = (char *)data + field->offset;
		struct any_slice *slice = member;

		if (field->shape == SHAPE_ONE) {
			if (field->type == FIELD_MESSAGE)
				drop_empty_lists(field->message, member);
		} else if (field->shape == SHAPE_OPTIONAL) {
			if (field->type == FIELD_MESSAGE && *(void **)member)
				drop_empty_lists(field->message, *(void **)member);
		} else if (!slice->len) {
			slice->items = NULL;
		} else if (field->shape == SHAPE_LIST) {
			drop_in_items(field, slice, field_type_size(field->type, field->message), 0);
		} else if (field->shape == SHAPE_MAP) {
			drop_in_items(field, slice, field_entry_size(field), FIELD_ENTRY_VALUE_OFFSET);
		}
	}
}
