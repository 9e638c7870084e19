/* CSI drivers. */
#include "apiserver/registry/rule.h"
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

#define TOKEN_SECONDS_MIN  600
#define UPDATE_SECONDS_MIN 10

static void check_token_requests(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct storage_v1_token_request_slice *requests = value;
	const bool *repeated = REPEATED_BY(requests, audience, errors->arena);

	for (size_t i = 0; i < requests->len; i++) {
		const int64_t *seconds = requests->items[i].expiration_seconds;
		const struct path *at = INDEX(path, i);

		if (repeated[i])
			field_duplicate(errors, FIELD(at, "audience"), VALUE(requests->items[i].audience));
		if (repeated[i] || !seconds)
			continue;
		if (*seconds < TOKEN_SECONDS_MIN)
			field_invalid(errors, FIELD(at, "expirationSeconds"), VALUE(*seconds),
				      "may not specify a duration less than 10 minutes");
		if (*seconds > INT64_C(1) << 32)
			field_invalid(errors, FIELD(at, "expirationSeconds"), VALUE(*seconds),
				      "may not specify a duration larger than 2^32 seconds");
	}
}

/* Each that is unknown is told of the list, without its index. */
static void check_modes(struct field_errors *errors, const struct path *path, const void *value)
{
	SLICE_FOREACH (mode, *(const struct str_slice *)value)
		if (!is_one_of(*mode, "Persistent", "Ephemeral", NULL))
			field_not_supported_c(errors, path, VALUE(*mode), "Persistent", "Ephemeral", NULL);
}

static void check_update_period(struct field_errors *errors, const struct path *path, const void *value)
{
	int64_t seconds = *(const int64_t *)value;

	if (seconds < UPDATE_SECONDS_MIN)
		field_invalid(errors, path, VALUE(seconds), "must be greater than or equal to 10 seconds");
}

static const struct rule rules[] = {
	RULE_ONE_OF("fsGroupPolicy", "File", "None", "ReadWriteOnceWithFSType"),
	RULE_CHECK("tokenRequests", check_token_requests),
	RULE_CHECK("volumeLifecycleModes", check_modes),
	RULE_CHECK("nodeAllocatableUpdatePeriodSeconds", check_update_period),
};
static const struct rule update_rules[] = {RULE_IMMUTABLE("volumeLifecycleModes")};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct storage_v1_csi_driver_spec *spec = &((const struct storage_v1_csi_driver *)object)->spec;

	CHECK_RULES(errors, SPEC, &schema_storage_v1_csi_driver_spec, spec, rules);
	if (spec->service_account_token_in_secrets && !spec->token_requests.len)
		field_invalid(errors, FIELD(SPEC, "serviceAccountTokenInSecrets"),
			      VALUE(*spec->service_account_token_in_secrets),
			      "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct storage_v1_csi_driver_spec *spec = &((const struct storage_v1_csi_driver *)object)->spec;
	const struct storage_v1_csi_driver_spec *before = &((const struct storage_v1_csi_driver *)old)->spec;

	validate_create(context, object, errors);
	/* Upstream's name of the field, not the API's. */
	check_immutable_bool(errors, FIELD(SPEC, "attachedRequired"), spec->attach_required, before->attach_required);
	CHECK_UPDATE_RULES(errors, SPEC, &schema_storage_v1_csi_driver_spec, spec, before, update_rules);
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
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
