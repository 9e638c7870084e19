/*
 * Quantities: "100m", "1.5Gi", "3e6" (resource.Quantity).
 *
 * Values are exact.  What does not fit 64 bits keeps its digits in `text`, up to QUANTITY_DIGITS_MAX of them, and
 * arithmetic on it is exact too; a result with more digits is the larger operand's magnitude, a conversion that does
 *not fit saturates (upstream's wraps or gives 0).  Fractions finer than a billionth round away from zero, as
 *upstream's.
 *
 * Printing is upstream's canonical form: the mantissa an integer, the exponent a multiple of three (or a power of 1024
 * for binary ones that are whole and at least 1024), the largest suffix that loses nothing.  A quantity that was parsed
 * from such a text prints as that text.
 *
 *	struct quantity cpu;
 *	if (quantity_parse(STR("1500m"), arena, &cpu, err) < 0) ...
 *	quantity_milli_value(&cpu)		1500
 *	quantity_value(&cpu)			2: conversions round away from zero
 *
 * Any thread; quantities are plain values whose text lives in the given arena.
 */
#ifndef WHERRY_TYPES_QUANTITY_H
#define WHERRY_TYPES_QUANTITY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "types/scalar.h"

#define QUANTITY_DIGITS_MAX 351 /* without trailing zeros */

/*
 * Fails with ERR_BAD_REQUEST and upstream's words.  @arena NULL: the text of the result, if any, is part of @text, and
 * numbers beyond 64 bits are refused.
 */
int quantity_parse(struct str text, struct arena *arena, struct quantity *ret, struct error *err) MUST_CHECK;
void quantity_write(const struct quantity *q, struct buf *out);
struct str quantity_format(const struct quantity *q, struct arena *arena);

struct quantity quantity_from_int(int64_t value, enum quantity_format format);
struct quantity quantity_from_milli(int64_t milli, enum quantity_format format);

/* -1, 0 or 1. */
int quantity_sign(const struct quantity *q);
int quantity_cmp(const struct quantity *a, const struct quantity *b);
int quantity_cmp_int(const struct quantity *a, int64_t b);

/* A zero first operand gives the result the second one's format. */
struct quantity quantity_add(const struct quantity *a, const struct quantity *b, struct arena *arena);
struct quantity quantity_sub(const struct quantity *a, const struct quantity *b, struct arena *arena);
struct quantity quantity_mul(const struct quantity *a, int64_t b, struct arena *arena);
struct quantity quantity_neg(const struct quantity *q, struct arena *arena);
/* Rounded away from zero to a multiple of 10^@exponent (-3: whole thousandths). */
struct quantity quantity_round_up(const struct quantity *q, int exponent, struct arena *arena);

/* The value in units of 10^@exponent, rounded away from zero. */
int64_t quantity_scaled_value(const struct quantity *q, int exponent);
static inline int64_t quantity_value(const struct quantity *q)
{
	return quantity_scaled_value(q, 0);
}
static inline int64_t quantity_milli_value(const struct quantity *q)
{
	return quantity_scaled_value(q, -3);
}
/* True when the value is a whole number that fits. */
bool quantity_as_int(const struct quantity *q, int64_t *ret);
double quantity_as_double(const struct quantity *q);

#endif
