/* Templates of resource claims. */
#include "apiserver/registry/common.h"
#include "types/gen/resource_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct resource_v1_resource_claim_template *template = object;

	table_cell_str(row, template->metadata.name);
	table_cell_age(row, template->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN_AGE,
};

const struct strategy strategy_resource_resourceclaimtemplates = {
	.group = STR_INIT("resource.k8s.io"),
	.plural = STR_INIT("resourceclaimtemplates"),
	.delete_returns_object = true,
	COLUMNS(columns),
	.cells = cells,
};
