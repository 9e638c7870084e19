/* Looking things up in schemas; see schema.h. */
#include "types/schema.h"

#include "types/gen/all.h"
#include "types/scalar.h"

size_t field_type_size(enum field_type type, const struct schema *message)
{
	static const size_t sizes[FIELD_TYPE_MAX] = {
		[FIELD_STRING] = sizeof(struct str),
		[FIELD_BOOL] = sizeof(bool),
		[FIELD_INT32] = sizeof(int32_t),
		[FIELD_INT64] = sizeof(int64_t),
		[FIELD_DOUBLE] = sizeof(double),
		[FIELD_BYTES] = sizeof(struct bytes),
		[FIELD_QUANTITY] = sizeof(struct quantity),
		[FIELD_INT_OR_STRING] = sizeof(struct int_or_string),
		[FIELD_TIME] = sizeof(struct timestamp),
		[FIELD_MICRO_TIME] = sizeof(struct timestamp),
		[FIELD_DURATION] = sizeof(int64_t),
		[FIELD_RAW] = sizeof(struct raw_json),
	};

	return type == FIELD_MESSAGE ? message->size : sizes[type];
}

/* An entry is {struct str key; T value;}: a key of pointer alignment, so only the end may need padding. */
size_t field_entry_size(const struct schema_field *field)
{
	size_t value = field->shape == SHAPE_MAP_OF_LISTS ? sizeof(struct any_slice)
							  : field_type_size(field->type, field->message);

	return sizeof(struct str) + ((value + sizeof(void *) - 1) & ~(sizeof(void *) - 1));
}

const struct schema_field *schema_find(const struct schema *schema, struct str name)
{
	size_t low = 0, high = schema->len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct schema_field *field = &schema->fields[schema->by_name[middle]];
		int order = str_cmp(name, field->name);

		if (order == 0)
			return field->flags & FIELD_NO_JSON ? NULL : field;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct schema_field *schema_find_number(const struct schema *schema, uint32_t number)
{
	size_t low = 0, high = schema->numbers_len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct schema_field *field = &schema->fields[schema->by_number[middle]];

		if (field->number == number)
			return field;
		if (number < field->number)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct schema *schema_by_name(struct str name)
{
	size_t low = 0, high = all_schemas_len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_cmp(name, all_schemas[middle]->name);

		if (order == 0)
			return all_schemas[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct schema *schema_by_kind(struct str api_version, struct str kind)
{
	struct str group, version;
	char name[512];

	if (!str_cut(api_version, '/', &group, &version)) {
		version = api_version;
		group = STR("core");
	}
	if (group.len + version.len + kind.len + 2 >= sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), STR_FMT "/" STR_FMT "." STR_FMT, STR_ARG(group), STR_ARG(version), STR_ARG(kind));
	return schema_by_name(str_from(name));
}
