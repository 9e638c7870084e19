/* CSI nodes. */
#include "apiserver/registry/core/volume_check.h"
#include "types/gen/storage_v1.h"

#define NODE_ID_MAX 256

static void check_topology_keys(struct field_errors *errors, const struct path *path, const struct str_slice *keys)
{
	const bool *repeated = REPEATED(keys, errors->arena);

	for (size_t i = 0; i < keys->len; i++) {
		if (!keys->items[i].len)
			field_required(errors, path, NULL);
		if (repeated[i])
			field_duplicate(errors, path, VALUE(keys->items[i]));
		check_name(errors, path, keys->items[i], name_is_qualified(keys->items[i]));
	}
}

static void check_driver(struct field_errors *errors, const struct path *path,
			 const struct storage_v1_csi_node_driver *driver, bool repeated)
{
	const struct storage_v1_volume_node_resources *allocatable = driver->allocatable;

	check_csi_driver_name(errors, FIELD(path, "name"), driver->name);
	if (!driver->node_id.len)
		field_required(errors, FIELD(path, "nodeID"), NULL);
	if (driver->node_id.len > NODE_ID_MAX)
		field_invalid(errors, FIELD(path, "nodeID"), VALUE(driver->node_id), "must be %d characters or less",
			      NODE_ID_MAX);
	if (allocatable && allocatable->count)
		check_not_negative(errors, FIELD(path, "allocatable.count"), *allocatable->count);
	if (repeated)
		field_duplicate(errors, FIELD(path, "name"), VALUE(driver->name));
	check_topology_keys(errors, path, &driver->topology_keys);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct storage_v1_csi_node_driver_slice *drivers =
		&((const struct storage_v1_csi_node *)object)->spec.drivers;
	const bool *repeated = REPEATED_BY(drivers, name, errors->arena);

	for (size_t i = 0; i < drivers->len; i++)
		check_driver(errors, INDEX(FIELD(SPEC, "drivers"), i), &drivers->items[i], repeated[i]);
}

/* A driver's entry stays but for how many volumes there can be. */
static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct storage_v1_csi_node *node = object, *before = old;

	validate_create(context, object, errors);
	SLICE_FOREACH (was, before->spec.drivers)
		SLICE_FOREACH (now, node->spec.drivers) {
			struct storage_v1_csi_node_driver a = *now, b = *was;

			a.allocatable = b.allocatable = NULL;
			if (str_eq(a.name, b.name))
				check_immutable(errors, FIELD(SPEC, "drivers"), &schema_storage_v1_csi_node_driver, &a,
						&b);
		}
}

static void cells(struct table_row *row, const void *object)
{
	const struct storage_v1_csi_node *node = object;

	table_cell_str(row, node->metadata.name);
	table_cell_int(row, (int64_t)node->spec.drivers.len);
	table_cell_age(row, node->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Drivers", "integer", 0),
	COLUMN_AGE,
};

const struct strategy strategy_storage_csinodes = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("csinodes"),
	.delete_returns_object = true,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
