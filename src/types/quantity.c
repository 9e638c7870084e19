/*
 * Quantities; see quantity.h.  64-bit arithmetic wherever it is exact, decimal.h's where not.
 *
 * Upstream keeps the text it parsed when it takes that for canonical, by tests that let a few other texts through
 * ("+5", "1.500"); so do we, because clients see it.
 */
#include "types/quantity.h"

#include <stdio.h>

#include "types/decimal.h"

#define NANO	      (-9)
#define EXPONENT_MAX  1000000000 /* of the first digit: so the canonical text of what is read can be read */
#define DIGITS_IN_INT 18	 /* any so many digits fit an int64 */
#define DIGITS_READ   (DECIMAL_LIMBS * 9)

/* A number of the greatest size keeps room for the zeros that its canonical text needs. */
STATIC_ASSERT(QUANTITY_DIGITS_MAX % 9 == 0 && QUANTITY_DIGITS_MAX / 9 + 1 < DECIMAL_LIMBS, "room for zeros");

static const char wrong_format[] =
	"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

struct suffix {
	struct str text;
	int exponent; /* of ten, or of two */
	enum quantity_format format;
};

static const struct suffix suffixes[] = {
	{STR_INIT(""), 0, QUANTITY_DECIMAL_SI},	  {STR_INIT("m"), -3, QUANTITY_DECIMAL_SI},
	{STR_INIT("Mi"), 20, QUANTITY_BINARY_SI}, {STR_INIT("Gi"), 30, QUANTITY_BINARY_SI},
	{STR_INIT("Ki"), 10, QUANTITY_BINARY_SI}, {STR_INIT("Ti"), 40, QUANTITY_BINARY_SI},
	{STR_INIT("Pi"), 50, QUANTITY_BINARY_SI}, {STR_INIT("Ei"), 60, QUANTITY_BINARY_SI},
	{STR_INIT("n"), -9, QUANTITY_DECIMAL_SI}, {STR_INIT("u"), -6, QUANTITY_DECIMAL_SI},
	{STR_INIT("k"), 3, QUANTITY_DECIMAL_SI},  {STR_INIT("M"), 6, QUANTITY_DECIMAL_SI},
	{STR_INIT("G"), 9, QUANTITY_DECIMAL_SI},  {STR_INIT("T"), 12, QUANTITY_DECIMAL_SI},
	{STR_INIT("P"), 15, QUANTITY_DECIMAL_SI}, {STR_INIT("E"), 18, QUANTITY_DECIMAL_SI},
};

