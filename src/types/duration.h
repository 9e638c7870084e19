/*
 * Durations in Go's text: "1h15m30.918s", "300ms", "0s".  Nanoseconds in an int64.
 *
 * Any thread.
 */
#ifndef WHERRY_TYPES_DURATION_H
#define WHERRY_TYPES_DURATION_H

#include "base/error.h"
#include "base/str.h"

#define DURATION_TEXT_SIZE 40
#define NANOS_PER_MICRO	   INT64_C(1000)
#define NANOS_PER_MILLI	   INT64_C(1000000)
#define NANOS_PER_SECOND   INT64_C(1000000000)

/* Fails with ERR_BAD_REQUEST and Go's words: `time: invalid duration "x"`, `time: missing unit in duration "5"`. */
int duration_parse(struct str text, int64_t *ret, struct error *err) MUST_CHECK;
/* Returns the length. */
size_t duration_format(int64_t nanos, char text[DURATION_TEXT_SIZE]);

#endif
