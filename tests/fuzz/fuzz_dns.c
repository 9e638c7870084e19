/* DNS from both sides: questions from anywhere, feeds from the node; what is answered must read back. */
#include "fuzz.h"

#include "dns/answer.h"
#include "dns/feed.h"

/* Every record of a message of ours is whole, in all sections, and nothing is left over. */
static void check_message(const uint8_t *data, size_t size)
{
	struct dns_reader reader = {data, size, DNS_HEADER_SIZE};
	unsigned records = 0;
	uint16_t word;

	for (size_t i = 3; i < 6; i++)
		records += (unsigned)(data[i * 2] << 8 | data[i * 2 + 1]);
	if (data[5] == 1)
		FUZZ_CHECK(dns_read_name(&reader, NULL) == 0 && dns_read_u16(&reader, &word) == 0 &&
			   dns_read_u16(&reader, &word) == 0);
	for (unsigned i = 0; i < records; i++) {
		struct dns_record record;

		FUZZ_CHECK(dns_read_record(&reader, &record) == 0);
	}
	FUZZ_CHECK(reader.at == size);
}

static void answer(const struct dns_records *records, const struct dns_question *question, size_t limit)
{
	uint8_t data[DNS_EDNS_SIZE];
	struct dns_writer writer;
	enum dns_outcome outcome;
	struct dns_name target;
	struct dns_zone zone;
	enum dns_rcode rcode;
	size_t size;

	FUZZ_CHECK(dns_zone_init(&zone, STR("cluster.local"), 5) == 0);
	dns_writer_init(&writer, data, limit, question);
	outcome = dns_answer(&zone, records, question, &writer, &rcode, &target);
	if (outcome == DNS_OUTCOME_FORWARD)
		return;
	size = dns_writer_finish(&writer, question, rcode, DNS_AA);
	FUZZ_CHECK(size <= limit);
	check_message(data, size);
}

/* The first byte says how much of the rest is a feed; what follows that is a question. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_records *records = NULL;
	struct dns_question question;
	struct error err = {0};
	struct dns_feed feed;
	size_t split;

	if (size < 1)
		return 0;
	split = MIN((size_t)data[0] * 4, size - 1);
	dns_feed_init(&feed);
	if (dns_feed_take(&feed, data + 1, split, &records, &err) < 0)
		FUZZ_CHECK(err.code == ERR_BAD_REQUEST);
	if (dns_question_parse(data + 1 + split, size - 1 - split, &question) == DNS_NOERROR) {
		uint8_t query[DNS_QUERY_SIZE];
		struct dns_question again;

		answer(records, &question, question.udp_size);
		answer(records, &question, 300 + (question.edns ? 11 : 0));
		FUZZ_CHECK(dns_question_parse(query, dns_query_write(query, 7, &question), &again) == DNS_NOERROR);
		FUZZ_CHECK(dns_name_eq(&again.name, &question.name) && again.type == question.type &&
			   again.edns == question.edns);
	}
	dns_feed_release(&feed);
	dns_records_free(records);
	return 0;
}
