/* Time zones: what files say of clocks, and what is not a file. */
#include "unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "logic/time_zone.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEVER  INT64_MAX

/* A file with these changes, between two types: one at @first, one an hour more. */
static struct str file_of(struct arena *arena, const int64_t *changes, size_t len, int32_t first, const char *rule)
{
	struct buf cleanup_buf out = {0};

	buf_init(&out, MIB);
	for (int block = 0; block < 2; block++) {
		size_t times = block ? len : 0;
		unsigned char counts[24] = {[15] = (unsigned char)times, [19] = 2, [23] = 4};

		buf_append(&out, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
		buf_append(&out, counts, sizeof(counts));
		for (size_t i = 0; i < times; i++)
			for (int shift = 56; shift >= 0; shift -= 8)
				buf_char(&out, (char)(changes[i] >> shift & 0xff));
		for (size_t i = 0; i < times; i++)
			buf_char(&out, (char)(1 - i % 2));
		for (int type = 0; type < 2; type++) {
			for (int shift = 24; shift >= 0; shift -= 8)
				buf_char(&out, (char)((uint32_t)(first + type * 3600) >> shift & 0xff));
			buf_append(&out, (char[]){(char)type, 0}, 2);
		}
		buf_append(&out, "ABC", 4);
	}
	buf_printf(&out, "\n%s\n", rule);
	return arena_str(arena, buf_view(&out));
}

static void test_offsets(void **state UNUSED)
{
	static const int64_t changes[] = {-100, 1000, 2000};
	static const struct {
		const char *rule;
		int64_t time;
		int32_t offset;
		int64_t until;
	} cases[] = {
		{"", -101, -7200, -100},
		{"", -100, -3600, 1000},
		{"", 1999, -7200, 2000},
		{"", 2000, -3600, NEVER},
		{"<-03>3", 999, -3600, 1000},
		{"<-03>3", 2000, -10800, NEVER},
		/* 2026: from March 29 to October 25, 01:00 UTC both. */
		{BERLIN, 1774745999, 3600, 1774746000},
		{BERLIN, 1774746000, 7200, 1792890000},
		{BERLIN, 1792889999, 7200, 1792890000},
		{BERLIN, 1792890000, 3600, 1806195600},
		/* The south, with summer over new year: Sydney, January and July 2026. */
		{"AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600, 1775318400},
		{"AEST-10AEDT,M10.1.0,M4.1.0/3", 1782864000, 36000, 1791043200},
		/* Days by number, and a time that is before midnight. */
		{"XXX0YYY-2,J60/0,364/-1:30", 1772323199, 0, 1772323200},
		{"XXX0YYY-2,J60/0,364/-1:30", 1772323200, 7200, 1798662600},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct time_zone zone;
		struct time_zone_span span;
		struct str file = file_of(&arena, changes, ARRAY_LEN(changes), -7200, cases[i].rule);

		if (time_zone_parse(file, &arena, &zone, &err) < 0)
			fail_msg("%zu: %s", i, err.message);
		span = time_zone_at(&zone, cases[i].time);
		if (span.offset != cases[i].offset || span.until != cases[i].until)
			fail_msg("%zu: %d until %lld", i, span.offset, (long long)span.until);
		arena_release(&arena);
	}
	assert_int_equal(time_zone_at(NULL, 5).offset, 0);
}

static void test_bad(void **state UNUSED)
{
	static const char *const rules[] = {"C-1",
					    "CET",
					    "CET-1CEST",
					    "CET-1CEST,M13.1.0,M10.5.0",
					    "CET-1CEST,M3.5.0",
					    "CET-1CEST,M3.5.0,M10.5.0x",
					    "<CET-1",
					    "CET-168",
					    "CET-1CEST,J366,1"};
	static const int64_t changes[] = {1000, 2000}, falling[] = {2000, 1000};
	struct arena arena = {0};
	struct time_zone zone;
	struct error err;
	struct str whole;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		err = (struct error){0};
		if (time_zone_parse(file_of(&arena, changes, 2, 0, rules[i]), &arena, &zone, &err) == 0)
			fail_msg("%s", rules[i]);
	}
	err = (struct error){0};
	assert_true(time_zone_parse(file_of(&arena, falling, 2, 0, ""), &arena, &zone, &err) < 0);
	/* Cut off anywhere. */
	whole = file_of(&arena, changes, 2, 0, "UTC0");
	for (size_t len = 0; len < whole.len; len++) {
		err = (struct error){0};
		assert_true(time_zone_parse(arena_str(&arena, str_sub(whole, 0, len)), &arena, &zone, &err) < 0);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests_name("time_zone", tests, NULL, NULL);
}
