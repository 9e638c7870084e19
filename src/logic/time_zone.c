/* Time zones; see time_zone.h. */
#include "logic/time_zone.h"

#include "types/timestamp.h"

#define HEADER_SIZE 44
#define TYPE_SIZE   6
#define DAY	    86400
#define TIME_MAX    INT64_MAX

/* --- Reading --------------------------------------------------------------------------------------------------- */

static int64_t big_endian(const char *p, size_t size)
{
	uint64_t n = (unsigned char)p[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < size; i++)
		n = n << 8 | (unsigned char)p[i];
	return (int64_t)n;
}

/* One of the two blocks of a file: the second has times of 64 bits. */
struct block {
	size_t times, types, chars, leaps, standards, universals; /* how many */
	size_t time_size, size;
	const char *data;
};

static bool read_block(struct str file, size_t at, size_t time_size, struct block *ret)
{
	size_t counts[6];

	if (file.len < at + HEADER_SIZE || memcmp(file.data + at, "TZif", 4) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t n = big_endian(file.data + at + 20 + 4 * i, 4);

		if (n < 0 || n > (int64_t)file.len)
			return false;
		counts[i] = (size_t)n;
	}
	*ret = (struct block){.universals = counts[0],
			      .standards = counts[1],
			      .leaps = counts[2],
			      .times = counts[3],
			      .types = counts[4],
			      .chars = counts[5],
			      .time_size = time_size,
			      .data = file.data + at + HEADER_SIZE};
	ret->size = ret->times * (time_size + 1) + ret->types * TYPE_SIZE + ret->chars + ret->leaps * (time_size + 4) +
		    ret->standards + ret->universals;
	return ret->types > 0 && ret->size <= file.len - at - HEADER_SIZE;
}

static int read_changes(const struct block *block, struct arena *arena, struct time_zone *zone)
{
	struct time_zone_change *changes = ARENA_NEW_N(arena, struct time_zone_change, block->times + 1);
	const char *indexes = block->data + block->times * block->time_size, *types = indexes + block->times;

	for (size_t i = 0; i < block->times; i++) {
		size_t type = (unsigned char)indexes[i];

		if (type >= block->types)
			return -EINVAL;
		changes[i].time = big_endian(block->data + i * block->time_size, block->time_size);
		changes[i].offset = (int32_t)big_endian(types + type * TYPE_SIZE, 4);
		if (i && changes[i].time <= changes[i - 1].time)
			return -EINVAL;
	}
	zone->changes.items = changes;
	zone->changes.len = block->times;
	zone->first = (int32_t)big_endian(types, 4);
	return 0;
}

/* --- The rule: "CET-1CEST,M3.5.0,M10.5.0/3" -------------------------------------------------------------------- */

static bool take(struct str *text, char c)
{
	if (!text->len || text->data[0] != c)
		return false;
	*text = str_from_at(*text, 1);
	return true;
}

static bool take_name(struct str *text)
{
	size_t len = 0;

	if (take(text, '<')) {
		ptrdiff_t end = str_index(*text, '>');

		*text = end < 0 ? *text : str_from_at(*text, (size_t)end + 1);
		return end > 0;
	}
	while (len < text->len && ((text->data[len] | 0x20) >= 'a' && (text->data[len] | 0x20) <= 'z'))
		len++;
	*text = str_from_at(*text, len);
	return len >= 3;
}

