/* Schedules of cron jobs; see cron_schedule.h. */
#include "logic/cron_schedule.h"

#include "base/buf.h"
#include "base/limits.h"
#include "types/duration.h"
#include "types/timestamp.h"

#define MINUTE_SECONDS 60
#define HOUR_SECONDS   3600
#define DAY_SECONDS    86400
#define HORIZON	       (5 * INT64_C(366) * DAY_SECONDS)

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
				     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct bounds {
	int64_t min, max;
	const char *const *names; /* of min and what follows it */
	size_t names_len;
} bounds[FIELDS] = {
	[MINUTE] = {0, 59, NULL, 0},
	[HOUR] = {0, 23, NULL, 0},
	[DAY] = {1, 31, NULL, 0},
	[MONTH] = {1, 12, months, ARRAY_LEN(months)},
	[WEEKDAY] = {0, 6, weekdays, ARRAY_LEN(weekdays)},
};

static int bad(struct error *err, const char *what, struct str expression)
{
	return error_set(err, ERR_BAD_REQUEST, "%s: " STR_FMT, what, STR_ARG(expression));
}

/* A sign is allowed, as strconv.Atoi allows it; a negative number is refused by itself. */
static int parse_number(struct str text, int64_t *ret, struct error *err)
{
	struct str digits = str_has_prefix(text, STR("+")) ? str_sub(text, 1, text.len) : text;
	int r = digits.len && digits.data[0] == '-' && digits.len != text.len ? -EINVAL : str_parse_int64(digits, ret);

	if (r < 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "failed to parse int from " STR_FMT ": strconv.Atoi: parsing \"" STR_FMT "\": %s",
				 STR_ARG(text), STR_ARG(text), r == -ERANGE ? "value out of range" : "invalid syntax");
	if (*ret < 0)
		return error_set(err, ERR_BAD_REQUEST, "negative number (%lld) not allowed: " STR_FMT, (long long)*ret,
				 STR_ARG(text));
	return 0;
}

static int parse_value(struct str text, const struct bounds *in, int64_t *ret, struct error *err)
{
	for (size_t i = 0; i < in->names_len; i++)
		if (str_eq_nocase(text, str_from(in->names[i]))) {
			*ret = in->min + (int64_t)i;
			return 0;
		}
	return parse_number(text, ret, err);
}

struct range {
	int64_t start, end, step;
	bool any;
};

/* "*", "5", "1-5": the part before a slash. */
static int parse_ends(struct str text, struct str expression, const struct bounds *in, struct range *range,
		      bool *ret_single, struct error *err)
{
	struct str low, high, more;

	*ret_single = !str_cut(text, '-', &low, &high);
	if (str_eq_c(low, "*") || str_eq_c(low, "?")) {
		range->start = in->min;
		range->end = in->max;
		range->any = true;
		return 0;
	}
	if (parse_value(low, in, &range->start, err) < 0)
		return -EINVAL;
	range->end = range->start;
	if (*ret_single)
		return 0;
	if (str_cut(high, '-', &high, &more))
		return bad(err, "too many hyphens", expression);
	return parse_value(high, in, &range->end, err) < 0 ? -EINVAL : 0;
}

static int check_range_bounds(const struct range *range, const struct bounds *in, struct str expression,
			      struct error *err)
{
	if (range->start < in->min)
		return error_set(err, ERR_BAD_REQUEST, "beginning of range (%lld) below minimum (%lld): " STR_FMT,
				 (long long)range->start, (long long)in->min, STR_ARG(expression));
	if (range->end > in->max)
		return error_set(err, ERR_BAD_REQUEST, "end of range (%lld) above maximum (%lld): " STR_FMT,
				 (long long)range->end, (long long)in->max, STR_ARG(expression));
	if (range->start > range->end)
		return error_set(err, ERR_BAD_REQUEST, "beginning of range (%lld) beyond end of range (%lld): " STR_FMT,
				 (long long)range->start, (long long)range->end, STR_ARG(expression));
	if (range->step == 0)
		return bad(err, "step of range should be a positive number", expression);
	return 0;
}

/* One item of a field's list. */
static int parse_range(struct str expression, const struct bounds *in, uint64_t *bits, struct error *err)
{
	struct range range = {.step = 1};
	struct str ends, step, more;
	bool single, stepped = str_cut(expression, '/', &ends, &step);

	if (parse_ends(ends, expression, in, &range, &single, err) < 0)
		return -EINVAL;
	if (stepped && str_cut(step, '/', &step, &more))
		return bad(err, "too many slashes", expression);
	if (stepped && parse_number(step, &range.step, err) < 0)
		return -EINVAL;
	if (stepped && single)
		range.end = in->max;
	if (check_range_bounds(&range, in, expression, err) < 0)
		return -EINVAL;
	for (int64_t i = range.start; i <= range.end; i += MIN(range.step, INT64_C(64)))
		*bits |= UINT64_C(1) << i;
	if (range.any && range.step == 1)
		*bits |= CRON_ANY;
	return 0;
}

