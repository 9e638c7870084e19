/* Times in RFC 3339; see timestamp.h.  The calendar is the proleptic Gregorian one, as Go's. */
#include "types/timestamp.h"

#include <stdio.h>

#define LAYOUT	     "2006-01-02T15:04:05Z07:00"
#define LAYOUT_MICRO "2006-01-02T15:04:05.000000Z07:00"
#define GO_ZERO	     INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define DAY	     86400

/* Years of 400 have 146097 days and begin in March for the leap day's sake. */
int64_t days_from_date(int64_t year, int month, int day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	of_era = year - era * 400;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
	int64_t era, of_era, year, of_year, month;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = year + era * 400 + (*ret_month <= 2);
}

struct timestamp timestamp_make(int64_t seconds, int32_t nanos)
{
	if (seconds == GO_ZERO && nanos == 0)
		return (struct timestamp){0};
	return (struct timestamp){seconds, nanos, true};
}

int timestamp_cmp(struct timestamp a, struct timestamp b)
{
	if (a.is_set != b.is_set)
		return a.is_set ? 1 : -1;
	if (a.seconds != b.seconds)
		return a.seconds < b.seconds ? -1 : 1;
	return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

/* One element of the layout; `text` is how Go writes it in layouts and messages. */
struct element {
	const char *text;
	int digits; /* of a number, 0: a literal */
	int low, high;
	const char *what; /* is out of range */
};

enum { YEAR, MONTH, DAY_OF_MONTH, HOUR, MINUTE, SECOND, NUMBERS };

static const struct element elements[] = {
	{"2006", 4, 0, 9999, "year"}, {"-", 0, 0, 0, NULL}, {"01", 2, 1, 12, "month"},	{"-", 0, 0, 0, NULL},
	{"02", 2, 1, 31, "day"},      {"T", 0, 0, 0, NULL}, {"15", 2, 0, 23, "hour"},	{":", 0, 0, 0, NULL},
	{"04", 2, 0, 59, "minute"},   {":", 0, 0, 0, NULL}, {"05", 2, 0, 59, "second"},
};

struct time_reader {
	struct str all, rest;
	const char *layout;
	struct error *err;
};

static int mismatch(struct time_reader *r, const char *element)
{
	return error_set(r->err, ERR_BAD_REQUEST,
			 "parsing time \"" STR_FMT "\" as \"%s\": cannot parse \"" STR_FMT "\" as \"%s\"",
			 STR_ARG(r->all), r->layout, STR_ARG(r->rest), element);
}

static int out_of_range(struct time_reader *r, const char *what)
{
	return error_set(r->err, ERR_BAD_REQUEST, "parsing time \"" STR_FMT "\": %s out of range", STR_ARG(r->all),
			 what);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The first @digits characters of the rest as a number, or -1. */
static int take_number(struct time_reader *r, size_t digits)
{
	int n = 0;

	if (r->rest.len < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (!is_digit(r->rest.data[i]))
			return -1;
		n = n * 10 + (r->rest.data[i] - '0');
	}
	r->rest = str_from_at(r->rest, digits);
	return n;
}

static int read_elements(struct time_reader *r, int numbers[NUMBERS])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
		const struct element *e = &elements[i];

		if (!e->digits) {
			if (!str_has_prefix(r->rest, str_from(e->text)))
				return mismatch(r, e->text);
			r->rest = str_from_at(r->rest, 1);
			continue;
		}
		numbers[n] = take_number(r, (size_t)e->digits);
		if (numbers[n] < 0)
			return mismatch(r, e->text);
		if (numbers[n] < e->low || numbers[n] > e->high)
			return out_of_range(r, e->what);
		n++;
	}
	return 0;
}

/* ".123": any number of digits, or exactly six. */
static int read_fraction(struct time_reader *r, bool micro, int32_t *ret_nanos)
{
	size_t digits = 0;
	int32_t nanos = 0;

	*ret_nanos = 0;
	if (r->rest.len && (r->rest.data[0] == '.' || (!micro && r->rest.data[0] == ',')))
		while (digits + 1 < r->rest.len && is_digit(r->rest.data[digits + 1]))
			digits++;
	if (micro && digits < 6)
		return mismatch(r, ".000000");
	if (micro)
		digits = 6;
	if (!digits)
		return 0;
	for (size_t i = 1; i <= 9; i++)
		nanos = nanos * 10 + (i <= digits ? r->rest.data[i] - '0' : 0);
	r->rest = str_from_at(r->rest, digits + 1);
	*ret_nanos = nanos;
	return 0;
}

