/* Addresses and prefixes as people write them: what is accepted has a canonical text that reads back as the same. */
#include "fuzz.h"

#include "base/address.h"

static void check_address(struct str text)
{
	struct ip_address address, again;
	char canonical[IP_TEXT_SIZE];

	if (ip_parse(text, &address) < 0)
		return;
	ip_format(&address, canonical);
	FUZZ_CHECK(ip_parse(str_from(canonical), &again) == 0);
	FUZZ_CHECK(ip_eq(&address, &again) && ip_cmp(&address, &again) == 0);
}

static void check_prefix(struct str text)
{
	struct ip_prefix prefix, again, masked;
	char canonical[IP_PREFIX_TEXT_SIZE];

	if (ip_prefix_parse(text, &prefix) < 0)
		return;
	FUZZ_CHECK(prefix.length <= ip_family_bits(prefix.address.family));
	ip_prefix_format(&prefix, canonical);
	FUZZ_CHECK(ip_prefix_parse(str_from(canonical), &again) == 0);
	FUZZ_CHECK(ip_eq(&prefix.address, &again.address) && prefix.length == again.length);
	masked = ip_prefix_masked(&prefix);
	FUZZ_CHECK(ip_prefix_contains(&masked, &prefix.address) && ip_prefix_contains(&prefix, &masked.address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	check_address(text);
	check_prefix(text);
	return 0;
}
