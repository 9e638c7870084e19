/* Schedules of cron jobs: what they mean as sets, and what is said of bad ones. */
#include "unit.h"

#include "logic/cron_schedule.h"

#define BITS(from, to) ((UINT64_C(1) << ((to) + 1)) - (UINT64_C(1) << (from)))

static void test_parse(void **state UNUSED)
{
	static const struct {
		const char *text;
		struct cron_schedule want;
	} cases[] = {
		{"* * * * *",
		 {BITS(0, 59) | CRON_ANY, BITS(0, 23) | CRON_ANY, BITS(1, 31) | CRON_ANY, BITS(1, 12) | CRON_ANY,
		  BITS(0, 6) | CRON_ANY, 0}},
		{" 0,30  8-10 ?\t1 MON-wed ",
		 {1 | UINT64_C(1) << 30, BITS(8, 10), BITS(1, 31) | CRON_ANY, 2, BITS(1, 3), 0}},
		{"*/20 5/9 1 jan,DEC 0",
		 {1 | 1 << 20 | UINT64_C(1) << 40, 1 << 5 | 1 << 14 | 1 << 23, 2, 1 << 1 | 1 << 12, 1, 0}},
		{"@weekly", {1, 1, BITS(1, 31) | CRON_ANY, BITS(1, 12) | CRON_ANY, 1, 0}},
		{"@every 1m30s", {.every = INT64_C(90000000000)}},
		{"@every 1ms", {.every = INT64_C(1000000000)}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron_schedule got;
		struct error err = {0};

		if (cron_schedule_parse(str_from(cases[i].text), &got, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.message);
		assert_int_equal(got.minute, cases[i].want.minute);
		assert_int_equal(got.hour, cases[i].want.hour);
		assert_int_equal(got.day, cases[i].want.day);
		assert_int_equal(got.month, cases[i].want.month);
		assert_int_equal(got.weekday, cases[i].want.weekday);
		assert_int_equal(got.every, cases[i].want.every);
	}
}

static void test_bad(void **state UNUSED)
{
	static const char *const cases[][2] = {
		{"", "empty spec string"},
		{"x", "expected exactly 5 fields, found 1: [x]"},
		{"0 0 * * * *", "expected exactly 5 fields, found 6: [0 0 * * * *]"},
		{"@never", "unrecognized descriptor: @never"},
		{"@every x", "failed to parse duration @every x: time: invalid duration \"x\""},
		{"60 * * * *", "end of range (60) above maximum (59): 60"},
		{"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
		{"5-2 * * * *", "beginning of range (5) beyond end of range (2): 5-2"},
		{"1-2-3 * * * *", "too many hyphens: 1-2-3"},
		{"*/2/3 * * * *", "too many slashes: */2/3"},
		{"*/0 * * * *", "step of range should be a positive number: */0"},
		{"a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"},
		{"99999999999999999999 * * * *", "failed to parse int from 99999999999999999999: strconv.Atoi: parsing "
						 "\"99999999999999999999\": value out of range"},
		{"*/-1 * * * *", "negative number (-1) not allowed: -1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron_schedule got;
		struct error err = {0};

		assert_true(cron_schedule_parse(str_from(cases[i][0]), &got, &err) < 0);
		assert_string_equal(err.message, cases[i][1]);
	}
}

#define AT(time) INT64_C(time)

static void test_next(void **state UNUSED)
{
	/* Berlin in 2026: clocks skip 02:00 to 03:00 on March 29, and show it twice on October 25. */
	static const struct time_zone_date begin = {TIME_ZONE_WEEKDAY, 3, 5, 0, 7200},
					   end = {TIME_ZONE_WEEKDAY, 10, 5, 0, 10800};
	static const struct time_zone berlin = {
		.has_rule = true, .has_summer = true, .standard = 3600, .summer = 7200, .begin = begin, .end = end};
	static const struct {
		const char *text;
		const struct time_zone *zone;
		int64_t after, want; /* 0: none */
	} cases[] = {
		{"* * * * *", NULL, AT(1767225600), AT(1767225660)},
		{"* * * * *", NULL, AT(1767225659), AT(1767225660)},
		{"*/15 * * * *", NULL, AT(1767225600), AT(1767226500)},
		{"0 12 * * *", NULL, AT(1767225600), AT(1767268800)},
		{"0 0 1 * *", NULL, AT(1767225600), AT(1769904000)}, /* February */
		{"0 0 31 12 *", NULL, AT(1767225600), AT(1798675200)},
		{"0 0 29 2 *", NULL, AT(1767225600), AT(1835395200)}, /* 2028 */
		{"0 0 31 2 *", NULL, AT(1767225600), 0},
		{"0 0 * * 1", NULL, AT(1767225600), AT(1767571200)},  /* Monday, January 5 */
		{"0 0 13 * 5", NULL, AT(1767225600), AT(1767312000)}, /* either: Friday, January 2 */
		{"@every 90s", NULL, AT(1767225605), AT(1767225695)},
		{"30 2 * * *", &berlin, AT(1774661400), AT(1774830600)}, /* from March 28 to the 30th */
		{"30 2 * * *", &berlin, AT(1792879200), AT(1792888200)}, /* October 25, summer time */
		{"30 2 * * *", &berlin, AT(1792888200), AT(1792891800)}, /* and an hour later */
		{"0 12 * * *", &berlin, AT(1774656000), AT(1774695600)},
		{"0 12 * * *", &berlin, AT(1774695600), AT(1774778400)},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cron_schedule schedule;
		struct error err = {0};
		int64_t got = 0;

		assert_int_equal(cron_schedule_parse(str_from(cases[i].text), &schedule, &err), 0);
		if (cron_schedule_next(&schedule, cases[i].zone, cases[i].after, &got) != (cases[i].want != 0) ||
		    got != cases[i].want)
			fail_msg("%zu %s: %lld", i, cases[i].text, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