static bool take_number(struct str *text, int max, int *ret)
{
	size_t len = 0;
	int n = 0;

	while (len < MIN(text->len, (size_t)4) && text->data[len] >= '0' && text->data[len] <= '9')
		n = n * 10 + (text->data[len++] - '0');
	*text = str_from_at(*text, len);
	*ret = n;
	return len > 0 && n <= max;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_time(struct str *text, int32_t *ret)
{
	bool negative = take(text, '-');
	int hours, minutes = 0, seconds = 0;

	if (!negative)
		take(text, '+');
	if (!take_number(text, 167, &hours))
		return false;
	if (take(text, ':') && !take_number(text, 59, &minutes))
		return false;
	if (take(text, ':') && !take_number(text, 59, &seconds))
		return false;
	*ret = hours * 3600 + minutes * 60 + seconds;
	*ret = negative ? -*ret : *ret;
	return true;
}

static bool take_date(struct str *text, struct time_zone_date *ret)
{
	struct time_zone_date date = {.kind = TIME_ZONE_DAY, .time = 2 * 3600};

	if (!take(text, ','))
		return false;
	if (take(text, 'M')) {
		date.kind = TIME_ZONE_WEEKDAY;
		if (!take_number(text, 12, &date.month) || !date.month || !take(text, '.') ||
		    !take_number(text, 5, &date.week) || !date.week || !take(text, '.') ||
		    !take_number(text, 6, &date.day))
			return false;
	} else {
		if (take(text, 'J'))
			date.kind = TIME_ZONE_JULIAN;
		if (!take_number(text, 365, &date.day))
			return false;
	}
	if (take(text, '/') && !take_time(text, &date.time))
		return false;
	*ret = date;
	return true;
}

/* Offsets in a rule are what is to be added to the clock's time: positive west of Greenwich. */
static bool parse_rule(struct str text, struct time_zone *zone)
{
	if (!take_name(&text) || !take_time(&text, &zone->standard))
		return false;
	zone->standard = -zone->standard;
	zone->has_rule = true;
	if (!text.len)
		return true;
	zone->summer = zone->standard + 3600;
	if (!take_name(&text))
		return false;
	if (text.len && text.data[0] != ',') {
		if (!take_time(&text, &zone->summer))
			return false;
		zone->summer = -zone->summer;
	}
	zone->has_summer = true;
	return take_date(&text, &zone->begin) && take_date(&text, &zone->end) && !text.len;
}

static bool parse(struct str file, struct arena *arena, struct time_zone *zone)
{
	struct str footer, rest;
	struct block block;
	size_t second;

	if (!read_block(file, 0, 4, &block))
		return false;
	second = HEADER_SIZE + block.size;
	if (file.data[4] == '\0') /* version 1: there is no more */
		return read_changes(&block, arena, zone) == 0;
	if (!read_block(file, second, 8, &block) || read_changes(&block, arena, zone) < 0)
		return false;
	footer = str_from_at(file, second + HEADER_SIZE + block.size);
	if (!take(&footer, '\n') || !str_cut(footer, '\n', &footer, &rest))
		return false;
	return !footer.len || parse_rule(footer, zone);
}

int time_zone_parse(struct str file, struct arena *arena, struct time_zone *ret, struct error *err)
{
	struct time_zone zone = {0};

	if (!parse(file, arena, &zone))
		return error_set(err, ERR_BAD_REQUEST, "malformed time zone information");
	*ret = zone;
	return 0;
}

/* --- Asking ---------------------------------------------------------------------------------------------------- */

static bool is_leap(int64_t year)
{
	return days_from_date(year, 3, 1) - days_from_date(year, 2, 28) == 2;
}

/* The day of @year that a rule names, in days since 1970. */
static int64_t day_of(const struct time_zone_date *date, int64_t year)
{
	int64_t first = days_from_date(year, date->kind == TIME_ZONE_WEEKDAY ? date->month : 1, 1), day, next;

	if (date->kind == TIME_ZONE_DAY)
		return first + date->day;
	if (date->kind == TIME_ZONE_JULIAN) /* from 1, and the leap day is never counted */
		return first + date->day - 1 + (date->day >= 60 && is_leap(year));
	day = first + (date->day - (first + 4) % 7 + 7) % 7 + 7 * (date->week - 1);
	next = days_from_date(year + (date->month == 12), date->month % 12 + 1, 1);
	return day < next ? day : day - 7;
}

static struct time_zone_span by_rule(const struct time_zone *zone, int64_t time)
{
	struct time_zone_span span = {zone->standard, TIME_MAX};
	int64_t latest = INT64_MIN, year;
	int month, day;

	if (!zone->has_summer)
		return span;
	date_from_days(time / DAY, &year, &month, &day);
	for (int64_t y = year - 1; y <= year + 1; y++) {
		const struct time_zone_change changes[] = {
			{day_of(&zone->begin, y) * DAY + zone->begin.time - zone->standard, zone->summer},
			{day_of(&zone->end, y) * DAY + zone->end.time - zone->summer, zone->standard},
		};

		for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
			if (changes[i].time > time) {
				span.until = MIN(span.until, changes[i].time);
			} else if (changes[i].time > latest) {
				latest = changes[i].time;
				span.offset = changes[i].offset;
			}
		}
	}
	return span;
}

struct time_zone_span time_zone_at(const struct time_zone *zone, int64_t time)
{
	size_t low = 0, high = zone ? zone->changes.len : 0;
	const struct time_zone_change *changes;

	if (!zone)
		return (struct time_zone_span){0, TIME_MAX};
	changes = zone->changes.items;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (changes[middle].time <= time)
			low = middle + 1;
		else
			high = middle;
	}
	/* low: how many changes there have been. */
	if (low == zone->changes.len && zone->has_rule)
		return by_rule(zone, time);
	return (struct time_zone_span){low ? changes[low - 1].offset : zone->first,
				       low < zone->changes.len ? changes[low].time : TIME_MAX};
}
