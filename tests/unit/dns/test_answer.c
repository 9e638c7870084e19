/* Questions and answers by the specification; every answer is read by another implementation (ldns) as well. */
#include "unit.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>

#include "base/buf.h"
#include "dns/answer.h"
#include "dns/feed.h"

static struct ip_address address(const char *text)
{
	struct ip_address result;

	assert_int_equal(ip_parse(str_from(text), &result), 0);
	return result;
}

static struct dns_records *make_records(void)
{
	struct dns_records *records = dns_records_new();
	struct ip_address web[] = {address("10.96.0.7"), address("fd96::7")}, one[] = {address("10.244.1.2")},
			  two[] = {address("10.244.2.3")}, six[] = {address("fd44::9")},
			  dns[] = {address("10.96.0.10")};
	struct dns_port http[] = {{STR("http"), STR("tcp"), 80}, {STR(""), STR("tcp"), 81}},
			peer[] = {{STR("peer"), STR("tcp"), 2380}};
	struct dns_endpoint endpoints[] = {
		{STR("db-0"), {one, 1}, {peer, 1}}, {STR(""), {two, 1}, {peer, 1}}, {STR(""), {six, 1}, {peer, 1}}};
	struct dns_service services[] = {
		{.ns = STR("default"), .name = STR("web"), .cluster_ips = {web, 2}, .ports = {http, 2}},
		{.ns = STR("default"), .name = STR("db"), .ports = {peer, 1}, .endpoints = {endpoints, 3}},
		{.ns = STR("default"), .name = STR("empty"), .ports = {peer, 1}},
		{.ns = STR("default"), .name = STR("out"), .external_name = STR("www.example.com")},
		{.ns = STR("kube-system"), .name = STR("kube-dns"), .cluster_ips = {dns, 1}},
	};

	dns_records_add_namespace(records, STR("default"));
	dns_records_add_namespace(records, STR("kube-system"));
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		dns_records_put_service(records, &services[i]);
	return records;
}

