/* Value trees; see value.h.  Objects are small as a rule, so members are a list in document order. */
#include "codec/value.h"

#include <stdarg.h>

static struct value *make(struct arena *arena, enum value_kind kind)
{
	struct value *value = ARENA_NEW(arena, struct value);

	value->kind = kind;
	return value;
}

struct value *value_null(struct arena *arena)
{
	return make(arena, VALUE_NULL);
}

struct value *value_bool(struct arena *arena, bool boolean)
{
	struct value *value = make(arena, VALUE_BOOL);

	value->boolean = boolean;
	return value;
}

struct value *value_int(struct arena *arena, int64_t integer)
{
	struct value *value = make(arena, VALUE_INT);

	value->integer = integer;
	return value;
}

struct value *value_double(struct arena *arena, double number)
{
	struct value *value = make(arena, VALUE_DOUBLE);

	value->number = number;
	return value;
}

struct value *value_string(struct arena *arena, struct str string)
{
	struct value *value = make(arena, VALUE_STRING);

	value->string = string;
	return value;
}

struct value *value_array(struct arena *arena)
{
	return make(arena, VALUE_ARRAY);
}

struct value *value_object(struct arena *arena)
{
	return make(arena, VALUE_OBJECT);
}

static struct value_member *find(const struct value *object, struct str key)
{
	for (size_t i = 0; i < object->object.len; i++)
		if (str_eq(object->object.members[i].key, key))
			return &object->object.members[i];
	return NULL;
}

struct value *value_get(const struct value *object, struct str key)
{
	const struct value_member *member = object && object->kind == VALUE_OBJECT ? find(object, key) : NULL;

	return member ? member->value : NULL;
}

struct value *value_find(const struct value *object, ...)
{
	struct value *found = NULL;
	const char *key;
	va_list path;

	va_start(path, object);
	while ((key = va_arg(path, const char *))) {
		found = value_get(object, str_from(key));
		object = found;
		if (!found)
			break;
	}
	va_end(path);
	return found;
}

bool value_is_null(const struct value *value)
{
	return value && value->kind == VALUE_NULL;
}

void value_add(struct arena *arena, struct value *object, struct str key, struct value *value)
{
	size_t len = object->object.len, cap = object->object.cap;

	if (len == cap) {
		cap = cap ? cap * 2 : 4;
		object->object.members = arena_grow(arena, object->object.members, len * sizeof(struct value_member),
						    cap * sizeof(struct value_member));
		object->object.cap = cap;
	}
	object->object.members[object->object.len++] = (struct value_member){key, value};
}

void value_set(struct arena *arena, struct value *object, struct str key, struct value *value)
{
	struct value_member *member;

	assert(object->kind == VALUE_OBJECT);
	member = find(object, key);
	if (member)
		member->value = value;
	else
		value_add(arena, object, key, value);
}

bool value_remove(struct value *object, struct str key)
{
	struct value_member *member = object->kind == VALUE_OBJECT ? find(object, key) : NULL;
	size_t after;

	if (!member)
		return false;
	after = object->object.len - (size_t)(member - object->object.members) - 1;
	memmove(member, member + 1, after * sizeof(*member));
	object->object.len--;
	return true;
}

void value_append(struct arena *arena, struct value *array, struct value *item)
{
	assert(array->kind == VALUE_ARRAY);
	vec_push(arena, &array->array, item);
}

void value_insert(struct arena *arena, struct value *array, size_t at, struct value *item)
{
	assert(array->kind == VALUE_ARRAY && at <= array->array.len);
	vec_push(arena, &array->array, item);
	memmove(array->array.items + at + 1, array->array.items + at,
		(array->array.len - 1 - at) * sizeof(*array->array.items));
	array->array.items[at] = item;
}

void value_remove_at(struct value *array, size_t at)
{
	assert(array->kind == VALUE_ARRAY && at < array->array.len);
	memmove(array->array.items + at, array->array.items + at + 1,
		(array->array.len - at - 1) * sizeof(*array->array.items));
	array->array.len--;
}

struct str value_get_str(const struct value *value, struct str fallback)
{
	return value && value->kind == VALUE_STRING ? value->string : fallback;
}

int64_t value_get_int(const struct value *value, int64_t fallback)
{
	return value && value->kind == VALUE_INT ? value->integer : fallback;
}

