/* Times, durations, int-or-string. */
#include "unit.h"

#include "types/duration.h"
#include "types/int_or_string.h"
#include "types/timestamp.h"

static void test_times(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t seconds;
		const char *printed;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
		{"2000-02-29T23:59:59Z", 951868799, "2000-02-29T23:59:59Z"},
		{"2025-01-02T03:04:05.999Z", 1735787045, "2025-01-02T03:04:05Z"},
		{"2025-01-02T03:04:05+02:00", 1735779845, "2025-01-02T01:04:05Z"},
		{"2025-01-02T03:04:05-05:30", 1735806845, "2025-01-02T08:34:05Z"},
		{"1969-12-31T23:59:59Z", -1, "1969-12-31T23:59:59Z"},
		{"0000-01-01T00:00:00Z", -62167219200, "0000-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59Z", 253402300799, "9999-12-31T23:59:59Z"},
	};
	char text[TIMESTAMP_TEXT_SIZE];
	struct timestamp t;
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(timestamp_parse(str_from(cases[i].text), &t, &err), 0);
		assert_true(t.is_set);
		assert_int_equal(t.seconds, cases[i].seconds);
		assert_int_equal(timestamp_format(t, text), strlen(cases[i].printed));
		assert_string_equal(text, cases[i].printed);
	}
	assert_int_equal(timestamp_parse(STR("0001-01-01T00:00:00Z"), &t, &err), 0);
	assert_false(t.is_set);
	assert_int_equal(timestamp_parse_micro(STR("2025-01-02T03:04:05.000006Z"), &t, &err), 0);
	assert_int_equal(t.nanos, 6000);
	timestamp_format_micro(t, text);
	assert_string_equal(text, "2025-01-02T03:04:05.000006Z");
}

static void test_every_day(void **state UNUSED)
{
	struct error err = {0};

	for (int64_t day = -80000; day < 80000; day += 13) {
		struct timestamp t = timestamp_make(day * 86400 + 3, 0), again;
		char text[TIMESTAMP_TEXT_SIZE];

		timestamp_format(t, text);
		assert_int_equal(timestamp_parse(str_from(text), &again, &err), 0);
		assert_int_equal(timestamp_cmp(t, again), 0);
	}
}

static void test_time_errors(void **state UNUSED)
{
	static const struct {
		bool micro;
		const char *text, *want;
	} cases[] = {
		{false, "yesterday",
		 "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\""},
		{false, "2025-01-02",
		 "parsing time \"2025-01-02\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\""},
		{false, "2025-13-02T00:00:00Z", "parsing time \"2025-13-02T00:00:00Z\": month out of range"},
		{false, "2025-02-30T00:00:00Z", "parsing time \"2025-02-30T00:00:00Z\": day out of range"},
		{false, "2025-02-20T24:00:00Z", "parsing time \"2025-02-20T24:00:00Z\": hour out of range"},
		{false, "2025-02-20T00:00:00Zx", "parsing time \"2025-02-20T00:00:00Zx\": extra text: \"x\""},
		{false, "2025-02-20T00:00:00",
		 "parsing time \"2025-02-20T00:00:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as "
		 "\"Z07:00\""},
		{true, "2025-01-02T03:04:05Z",
		 "parsing time \"2025-01-02T03:04:05Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as "
		 "\".000000\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = str_from(cases[i].text);
		struct error err = {0};
		struct timestamp t;

		assert_true((cases[i].micro ? timestamp_parse_micro(text, &t, &err) : timestamp_parse(text, &t, &err)) <
			    0);
		assert_string_equal(err.message, cases[i].want);
	}
}

static void test_durations(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t nanos;
		const char *printed;
	} cases[] = {
		{"0", 0, "0s"},
		{"0s", 0, "0s"},
		{"1ns", 1, "1ns"},
		{"1.5us", 1500, "1.5\xc2\xb5s"},
		{"2\xce\xbcs", 2000, "2\xc2\xb5s"},
		{"300ms", 300 * NANOS_PER_MILLI, "300ms"},
		{"1s", NANOS_PER_SECOND, "1s"},
		{"90s", 90 * NANOS_PER_SECOND, "1m30s"},
		{"1h", 3600 * NANOS_PER_SECOND, "1h0m0s"},
		{"1h15m30.918s", 4530918 * NANOS_PER_MILLI, "1h15m30.918s"},
		{"-1.5h", -5400 * NANOS_PER_SECOND, "-1h30m0s"},
		{"2562047h47m16.854775807s", INT64_MAX, "2562047h47m16.854775807s"},
		{"-2562047h47m16.854775808s", INT64_MIN, "-2562047h47m16.854775808s"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[DURATION_TEXT_SIZE];
		struct error err = {0};
		int64_t nanos;

		assert_int_equal(duration_parse(str_from(cases[i].text), &nanos, &err), 0);
		assert_int_equal(nanos, cases[i].nanos);
		duration_format(nanos, text);
		assert_string_equal(text, cases[i].printed);
	}
}

static void test_duration_errors(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "time: invalid duration \"\""},
		{"x", "time: invalid duration \"x\""},
		{"5", "time: missing unit in duration \"5\""},
		{"5y", "time: unknown unit \"y\" in duration \"5y\""},
		{"2562048h", "time: invalid duration \"2562048h\""},
		{".s", "time: invalid duration \".s\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {0};
		int64_t nanos;

		assert_true(duration_parse(str_from(cases[i].text), &nanos, &err) < 0);
		assert_string_equal(err.message, cases[i].want);
	}
}

static void test_int_or_string(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t total;
		bool up;
		int64_t want;
	} cases[] = {
		{"5", 100, true, 5}, {"25%", 10, true, 3},  {"25%", 10, false, 2},
		{"0%", 10, true, 0}, {"100%", 7, false, 7},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct int_or_string value = int_or_string_parse(str_from(cases[i].text));
		struct error err = {0};
		int64_t n;

		assert_int_equal(int_or_string_scaled(&value, cases[i].total, cases[i].up, &n, &err), 0);
		assert_int_equal(n, cases[i].want);
	}
	{
		struct int_or_string value = int_or_string_from_str(STR("http")), port = int_or_string_from_int(80);
		struct error err = {0};
		int64_t n;

		assert_true(int_or_string_scaled(&value, 5, true, &n, &err) < 0);
		assert_false(int_or_string_eq(&value, &port));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_time_errors),	cmocka_unit_test(test_durations),
		cmocka_unit_test(test_duration_errors), cmocka_unit_test(test_int_or_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