static const struct {
	const char *name;
	enum dns_type type;
	const char *expected; /* rcode, then each record as "section type data", sorted as sent; FORWARD, CHASE name */
} cases[] = {
	{"web.default.svc.cluster.local", DNS_A, "NOERROR; an A 10.96.0.7"},
	{"WEB.Default.SVC.cluster.LOCAL", DNS_A, "NOERROR; an A 10.96.0.7"},
	{"web.default.svc.cluster.local", DNS_AAAA, "NOERROR; an AAAA fd96::7"},
	{"web.default.svc.cluster.local", DNS_TXT, "NOERROR; au SOA"},
	{"web.default.svc.cluster.local", (enum dns_type)255, "NOERROR; au SOA"},
	{"kube-dns.kube-system.svc.cluster.local", DNS_AAAA, "NOERROR; au SOA"},
	{"nope.default.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"web.nope.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"web.default.svc.cluster.local.default.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"www.example.com.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"www.example.com.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"default.svc.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"nope.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"svc.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"_http._tcp.web.default.svc.cluster.local", DNS_SRV,
	 "NOERROR; an SRV 0 100 80 web.default.svc.cluster.local.; ad A 10.96.0.7; ad AAAA fd96::7"},
	{"_HTTP._TCP.web.default.svc.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"_http._udp.web.default.svc.cluster.local", DNS_SRV, "NXDOMAIN; au SOA"},
	{"_nope._tcp.web.default.svc.cluster.local", DNS_SRV, "NXDOMAIN; au SOA"},
	{"_tcp.web.default.svc.cluster.local", DNS_SRV, "NOERROR; au SOA"},
	{"_udp.web.default.svc.cluster.local", DNS_SRV, "NXDOMAIN; au SOA"},
	{"web.default.svc.cluster.local", DNS_SRV,
	 "NOERROR; an SRV 0 100 80 web.default.svc.cluster.local.; an SRV 0 100 81 web.default.svc.cluster.local.; ad "
	 "A "
	 "10.96.0.7; ad AAAA fd96::7"},
	{"db.default.svc.cluster.local", DNS_A, "NOERROR; an A 10.244.1.2; an A 10.244.2.3"},
	{"db.default.svc.cluster.local", DNS_AAAA, "NOERROR; an AAAA fd44::9"},
	{"db-0.db.default.svc.cluster.local", DNS_A, "NOERROR; an A 10.244.1.2"},
	{"db-0.db.default.svc.cluster.local", DNS_AAAA, "NOERROR; au SOA"},
	{"10-244-2-3.db.default.svc.cluster.local", DNS_A, "NOERROR; an A 10.244.2.3"},
	{"fd44--9.db.default.svc.cluster.local", DNS_AAAA, "NOERROR; an AAAA fd44::9"},
	{"10-244-1-2.db.default.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"_peer._tcp.db.default.svc.cluster.local", DNS_SRV,
	 "NOERROR; an SRV 0 33 2380 db-0.db.default.svc.cluster.local.; an SRV 0 33 2380 "
	 "10-244-2-3.db.default.svc.cluster.local.; an SRV 0 33 2380 fd44--9.db.default.svc.cluster.local.; ad A "
	 "10.244.1.2; ad A 10.244.2.3; ad AAAA fd44::9"},
	{"empty.default.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"out.default.svc.cluster.local", DNS_A, "CHASE www.example.com."},
	{"out.default.svc.cluster.local", DNS_CNAME, "NOERROR; an CNAME www.example.com."},
	{"x.out.default.svc.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"10-244-9-9.default.pod.cluster.local", DNS_A, "NOERROR; an A 10.244.9.9"},
	{"10-244-9-9.default.pod.cluster.local", DNS_AAAA, "NOERROR; au SOA"},
	{"fd44--1.default.pod.cluster.local", DNS_AAAA, "NOERROR; an AAAA fd44::1"},
	{"10-244-9-9.nope.pod.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"10-244-9-999.default.pod.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"hello.default.pod.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"default.pod.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"pod.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"dns-version.cluster.local", DNS_TXT, "NOERROR; an TXT \"1.1.0\""},
	{"dns-version.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"cluster.local", DNS_SOA, "NOERROR; an SOA"},
	{"cluster.local", DNS_NS, "NOERROR; an NS ns.dns.cluster.local.; ad A 10.96.0.10"},
	{"cluster.local", DNS_A, "NOERROR; au SOA"},
	{"ns.dns.cluster.local", DNS_A, "NOERROR; an A 10.96.0.10"},
	{"dns.cluster.local", DNS_A, "NOERROR; au SOA"},
	{"x.dns.cluster.local", DNS_A, "NXDOMAIN; au SOA"},
	{"7.0.96.10.in-addr.arpa", DNS_PTR, "NOERROR; an PTR web.default.svc.cluster.local."},
	{"7.0.96.10.in-addr.arpa", DNS_A, "NOERROR"},
	{"2.1.244.10.in-addr.arpa", DNS_PTR, "NOERROR; an PTR db-0.db.default.svc.cluster.local."},
	{"3.2.244.10.in-addr.arpa", DNS_PTR, "NOERROR; an PTR 10-244-2-3.db.default.svc.cluster.local."},
	{"9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.d.f.ip6.arpa", DNS_PTR,
	 "NOERROR; an PTR fd44--9.db.default.svc.cluster.local."},
	{"1.1.1.1.in-addr.arpa", DNS_PTR, "FORWARD"},
	{"256.1.1.1.in-addr.arpa", DNS_PTR, "FORWARD"},
	{"example.com", DNS_A, "FORWARD"},
	{"local", DNS_A, "FORWARD"},
	{"xcluster.local", DNS_A, "FORWARD"},
	{"", DNS_NS, "FORWARD"},
};

static void print_records(const ldns_rr_list *list, const char *section, struct buf *out)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		char *type = ldns_rr_type2str(ldns_rr_get_type(rr));

		buf_printf(out, "; %s %s", section, type);
		free(type);
		for (size_t d = 0; d < ldns_rr_rd_count(rr) && ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA; d++) {
			char *text = ldns_rdf2str(ldns_rr_rdf(rr, d));

			buf_printf(out, " %s", text);
			free(text);
		}
	}
}

/* What the other implementation reads in our bytes. */
static void print_answer(const uint8_t *data, size_t size, struct buf *out)
{
	ldns_pkt *packet;
	char *rcode;

	assert_int_equal(ldns_wire2pkt(&packet, data, size), LDNS_STATUS_OK);
	rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(packet));
	buf_c(out, rcode);
	free(rcode);
	print_records(ldns_pkt_answer(packet), "an", out);
	print_records(ldns_pkt_authority(packet), "au", out);
	print_records(ldns_pkt_additional(packet), "ad", out);
	ldns_pkt_free(packet);
}

struct asked {
	struct dns_zone zone;
	struct ip_address server;
	struct dns_question question;
	uint8_t data[DNS_EDNS_SIZE];
	size_t size;
	struct buf text;
};

static void ask(struct asked *asked, const struct dns_records *records, const char *name, uint16_t type, size_t limit,
		bool edns)
{
	struct dns_writer writer;
	struct dns_name target;
	enum dns_rcode rcode;
	enum dns_outcome outcome;

	*asked = (struct asked){.server = address("10.96.0.10")};
	assert_int_equal(dns_zone_init(&asked->zone, STR("cluster.local"), 5), 0);
	asked->zone.servers = (struct dns_address_slice){&asked->server, 1};
	asked->question =
		(struct dns_question){.id = 0x1234, .flags = DNS_RD, .type = type, .klass = DNS_IN, .edns = edns};
	assert_int_equal(dns_name_parse(str_from(name), &asked->question.name), 0);
	buf_init(&asked->text, 1 << 16);
	dns_writer_init(&writer, asked->data, limit, &asked->question);
	outcome = dns_answer(&asked->zone, records, &asked->question, &writer, &rcode, &target);
	if (outcome == DNS_OUTCOME_FORWARD) {
		buf_c(&asked->text, "FORWARD");
		return;
	}
	asked->size = dns_writer_finish(&writer, &asked->question, rcode, DNS_AA | DNS_RA);
	if (outcome == DNS_OUTCOME_CHASE) {
		struct dns_labels labels;

		dns_labels_of(&target, &labels);
		buf_c(&asked->text, "CHASE ");
		SLICE_FOREACH (label, labels)
			buf_printf(&asked->text, STR_FMT ".", STR_ARG(*label));
		return;
	}
	print_answer(asked->data, asked->size, &asked->text);
}

static void test_specification(void **state UNUSED)
{
	struct dns_records *records = make_records();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct asked asked;

		ask(&asked, records, cases[i].name, (uint16_t)cases[i].type, DNS_EDNS_SIZE, false);

		assert_string_equal(asked.text.data, cases[i].expected);
		buf_release(&asked.text);
	}
	dns_records_free(records);
}

