/* Resource quotas. */
#include "apiserver/registry/common.h"
#include "types/gen/core_v1.h"
#include "types/quantity.h"

/* "pods: 1/10, services: 0/5"; limits are the keys that begin so. */
static void cell_used(struct table_row *row, const struct core_v1_resource_quota_status *status, bool limits)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (hard, status->hard) {
		const struct quantity *used = quantity_map_get(&status->used, hard->key);
		struct str of = quantity_format(&hard->value, row->arena);
		struct str amount = used ? quantity_format(used, row->arena) : STR("0");

		if (str_has_prefix(hard->key, STR("limits.")) == limits)
			text = arena_printf(row->arena, STR_FMT "%s" STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(text),
					    text.len ? ", " : "", STR_ARG(hard->key), STR_ARG(amount), STR_ARG(of));
	}
	table_cell_str(row, text);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_resource_quota *quota = object;

	table_cell_str(row, quota->metadata.name);
	cell_used(row, &quota->status, false);
	cell_used(row, &quota->status, true);
	table_cell_age(row, quota->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Request", "string", 0),
	COLUMN("Limit", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_core_resourcequotas = {
	.group = STR_INIT(""),
	.plural = STR_INIT("resourcequotas"),
	.delete_returns_object = true,
	COLUMNS(columns),
	.cells = cells,
};
