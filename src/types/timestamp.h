/*
 * Points in time as the API writes them: RFC 3339, always UTC on the way out.
 *
 * Time has whole seconds in every encoding, MicroTime microseconds; what is finer is dropped when it is read, so that
 * what was written and read again is equal.  The first second of the year 1 is Go's zero time and the same as unset.
 * Messages are Go's (`parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`).
 *
 * Any thread.
 */
#ifndef WHERRY_TYPES_TIMESTAMP_H
#define WHERRY_TYPES_TIMESTAMP_H

#include "base/error.h"
#include "types/scalar.h"

#define TIMESTAMP_TEXT_SIZE 48

/* Any RFC 3339 time; fractions of a second are dropped. */
int timestamp_parse(struct str text, struct timestamp *ret, struct error *err) MUST_CHECK;
/* Exactly six digits of fraction. */
int timestamp_parse_micro(struct str text, struct timestamp *ret, struct error *err) MUST_CHECK;
/* "2025-01-02T03:04:05Z" and "2025-01-02T03:04:05.000006Z"; returns the length.  Of an unset one: the year 1. */
size_t timestamp_format(struct timestamp t, char text[TIMESTAMP_TEXT_SIZE]);
size_t timestamp_format_micro(struct timestamp t, char text[TIMESTAMP_TEXT_SIZE]);

/* From seconds and nanoseconds since 1970; unset for Go's zero time. */
struct timestamp timestamp_make(int64_t seconds, int32_t nanos);
/* Unset comes first. */
int timestamp_cmp(struct timestamp a, struct timestamp b);

/* Between a date, month and day from 1, and the days since 1970-01-01; day 0 is the last of the month before. */
int64_t days_from_date(int64_t year, int month, int day);
void date_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

#endif
