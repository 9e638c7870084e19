/* Volume attributes classes. */
#include "apiserver/registry/rule.h"
#include "apiserver/registry/storage/class_check.h"
#include "types/gen/storage_v1.h"

static const struct rule rules[] = {
	RULE_CHECK("driverName", check_provisioner),
	RULE_CHECK("parameters", check_parameters),
	RULE_REQUIRED_SAYING("parameters", "must contain at least one key/value pair"),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_storage_v1_volume_attributes_class, object, rules);
}

static bool same_parameters(const struct str_map *a, const struct str_map *b)
{
	struct storage_v1_volume_attributes_class x = {.parameters = *a}, y = {.parameters = *b};

	return equal_struct(&schema_storage_v1_volume_attributes_class, &x, &y);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct storage_v1_volume_attributes_class *class = object, *before = old;

	if (!str_eq(class->driver_name, before->driver_name))
		field_forbidden(errors, FIELD(NULL, "driverName"), "updates to driverName are forbidden.");
	if (!same_parameters(&class->parameters, &before->parameters))
		field_forbidden(errors, FIELD(NULL, "parameters"), "updates to parameters are forbidden.");
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct storage_v1_volume_attributes_class *class = object;

	table_cell_str(row, class->metadata.name);
	table_cell_str(row, class->driver_name);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("DriverName", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_storage_volumeattributesclasses = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("volumeattributesclasses"),
	.delete_returns_object = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