static int parse_field(struct str text, const struct bounds *in, uint64_t *ret, struct error *err)
{
	uint64_t bits = 0;
	struct str item;

	for (bool more = true; more;) {
		more = str_cut(text, ',', &item, &text);
		if (item.len && parse_range(item, in, &bits, err) < 0)
			return -EINVAL;
	}
	*ret = bits;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Words between blanks: how many, of which at most @max are kept. */
static size_t split_words(struct str text, struct str *words, size_t max)
{
	size_t len = 0, i = 0, start;

	while (i < text.len) {
		while (i < text.len && is_blank(text.data[i]))
			i++;
		start = i;
		while (i < text.len && !is_blank(text.data[i]))
			i++;
		if (i > start && len++ < max)
			words[len - 1] = str_sub(text, start, i - start);
	}
	return len;
}

static int wrong_count(struct str text, size_t len, struct error *err)
{
	cleanup_buf struct buf list;
	struct str words[32];

	buf_init(&list, LIMIT_OBJECT);
	split_words(text, words, ARRAY_LEN(words));
	for (size_t i = 0; i < MIN(len, ARRAY_LEN(words)); i++)
		buf_printf(&list, "%s" STR_FMT, i ? " " : "", STR_ARG(words[i]));
	return error_set(err, ERR_BAD_REQUEST, "expected exactly %d fields, found %zu: [" STR_FMT "]", FIELDS, len,
			 STR_ARG(buf_view(&list)));
}

static int parse_descriptor(struct str text, struct cron_schedule *ret, struct error *err)
{
	static const struct {
		const char *name, *fields;
	} known[] = {
		{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
		{"@hourly", "0 * * * *"},
	};
	struct error cause = {0};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq_c(text, known[i].name))
			return cron_schedule_parse(str_from(known[i].fields), ret, err);
	if (!str_has_prefix(text, STR("@every ")))
		return bad(err, "unrecognized descriptor", text);
	*ret = (struct cron_schedule){0};
	if (duration_parse(str_sub(text, strlen("@every "), text.len), &ret->every, &cause) < 0)
		return error_set(err, ERR_BAD_REQUEST, "failed to parse duration " STR_FMT ": %s", STR_ARG(text),
				 cause.message);
	/* Whole seconds, and one at least. */
	ret->every = MAX(ret->every - ret->every % NANOS_PER_SECOND, NANOS_PER_SECOND);
	return 0;
}

int cron_schedule_parse(struct str text, struct cron_schedule *ret, struct error *err)
{
	struct cron_schedule schedule = {0};
	uint64_t *const fields[FIELDS] = {&schedule.minute, &schedule.hour, &schedule.day, &schedule.month,
					  &schedule.weekday};
	struct str words[FIELDS];
	size_t len;

	if (!text.len)
		return error_set(err, ERR_BAD_REQUEST, "empty spec string");
	if (text.data[0] == '@')
		return parse_descriptor(text, ret, err);
	len = split_words(text, words, FIELDS);
	if (len != FIELDS)
		return wrong_count(text, len, err);
	for (size_t i = 0; i < FIELDS; i++)
		if (parse_field(words[i], &bounds[i], fields[i], err) < 0)
			return -EINVAL;
	*ret = schedule;
	return 0;
}

/* --- Times ----------------------------------------------------------------------------------------------------- */

static bool in_set(uint64_t set, int64_t number)
{
	return set >> number & 1;
}

static bool is_day(const struct cron_schedule *schedule, int day, int64_t days)
{
	bool by_day = in_set(schedule->day, day);
	bool by_weekday = in_set(schedule->weekday, (days + 4) % 7); /* 1970 began on a Thursday */

	if ((schedule->day | schedule->weekday) & CRON_ANY)
		return by_day && by_weekday;
	return by_day || by_weekday;
}

/* How long clocks that show @local do certainly not show a time of the schedule; 0: they do now. */
static int64_t time_to_wait(const struct cron_schedule *schedule, int64_t local)
{
	int64_t days = local / DAY_SECONDS, of_day = local % DAY_SECONDS, year;
	int month, day;

	date_from_days(days, &year, &month, &day);
	if (!in_set(schedule->month, month))
		return days_from_date(year + (month == 12), month % 12 + 1, 1) * DAY_SECONDS - local;
	if (!is_day(schedule, day, days))
		return DAY_SECONDS - of_day;
	if (!in_set(schedule->hour, of_day / HOUR_SECONDS))
		return HOUR_SECONDS - of_day % HOUR_SECONDS;
	if (of_day % MINUTE_SECONDS || !in_set(schedule->minute, of_day % HOUR_SECONDS / MINUTE_SECONDS))
		return MINUTE_SECONDS - of_day % MINUTE_SECONDS;
	return 0;
}

bool cron_schedule_next(const struct cron_schedule *schedule, const struct time_zone *zone, int64_t after, int64_t *ret)
{
	int64_t from = MAX(after, (int64_t)DAY_SECONDS), time = from + 1;

	if (schedule->every) {
		*ret = after + schedule->every / NANOS_PER_SECOND;
		return true;
	}
	while (time <= from + HORIZON) {
		struct time_zone_span span = time_zone_at(zone, time);
		int64_t wait = time_to_wait(schedule, time + span.offset);

		if (!wait) {
			*ret = time;
			return true;
		}
		/* Beyond the end of the span clocks show something else. */
		time = MIN(time + wait, span.until);
	}
	return false;
}
