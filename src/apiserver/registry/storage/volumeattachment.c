/* Volume attachments. */
#include "apiserver/registry/core/volume_check.h"
#include "apiserver/registry/rule.h"
#include "types/gen/storage_v1.h"

#define METADATA_SIZE_MAX (256 * 1024)
#define MESSAGE_SIZE_MAX  1024

static void check_attacher(struct field_errors *errors, const struct path *path, const void *value)
{
	check_csi_driver_name(errors, path, *(const struct str *)value);
}

static void check_source(struct field_errors *errors, const struct path *path, const void *value)
{
	static const char one[] = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
	const struct storage_v1_volume_attachment_source *source = value;

	if (!source->inline_volume_spec && !source->persistent_volume_name)
		field_required(errors, path, one);
	else if (source->inline_volume_spec && source->persistent_volume_name)
		field_forbidden(errors, path, one);
	else if (source->inline_volume_spec)
		check_volume_spec(errors, FIELD(path, "inlineVolumeSpec"), source->inline_volume_spec, true);
	else if (!source->persistent_volume_name->len)
		field_required(errors, FIELD(path, "persistentVolumeName"),
			       "must specify non empty persistentVolumeName");
}

static void check_metadata(struct field_errors *errors, const struct path *path, const void *value)
{
	size_t size = 0;

	SLICE_FOREACH (pair, *(const struct str_map *)value)
		size += pair->key.len + pair->value.len;
	if (size > METADATA_SIZE_MAX)
		field_too_long(errors, path, METADATA_SIZE_MAX);
}

static void check_error(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct storage_v1_volume_error *error = value;

	if (error->message.len > MESSAGE_SIZE_MAX)
		field_too_long(errors, FIELD(path, "message"), METADATA_SIZE_MAX);
	if (error->error_code)
		check_range(errors, FIELD(path, "errorCode"), *error->error_code, 0, INT32_MAX);
}

static const struct rule rules[] = {
	RULE_CHECK("spec.attacher", check_attacher),
	RULE_CHECK("spec.source", check_source),
	RULE_STRICT_NAME("spec.nodeName", name_is_dns_subdomain),
	RULE_CHECK("status.attachmentMetadata", check_metadata),
	RULE_CHECK("status.attachError", check_error),
	RULE_CHECK("status.detachError", check_error),
	RULE_NAME("spec.source.persistentVolumeName", name_is_dns_subdomain),
};
static const struct rule update_rules[] = {RULE_IMMUTABLE("spec")};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_storage_v1_volume_attachment, object, rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
	CHECK_UPDATE_RULES(errors, NULL, &schema_storage_v1_volume_attachment, object, old, update_rules);
}

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
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
