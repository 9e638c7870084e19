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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
