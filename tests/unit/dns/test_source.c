/* Services of the API as DNS gets them, and answers of the world kept for a while; resolv.conf. */
#include "unit.h"

#include "base/clock.h"
#include "dns/cache.h"
#include "dns/resolv.h"
#include "dns/source.h"

static struct ip_address address(const char *text)
{
	struct ip_address result;

	assert_int_equal(ip_parse(str_from(text), &result), 0);
	return result;
}

static void test_services(void **state UNUSED)
{
	static const bool no = false;
	static const int32_t number = 8080;
	static const struct str host = STR_INIT("db-0"), name = STR_INIT("http");
	struct arena cleanup_arena arena = {0};
	struct str none[] = {STR("None")}, ips[] = {STR("10.96.0.1"), STR("fd96::1")}, one[] = {STR("10.244.0.1")},
		   two[] = {STR("10.244.0.2")};
	struct core_v1_service_port ports[] = {{.name = STR("http"), .protocol = STR("TCP"), .port = 80}};
	struct discovery_v1_endpoint endpoints[] = {{.addresses = {one, 1}, .hostname = &host},
						    {.addresses = {two, 1}, .conditions = {.ready = &no}}};
	struct discovery_v1_endpoint_port slice_ports[] = {{.name = &name, .port = &number}};
	struct discovery_v1_endpoint_slice slice = {.endpoints = {endpoints, 2}, .ports = {slice_ports, 1}};
	const struct discovery_v1_endpoint_slice *slices[] = {&slice, &slice};
	struct core_v1_service service = {.metadata = {.namespace = STR("d"), .name = STR("web")},
					  .spec = {.cluster_ips = {ips, 2}, .ports = {ports, 1}}};
	struct dns_service made = dns_service_from(&arena, &service, slices, 1);

	assert_str_equal(made.ns, "d");
	assert_int_equal(made.cluster_ips.len, 2);
	assert_str_equal(made.ports.items[0].protocol, "tcp");
	assert_int_equal(made.endpoints.len, 0); /* of no interest for a service with an address */
	service.spec.cluster_ips = (struct str_slice){none, 1};
	made = dns_service_from(&arena, &service, slices, 2);
	assert_true(dns_service_is_headless(&made));
	assert_int_equal(made.endpoints.len, 1); /* ready ones, each once */
	assert_str_equal(made.endpoints.items[0].hostname, "db-0");
	assert_int_equal(made.endpoints.items[0].ports.items[0].port, 8080);
	service.spec.type = STR("ExternalName");
	service.spec.external_name = STR("www.example.com");
	made = dns_service_from(&arena, &service, slices, 1);
	assert_true(dns_service_is_external(&made));
}

/* An answer with one record: header, question www. A, and the record with @ttl. */
static size_t make_answer(uint8_t *out, uint32_t ttl, enum dns_rcode rcode, bool soa)
{
	struct dns_question question = {.id = 1, .type = DNS_A, .klass = DNS_IN};
	struct ip_address found = address("192.0.2.1");
	struct dns_soa authority = {.minimum = 7};
	struct dns_writer writer;

	assert_int_equal(dns_name_parse(STR("www"), &question.name), 0);
	dns_name_root(&authority.mname);
	dns_name_root(&authority.rname);
	dns_writer_init(&writer, out, 512, &question);
	if (rcode == DNS_NOERROR && !soa)
		dns_write_address(&writer, DNS_ANSWER, &question.name, ttl, &found);
	if (soa)
		dns_write_soa(&writer, DNS_AUTHORITY, &question.name, ttl, &authority);
	return dns_writer_finish(&writer, &question, rcode, 0);
}

static uint32_t first_ttl(const uint8_t *message, size_t size)
{
	struct dns_reader reader = {message, size, DNS_HEADER_SIZE};
	struct dns_record record;

	assert_int_equal(dns_read_name(&reader, NULL), 0);
	reader.at += 4;
	assert_int_equal(dns_read_record(&reader, &record), 0);
	return record.ttl;
}

