/* Ranges of service addresses. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_service_cidr *cidr = object;

	table_cell_str(row, cidr->metadata.name);
	cell_list(row, &cidr->spec.cidrs, ",", "");
	table_cell_age(row, cidr->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("CIDRs", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_networking_servicecidrs = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("servicecidrs"),
	.status_resets_metadata = true,
	COLUMNS(columns),
	.cells = cells,
};