/* The parts of a text; num has no leading zeros but is never empty. */
struct parts {
	bool negative;
	struct str num, denom, suffix;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t skip_digits(struct str text, size_t at)
{
	while (at < text.len && is_digit(text.data[at]))
		at++;
	return at;
}

static int split(struct str text, struct parts *ret, struct error *err)
{
	size_t at = 0, start;

	*ret = (struct parts){.num = STR("0")};
	if (text.data[0] == '-' || text.data[0] == '+') {
		ret->negative = text.data[0] == '-';
		at++;
	}
	while (at < text.len && text.data[at] == '0')
		at++;
	start = at;
	at = skip_digits(text, at);
	if (at > start)
		ret->num = str_sub(text, start, at - start);
	if (at < text.len && text.data[at] == '.') {
		start = ++at;
		at = skip_digits(text, at);
		ret->denom = str_sub(text, start, at - start);
	}
	start = at;
	while (at < text.len && text.data[at] && strchr("eEinumkKMGTP", text.data[at]))
		at++;
	if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
		at++;
	at = skip_digits(text, at);
	if (at < text.len)
		return error_set(err, ERR_BAD_REQUEST, "%s", wrong_format);
	ret->suffix = str_from_at(text, start);
	return 0;
}

static bool interpret(struct str text, struct suffix *ret)
{
	struct str number;
	int64_t exponent;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		if (str_eq(text, suffixes[i].text)) {
			*ret = suffixes[i];
			return true;
		}
	}
	if (text.len < 2 || (text.data[0] != 'e' && text.data[0] != 'E'))
		return false;
	number = str_from_at(text, text.data[1] == '+' ? 2 : 1);
	if (str_parse_int64(number, &exponent) < 0 || exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return false;
	*ret = (struct suffix){text, (int)exponent, QUANTITY_DECIMAL_EXPONENT};
	return true;
}

static int64_t small_number(const struct parts *parts)
{
	int64_t n = 0;

	for (size_t i = 0; i < parts->num.len; i++)
		n = n * 10 + (parts->num.data[i] - '0');
	for (size_t i = 0; i < parts->denom.len; i++)
		n = n * 10 + (parts->denom.data[i] - '0');
	return n;
}

/* Is the text canonical, by upstream's tests?  @n is the number without point and suffix. */
static bool keeps_text(const struct parts *parts, const struct suffix *suffix, int64_t n, int64_t scale)
{
	if (suffix->format == QUANTITY_BINARY_SI)
		return suffix->exponent % 10 == 0 && (n & 7) != 0;
	return scale % 3 == 0 && (n % 1000 != 0 || parts->num.len + parts->denom.len < 3) && parts->num.data[0] != '0';
}

/* What 64 bits can surely hold; false: take the long way. */
static bool parse_small(struct str text, const struct parts *parts, const struct suffix *suffix, struct quantity *ret)
{
	size_t digits = parts->num.len + parts->denom.len;
	int64_t n, shifted, scale;

	if (suffix->format == QUANTITY_BINARY_SI) {
		if (parts->denom.len || 15 - (int64_t)digits - suffix->exponent * 3 / 10 - 1 < 0)
			return false;
		scale = 0;
	} else {
		if (digits > DIGITS_IN_INT)
			return false;
		scale = (int64_t)suffix->exponent - (int64_t)parts->denom.len;
		if (scale < NANO)
			return false;
	}
	n = small_number(parts);
	shifted = suffix->format == QUANTITY_BINARY_SI ? n << suffix->exponent : n;
	*ret = (struct quantity){.mantissa = parts->negative ? -shifted : shifted,
				 .exponent = (int32_t)scale,
				 .format = (uint8_t)suffix->format,
				 .is_set = true};
	if (keeps_text(parts, suffix, n, scale))
		ret->text = text;
	return true;
}

static struct str format_decimal(struct decimal d, enum quantity_format format, struct arena *arena);

/* The quantity of @d; its text is in @arena when 64 bits are not enough. */
static struct quantity from_decimal(const struct decimal *d, enum quantity_format format, struct arena *arena)
{
	struct quantity q = {.format = (uint8_t)format, .is_set = true};
	struct decimal stripped = *d;

	if (decimal_mantissa(d, &q.mantissa)) {
		q.exponent = (int32_t)d->exponent;
		return q;
	}
	decimal_strip(&stripped);
	q.exponent = (int32_t)stripped.exponent;
	if (decimal_mantissa(&stripped, &q.mantissa))
		return q;
	q.mantissa = d->negative ? INT64_MIN : INT64_MAX;
	q.exponent = 0;
	q.text = format_decimal(*d, format, arena);
	return q;
}

static bool is_bounded(const struct decimal *d)
{
	struct decimal stripped = *d;

	decimal_strip(&stripped);
	return stripped.len <= QUANTITY_DIGITS_MAX / 9;
}

static int parse_decimal(const struct parts *parts, struct suffix suffix, struct decimal *ret, struct error *err)
{
	char digits[DIGITS_READ];
	bool fits;

	if (parts->num.len + parts->denom.len > sizeof(digits))
		return error_set(err, ERR_BAD_REQUEST, "unable to parse numeric part of quantity");
	memcpy(digits, parts->num.data, parts->num.len);
	if (parts->denom.len)
		memcpy(digits + parts->num.len, parts->denom.data, parts->denom.len);
	fits = decimal_set_digits(ret, (struct str){digits, parts->num.len + parts->denom.len});
	ret->exponent = -(int64_t)parts->denom.len;
	if (suffix.format != QUANTITY_BINARY_SI)
		ret->exponent += suffix.exponent;
	for (int i = 0; suffix.format == QUANTITY_BINARY_SI && fits && i < suffix.exponent; i += 10)
		fits = decimal_mul_small(ret, 1024, 0);
	if (fits)
		(void)decimal_raise_exponent(ret, NANO);
	if (!fits || !is_bounded(ret))
		return error_set(err, ERR_BAD_REQUEST, "unable to parse numeric part of quantity");
	ret->negative = parts->negative && ret->len;
	return 0;
}

static bool is_big(const struct quantity *q)
{
	return q->text.len && (q->mantissa == INT64_MAX || q->mantissa == INT64_MIN);
}

/* Binary quantities end at the largest int64, and below one they are decimal: upstream's rules for what is read. */
static enum quantity_format limit_binary(struct decimal *d)
{
	struct decimal most, one, magnitude = *d;
	bool negative = d->negative;

