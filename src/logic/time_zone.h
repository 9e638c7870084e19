/*
 * Time zones: how far clocks are from UTC, from the files of the tz database (RFC 9636, TZif versions 1 to 4).
 *
 *	if (time_zone_parse(file, arena, &zone, err) < 0) ...
 *	struct time_zone_span span = time_zone_at(&zone, now);
 *	... clocks show now + span.offset, until span.until
 *
 * Leap seconds are not counted, as POSIX has it.  After the last change that a file lists its rule holds.
 */
#ifndef WHERRY_LOGIC_TIME_ZONE_H
#define WHERRY_LOGIC_TIME_ZONE_H

#include "base/arena.h"
#include "base/error.h"

struct time_zone_change {
	int64_t time; /* seconds since 1970 */
	int32_t offset;
};

/* A day of the year and a time on it. */
struct time_zone_date {
	enum { TIME_ZONE_JULIAN, TIME_ZONE_DAY, TIME_ZONE_WEEKDAY } kind;
	int month, week, day; /* kinds other than WEEKDAY have the day alone */
	int32_t time;	      /* seconds after midnight, may be negative */
};

struct time_zone {
	struct {
		const struct time_zone_change *items;
		size_t len;
	} changes;
	int32_t first; /* before all changes */
	bool has_rule, has_summer;
	int32_t standard, summer;
	struct time_zone_date begin, end; /* of summer time */
};

struct time_zone_span {
	int32_t offset; /* seconds, positive east of Greenwich */
	int64_t until;	/* the first second for which it may be another */
};

int time_zone_parse(struct str file, struct arena *arena, struct time_zone *ret, struct error *err) MUST_CHECK;
/* At @time, seconds since 1970; @zone NULL: UTC. */
struct time_zone_span time_zone_at(const struct time_zone *zone, int64_t time);

#endif
