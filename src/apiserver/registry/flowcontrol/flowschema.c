/* Flow schemas. */
#include "apiserver/registry/common.h"
#include "types/gen/flowcontrol_v1.h"

static void cell_dangling(struct table_row *row, const struct flowcontrol_v1_flow_schema_status *status)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, "Dangling")) {
			table_cell_str(row, condition->status);
			return;
		}
	table_cell_str(row, STR("?"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct flowcontrol_v1_flow_schema *schema = object;

	table_cell_str(row, schema->metadata.name);
	table_cell_str(row, schema->spec.priority_level_configuration.name);
	table_cell_int(row, schema->spec.matching_precedence);
	table_cell_str(row,
		       schema->spec.distinguisher_method ? schema->spec.distinguisher_method->type : STR("<none>"));
	table_cell_age(row, schema->metadata.creation_timestamp);
	cell_dangling(row, &schema->status);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("PriorityLevel", "string", 0),
	COLUMN("MatchingPrecedence", "string", 0),
	COLUMN("DistinguisherMethod", "string", 0),
	COLUMN_AGE,
	COLUMN("MissingPL", "string", 0),
};

const struct strategy strategy_flowcontrol_flowschemas = {
	.group = STR_INIT("flowcontrol.apiserver.k8s.io"),
	.plural = STR_INIT("flowschemas"),
	.generation = GENERATION_SPEC,
	.status_resets_metadata = true,
	.status_reset_fields = STR_INIT("metadata"),
	COLUMNS(columns),
	.cells = cells,
};
