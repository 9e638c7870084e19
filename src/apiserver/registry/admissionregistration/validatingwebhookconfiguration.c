/* Validating webhook configurations. */
#include "apiserver/registry/admissionregistration/admission_check.h"

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct admissionregistration_v1_validating_webhook_slice *webhooks =
		&((const struct admissionregistration_v1_validating_webhook_configuration *)object)->webhooks;
	const bool *repeated = REPEATED_BY(webhooks, name, errors->arena);

	for (size_t i = 0; i < webhooks->len; i++) {
		const struct path *at = INDEX(FIELD(NULL, "webhooks"), i);

		check_webhook(errors, at, &schema_admissionregistration_v1_validating_webhook, &webhooks->items[i],
			      false);
		if (repeated[i] && webhooks->items[i].name.len)
			field_duplicate(errors, FIELD(at, "name"), VALUE(webhooks->items[i].name));
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct admissionregistration_v1_validating_webhook_configuration *configuration = object;

	table_cell_str(row, configuration->metadata.name);
	table_cell_int(row, (int64_t)configuration->webhooks.len);
	table_cell_age(row, configuration->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Webhooks", "integer", 0),
	COLUMN_AGE,
};

const struct strategy strategy_admissionregistration_validatingwebhookconfigurations = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("validatingwebhookconfigurations"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
