/* Durations in Go's text; see duration.h. */
#include "types/duration.h"

struct unit {
	struct str text;
	uint64_t nanos;
};

static const struct unit units[] = {
	{STR_INIT("ns"), 1},
	{STR_INIT("us"), 1000},
	{STR_INIT("\xc2\xb5s"), 1000}, /* the micro sign */
	{STR_INIT("\xce\xbcs"), 1000}, /* the Greek letter */
	{STR_INIT("ms"), 1000000},
	{STR_INIT("s"), 1000000000},
	{STR_INIT("m"), UINT64_C(60) * 1000000000},
	{STR_INIT("h"), UINT64_C(3600) * 1000000000},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int invalid(struct str text, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "time: invalid duration \"" STR_FMT "\"", STR_ARG(text));
}

/* The nanoseconds of "1.5h" at the start of *rest, which moves on; false on anything else. */
static int take_part(struct str text, struct str *rest, uint64_t *ret, struct error *err)
{
	uint64_t whole = 0, fraction = 0, nanos;
	double scale = 1;
	size_t at = 0, digits = 0, start;
	struct str name;

	for (; at < rest->len && is_digit(rest->data[at]); at++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(rest->data[at] - '0'), &whole) ||
		    whole > UINT64_C(1) << 63)
			return invalid(text, err);
	if (at < rest->len && rest->data[at] == '.') {
		for (at++; at < rest->len && is_digit(rest->data[at]); at++, digits++) {
			if (fraction > (UINT64_C(1) << 63) / 10 - 1)
				continue; /* digits that no longer matter */
			fraction = fraction * 10 + (uint64_t)(rest->data[at] - '0');
			scale *= 10;
		}
	}
	if (!digits)
		return invalid(text, err);
	start = at;
	while (at < rest->len && rest->data[at] != '.' && !is_digit(rest->data[at]))
		at++;
	name = str_sub(*rest, start, at - start);
	if (!name.len)
		return error_set(err, ERR_BAD_REQUEST, "time: missing unit in duration \"" STR_FMT "\"", STR_ARG(text));
	*rest = str_from_at(*rest, at);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_eq(name, units[i].text))
			continue;
		if (__builtin_mul_overflow(whole, units[i].nanos, &nanos))
			return invalid(text, err);
		nanos += (uint64_t)((double)fraction * ((double)units[i].nanos / scale));
		*ret = nanos;
		return 0;
	}
	return error_set(err, ERR_BAD_REQUEST, "time: unknown unit \"" STR_FMT "\" in duration \"" STR_FMT "\"",
			 STR_ARG(name), STR_ARG(text));
}

int duration_parse(struct str text, int64_t *ret, struct error *err)
{
	struct str rest = text;
	bool negative = false;
	uint64_t total = 0, part = 0;

	if (rest.len && (rest.data[0] == '-' || rest.data[0] == '+')) {
		negative = rest.data[0] == '-';
		rest = str_from_at(rest, 1);
	}
	if (str_eq(rest, STR("0"))) {
		*ret = 0;
		return 0;
	}
	if (!rest.len)
		return invalid(text, err);
	while (rest.len) {
		int rc = take_part(text, &rest, &part, err);

		if (rc < 0)
			return rc;
		if (__builtin_add_overflow(total, part, &total) || total > UINT64_C(1) << 63)
			return invalid(text, err);
	}
	if (!negative && total > INT64_MAX)
		return invalid(text, err);
	*ret = negative ? (int64_t)(0 - total) : (int64_t)total;
	return 0;
}

/* Writes @n before @p, digits from the right; returns the new start. */
static char *put_back(char *p, uint64_t n)
{
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return p;
}

/* The same of n / 10^@digits, the fraction without its trailing zeros; *n becomes the whole part. */
static char *put_fraction_back(char *p, uint64_t *n, int digits)
{
	bool any = false;

	for (int i = 0; i < digits; i++, *n /= 10) {
		char digit = (char)('0' + *n % 10);

		any = any || digit != '0';
		if (any)
			*--p = digit;
	}
	if (any)
		*--p = '.';
	return p;
}

size_t duration_format(int64_t nanos, char text[DURATION_TEXT_SIZE])
{
	uint64_t n = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;
	char reversed[DURATION_TEXT_SIZE], *end = reversed + sizeof(reversed), *p = end;
	size_t len;

	*--p = 's';
	if (n == 0) {
		p = put_back(p, 0);
	} else if (n < 1000000000) {
		int digits = n < 1000 ? 0 : n < 1000000 ? 3 : 6;

		if (digits == 3) {
			*--p = '\xb5';
			*--p = '\xc2';
		} else {
			*--p = digits ? 'm' : 'n';
		}
		p = put_fraction_back(p, &n, digits);
		p = put_back(p, n);
	} else {
		p = put_fraction_back(p, &n, 9);
		p = put_back(p, n % 60);
		n /= 60;
		if (n) {
			*--p = 'm';
			p = put_back(p, n % 60);
			n /= 60;
		}
		if (n) {
			*--p = 'h';
			p = put_back(p, n);
		}
	}
	if (nanos < 0)
		*--p = '-';
	len = (size_t)(end - p);
	memcpy(text, p, len);
	text[len] = '\0';
	return len;
}
