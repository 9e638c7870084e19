/*
 * Schedules of cron jobs: five fields (minute, hour, day, month, weekday), "@daily" and its like, or "@every 1h30m".
 *
 *	if (cron_schedule_parse(STR("0,30 8-18 * * mon-fri"), &schedule, err) < 0) ...
 *
 * A field is a set of numbers as bits.  When both the day of the month and that of the week are restricted, either is
 * enough; a field that was `*` is told by CRON_ANY.  Errors are in upstream's words (github.com/robfig/cron's).
 */
#ifndef WHERRY_LOGIC_CRON_SCHEDULE_H
#define WHERRY_LOGIC_CRON_SCHEDULE_H

#include "base/error.h"
#include "base/str.h"
#include "logic/time_zone.h"

/* The field was `*` or `?`. */
#define CRON_ANY (UINT64_C(1) << 63)

struct cron_schedule {
	uint64_t minute, hour, day, month, weekday;
	int64_t every; /* nanoseconds between two times, > 0; then the rest is unused */
};

/* Without a time zone in the text; ERR_BAD_REQUEST. */
int cron_schedule_parse(struct str text, struct cron_schedule *ret, struct error *err) MUST_CHECK;
/*
 * The first time after @after (seconds since 1970) at which the clocks of @zone (NULL: UTC) show what the schedule
 * says: what they skip is left out, what they show twice counts twice.  False: none in the next five years.
 */
bool cron_schedule_next(const struct cron_schedule *schedule, const struct time_zone *zone, int64_t after,
			int64_t *ret);

#endif
