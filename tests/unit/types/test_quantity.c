/* Quantities: what upstream accepts, keeps and prints; arithmetic across scales and beyond 64 bits. */
#include "unit.h"

#include "types/quantity.h"

static struct arena arena;

static struct quantity parse(const char *text)
{
	struct error err = {0};
	struct quantity q;

	if (quantity_parse(str_from(text), &arena, &q, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return q;
}

/* The text without what the parser kept. */
static const char *canonical(struct quantity q)
{
	if (q.mantissa != INT64_MAX && q.mantissa != INT64_MIN)
		q.text = STR_EMPTY;
	return quantity_format(&q, &arena).data;
}

static void test_text(void **state UNUSED)
{
	static const struct {
		const char *text, *printed, *canonical;
	} cases[] = {
		{"0", "0", "0"},
		{"1", "1", "1"},
		{"100m", "100m", "100m"},
		{"1000m", "1", "1"},
		{"1500m", "1500m", "1500m"},
		{"0.5", "500m", "500m"},
		{"1.5", "1500m", "1500m"},
		{"1.500", "1.500", "1500m"},
		{"+5", "+5", "5"},
		{"-5", "-5", "-5"},
		{"-0.5", "-500m", "-500m"},
		{"1000", "1k", "1k"},
		{"1024", "1024", "1024"},
		{"12k", "12k", "12k"},
		{"1.1G", "1100M", "1100M"},
		{"1Ki", "1Ki", "1Ki"},
		{"1024Ki", "1Mi", "1Mi"},
		{"1Gi", "1Gi", "1Gi"},
		{"1.5Gi", "1536Mi", "1536Mi"},
		{"0.5Gi", "512Mi", "512Mi"},
		{"0.5Mi", "512Ki", "512Ki"},
		{"0.5Ki", "512", "512"},
		{"1.1Mi", "1153433600m", "1153433600m"},
		{"1e3", "1e3", "1e3"},
		{"1E3", "1E3", "1e3"},
		{"1E", "1E", "1E"},
		{"1e1", "10", "10"},
		{"12e6", "12e6", "12e6"},
		{"1e-3", "1e-3", "1e-3"},
		{"1n", "1n", "1n"},
		{"0.1n", "1n", "1n"},
		{"0.0000000001", "1n", "1n"},
		{"1u", "1u", "1u"},
		{"8Ei", "9223372036854775807", "9223372036854775807"},
		{"7Ei", "7Ei", "7Ei"},
		{"100000000000000000000", "100E", "100E"},
		{"123456789012345678901234567890", "123456789012345678901234567890", "123456789012345678901234567890"},
		{"9223372036854775808", "9223372036854775808", "9223372036854775808"},
		{"1e1000", "10e999", "10e999"},
		{".5", "500m", "500m"},
		{"5.", "5.", "5"},
		{"00005", "00005", "5"},
		{"0m", "0", "0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct quantity q = parse(cases[i].text), again;

		assert_string_equal(quantity_format(&q, &arena).data, cases[i].printed);
		assert_string_equal(canonical(q), cases[i].canonical);
		again = parse(canonical(q));
		assert_int_equal(quantity_cmp(&q, &again), 0);
		assert_string_equal(canonical(again), cases[i].canonical);
	}
}

static void test_errors(void **state UNUSED)
{
	static const char format[] =
		"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", format},
		{"1x", format},
		{"x", format},
		{"1 Gi", format},
		{"1Gi ", format},
		{"1.2.3", format},
		{"1Gib", format},
		{"1gi", format},
		{"1KI", format},
		{"1i", "unable to parse quantity's suffix"},
		{"1ki", "unable to parse quantity's suffix"},
		{"1e99999999999", "unable to parse quantity's suffix"},
		{"1mm", "unable to parse quantity's suffix"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {0};
		struct quantity q;

		assert_int_equal(quantity_parse(str_from(cases[i].text), &arena, &q, &err), -ERR_BAD_REQUEST);
		assert_string_equal(err.message, cases[i].want);
	}
}

static void test_values(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t value, milli;
	} cases[] = {
		{"1", 1, 1000},
		{"100m", 1, 100},
		{"1500m", 2, 1500},
		{"-1500m", -2, -1500},
		{"1n", 1, 1},
		{"-1n", -1, -1},
		{"1Ki", 1024, 1024000},
		{"1.1", 2, 1100},
		{"0", 0, 0},
		{"10P", INT64_C(10000000000000000), INT64_MAX},
		{"100000000000000000000", INT64_MAX, INT64_MAX},
		{"-123456789012345678901", INT64_MIN, INT64_MIN},
		{"1e-9", 1, 1},
		{"123456789012345678.9", INT64_C(123456789012345679), INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct quantity q = parse(cases[i].text);

		assert_int_equal(quantity_value(&q), cases[i].value);
		assert_int_equal(quantity_milli_value(&q), cases[i].milli);
	}
}

static void test_compare(void **state UNUSED)
{
	/* In ascending order. */
	static const char *const order[] = {
		"-1e1000",
		"-123456789012345678901234567890",
		"-1Gi",
		"-1",
		"-1m",
		"0",
		"1n",
		"1m",
		"0.5",
		"1",
		"1001m",
		"1k",
		"1Ki",
		"1M",
		"1Mi",
		"1Gi",
		"9223372036854775807",
		"9223372036854775808",
		"123456789012345678901",
		"1e300",
		"1e1000",
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		for (size_t j = 0; j < ARRAY_LEN(order); j++) {
			struct quantity a = parse(order[i]), b = parse(order[j]);

			assert_int_equal(quantity_cmp(&a, &b), (i > j) - (i < j));
		}
	}
	assert_int_equal(quantity_cmp_int(&(struct quantity){0}, 0), 0);
}

static void test_arithmetic(void **state UNUSED)
{
	static const struct {
		const char *a;
		char op;
		const char *b, *want;
	} cases[] = {
		{"100m", '+', "0.9", "1"},
		{"1", '+', "1m", "1001m"},
		{"0", '+', "1Ki", "1Ki"},
		{"1Gi", '+', "1Gi", "2Gi"},
		{"1Gi", '-', "1Mi", "1023Mi"},
		{"1", '-', "2", "-1"},
		{"9223372036854775807", '+', "1", "9223372036854775808"},
		{"9223372036854775808", '-', "1", "9223372036854775807"},
		{"1E", '+', "1n", "1000000000000000000000000001n"},
		{"-9223372036854775808", '+', "-1", "-9223372036854775809"},
		{"123456789012345678901234567890", '-', "123456789012345678901234567890", "0"},
		{"5", '*', "3", "15"},
		{"1500m", '*', "-2", "-3"},
		{"9223372036854775807", '*', "2", "18446744073709551614"},
		{"12345678901234567890", '*', "1234567890123456789", "15241578753238836750190519987501905210"},
		{"7Ei", '+', "7Ei", "14Ei"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct quantity a = parse(cases[i].a), b = parse(cases[i].b), result;
		int64_t factor;

		if (cases[i].op == '+')
			result = quantity_add(&a, &b, &arena);
		else if (cases[i].op == '-')
			result = quantity_sub(&a, &b, &arena);
		else
			result = quantity_mul(&a, str_parse_int64(str_from(cases[i].b), &factor) == 0 ? factor : 0,
					      &arena);
		assert_string_equal(canonical(result), cases[i].want);
	}
}

static void test_rounding_and_conversion(void **state UNUSED)
{
	struct quantity q = parse("1.0001"), rounded = quantity_round_up(&q, -3, &arena);
	int64_t n;

	assert_string_equal(canonical(rounded), "1001m");
	q = parse("100m");
	rounded = quantity_round_up(&q, -3, &arena);
	assert_string_equal(canonical(rounded), "100m");
	q = parse("2k");
	assert_true(quantity_as_int(&q, &n));
	assert_int_equal(n, 2000);
	q = parse("1500m");
	assert_false(quantity_as_int(&q, &n));
	assert_true(quantity_as_double(&q) == 1.5);
	q = quantity_from_milli(250, QUANTITY_DECIMAL_SI);
	assert_string_equal(canonical(q), "250m");
	q = quantity_from_int(1 << 20, QUANTITY_BINARY_SI);
	assert_string_equal(canonical(q), "1Mi");
	assert_string_equal(canonical((struct quantity){0}), "0");
}

static int unload(void **state UNUSED)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	   cmocka_unit_test(test_errors),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_compare),
		cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_rounding_and_conversion),
	};

	return cmocka_run_group_tests(tests, NULL, unload);
}
