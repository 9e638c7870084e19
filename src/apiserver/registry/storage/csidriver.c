/* CSI drivers. */
#include "apiserver/registry/common.h"
#include "types/gen/storage_v1.h"

static void cell_audiences(struct table_row *row, const struct storage_v1_token_request_slice *requests)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (request, *requests)
		text = arena_printf(row->arena, STR_FMT "%s" STR_FMT, STR_ARG(text),
				    request == requests->items ? "" : ",", STR_ARG(request->audience));
	table_cell_str(row, requests->items ? text : STR("<unset>"));
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct storage_v1_csi_driver *driver = object;
	const struct storage_v1_csi_driver *before = old;

	bump_generation(&driver->metadata, &before->metadata,
			!equal_struct(&schema_storage_v1_csi_driver_spec, &driver->spec, &before->spec));
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct storage_v1_csi_driver *driver = object, *before = old;

	const struct str_slice *modes = &driver->spec.volume_lifecycle_modes;
	struct storage_v1_csi_driver_spec a = {.volume_lifecycle_modes = *modes};
	struct storage_v1_csi_driver_spec b = {.volume_lifecycle_modes = before->spec.volume_lifecycle_modes};

	check_immutable_bool(errors, FIELD(SPEC, "attachedRequired"), driver->spec.attach_required,
			     before->spec.attach_required);
	if (!equal_struct(&schema_storage_v1_csi_driver_spec, &a, &b))
		field_invalid(errors, FIELD(SPEC, "volumeLifecycleModes"), field_value_list(modes, errors->arena),
			      "field is immutable");
}

static void cells(struct table_row *row, const void *object)
{
	const struct storage_v1_csi_driver *driver = object;

	table_cell_str(row, driver->metadata.name);
	cell_bool_or(row, driver->spec.attach_required, true);
	cell_bool_or(row, driver->spec.pod_info_on_mount, false);
	cell_bool_or(row, driver->spec.storage_capacity, false);
	cell_audiences(row, &driver->spec.token_requests);
	cell_bool_or(row, driver->spec.requires_republish, false);
	cell_list(row, &driver->spec.volume_lifecycle_modes, ",", "<none>");
	table_cell_age(row, driver->metadata.creation_timestamp);
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct storage_v1_csi_driver_spec *now = &((const struct storage_v1_csi_driver *)object)->spec;
	const struct storage_v1_csi_driver *before = old;
	struct storage_v1_csi_driver_spec a = {.token_requests = now->token_requests}, b = {0};

	if (before)
		b.token_requests = before->spec.token_requests;
	if (now->token_requests.len && !now->service_account_token_in_secrets &&
	    !equal_struct(&schema_storage_v1_csi_driver_spec, &a, &b))
		vec_push(context->arena, &context->warnings,
			 STR("spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true "
			     "to "
			     "prevent possible logging of tokens in volume attributes"));
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("AttachRequired", "boolean", 0),
	COLUMN("PodInfoOnMount", "boolean", 0),
	COLUMN("StorageCapacity", "boolean", 0),
	COLUMN("TokenRequests", "string", 0),
	COLUMN("RequiresRepublish", "boolean", 0),
	COLUMN("Modes", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_storage_csidrivers = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("csidrivers"),
	.delete_returns_object = true,
	.forbid_unconditional_update = true,
	.generation = GENERATION_CUSTOM,
	.prepare_update = prepare_update,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
