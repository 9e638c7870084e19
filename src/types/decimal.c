/* Decimal numbers in limbs of nine digits; see decimal.h. */
#include "types/decimal.h"

static void trim(struct decimal *d)
{
	while (d->len && d->limbs[d->len - 1] == 0)
		d->len--;
	if (!d->len)
		d->negative = false;
}

void decimal_set(struct decimal *d, int64_t mantissa, int64_t exponent)
{
	uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;

	*d = (struct decimal){.negative = mantissa < 0, .exponent = exponent};
	for (; magnitude; magnitude /= DECIMAL_LIMB)
		d->limbs[d->len++] = (uint32_t)(magnitude % DECIMAL_LIMB);
}

bool decimal_mul_small(struct decimal *d, uint32_t factor, uint32_t add)
{
	uint64_t carry = add;

	for (unsigned i = 0; i < d->len; i++) {
		carry += (uint64_t)d->limbs[i] * factor;
		d->limbs[i] = (uint32_t)(carry % DECIMAL_LIMB);
		carry /= DECIMAL_LIMB;
	}
	for (; carry; carry /= DECIMAL_LIMB) {
		if (d->len == DECIMAL_LIMBS)
			return false;
		d->limbs[d->len++] = (uint32_t)(carry % DECIMAL_LIMB);
	}
	trim(d);
	return true;
}

uint32_t decimal_div_small(struct decimal *d, uint32_t divisor)
{
	uint64_t remainder = 0;

	for (unsigned i = d->len; i-- > 0;) {
		remainder = remainder * DECIMAL_LIMB + d->limbs[i];
		d->limbs[i] = (uint32_t)(remainder / divisor);
		remainder %= divisor;
	}
	trim(d);
	return (uint32_t)remainder;
}

bool decimal_set_digits(struct decimal *d, struct str digits)
{
	*d = (struct decimal){0};
	for (size_t i = 0; i < digits.len; i++)
		if (!decimal_mul_small(d, 10, (uint32_t)(digits.data[i] - '0')))
			return false;
	return true;
}

bool decimal_lower_exponent(struct decimal *d, int64_t exponent)
{
	if (!d->len)
		d->exponent = exponent;
	while (d->exponent > exponent) {
		if (!decimal_mul_small(d, 10, 0))
			return false;
		d->exponent--;
	}
	return true;
}

bool decimal_raise_exponent(struct decimal *d, int64_t exponent)
{
	bool exact = true, negative = d->negative;

	while (d->exponent < exponent && d->len) {
		if (decimal_div_small(d, 10))
			exact = false;
		d->exponent++;
	}
	if (d->exponent < exponent)
		d->exponent = exponent;
	if (!exact) {
		/* A magnitude of 10^k is no more limbs than what was divided had, so this cannot fail. */
		if (!decimal_mul_small(d, 1, 1))
			return false;
		d->negative = negative;
	}
	return exact;
}

void decimal_strip(struct decimal *d)
{
	while (d->len && d->limbs[0] % 10 == 0) {
		decimal_div_small(d, 10);
		d->exponent++;
	}
}

static int magnitude_cmp(const struct decimal *a, const struct decimal *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	for (unsigned i = a->len; i-- > 0;)
		if (a->limbs[i] != b->limbs[i])
			return a->limbs[i] < b->limbs[i] ? -1 : 1;
	return 0;
}

static bool magnitude_add(struct decimal *a, const struct decimal *b)
{
	uint32_t carry = 0;

	for (unsigned i = 0; i < MAX(a->len, b->len) || carry; i++) {
		uint32_t sum = carry + (i < a->len ? a->limbs[i] : 0) + (i < b->len ? b->limbs[i] : 0);

		if (i == DECIMAL_LIMBS)
			return false;
		a->limbs[i] = sum % DECIMAL_LIMB;
		carry = sum / DECIMAL_LIMB;
		a->len = MAX(a->len, i + 1);
	}
	return true;
}

/* @ret = @large - @small. */
static void magnitude_sub(const struct decimal *large, const struct decimal *small, struct decimal *ret)
{
	uint32_t borrow = 0;

	for (unsigned i = 0; i < large->len; i++) {
		uint32_t take = borrow + (i < small->len ? small->limbs[i] : 0);

		borrow = large->limbs[i] < take;
		ret->limbs[i] = large->limbs[i] + (borrow ? DECIMAL_LIMB : 0) - take;
	}
	ret->len = large->len;
	ret->negative = large->negative;
	trim(ret);
}

bool decimal_add(struct decimal *a, const struct decimal *b)
{
	struct decimal other = *b, mine;

	if (!decimal_lower_exponent(a, MIN(a->exponent, other.exponent)) ||
	    !decimal_lower_exponent(&other, a->exponent))
		return false;
	if (!a->len)
		a->negative = other.negative;
	if (a->negative == other.negative)
		return magnitude_add(a, &other);
	mine = *a;
	if (magnitude_cmp(&mine, &other) >= 0)
		magnitude_sub(&mine, &other, a);
	else
		magnitude_sub(&other, &mine, a);
	return true;
}

/* Number of digits before the point: settles most comparisons without bringing the exponents together. */
static int64_t order(const struct decimal *d)
{
	int64_t digits = ((int64_t)d->len - 1) * 9;

	for (uint32_t top = d->limbs[d->len - 1]; top; top /= 10)
		digits++;
	return digits + d->exponent;
}

int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
	struct decimal left = *a, right = *b;
	int sign = a->negative ? -1 : 1, result;
	int64_t difference;

	if (!a->len || !b->len || a->negative != b->negative) {
		int left_sign = a->len ? sign : 0, right_sign = b->len ? (b->negative ? -1 : 1) : 0;

		return (left_sign > right_sign) - (left_sign < right_sign);
	}
	difference = order(a) - order(b);
	if (difference)
		return difference > 0 ? sign : -sign;
	decimal_strip(&left);
	decimal_strip(&right);
	/* Of one order and stripped, the lower exponent has the more digits already, so the other grows to at most
	 * that. */
	if (!decimal_lower_exponent(&left, MIN(left.exponent, right.exponent)) ||
	    !decimal_lower_exponent(&right, left.exponent))
		return 0;
	result = magnitude_cmp(&left, &right);
	return sign * result;
}

bool decimal_mantissa(const struct decimal *d, int64_t *ret)
{
	unsigned __int128 magnitude = 0;

	if (d->len > 3)
		return false;
	for (unsigned i = d->len; i-- > 0;)
		magnitude = magnitude * DECIMAL_LIMB + d->limbs[i];
	if (magnitude > INT64_MAX)
		return false;
	*ret = d->negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return true;
}

size_t decimal_digits(const struct decimal *d, char text[DECIMAL_TEXT_SIZE])
{
	size_t len = 0;
	bool leading = true;

	if (d->negative)
		text[len++] = '-';
	for (unsigned i = d->len; i-- > 0;) {
		uint32_t limb = d->limbs[i];

		for (uint32_t unit = DECIMAL_LIMB / 10; unit; unit /= 10) {
			char digit = (char)('0' + limb / unit % 10);

			if (leading && digit == '0')
				continue;
			leading = false;
			text[len++] = digit;
		}
	}
	if (leading)
		text[len++] = '0';
	text[len] = '\0';
	return len;
}
