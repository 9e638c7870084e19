/* Addresses and prefixes of both families. */
#include "unit.h"

#include "base/address.h"

static void test_round_trip(void **state UNUSED)
{
	static const char *const good[] = {"0.0.0.0", "10.96.0.1", "255.255.255.255", "::", "::1", "fd00:10::a"};
	static const char *const bad[] = {"",	       "1.2.3", "1.2.3.4.5",	"01.2.3.4",
					  "256.1.1.1", "g::",	"fe80::1%eth0", " 1.2.3.4"};
	struct ip_address address;
	char text[IP_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(ip_parse(str_from(good[i]), &address), 0);
		ip_format(&address, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ip_parse(str_from(bad[i]), &address), -EINVAL);
}

static void test_prefix(void **state UNUSED)
{
	struct ip_prefix prefix, masked;
	struct ip_address inside, outside, next;
	char text[IP_PREFIX_TEXT_SIZE];

	assert_int_equal(ip_prefix_parse(STR("10.96.7.9/20"), &prefix), 0);
	masked = ip_prefix_masked(&prefix);
	ip_prefix_format(&masked, text);
	assert_string_equal(text, "10.96.0.0/20");
	assert_int_equal(ip_parse(STR("10.96.15.255"), &inside), 0);
	assert_true(ip_prefix_contains(&prefix, &inside));
	assert_true(ip_add(&inside, 1, &outside));
	assert_false(ip_prefix_contains(&prefix, &outside));
	assert_int_equal(ip_parse(STR("255.255.255.255"), &inside), 0);
	assert_false(ip_add(&inside, 1, &next));
	assert_int_equal(ip_prefix_parse(STR("10.0.0.0/33"), &prefix), -EINVAL);
	assert_int_equal(ip_prefix_parse(STR("10.0.0.0/08"), &prefix), -EINVAL);
	assert_int_equal(ip_prefix_parse(STR("10.0.0.0"), &prefix), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
