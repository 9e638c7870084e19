/* Device classes. */
#include "apiserver/registry/common.h"
#include "types/gen/resource_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct resource_v1_device_class *class = object;

	table_cell_str(row, class->metadata.name);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN_AGE,
};

const struct strategy strategy_resource_deviceclasses = {
	.group = STR_INIT("resource.k8s.io"),
	.plural = STR_INIT("deviceclasses"),
	.generation = GENERATION_SPEC,
	.delete_returns_object = true,
	COLUMNS(columns),
	.cells = cells,
};
