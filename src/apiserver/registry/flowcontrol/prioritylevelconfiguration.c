/* Priority levels. */
#include "apiserver/registry/common.h"
#include "types/gen/flowcontrol_v1.h"

/* Shares, queues, hand size and queue length. */
static void cell_limited(struct table_row *row,
			 const struct flowcontrol_v1_limited_priority_level_configuration *limited)
{
	const struct flowcontrol_v1_queuing_configuration *queuing = limited ? limited->limit_response.queuing : NULL;

	if (limited && limited->nominal_concurrency_shares)
		table_cell_int(row, *limited->nominal_concurrency_shares);
	else
		table_cell_str(row, STR("<none>"));
	if (queuing) {
		table_cell_int(row, queuing->queues);
		table_cell_int(row, queuing->hand_size);
		table_cell_int(row, queuing->queue_length_limit);
		return;
	}
	for (int i = 0; i < 3; i++)
		table_cell_str(row, STR("<none>"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct flowcontrol_v1_priority_level_configuration *level = object;

	table_cell_str(row, level->metadata.name);
	table_cell_str(row, level->spec.type);
	cell_limited(row, level->spec.limited);
	table_cell_age(row, level->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Type", "string", 0),
	COLUMN("NominalConcurrencyShares", "string", 0),
	COLUMN("Queues", "string", 0),
	COLUMN("HandSize", "string", 0),
	COLUMN("QueueLengthLimit", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_flowcontrol_prioritylevelconfigurations = {
	.group = STR_INIT("flowcontrol.apiserver.k8s.io"),
	.plural = STR_INIT("prioritylevelconfigurations"),
	.generation = GENERATION_SPEC,
	.status_resets_metadata = true,
	.status_reset_fields = STR_INIT("metadata"),
	COLUMNS(columns),
	.cells = cells,
};