static int read_zone(struct time_reader *r, int64_t *ret_offset)
{
	struct str start = r->rest;
	int sign, hours, minutes = -1;

	*ret_offset = 0;
	if (str_has_prefix(r->rest, STR("Z"))) {
		r->rest = str_from_at(r->rest, 1);
		return 0;
	}
	if (r->rest.len < 6 || (r->rest.data[0] != '+' && r->rest.data[0] != '-') || r->rest.data[3] != ':')
		return mismatch(r, "Z07:00");
	sign = r->rest.data[0] == '-' ? -1 : 1;
	r->rest = str_from_at(r->rest, 1);
	hours = take_number(r, 2);
	r->rest = str_from_at(r->rest, hours < 0 ? 0 : 1);
	if (hours >= 0)
		minutes = take_number(r, 2);
	if (hours < 0 || minutes < 0) {
		r->rest = start;
		return mismatch(r, "Z07:00");
	}
	if (hours > 24 || minutes > 60)
		return out_of_range(r, hours > 24 ? "time zone offset hour" : "time zone offset minute");
	*ret_offset = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static bool leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int read_time(struct str text, bool micro, struct timestamp *ret, struct error *err)
{
	static const int month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct time_reader r = {text, text, micro ? LAYOUT_MICRO : LAYOUT, err};
	int n[NUMBERS], rc, days;
	int64_t offset = 0, seconds;
	int32_t nanos = 0;

	rc = read_elements(&r, n);
	if (rc == 0)
		rc = read_fraction(&r, micro, &nanos);
	if (rc == 0)
		rc = read_zone(&r, &offset);
	if (rc < 0)
		return rc;
	if (r.rest.len)
		return error_set(err, ERR_BAD_REQUEST, "parsing time \"" STR_FMT "\": extra text: \"" STR_FMT "\"",
				 STR_ARG(text), STR_ARG(r.rest));
	days = month_days[n[MONTH] - 1] + (n[MONTH] == 2 && leap(n[YEAR]));
	if (n[DAY_OF_MONTH] > days)
		return out_of_range(&r, "day");
	seconds =
		days_from_date(n[YEAR], n[MONTH], n[DAY_OF_MONTH]) * DAY + n[HOUR] * 3600 + n[MINUTE] * 60 + n[SECOND];
	*ret = timestamp_make(seconds - offset, micro ? nanos : 0);
	return 0;
}

int timestamp_parse(struct str text, struct timestamp *ret, struct error *err)
{
	return read_time(text, false, ret, err);
}

int timestamp_parse_micro(struct str text, struct timestamp *ret, struct error *err)
{
	return read_time(text, true, ret, err);
}

static char *put(char *p, int n, int digits)
{
	for (int i = digits - 1; i >= 0; i--, n /= 10)
		p[i] = (char)('0' + n % 10);
	return p + digits;
}

/* All but the zone. */
static char *put_time(char *p, struct timestamp t)
{
	int64_t seconds = t.is_set ? t.seconds : GO_ZERO, days, year;
	int month, day, of_day;

	days = seconds / DAY - (seconds % DAY < 0);
	of_day = (int)(seconds - days * DAY);
	date_from_days(days, &year, &month, &day);
	if (year >= 0 && year <= 9999)
		p = put(p, (int)year, 4);
	else
		p += snprintf(p, 24, "%lld", (long long)year);
	*p++ = '-';
	p = put(p, month, 2);
	*p++ = '-';
	p = put(p, day, 2);
	*p++ = 'T';
	p = put(p, of_day / 3600, 2);
	*p++ = ':';
	p = put(p, of_day / 60 % 60, 2);
	*p++ = ':';
	return put(p, of_day % 60, 2);
}

static size_t finish(char *text, char *p)
{
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - text);
}

size_t timestamp_format(struct timestamp t, char text[TIMESTAMP_TEXT_SIZE])
{
	return finish(text, put_time(text, t));
}

size_t timestamp_format_micro(struct timestamp t, char text[TIMESTAMP_TEXT_SIZE])
{
	char *p = put_time(text, t);

	*p++ = '.';
	return finish(text, put(p, t.is_set ? t.nanos / 1000 : 0, 6));
}
