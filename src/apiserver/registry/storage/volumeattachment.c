/* Volume attachments. */
#include "apiserver/registry/common.h"
#include "types/gen/storage_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct storage_v1_volume_attachment *attachment = object;

	table_cell_str(row, attachment->metadata.name);
	table_cell_str(row, attachment->spec.attacher);
	table_cell_str(row, attachment->spec.source.persistent_volume_name
				    ? *attachment->spec.source.persistent_volume_name
				    : STR_EMPTY);
	table_cell_str(row, attachment->spec.node_name);
	table_cell_bool(row, attachment->status.attached);
	table_cell_age(row, attachment->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	{STR_INIT("Attacher"), STR_INIT("string"), STR_INIT("name"), STR_INIT(""), 0},
	COLUMN("PV", "string", 0),
	COLUMN("Node", "string", 0),
	COLUMN("Attached", "boolean", 0),
	COLUMN_AGE,
};

const struct strategy strategy_storage_volumeattachments = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("volumeattachments"),
	.delete_returns_object = true,
	.forbid_unconditional_update = true,
	.status_resets_metadata = true,
	COLUMNS(columns),
	.cells = cells,
};