	magnitude.negative = false;
	decimal_set(&most, INT64_MAX, 0);
	decimal_set(&one, 1, 0);
	if (decimal_cmp(&magnitude, &most) > 0) {
		*d = most;
		d->negative = negative;
	}
	return d->len && decimal_cmp(&magnitude, &one) < 0 ? QUANTITY_DECIMAL_SI : QUANTITY_BINARY_SI;
}

int quantity_parse(struct str text, struct arena *arena, struct quantity *ret, struct error *err)
{
	struct suffix suffix;
	struct parts parts;
	struct decimal d;
	enum quantity_format format;
	int rc;

	if (!text.len)
		return error_set(err, ERR_BAD_REQUEST, "%s", wrong_format);
	if (str_eq(text, STR("0"))) {
		*ret = (struct quantity){.is_set = true, .text = STR("0")};
		return 0;
	}
	rc = split(text, &parts, err);
	if (rc < 0)
		return rc;
	if (!interpret(parts.suffix, &suffix) || suffix.exponent + (int64_t)parts.num.len > EXPONENT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "unable to parse quantity's suffix");
	if (parse_small(text, &parts, &suffix, ret))
		return 0;
	rc = parse_decimal(&parts, suffix, &d, err);
	if (rc < 0)
		return rc;
	format = suffix.format;
	if (format == QUANTITY_BINARY_SI)
		format = limit_binary(&d);
	if (!arena && !decimal_mantissa(&d, &(int64_t){0}))
		return error_set(err, ERR_BAD_REQUEST, "unable to parse numeric part of quantity");
	*ret = from_decimal(&d, format, arena);
	return 0;
}

static void to_decimal(const struct quantity *q, struct decimal *ret)
{
	struct suffix suffix;
	struct parts parts;
	struct error err = {0};

	decimal_set(ret, q->mantissa, q->exponent);
	/* The text of a big one was made by us, so it parses; it is the long way of parsing that is wanted here. */
	if (is_big(q) && split(q->text, &parts, &err) == 0 && interpret(parts.suffix, &suffix) &&
	    parse_decimal(&parts, suffix, ret, &err) < 0)
		decimal_set(ret, q->mantissa, q->exponent);
}

/* --- printing --------------------------------------------------------------------------------------------------- */

static void write_suffix(enum quantity_format format, int64_t exponent, struct buf *out)
{
	if (format == QUANTITY_DECIMAL_EXPONENT) {
		if (exponent) {
			buf_char(out, 'e');
			buf_int64(out, exponent);
		}
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		if (suffixes[i].format == format && suffixes[i].exponent == exponent) {
			buf_str(out, suffixes[i].text);
			return;
		}
	}
}

static void write_binary(struct decimal *d, struct buf *out)
{
	char digits[DECIMAL_TEXT_SIZE];
	int exponent = 0;

	for (; exponent < 60; exponent += 10) {
		struct decimal quotient = *d;

		if (decimal_div_small(&quotient, 1024))
			break;
		quotient.negative = d->negative;
		*d = quotient;
	}
	buf_append(out, digits, decimal_digits(d, digits));
	write_suffix(exponent ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI, exponent, out);
}

static void write_decimal(struct decimal *d, enum quantity_format format, struct buf *out)
{
	char digits[DECIMAL_TEXT_SIZE];
	int64_t exponent;

	decimal_strip(d);
	exponent = d->exponent - ((d->exponent % 3) + 3) % 3;
	if (format == QUANTITY_DECIMAL_SI && exponent > 18)
		exponent = 18; /* there is no larger suffix */
	(void)decimal_lower_exponent(d, exponent);
	buf_append(out, digits, decimal_digits(d, digits));
	write_suffix(format, exponent, out);
}

static void write_canonical(struct decimal d, enum quantity_format format, struct buf *out)
{
	struct decimal whole = d, limit, magnitude = d;

	if (!d.len) {
		buf_char(out, '0');
		return;
	}
	magnitude.negative = false;
	decimal_set(&limit, 1024, 0);
	if (format == QUANTITY_BINARY_SI && decimal_cmp(&magnitude, &limit) >= 0 && decimal_raise_exponent(&whole, 0) &&
	    decimal_lower_exponent(&whole, 0)) {
		write_binary(&whole, out);
		return;
	}
	write_decimal(&d, format == QUANTITY_BINARY_SI ? QUANTITY_DECIMAL_SI : format, out);
}

static struct str format_decimal(struct decimal d, enum quantity_format format, struct arena *arena)
{
	struct buf cleanup_buf out = {0};

