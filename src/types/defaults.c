/* The walk that sets defaults; see defaults.h.  Their JSON is ours and simple: no escapes, no nesting but `{}`. */
#include "types/defaults.h"

#include "types/scalar.h"

static struct str default_text(const struct schema_field *field)
{
	return field->rules->set_json.len ? field->rules->set_json : field->rules->default_json;
}

static struct str unquoted(struct str json)
{
	assert(json.len >= 2 && json.data[0] == '"');
	return str_sub(json, 1, json.len - 2);
}

static int64_t number(struct str json)
{
	int64_t value = 0;
	int result = str_parse_int64(json, &value);

	assert(result == 0);
	(void)result;
	return value;
}

/* The default as a value of the field's type at @value. */
static void set_value(const struct schema_field *field, struct str json, void *value)
{
	switch (field->type) {
	case FIELD_STRING:
		*(struct str *)value = unquoted(json);
		break;
	case FIELD_BOOL:
		*(bool *)value = str_eq_c(json, "true");
		break;
	case FIELD_INT32:
		*(int32_t *)value = (int32_t)number(json);
		break;
	case FIELD_INT64:
		*(int64_t *)value = number(json);
		break;
	case FIELD_INT_OR_STRING:
		if (json.data[0] == '"')
			*(struct int_or_string *)value =
				(struct int_or_string){.is_string = true, .string = unquoted(json)};
		else
			*(struct int_or_string *)value = (struct int_or_string){.number = (int32_t)number(json)};
		break;
	default:
		assert(field->type == FIELD_MESSAGE && str_eq_c(json, "{}"));
		memset(value, 0, field->message->size);
		break;
	}
}

static bool is_zero(const struct schema_field *field, const void *value)
{
	switch (field->type) {
	case FIELD_STRING:
		return ((const struct str *)value)->len == 0;
	case FIELD_INT32:
		return *(const int32_t *)value == 0;
	case FIELD_INT64:
		return *(const int64_t *)value == 0;
	default:
		return false;
	}
}

static void set_default(const struct schema_field *field, struct str json, void *member, struct arena *arena)
{
	if (field->shape == SHAPE_OPTIONAL) {
		const void **pointer = member;

		if (!*pointer) {
			void *value = arena_zalloc(arena, field_type_size(field->type, field->message));

			set_value(field, json, value);
			*pointer = value;
		}
	} else if (field->shape == SHAPE_LIST) {
		struct any_slice *slice = member;

		/* A list of one string. */
		if (!slice->len) {
			struct str *item = ARENA_NEW(arena, struct str);

			*item = unquoted(str_sub(json, 1, json.len - 2));
			*slice = (struct any_slice){item, 1};
		}
	} else if (field->shape == SHAPE_ONE && is_zero(field, member)) {
		set_value(field, json, member);
	}
}

static void walk_array(const struct schema *schema, const void *items, size_t len, size_t stride, size_t offset,
		       struct arena *arena)
{
	for (size_t i = 0; i < len; i++)
		default_struct(schema, UNCONST(char *, items) + i * stride + offset, arena); /* as EDIT does */
}

static void walk_member(const struct schema_field *field, void *member, struct arena *arena)
{
	const struct any_slice *slice = member;

	switch (field->shape) {
	case SHAPE_ONE:
		default_struct(field->message, member, arena);
		break;
	case SHAPE_OPTIONAL:
		if (*(void **)member)
			default_struct(field->message, *(void **)member, arena);
		break;
	case SHAPE_LIST:
		walk_array(field->message, slice->items, slice->len, field->message->size, 0, arena);
		break;
	case SHAPE_MAP:
		walk_array(field->message, slice->items, slice->len, field_entry_size(field), FIELD_ENTRY_VALUE_OFFSET,
			   arena);
		break;
	default:
		break;
	}
}

void default_struct(const struct schema *schema, void *data, struct arena *arena)
{
	if (!(schema->flags & SCHEMA_HAS_DEFAULTS))
		return;
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];
		struct str json = default_text(field);
		void *member = (char *)data + field->offset;

		if (json.len)
			set_default(field, json, member, arena);
		if (field->type == FIELD_MESSAGE && field->message->flags & SCHEMA_HAS_DEFAULTS)
			walk_member(field, member, arena);
	}
}