bool value_get_bool(const struct value *value, bool fallback)
{
	return value && value->kind == VALUE_BOOL ? value->boolean : fallback;
}

struct value *value_copy(struct arena *arena, const struct value *value)
{
	struct value *copy = arena_memdup(arena, value, sizeof(*value));

	switch (value->kind) {
	case VALUE_STRING:
		copy->string = arena_str(arena, value->string);
		break;
	case VALUE_ARRAY:
		copy->array.cap = value->array.len;
		copy->array.items = ARENA_NEW_N(arena, struct value *, value->array.len);
		for (size_t i = 0; i < value->array.len; i++)
			copy->array.items[i] = value_copy(arena, value->array.items[i]);
		break;
	case VALUE_OBJECT:
		copy->object.cap = value->object.len;
		copy->object.members = ARENA_NEW_N(arena, struct value_member, value->object.len);
		for (size_t i = 0; i < value->object.len; i++) {
			const struct value_member *member = &value->object.members[i];

			copy->object.members[i] =
				(struct value_member){arena_str(arena, member->key), value_copy(arena, member->value)};
		}
		break;
	default:
		break;
	}
	return copy;
}

static bool array_eq(const struct value *a, const struct value *b)
{
	if (a->array.len != b->array.len)
		return false;
	for (size_t i = 0; i < a->array.len; i++)
		if (!value_eq(a->array.items[i], b->array.items[i]))
			return false;
	return true;
}

/* Keys occur once in each, so equal counts and every member of one in the other is equality. */
static bool object_eq(const struct value *a, const struct value *b)
{
	if (a->object.len != b->object.len)
		return false;
	for (size_t i = 0; i < a->object.len; i++) {
		const struct value_member *left = &a->object.members[i], *right = &b->object.members[i];
		const struct value *other = right->value;

		if (!str_eq(left->key, right->key)) {
			right = find(b, left->key);
			if (!right)
				return false;
			other = right->value;
		}
		if (!value_eq(left->value, other))
			return false;
	}
	return true;
}

static bool number_eq(const struct value *a, const struct value *b)
{
	const struct value *integer = a->kind == VALUE_INT ? a : b, *number = a->kind == VALUE_INT ? b : a;

	/* 2^63 is the first double that is no int64; below it the conversion is exact or visibly not equal. */
	return number->number >= -0x1p63 && number->number < 0x1p63 && (int64_t)number->number == integer->integer &&
	       (double)(int64_t)number->number == number->number;
}

bool value_eq(const struct value *a, const struct value *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	if (a->kind != b->kind)
		return ((a->kind == VALUE_INT && b->kind == VALUE_DOUBLE) ||
			(a->kind == VALUE_DOUBLE && b->kind == VALUE_INT)) &&
		       number_eq(a, b);
	switch (a->kind) {
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_INT:
		return a->integer == b->integer;
	case VALUE_DOUBLE:
		return a->number == b->number;
	case VALUE_STRING:
		return str_eq(a->string, b->string);
	case VALUE_ARRAY:
		return array_eq(a, b);
	case VALUE_OBJECT:
		return object_eq(a, b);
	default:
		return true;
	}
}

static int member_cmp(const void *a, const void *b)
{
	const struct value_member *left = a, *right = b;

	return str_cmp(left->key, right->key);
}

void value_sort(struct value *value)
{
	if (value->kind == VALUE_ARRAY) {
		for (size_t i = 0; i < value->array.len; i++)
			value_sort(value->array.items[i]);
	} else if (value->kind == VALUE_OBJECT && value->object.len) {
		qsort(value->object.members, value->object.len, sizeof(*value->object.members), member_cmp);
		for (size_t i = 0; i < value->object.len; i++)
			value_sort(value->object.members[i].value);
	}
}

const char *value_kind_name(enum value_kind kind)
{
	static const char *const names[VALUE_KIND_MAX] = {
		[VALUE_NULL] = "null",	   [VALUE_BOOL] = "boolean",  [VALUE_INT] = "integer",
		[VALUE_DOUBLE] = "number", [VALUE_STRING] = "string", [VALUE_ARRAY] = "array",
		[VALUE_OBJECT] = "object",
	};

	return names[kind];
}
