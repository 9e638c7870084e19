/* Top-level members by name; see fields.h. */
#include "apiserver/fields.h"

size_t field_size(const struct schema_field *field)
{
	switch ((enum field_shape)field->shape) {
	case SHAPE_ONE:
		return field_type_size((enum field_type)field->type, field->message);
	case SHAPE_OPTIONAL:
		return sizeof(void *);
	default:
		return sizeof(struct any_slice);
	}
}

void field_copy(const struct schema *schema, struct str name, void *to, const void *from)
{
	const struct schema_field *field = schema_find(schema, name);

	if (field)
		memcpy((char *)to + field->offset, (const char *)from + field->offset, field_size(field));
}

void field_clear(const struct schema *schema, struct str name, void *object)
{
	const struct schema_field *field = schema_find(schema, name);

	if (field)
		memset((char *)object + field->offset, 0, field_size(field));
}

void fields_copy_but(const struct schema *schema, struct str but, void *to, const void *from)
{
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (!str_eq(field->name, but) && !str_eq(field->name, STR("metadata")))
			memcpy((char *)to + field->offset, (const char *)from + field->offset, field_size(field));
	}
}

bool field_exists(const struct schema *schema, struct str name)
{
	return schema_find(schema, name) != NULL;
}
