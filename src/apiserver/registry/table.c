/* Cells of Table rows; see apiserver/strategy.h. */
#include <stdio.h>

#include "apiserver/strategy.h"

void table_cell_str(struct table_row *row, struct str text)
{
	value_append(row->arena, row->cells, value_string(row->arena, text));
}

void table_cell_int(struct table_row *row, int64_t number)
{
	value_append(row->arena, row->cells, value_int(row->arena, number));
}

void table_cell_bool(struct table_row *row, bool boolean)
{
	value_append(row->arena, row->cells, value_bool(row->arena, boolean));
}

void table_cell_null(struct table_row *row)
{
	value_append(row->arena, row->cells, value_null(row->arena));
}

void table_cell_labels(struct table_row *row, const struct str_map *labels)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (pair, *labels)
		text = arena_printf(row->arena, STR_FMT "%s" STR_FMT "=" STR_FMT, STR_ARG(text), text.len ? "," : "",
				    STR_ARG(pair->key), STR_ARG(pair->value));
	table_cell_str(row, labels->len ? text : STR("<none>"));
}

/* A count of @unit and, unless 0, of the smaller @part: "3d4h". */
static struct str two_units(struct arena *arena, int64_t count, char unit, int64_t part, char part_unit)
{
	if (part == 0)
		return arena_printf(arena, "%lld%c", (long long)count, unit);
	return arena_printf(arena, "%lld%c%lld%c", (long long)count, unit, (long long)part, part_unit);
}

/* The precision falls with the size, as in upstream's duration.HumanDuration. */
struct str human_duration(int64_t seconds, struct arena *arena)
{
	int64_t minutes = seconds / 60, hours = seconds / 3600, days = hours / 24;

	if (seconds < -1)
		return STR("<invalid>");
	if (seconds < 0)
		return STR("0s");
	if (seconds < 120)
		return two_units(arena, seconds, 's', 0, 0);
	if (minutes < 10)
		return two_units(arena, minutes, 'm', seconds % 60, 's');
	if (minutes < 180)
		return two_units(arena, minutes, 'm', 0, 0);
	if (hours < 8)
		return two_units(arena, hours, 'h', minutes % 60, 'm');
	if (hours < 48)
		return two_units(arena, hours, 'h', 0, 0);
	if (hours < 192)
		return two_units(arena, days, 'd', hours % 24, 'h');
	if (hours < 2 * 365 * 24)
		return two_units(arena, days, 'd', 0, 0);
	if (hours < 8 * 365 * 24)
		return two_units(arena, days / 365, 'y', days % 365, 'd');
	return two_units(arena, days / 365, 'y', 0, 0);
}

void table_cell_age(struct table_row *row, struct timestamp since)
{
	int64_t seconds = row->now.seconds - since.seconds;

	/* Whole seconds toward zero. */
	if (row->now.nanos < since.nanos && seconds > 0)
		seconds--;
	table_cell_str(row, since.is_set ? human_duration(seconds, row->arena) : STR("<unknown>"));
}
