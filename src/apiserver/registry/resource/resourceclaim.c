/* Resource claims. */
#include "apiserver/registry/common.h"
#include "types/gen/resource_v1.h"

static void cell_state(struct table_row *row, const struct resource_v1_resource_claim *claim)
{
	bool deleted = claim->metadata.deletion_timestamp, allocated = claim->status.allocation;

	cell_printf(row, "%s%s%s%s", deleted ? "deleted" : "", deleted && allocated ? "," : "",
		    allocated  ? "allocated"
		    : !deleted ? "pending"
			       : "",
		    claim->status.reserved_for.len ? ",reserved" : "");
}

static void cells(struct table_row *row, const void *object)
{
	const struct resource_v1_resource_claim *claim = object;

	table_cell_str(row, claim->metadata.name);
	cell_state(row, claim);
	table_cell_age(row, claim->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("State", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_resource_resourceclaims = {
	.group = STR_INIT("resource.k8s.io"),
	.plural = STR_INIT("resourceclaims"),
	.delete_returns_object = true,
	.status_resets_metadata = true,
	COLUMNS(columns),
	.cells = cells,
};
