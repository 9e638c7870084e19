/* The DNS server's own work for a question, without the system calls around it: ten thousand services known. */
#include "bench.h"

#include "dns/answer.h"

#define SERVICES 10000

static struct dns_records *make_records(void)
{
	struct dns_records *records = dns_records_new();
	struct ip_address first = {IP_V4, {10, 96, 0, 1}};

	dns_records_add_namespace(records, STR("default"));
	for (uint64_t i = 0; i < SERVICES; i++) {
		char name[32];
		struct ip_address address = first;
		struct dns_service service = {.ns = STR("default"), .cluster_ips = {&address, 1}};

		snprintf(name, sizeof(name), "s%u", (unsigned)i);
		service.name = str_from(name);
		if (!ip_add(&first, i, &address))
			abort();
		dns_records_put_service(records, &service);
	}
	return records;
}

static size_t answer(const struct dns_zone *zone, const struct dns_records *records, const uint8_t *query, size_t size,
		     uint8_t *out)
{
	struct dns_question question;
	struct dns_writer writer;
	struct dns_name target;
	enum dns_rcode rcode;

	if (dns_question_parse(query, size, &question) != DNS_NOERROR)
		abort();
	dns_writer_init(&writer, out, question.udp_size, &question);
	if (dns_answer(zone, records, &question, &writer, &rcode, &target) != DNS_OUTCOME_ANSWERED)
		abort();
	return dns_writer_finish(&writer, &question, rcode, DNS_AA);
}

static void bench_question(const char *name, const char *asked, const struct dns_zone *zone,
			   const struct dns_records *records)
{
	struct dns_question question = {.id = 1, .type = DNS_A, .klass = DNS_IN, .edns = true};
	uint8_t query[DNS_QUERY_SIZE], out[DNS_EDNS_SIZE];
	size_t size;

	if (dns_name_parse(str_from(asked), &question.name) < 0)
		abort();
	size = dns_query_write(query, 1, &question);
	BENCH (name, 0) {
		size_t len = answer(zone, records, query, size, out);

		bench_keep(len);
	}
}

int main(void)
{
	struct dns_records *records = make_records();
	struct dns_zone zone;

	if (dns_zone_init(&zone, STR("cluster.local"), 5) < 0)
		return 1;
	bench_question("dns/service", "s4711.default.svc.cluster.local", &zone, records);
	bench_question("dns/no-such-name", "www.example.com.default.svc.cluster.local", &zone, records);
	dns_records_free(records);
	return 0;
}
