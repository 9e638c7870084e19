/* Resource slices. */
#include "apiserver/registry/common.h"
#include "types/gen/resource_v1.h"

static struct str select_field(const void *object, struct str path, struct arena *arena UNUSED)
{
	const struct resource_v1_resource_slice *slice = object;

	if (str_eq_c(path, "spec.driver"))
		return slice->spec.driver;
	return slice->spec.node_name ? *slice->spec.node_name : STR_EMPTY;
}

static const struct str fields[] = {STR_INIT("spec.nodeName"), STR_INIT("spec.driver")};

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct resource_v1_resource_slice *slice = object, *before = old;

	const struct str *now = slice->spec.node_name, *was = before->spec.node_name;

	if (!now != !was || (now && !str_eq(*now, *was)))
		field_invalid(errors, FIELD(SPEC, "nodeName"), now ? VALUE(*now) : VALUE_NULL, "field is immutable");
	check_immutable_str(errors, FIELD(SPEC, "driver"), slice->spec.driver, before->spec.driver);
	check_immutable_str(errors, FIELD(SPEC, "pool.name"), slice->spec.pool.name, before->spec.pool.name);
}

static void cells(struct table_row *row, const void *object)
{
	const struct resource_v1_resource_slice *slice = object;

	table_cell_str(row, slice->metadata.name);
	table_cell_str(row, slice->spec.node_name ? *slice->spec.node_name : STR_EMPTY);
	table_cell_str(row, slice->spec.driver);
	table_cell_str(row, slice->spec.pool.name);
	table_cell_age(row, slice->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME, COLUMN("Node", "string", 0), COLUMN("Driver", "string", 0), COLUMN("Pool", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_resource_resourceslices = {
	.group = STR_INIT("resource.k8s.io"),
	.plural = STR_INIT("resourceslices"),
	.generation = GENERATION_SPEC,
	.delete_returns_object = true,
	FIELDS(fields),
	.select_field = select_field,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
