/*
 * Decimal numbers of a few hundred digits, for quantities that 64 bits cannot hold.
 *
 * Private to quantity.c.  Value: sign x magnitude x 10^exponent; the magnitude in limbs of nine digits, the lowest
 * first, no leading zero limbs.  Operations that would need more limbs return false and leave their operand in no
 * useful state.
 */
#ifndef WHERRY_TYPES_DECIMAL_H
#define WHERRY_TYPES_DECIMAL_H

#include "base/str.h"

#define DECIMAL_LIMBS	  44
#define DECIMAL_LIMB	  1000000000u
#define DECIMAL_TEXT_SIZE (DECIMAL_LIMBS * 9 + 2)

struct decimal {
	bool negative;
	unsigned len; /* 0: zero */
	uint32_t limbs[DECIMAL_LIMBS];
	int64_t exponent;
};

void decimal_set(struct decimal *d, int64_t mantissa, int64_t exponent);
/* Digits alone. */
bool decimal_set_digits(struct decimal *d, struct str digits);
/* Magnitude x @factor + @add. */
bool decimal_mul_small(struct decimal *d, uint32_t factor, uint32_t add);
/* Magnitude / @divisor; returns the remainder. */
uint32_t decimal_div_small(struct decimal *d, uint32_t divisor);
/* The same value with a smaller exponent. */
bool decimal_lower_exponent(struct decimal *d, int64_t exponent);
/* Raises the exponent, rounding away from zero; false when that lost something. */
bool decimal_raise_exponent(struct decimal *d, int64_t exponent);
/* Moves factors of ten into the exponent. */
void decimal_strip(struct decimal *d);
bool decimal_add(struct decimal *a, const struct decimal *b);
int decimal_cmp(const struct decimal *a, const struct decimal *b);
/* True when the magnitude with its sign fits. */
bool decimal_mantissa(const struct decimal *d, int64_t *ret);
/* The magnitude's digits, the sign before them; returns the length. */
size_t decimal_digits(const struct decimal *d, char text[DECIMAL_TEXT_SIZE]);

#endif