static void test_before_the_first_snapshot(void **state UNUSED)
{
	struct asked asked;

	ask(&asked, NULL, "web.default.svc.cluster.local", DNS_A, 512, false);
	assert_string_equal(asked.text.data, "SERVFAIL");
	buf_release(&asked.text);
	ask(&asked, NULL, "example.com", DNS_A, 512, false);
	assert_string_equal(asked.text.data, "FORWARD");
	buf_release(&asked.text);
}

static void test_removal(void **state UNUSED)
{
	struct dns_records *records = make_records();
	struct asked asked;

	dns_records_remove_service(records, STR("default"), STR("web"));
	dns_records_remove_service(records, STR("default"), STR("db"));
	dns_records_remove_service(records, STR("default"), STR("nope"));
	dns_records_remove_namespace(records, STR("kube-system"));
	ask(&asked, records, "web.default.svc.cluster.local", DNS_A, 512, false);
	assert_string_equal(asked.text.data, "NXDOMAIN; au SOA");
	buf_release(&asked.text);
	ask(&asked, records, "7.0.96.10.in-addr.arpa", DNS_PTR, 512, false);
	assert_string_equal(asked.text.data, "FORWARD");
	buf_release(&asked.text);
	ask(&asked, records, "2.1.244.10.in-addr.arpa", DNS_PTR, 512, false);
	assert_string_equal(asked.text.data, "FORWARD");
	buf_release(&asked.text);
	ask(&asked, records, "kube-system.svc.cluster.local", DNS_A, 512, false);
	assert_string_equal(asked.text.data, "NXDOMAIN; au SOA");
	buf_release(&asked.text);
	dns_records_free(records);
}

