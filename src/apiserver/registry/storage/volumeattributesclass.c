/* Volume attributes classes. */
#include "apiserver/registry/common.h"
#include "types/gen/storage_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
