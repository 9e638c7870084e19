/* Claims for persistent volumes. */
#include "apiserver/registry/common.h"
#include "types/gen/core_v1.h"

/* The old annotation, else the field. */
static struct str class_of(const struct meta_v1_object_meta *meta, struct str name)
{
	const struct str *annotation = str_map_get(&meta->annotations, STR("volume.beta.kubernetes.io/storage-class"));

	return annotation ? *annotation : name;
}

static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	((struct core_v1_persistent_volume_claim *)object)->status.phase = STR("Pending");
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_persistent_volume_claim *claim = object;

	const struct core_v1_persistent_volume_claim_spec *spec = &claim->spec;

	table_cell_str(row, claim->metadata.name);
	table_cell_str(row, claim->metadata.deletion_timestamp ? STR("Terminating") : claim->status.phase);
	table_cell_str(row, spec->volume_name);
	if (spec->volume_name.len) {
		cell_quantity(row, &claim->status.capacity, "storage");
		cell_access_modes(row, &claim->status.access_modes);
	} else {
		table_cell_str(row, STR_EMPTY);
		table_cell_str(row, STR_EMPTY);
	}
	table_cell_str(row,
		       class_of(&claim->metadata, spec->storage_class_name ? *spec->storage_class_name : STR_EMPTY));
	table_cell_str(row, spec->volume_attributes_class_name ? *spec->volume_attributes_class_name : STR("<unset>"));
	table_cell_age(row, claim->metadata.creation_timestamp);
	table_cell_str(row, spec->volume_mode ? *spec->volume_mode : STR("<unset>"));
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Status", "string", 0),
	COLUMN("Volume", "string", 0),
	COLUMN("Capacity", "string", 0),
	COLUMN("Access Modes", "string", 0),
	COLUMN("StorageClass", "string", 0),
	COLUMN("VolumeAttributesClass", "string", 0),
	COLUMN_AGE,
	COLUMN("VolumeMode", "string", 1),
};

const struct strategy strategy_core_persistentvolumeclaims = {
	.group = STR_INIT(""),
	.plural = STR_INIT("persistentvolumeclaims"),
	.delete_returns_object = true,
	.prepare_create = prepare_create,
	COLUMNS(columns),
	.cells = cells,
};
