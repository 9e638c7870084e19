/* What a plain YAML scalar means: the YAML 1.1 rules that upstream's library follows; see yaml.h for the list. */
#include "codec/yaml_scalar.h"

#include <math.h>

struct word {
	const char *text;
	enum yaml_meaning meaning;
	bool boolean;
	double number;
};

static const struct word words[] = {
	{"", YAML_MEANS_NULL, false, 0},
	{"~", YAML_MEANS_NULL, false, 0},
	{"null", YAML_MEANS_NULL, false, 0},
	{"Null", YAML_MEANS_NULL, false, 0},
	{"NULL", YAML_MEANS_NULL, false, 0},
	{"y", YAML_MEANS_BOOL, true, 0},
	{"Y", YAML_MEANS_BOOL, true, 0},
	{"yes", YAML_MEANS_BOOL, true, 0},
	{"Yes", YAML_MEANS_BOOL, true, 0},
	{"YES", YAML_MEANS_BOOL, true, 0},
	{"true", YAML_MEANS_BOOL, true, 0},
	{"True", YAML_MEANS_BOOL, true, 0},
	{"TRUE", YAML_MEANS_BOOL, true, 0},
	{"on", YAML_MEANS_BOOL, true, 0},
	{"On", YAML_MEANS_BOOL, true, 0},
	{"ON", YAML_MEANS_BOOL, true, 0},
	{"n", YAML_MEANS_BOOL, false, 0},
	{"N", YAML_MEANS_BOOL, false, 0},
	{"no", YAML_MEANS_BOOL, false, 0},
	{"No", YAML_MEANS_BOOL, false, 0},
	{"NO", YAML_MEANS_BOOL, false, 0},
	{"false", YAML_MEANS_BOOL, false, 0},
	{"False", YAML_MEANS_BOOL, false, 0},
	{"FALSE", YAML_MEANS_BOOL, false, 0},
	{"off", YAML_MEANS_BOOL, false, 0},
	{"Off", YAML_MEANS_BOOL, false, 0},
	{"OFF", YAML_MEANS_BOOL, false, 0},
	{".nan", YAML_MEANS_FLOAT, false, NAN},
	{".NaN", YAML_MEANS_FLOAT, false, NAN},
	{".NAN", YAML_MEANS_FLOAT, false, NAN},
	{".inf", YAML_MEANS_FLOAT, false, INFINITY},
	{".Inf", YAML_MEANS_FLOAT, false, INFINITY},
	{".INF", YAML_MEANS_FLOAT, false, INFINITY},
	{"+.inf", YAML_MEANS_FLOAT, false, INFINITY},
	{"+.Inf", YAML_MEANS_FLOAT, false, INFINITY},
	{"+.INF", YAML_MEANS_FLOAT, false, INFINITY},
	{"-.inf", YAML_MEANS_FLOAT, false, -INFINITY},
	{"-.Inf", YAML_MEANS_FLOAT, false, -INFINITY},
	{"-.INF", YAML_MEANS_FLOAT, false, -INFINITY},
	{"<<", YAML_MEANS_MERGE, false, 0},
};

#define NUMBER_MAX 64 /* longer texts are strings: no int64 and no double needs as many digits to be told */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One or two digits, or exactly four, in a range; moves on. */
static bool take(struct str *rest, int least, int most, int low, int high)
{
	int n = 0, digits = 0;

	while (digits < most && (size_t)digits < rest->len && is_digit(rest->data[digits]))
		n = n * 10 + (rest->data[digits++] - '0');
	*rest = str_from_at(*rest, (size_t)digits);
	return digits >= least && n >= low && n <= high;
}

static bool take_char(struct str *rest, const char *any)
{
	if (!rest->len || !rest->data[0] || !strchr(any, rest->data[0]))
		return false;
	*rest = str_from_at(*rest, 1);
	return true;
}

