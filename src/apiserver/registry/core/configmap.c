/* ConfigMaps: nothing is reset, only the columns are their own. */
#include "apiserver/registry/strategies.h"
#include "types/gen/core_v1.h"

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_config_map *map = object;

	table_cell_str(row, map->metadata.name);
	table_cell_int(row, (int64_t)(map->data.len + map->binary_data.len));
	table_cell_age(row, map->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	{STR_INIT("Name"), STR_INIT("string"), STR_INIT("name"),
	 STR_INIT("Name of the object, unique in its namespace."), 0},
	{STR_INIT("Data"), STR_INIT("integer"), STR_INIT(""), STR_INIT("Number of keys in data and binaryData."), 0},
	{STR_INIT("Age"), STR_INIT("string"), STR_INIT(""), STR_INIT("Time since the object was created."), 0},
};

const struct strategy strategy_core_configmaps = {
	.group = STR_INIT(""),
	.plural = STR_INIT("configmaps"),
	.columns = columns,
	.columns_len = ARRAY_LEN(columns),
	.cells = cells,
};