	if (!arena)
		return STR_EMPTY;
	buf_init(&out, DECIMAL_TEXT_SIZE + 32);
	write_canonical(d, format, &out);
	return arena_str(arena, buf_view(&out));
}

/* A whole binary number of 64 bits without decimals.  */
static bool write_small_binary(const struct quantity *q, struct buf *out)
{
	int64_t n = q->mantissa;
	int exponent = 0;

	if (q->format != QUANTITY_BINARY_SI || q->exponent || (n > -1024 && n < 1024))
		return false;
	for (; exponent < 60 && n % 1024 == 0; exponent += 10)
		n /= 1024;
	buf_int64(out, n);
	write_suffix(exponent ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI, exponent, out);
	return true;
}

void quantity_write(const struct quantity *q, struct buf *out)
{
	struct decimal d;

	if (q->text.len) {
		buf_str(out, q->text);
	} else if (q->mantissa == 0) {
		buf_char(out, '0');
	} else if (!write_small_binary(q, out)) {
		decimal_set(&d, q->mantissa, q->exponent);
		write_canonical(d, q->format, out);
	}
}

struct str quantity_format(const struct quantity *q, struct arena *arena)
{
	struct buf cleanup_buf out = {0};

	buf_init(&out, q->text.len + DECIMAL_TEXT_SIZE + 32);
	quantity_write(q, &out);
	return arena_str(arena, buf_view(&out));
}

/* --- arithmetic -------------------------------------------------------------------------------------------------- */

struct quantity quantity_from_int(int64_t value, enum quantity_format format)
{
	return (struct quantity){.mantissa = value, .format = (uint8_t)format, .is_set = true};
}

struct quantity quantity_from_milli(int64_t milli, enum quantity_format format)
{
	return (struct quantity){.mantissa = milli, .exponent = -3, .format = (uint8_t)format, .is_set = true};
}

int quantity_sign(const struct quantity *q)
{
	return (q->mantissa > 0) - (q->mantissa < 0);
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
	struct decimal left, right;

	if (a->exponent == b->exponent && !is_big(a) && !is_big(b))
		return (a->mantissa > b->mantissa) - (a->mantissa < b->mantissa);
	to_decimal(a, &left);
	to_decimal(b, &right);
	return decimal_cmp(&left, &right);
}

int quantity_cmp_int(const struct quantity *a, int64_t b)
{
	struct quantity other = quantity_from_int(b, QUANTITY_DECIMAL_SI);

	return quantity_cmp(a, &other);
}

/* 10^@n for n of 0 to 18. */
static int64_t power_of_ten(int n)
{
	int64_t power = 1;

	while (n-- > 0)
		power *= 10;
	return power;
}

/* a + b in 64 bits, when that is exact. */
static bool add_small(const struct quantity *a, const struct quantity *b, struct quantity *ret)
{
	const struct quantity *high = a->exponent >= b->exponent ? a : b, *low = high == a ? b : a;
	int64_t difference = (int64_t)high->exponent - low->exponent, sum;

	if (is_big(a) || is_big(b))
		return false;
	if (!a->mantissa || !b->mantissa) {
		const struct quantity *only = a->mantissa ? a : b;

		ret->mantissa = only->mantissa;
		ret->exponent = only->mantissa ? only->exponent : 0;
		return true;
	}
	if (difference > DIGITS_IN_INT || __builtin_mul_overflow(high->mantissa, power_of_ten((int)difference), &sum) ||
	    __builtin_add_overflow(sum, low->mantissa, &sum) || sum == INT64_MAX || sum == INT64_MIN)
		return false;
	ret->mantissa = sum;
	ret->exponent = low->exponent;
	return true;
}

struct quantity quantity_add(const struct quantity *a, const struct quantity *b, struct arena *arena)
{
	enum quantity_format format = a->mantissa ? a->format : b->format;
	struct quantity sum = {.format = (uint8_t)format, .is_set = true};
	struct decimal left, right, total;

