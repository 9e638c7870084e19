/* ConfigMaps: keys, total size, immutability. */
#include "apiserver/registry/common.h"

#define CONFIG_MAP_MAX (1024 * 1024) /* bytes of all values, upstream's MaxSecretSize */

static void check_data(const struct core_v1_config_map *map, struct field_errors *errors)
{
	size_t size = 0;

	SLICE_FOREACH (pair, map->data) {
		check_name(errors, KEY(FIELD(NULL, "data"), pair->key), pair->key, name_is_config_key(pair->key));
		SLICE_FOREACH (other, map->binary_data)
			if (str_eq(other->key, pair->key))
				field_invalid(errors, KEY(FIELD(NULL, "data"), pair->key), VALUE(pair->key),
					      "duplicate of key present in binaryData");
		size += pair->value.len;
	}
	SLICE_FOREACH (pair, map->binary_data) {
		check_name(errors, KEY(FIELD(NULL, "binaryData"), pair->key), pair->key, name_is_config_key(pair->key));
		size += pair->value.len;
	}
	/* The path is upstream's: an empty name. */
	if (size > CONFIG_MAP_MAX)
		field_too_long(errors, KEY(NULL, STR_EMPTY), CONFIG_MAP_MAX);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_data(object, errors);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_config_map *map = object, *before = old;
	struct core_v1_config_map now_data = {.data = map->data}, old_data = {.data = before->data};
	struct core_v1_config_map now_binary = {.binary_data = map->binary_data};
	struct core_v1_config_map old_binary = {.binary_data = before->binary_data};

	if (before->immutable && *before->immutable) {
		if (!map->immutable || !*map->immutable)
			field_forbidden(errors, FIELD(NULL, "immutable"), "field is immutable when `immutable` is set");
		if (!equal_struct(&schema_core_v1_config_map, &now_data, &old_data))
			field_forbidden(errors, FIELD(NULL, "data"), "field is immutable when `immutable` is set");
		if (!equal_struct(&schema_core_v1_config_map, &now_binary, &old_binary))
			field_forbidden(errors, FIELD(NULL, "binaryData"),
					"field is immutable when `immutable` is set");
	}
	check_data(map, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_config_map *map = object;

	table_cell_str(row, map->metadata.name);
	table_cell_int(row, (int64_t)(map->data.len + map->binary_data.len));
	table_cell_age(row, map->metadata.creation_timestamp);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Data", "string", 0), COLUMN_AGE};

const struct strategy strategy_core_configmaps = {
	.group = STR_INIT(""),
	.plural = STR_INIT("configmaps"),
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