/* 2001-1-2, 2001-1-2T3:4:5[.6]Z, 2001-1-2 3:4:5[.6] */
static bool is_time(struct str text)
{
	struct str rest = text;
	bool zone;

	if (!take(&rest, 4, 4, 0, 9999) || !take_char(&rest, "-") || !take(&rest, 1, 2, 1, 12) ||
	    !take_char(&rest, "-") || !take(&rest, 1, 2, 1, 31))
		return false;
	if (!rest.len)
		return true;
	zone = rest.data[0] != ' ';
	if (!take_char(&rest, "Tt ") || !take(&rest, 1, 2, 0, 23) || !take_char(&rest, ":") ||
	    !take(&rest, 1, 2, 0, 59) || !take_char(&rest, ":") || !take(&rest, 1, 2, 0, 59))
		return false;
	if (take_char(&rest, ".") && !take(&rest, 1, 9, 0, INT32_MAX))
		return false;
	if (!zone || take_char(&rest, "Z"))
		return !rest.len;
	return take_char(&rest, "+-") && take(&rest, 2, 2, 0, 24) && take_char(&rest, ":") &&
	       take(&rest, 2, 2, 0, 60) && !rest.len;
}

/* All digits of @text, in @base, as a number; false when there is another character, none, or too many. */
static bool parse_digits(struct str text, unsigned base, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = (char)(text.data[i] | 0x20);
		unsigned digit = is_digit(text.data[i]) ? (unsigned)(text.data[i] - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
							: 99;

		if (digit >= base || __builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*ret = n;
	return text.len > 0;
}

/* Integers of every base; those beyond int64 become doubles. */
static bool parse_integer(struct str text, struct yaml_scalar *ret)
{
	struct str digits = text;
	bool negative = text.data[0] == '-', sign = negative || text.data[0] == '+';
	unsigned base = 10;
	uint64_t n;

	digits = str_from_at(digits, sign);
	if (digits.len > 1 && digits.data[0] == '0') {
		char mark = (char)(digits.data[1] | 0x20);

		base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
		digits = str_from_at(digits, mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
	}
	if (!parse_digits(digits, base, &n))
		return false;
	ret->meaning = YAML_MEANS_INT;
	if (n <= INT64_MAX) {
		ret->integer = negative ? -(int64_t)n : (int64_t)n;
	} else if (negative && n == (uint64_t)INT64_MAX + 1) {
		ret->integer = INT64_MIN;
	} else {
		/* Unsigned ones have no sign; below the least int64 there is only a float. */
		ret->meaning = sign ? YAML_MEANS_STRING : YAML_MEANS_FLOAT;
		ret->number = (double)n;
	}
	return ret->meaning != YAML_MEANS_STRING;
}

/* [-+]?(.d+ | d+(.d*)?)([eE][-+]?d+)? */
static bool looks_like_float(struct str text)
{
	size_t i = 0, before, after = 0;

	if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
		i++;
	before = i;
	while (i < text.len && is_digit(text.data[i]))
		i++;
	before = i - before;
	if (i < text.len && text.data[i] == '.') {
		after = ++i;
		while (i < text.len && is_digit(text.data[i]))
			i++;
		after = i - after;
	}
	if (!before && !after)
		return false;
	if (i < text.len && (text.data[i] == 'e' || text.data[i] == 'E')) {
		size_t digits;

		i++;
		if (i < text.len && (text.data[i] == '-' || text.data[i] == '+'))
			i++;
		digits = i;
		while (i < text.len && is_digit(text.data[i]))
			i++;
		if (i == digits)
			return false;
	}
	return i == text.len;
}

static struct yaml_scalar resolve_number(struct str text)
{
	struct yaml_scalar scalar = {YAML_MEANS_STRING};
	char plain[NUMBER_MAX];
	size_t len = 0;
	double number;

	if (is_time(text)) {
		scalar.meaning = YAML_MEANS_TIME;
		return scalar;
	}
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '_')
			plain[len++] = text.data[i];
	plain[len] = '\0';
	if (parse_integer((struct str){plain, len}, &scalar))
		return scalar;
	scalar = (struct yaml_scalar){YAML_MEANS_STRING};
	if (looks_like_float((struct str){plain, len})) {
		number = strtod(plain, NULL);
		if (!isinf(number)) {
			scalar.meaning = YAML_MEANS_FLOAT;
			scalar.number = number;
		}
	}
	return scalar;
}

struct yaml_scalar yaml_resolve(struct str text)
{
	struct yaml_scalar scalar = {YAML_MEANS_STRING};
	char first = text.len ? text.data[0] : '\0';

	if (text.len <= 5) {
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (str_eq_c(text, words[i].text))
				return (struct yaml_scalar){words[i].meaning, words[i].boolean, 0, words[i].number};
		}
	}
	if (text.len >= NUMBER_MAX || (!is_digit(first) && first != '+' && first != '-' && first != '.'))
		return scalar;
	return resolve_number(text);
}