	if (add_small(a, b, &sum))
		return sum;
	to_decimal(a, &left);
	to_decimal(b, &right);
	total = left;
	if (decimal_add(&total, &right) && is_bounded(&total))
		return from_decimal(&total, format, arena);
	left.negative = right.negative = false;
	return decimal_cmp(&left, &right) >= 0 ? *a : *b;
}

struct quantity quantity_neg(const struct quantity *q, struct arena *arena)
{
	struct quantity negative = {
		.mantissa = -q->mantissa, .exponent = q->exponent, .format = q->format, .is_set = true};
	struct decimal d;

	if (!is_big(q))
		return negative;
	to_decimal(q, &d);
	d.negative = !d.negative;
	return from_decimal(&d, q->format, arena);
}

struct quantity quantity_sub(const struct quantity *a, const struct quantity *b, struct arena *arena)
{
	struct quantity negative = quantity_neg(b, arena);

	return quantity_add(a, &negative, arena);
}

struct quantity quantity_mul(const struct quantity *a, int64_t b, struct arena *arena)
{
	uint64_t magnitude = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
	struct quantity product = {.exponent = a->exponent, .format = a->format, .is_set = true};
	struct decimal d, high;

	if (!is_big(a) && !__builtin_mul_overflow(a->mantissa, b, &product.mantissa) && product.mantissa != INT64_MAX &&
	    product.mantissa != INT64_MIN) {
		if (!product.mantissa)
			product.exponent = 0;
		return product;
	}
	/* b = h x 10^18 + m x 10^9 + l, each part below 10^9. */
	to_decimal(a, &d);
	high = d;
	if (!decimal_mul_small(&high, (uint32_t)(magnitude / DECIMAL_LIMB / DECIMAL_LIMB), 0))
		return *a;
	high.exponent += 18;
	for (int part = 1; part >= 0; part--) {
		uint64_t unit = part ? DECIMAL_LIMB : 1;
		struct decimal piece = d;

		if (!decimal_mul_small(&piece, (uint32_t)(magnitude / unit % DECIMAL_LIMB), 0))
			return *a;
		piece.exponent += part * 9;
		if (!decimal_add(&high, &piece))
			return *a;
	}
	if (!is_bounded(&high))
		return *a;
	high.negative = high.len && high.negative != (b < 0);
	return from_decimal(&high, a->format, arena);
}

struct quantity quantity_round_up(const struct quantity *q, int exponent, struct arena *arena)
{
	struct quantity rounded;
	struct decimal d;

	if (q->exponent >= exponent && !is_big(q))
		return *q;
	to_decimal(q, &d);
	if (d.exponent >= exponent)
		return *q;
	(void)decimal_raise_exponent(&d, exponent);
	rounded = from_decimal(&d, q->format, arena);
	rounded.is_set = q->is_set;
	return rounded;
}

int64_t quantity_scaled_value(const struct quantity *q, int exponent)
{
	int64_t difference = (int64_t)q->exponent - exponent, value;
	struct decimal d;

	if (!is_big(q)) {
		if (!difference || !q->mantissa)
			return q->mantissa;
		if (difference > 0 && difference <= DIGITS_IN_INT &&
		    !__builtin_mul_overflow(q->mantissa, power_of_ten((int)difference), &value))
			return value;
		if (difference > 0)
			return q->mantissa < 0 ? INT64_MIN : INT64_MAX;
		if (-difference <= DIGITS_IN_INT) {
			int64_t unit = power_of_ten((int)-difference), whole = q->mantissa / unit;

			if (q->mantissa % unit)
				whole += q->mantissa < 0 ? -1 : 1;
			return whole;
		}
	}
	to_decimal(q, &d);
	(void)decimal_raise_exponent(&d, exponent);
	if (!decimal_lower_exponent(&d, exponent) || !decimal_mantissa(&d, &value))
		return q->mantissa < 0 ? INT64_MIN : INT64_MAX;
	return value;
}

bool quantity_as_int(const struct quantity *q, int64_t *ret)
{
	struct decimal d;

	to_decimal(q, &d);
	if (!decimal_raise_exponent(&d, 0) || !decimal_lower_exponent(&d, 0))
		return false;
	return decimal_mantissa(&d, ret);
}

double quantity_as_double(const struct quantity *q)
{
	char digits[DECIMAL_TEXT_SIZE + 16];
	struct decimal d;
	size_t len;

	to_decimal(q, &d);
	len = decimal_digits(&d, digits);
	snprintf(digits + len, sizeof(digits) - len, "e%lld", (long long)d.exponent);
	return strtod(digits, NULL);
}