/* Whole records or none, and the TC bit; never a byte over the limit. */
static void test_truncation(void **state UNUSED)
{
	struct dns_records *records = dns_records_new();
	struct dns_endpoint endpoints[100];
	struct ip_address addresses[100];
	struct dns_service service = {.ns = STR("d"), .name = STR("big"), .endpoints = {endpoints, 100}};

	for (size_t i = 0; i < 100; i++) {
		addresses[i] = address("10.244.0.1");
		addresses[i].bytes[3] = (uint8_t)i;
		endpoints[i] = (struct dns_endpoint){.addresses = {&addresses[i], 1}};
	}
	dns_records_put_service(records, &service);
	for (size_t limit = 100; limit < 600; limit++) {
		for (int edns = 0; edns < 2; edns++) {
			struct asked asked;
			ldns_pkt *packet;

			ask(&asked, records, "big.d.svc.cluster.local", DNS_A, limit, edns);
			assert_true(asked.size <= limit);
			assert_int_equal(ldns_wire2pkt(&packet, asked.data, asked.size), LDNS_STATUS_OK);
			assert_true(ldns_pkt_tc(packet) && ldns_pkt_aa(packet) && ldns_pkt_qr(packet));
			assert_int_equal(ldns_pkt_edns(packet), edns);
			/* Each record is 16 bytes with its name compressed; nothing but the last gap is wasted. */
			assert_true(limit - asked.size < 16);
			ldns_pkt_free(packet);
			buf_release(&asked.text);
		}
	}
	dns_records_free(records);
}

static void test_case_is_kept(void **state UNUSED)
{
	struct dns_records *records = make_records();
	struct asked asked;

	ask(&asked, records, "wEb.DeFaUlT.sVc.cluster.LOCAL", DNS_A, 512, false);
	assert_memory_equal(asked.data + 12, "\3wEb\7DeFaUlT\3sVc\7cluster\5LOCAL", 31);
	buf_release(&asked.text);
	dns_records_free(records);
}

/* A feed built from parts, in pieces of every size, gives the same answers. */
static void test_feed(void **state UNUSED)
{
	struct ip_address web[] = {address("10.96.0.7")}, pod[] = {address("10.244.1.2")};
	struct dns_port http[] = {{STR("http"), STR("tcp"), 80}};
	struct dns_endpoint endpoints[] = {{STR("db-0"), {pod, 1}, {http, 1}}};
	struct dns_service
		service = {.ns = STR("default"), .name = STR("web"), .cluster_ips = {web, 1}, .ports = {http, 1}},
		db = {.ns = STR("default"), .name = STR("db"), .ports = {http, 1}, .endpoints = {endpoints, 1}};
	struct buf cleanup_buf frames;

	buf_init(&frames, 1 << 16);
	dns_feed_begin(&frames);
	dns_feed_namespace(&frames, STR("default"), false);
	dns_feed_service(&frames, &service);
	dns_feed_service(&frames, &db);
	buf_append(&frames, "\0\0\0\2\x63?", 6); /* a type of a later release */
	dns_feed_end(&frames);
	for (size_t piece = 1; piece < frames.len; piece = piece * 2 + 1) {
		struct dns_records *records = NULL;
		struct error err = {0};
		struct dns_feed feed;
		struct asked asked;

		dns_feed_init(&feed);
		for (size_t at = 0; at < frames.len; at += piece) {
			assert_null(records);
			assert_int_equal(
				dns_feed_take(&feed, frames.data + at, MIN(piece, frames.len - at), &records, &err), 0);
		}
		ask(&asked, records, "_http._tcp.db.default.svc.cluster.local", DNS_SRV, 512, false);
		assert_string_equal(asked.text.data,
				    "NOERROR; an SRV 0 100 80 db-0.db.default.svc.cluster.local.; ad A 10.244.1.2");
		buf_release(&asked.text);
		dns_feed_release(&feed);
		dns_records_free(records);
	}
}

