/*
 * A number or a string: ports by number or name, counts or percentages.
 *
 *	struct int_or_string max = int_or_string_parse(STR("25%"));
 *	int_or_string_scaled(&max, replicas, true, &n, err)		a quarter of them, rounded up
 */
#ifndef WHERRY_TYPES_INT_OR_STRING_H
#define WHERRY_TYPES_INT_OR_STRING_H

#include "base/error.h"
#include "types/scalar.h"

struct int_or_string int_or_string_from_int(int32_t number);
/* The bytes are not copied. */
struct int_or_string int_or_string_from_str(struct str string);
/* A number when @text is one that fits, else the string. */
struct int_or_string int_or_string_parse(struct str text);
bool int_or_string_eq(const struct int_or_string *a, const struct int_or_string *b);
/*
 * The number, or the percentage of @total, rounded up or down.  Fails with ERR_BAD_REQUEST on a string that is no
 * percentage.
 */
int int_or_string_scaled(const struct int_or_string *value, int64_t total, bool round_up, int64_t *ret,
			 struct error *err) MUST_CHECK;

#endif
