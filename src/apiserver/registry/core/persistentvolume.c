/* Persistent volumes. */
#include "apiserver/registry/common.h"
#include "types/gen/core_v1.h"

/* The old annotation, else the field. */
static struct str class_of(const struct meta_v1_object_meta *meta, struct str name)
{
	const struct str *annotation = str_map_get(&meta->annotations, STR("volume.beta.kubernetes.io/storage-class"));

	return annotation ? *annotation : name;
}

/* Not of the type: a volume inside a VolumeAttachment has none of these. */
static void default_object(struct strategy_context *context, void *object)
{
	struct core_v1_persistent_volume *volume = object;
	struct str *mode;

	if (!volume->spec.persistent_volume_reclaim_policy.len)
		volume->spec.persistent_volume_reclaim_policy = STR("Retain");
	if (!volume->spec.volume_mode) {
		mode = ARENA_NEW(context->arena, struct str);
		*mode = STR("Filesystem");
		volume->spec.volume_mode = mode;
	}
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct core_v1_persistent_volume *volume = object;
	struct timestamp *now = ARENA_NEW(context->arena, struct timestamp);

	*now = context->now;
	now->nanos = 0;
	volume->status.phase = STR("Pending");
	volume->status.last_phase_transition_time = now;
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_persistent_volume *volume = object;

	const struct core_v1_object_reference *claim = volume->spec.claim_ref;

	table_cell_str(row, volume->metadata.name);
	cell_quantity(row, &volume->spec.capacity, "storage");
	cell_access_modes(row, &volume->spec.access_modes);
	table_cell_str(row, volume->spec.persistent_volume_reclaim_policy);
	table_cell_str(row, volume->metadata.deletion_timestamp ? STR("Terminating") : volume->status.phase);
	if (claim)
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(claim->namespace), STR_ARG(claim->name));
	else
		table_cell_str(row, STR_EMPTY);
	table_cell_str(row, class_of(&volume->metadata, volume->spec.storage_class_name));
	table_cell_str(row, volume->spec.volume_attributes_class_name ? *volume->spec.volume_attributes_class_name
								      : STR("<unset>"));
	table_cell_str(row, volume->status.reason);
	table_cell_age(row, volume->metadata.creation_timestamp);
	table_cell_str(row, volume->spec.volume_mode ? *volume->spec.volume_mode : STR("<unset>"));
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Capacity", "string", 0),
	COLUMN("Access Modes", "string", 0),
	COLUMN("Reclaim Policy", "string", 0),
	COLUMN("Status", "string", 0),
	COLUMN("Claim", "string", 0),
	COLUMN("StorageClass", "string", 0),
	COLUMN("VolumeAttributesClass", "string", 0),
	COLUMN("Reason", "string", 0),
	COLUMN_AGE,
	COLUMN("VolumeMode", "string", 1),
};

const struct strategy strategy_core_persistentvolumes = {
	.group = STR_INIT(""),
	.plural = STR_INIT("persistentvolumes"),
	.delete_returns_object = true,
	.default_object = default_object,
	.prepare_create = prepare_create,
	COLUMNS(columns),
	.cells = cells,
};