static void test_feed_updates_and_faults(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t size;
	} faults[] = {
		{"\0\0\0\0", 4},   {"\xff\0\0\0", 4},	   {"\0\0\0\1\2", 5}, /* an end without a beginning */
		{"\0\0\0\1\3", 5}, {"\0\0\0\4\3\0\2x", 8}, {"\0\0\0\3\5\xff\xff", 7},
	};
	struct ip_address web[] = {address("10.96.0.7")};
	struct dns_service service = {.ns = STR("default"), .name = STR("web"), .cluster_ips = {web, 1}};
	struct dns_records *records = NULL;
	struct buf cleanup_buf frames;
	struct error err = {0};
	struct dns_feed feed;

	buf_init(&frames, 1 << 16);
	dns_feed_begin(&frames);
	dns_feed_end(&frames);
	dns_feed_service(&frames, &service);
	dns_feed_init(&feed);
	assert_int_equal(dns_feed_take(&feed, frames.data, frames.len, &records, &err), 0);
	assert_non_null(dns_records_service(records, STR("default"), STR("web")));
	buf_clear(&frames);
	dns_feed_service_gone(&frames, STR("default"), STR("web"));
	dns_feed_namespace(&frames, STR("x"), false);
	dns_feed_namespace(&frames, STR("x"), true);
	assert_int_equal(dns_feed_take(&feed, frames.data, frames.len, &records, &err), 0);
	assert_null(dns_records_service(records, STR("default"), STR("web")));
	assert_false(dns_records_has_namespace(records, STR("x")));
	dns_feed_release(&feed);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		dns_feed_init(&feed);
		assert_int_equal(dns_feed_take(&feed, faults[i].bytes, faults[i].size, &records, &err),
				 -ERR_BAD_REQUEST);
		error_clear(&err);
		dns_feed_release(&feed);
	}
	dns_records_free(records);
}

static void test_questions(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t size;
		int result;
	} messages[] = {
		{"", 0, -EBADMSG},
		{"\1\2\0\0\0\1\0\0\0\0\0", 11, -EBADMSG},
		{"\1\2\x80\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19, -EBADMSG}, /* an answer */
		{"\1\2\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19, DNS_NOERROR},
		{"\1\2\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0", 18, DNS_FORMERR},
		{"\1\2\1\0\0\1\0\0\0\0\0\0\1a", 14, DNS_FORMERR},
		{"\1\2\1\0\0\0\0\0\0\0\0\0", 12, DNS_FORMERR},
		{"\1\2\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1a\0\0\1\0\1", 26, DNS_FORMERR},
		{"\1\2\x11\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19, DNS_NOTIMP},   /* a status request */
		{"\1\2\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", 18, DNS_FORMERR}, /* a pointer to itself */
		{"\1\2\1\0\0\1\0\0\0\0\0\0\x40"
		 "a\0\0\1\0\1",
		 19, DNS_FORMERR}, /* a label of a kind that never was */
		{"\1\2\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\4\xd0\0\0\x80\0\0\0", 30, DNS_NOERROR},
		{"\1\2\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\4\xd0\0\1\x80\0\0\0", 30, DNS_BADVERS},
		{"\1\2\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\4\xd0\0\0\x80\0\0\1", 30, DNS_FORMERR},
	};

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct dns_question question;

		assert_int_equal(dns_question_parse((const uint8_t *)messages[i].bytes, messages[i].size, &question),
				 messages[i].result);
	}
}

static void test_name_limits(void **state UNUSED)
{
	char label[70], name[300];
	struct dns_name out;

	memset(label, 'a', sizeof(label));
	assert_int_equal(dns_name_parse((struct str){label, 63}, &out), 0);
	assert_int_equal(dns_name_parse((struct str){label, 64}, &out), -EINVAL);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_int_equal(dns_name_parse((struct str){name, 253}, &out), 0);
	assert_int_equal(out.len, 255);
	assert_int_equal(dns_name_parse((struct str){name, 255}, &out), -EINVAL);
	assert_int_equal(dns_name_parse(STR("a..b"), &out), -EINVAL);
	assert_int_equal(dns_name_parse(STR(".a"), &out), -EINVAL);
	assert_int_equal(dns_name_parse(STR("a."), &out), 0);
	assert_int_equal(dns_name_parse(STR("."), &out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specification),
		cmocka_unit_test(test_before_the_first_snapshot),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_case_is_kept),
		cmocka_unit_test(test_feed),
		cmocka_unit_test(test_feed_updates_and_faults),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_name_limits),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
