/* Mutating webhook configurations. */
#include "apiserver/registry/common.h"
#include "types/gen/admissionregistration_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct admissionregistration_v1_mutating_webhook_configuration *configuration = object;

	table_cell_str(row, configuration->metadata.name);
	table_cell_int(row, (int64_t)configuration->webhooks.len);
	table_cell_age(row, configuration->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Webhooks", "integer", 0),
	COLUMN_AGE,
};

const struct strategy strategy_admissionregistration_mutatingwebhookconfigurations = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("mutatingwebhookconfigurations"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	COLUMNS(columns),
	.cells = cells,
};
