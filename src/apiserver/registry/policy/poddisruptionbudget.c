/* Pod disruption budgets. */
#include "apiserver/registry/common.h"
#include "types/gen/policy_v1.h"

static void cell_number(struct table_row *row, const struct int_or_string *value)
{
	if (!value)
		table_cell_str(row, STR("N/A"));
	else if (value->is_string)
		table_cell_str(row, value->string);
	else
		cell_printf(row, "%d", value->number);
}

static void cells(struct table_row *row, const void *object)
{
	const struct policy_v1_pod_disruption_budget *budget = object;

	table_cell_str(row, budget->metadata.name);
	cell_number(row, budget->spec.min_available);
	cell_number(row, budget->spec.max_unavailable);
	table_cell_int(row, budget->status.disruptions_allowed);
	table_cell_age(row, budget->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Min Available", "string", 0),
	COLUMN("Max Unavailable", "string", 0),
	COLUMN("Allowed Disruptions", "integer", 0),
	COLUMN_AGE,
};

const struct strategy strategy_policy_poddisruptionbudgets = {
	.group = STR_INIT("policy"),
	.plural = STR_INIT("poddisruptionbudgets"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	COLUMNS(columns),
	.cells = cells,
};