static void test_cache_lifetimes(void **state UNUSED)
{
	static const struct {
		uint32_t ttl;
		enum dns_rcode rcode;
		bool soa;
		int seconds; /* it is kept; 0: not at all */
	} cases[] = {
		{5, DNS_NOERROR, false, 5},   {3600, DNS_NOERROR, false, 30}, {0, DNS_NOERROR, false, 0},
		{60, DNS_NXDOMAIN, true, 7},  {3, DNS_NXDOMAIN, true, 3},     {60, DNS_NOERROR, true, 7},
		{60, DNS_NXDOMAIN, false, 0}, {60, DNS_SERVFAIL, true, 0},    {60, DNS_REFUSED, false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t message[512], out[DNS_CACHE_MESSAGE];
		size_t size = make_answer(message, cases[i].ttl, cases[i].rcode, cases[i].soa);
		int64_t now = 1000 * NS_PER_SEC, end = now + cases[i].seconds * NS_PER_SEC;
		struct dns_cache cache;

		dns_cache_init(&cache);
		dns_cache_put(&cache, STR("k"), now, message, size);
		if (cases[i].seconds) {
			assert_int_equal(dns_cache_get(&cache, STR("k"), now, out), size);
			assert_memory_equal(out, message, size);
			assert_int_equal(dns_cache_get(&cache, STR("k"), end - 1, out), size);
			assert_int_equal(first_ttl(out, size), cases[i].ttl - (uint32_t)cases[i].seconds + 1);
		}
		assert_int_equal(dns_cache_get(&cache, STR("k"), end, out), 0);
		assert_int_equal(dns_cache_get(&cache, STR("other"), now, out), 0);
		dns_cache_release(&cache);
	}
}

static void test_cache_is_bounded(void **state UNUSED)
{
	uint8_t message[512], out[DNS_CACHE_MESSAGE];
	size_t size = make_answer(message, 20, DNS_NOERROR, false);
	struct dns_cache cache;

	dns_cache_init(&cache);
	for (unsigned i = 0; i < 12000; i++)
		dns_cache_put(&cache, (struct str){(const char *)&i, sizeof(i)}, NS_PER_SEC, message, size);
	assert_int_equal(cache.entries.len, 10000);
	for (unsigned i = 0; i < 12000; i += 1999)
		assert_int_equal(dns_cache_get(&cache, (struct str){(const char *)&i, sizeof(i)}, NS_PER_SEC, out),
				 i < 2000 ? 0 : size);
	dns_cache_release(&cache);
}

static void test_resolv_conf(void **state UNUSED)
{
	struct ip_address own[] = {address("10.96.0.10"), address("::1")};
	struct dns_upstream found[DNS_UPSTREAMS];
	size_t len = dns_resolv_parse(STR("# nameserver 1.1.1.1\n"
					  "search a b\n"
					  "nameserver 10.96.0.10\n"
					  "nameserver\t192.0.2.1 \r\n"
					  "  nameserver 192.0.2.2 # second\n"
					  "nameservers 192.0.2.3\n"
					  "nameserver nonsense\n"
					  "nameserver\n"
					  "nameserver ::1\n"
					  "nameserver 2001:db8::1"),
				      own, 2, found);

	assert_int_equal(len, 3);
	assert_true(ip_eq(&found[0].address, &(struct ip_address){IP_V4, {192, 0, 2, 1}}));
	assert_true(ip_eq(&found[1].address, &(struct ip_address){IP_V4, {192, 0, 2, 2}}));
	assert_int_equal(found[2].address.family, IP_V6);
	assert_int_equal(found[2].port, 53);
	assert_int_equal(dns_resolv_read("/nonexistent/resolv.conf", own, 2, found), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_cache_lifetimes),
		cmocka_unit_test(test_cache_is_bounded),
		cmocka_unit_test(test_resolv_conf),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
