/* CSI nodes. */
#include "apiserver/registry/common.h"
#include "types/gen/storage_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
