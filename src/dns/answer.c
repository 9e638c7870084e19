/*
 * Kubernetes' DNS specification; see answer.h.
 *
 * A name's labels left of the zone are taken from the right: svc or pod, the namespace, the service, and what is before
 * it.  Each stage either answers or says that there is no such name; a name that has others below it exists, without
 * data.
 */
#include "dns/answer.h"

#include <arpa/inet.h>

#define SCHEMA_VERSION	   "1.1.0"
#define SCHEMA_VERSION_TTL 28800

struct answer {
	const struct dns_zone *zone;
	const struct dns_records *records;
	const struct dns_question *question;
	struct dns_writer *writer;
	struct dns_name *target; /* of a CNAME to be chased */
	bool found;		 /* the name exists */
	bool chase;
};

int dns_zone_init(struct dns_zone *zone, struct str name, uint32_t ttl)
{
	struct dns_name apex;

	if (name.len == 0 || dns_name_parse(name, &apex) < 0 || apex.len == 1)
		return -EINVAL;
	*zone = (struct dns_zone){.name = name, .apex = apex, .ttl = ttl};
	return 0;
}

static bool wants(const struct answer *a, enum dns_type type)
{
	return a->question->type == type;
}

/* A name in the zone from its labels, left to right, which are known to fit. */
static struct dns_name name_in_zone(const struct answer *a, const struct str *labels, size_t len)
{
	struct dns_name name = a->zone->apex;

	while (len > 0)
		if (!dns_name_prepend(&name, labels[--len]))
			break;
	return name;
}

static struct dns_name service_name(const struct answer *a, const struct dns_service *service)
{
	struct str labels[] = {service->name, service->ns, STR("svc")};

	return name_in_zone(a, labels, 3);
}

/* The hostname of an endpoint: its own, else the address with dashes. */
static struct str endpoint_hostname(const struct dns_endpoint *endpoint, char buffer[IP_TEXT_SIZE])
{
	if (endpoint->hostname.len > 0 || endpoint->addresses.len == 0)
		return endpoint->hostname;
	ip_format(&endpoint->addresses.items[0], buffer);
	for (char *c = buffer; *c; c++)
		if (*c == '.' || *c == ':')
			*c = '-';
	return str_from(buffer);
}

static struct dns_name endpoint_name(const struct answer *a, const struct dns_service *service,
				     const struct dns_endpoint *endpoint)
{
	char buffer[IP_TEXT_SIZE];
	struct str labels[] = {endpoint_hostname(endpoint, buffer), service->name, service->ns, STR("svc")};

	return name_in_zone(a, labels, 4);
}

static void put_addresses(struct answer *a, enum dns_section section, const struct dns_name *name,
			  struct dns_address_slice addresses, bool every)
{
	SLICE_FOREACH (address, addresses)
		if (every || wants(a, address->family == IP_V6 ? DNS_AAAA : DNS_A))
			dns_write_address(a->writer, section, name, a->zone->ttl, address);
}

static void answer_apex(struct answer *a)
{
	struct str labels[] = {STR("ns"), STR("dns")};
	struct dns_name server = name_in_zone(a, labels, 2);

	a->found = true;
	if (wants(a, DNS_NS)) {
		dns_write_name(a->writer, DNS_ANSWER, &a->question->name, DNS_NS, a->zone->ttl, &server);
		put_addresses(a, DNS_ADDITIONAL, &server, a->zone->servers, true);
	}
}

static bool port_matches(const struct dns_port *port, struct str name, struct str protocol)
{
	/* Labels have an underscore before them; an unnamed port has no record of its own. */
	return port->name.len > 0 && str_eq_nocase(str_from_at(name, 1), port->name) &&
	       str_eq_nocase(str_from_at(protocol, 1), port->protocol);
}

/* SRV records of the ports that match; without names, of all. */
static void put_srv(struct answer *a, const struct dns_service *service, struct str port_name, struct str protocol)
{
	bool headless = dns_service_is_headless(service), any = port_name.len == 0;
	struct dns_name target = service_name(a, service);
	uint16_t weight = 100;

	if (!headless) {
		SLICE_FOREACH (port, service->ports)
			if (any || port_matches(port, port_name, protocol))
				dns_write_srv(a->writer, &a->question->name, a->zone->ttl, 0, weight, port->port,
					      &target);
		put_addresses(a, DNS_ADDITIONAL, &target, service->cluster_ips, true);
		return;
	}
	weight = (uint16_t)(service->endpoints.len > 0 ? MAX(100 / service->endpoints.len, (size_t)1) : 1);
	SLICE_FOREACH (endpoint, service->endpoints) {
		target = endpoint_name(a, service, endpoint);
		SLICE_FOREACH (port, endpoint->ports)
			if (any || port_matches(port, port_name, protocol))
				dns_write_srv(a->writer, &a->question->name, a->zone->ttl, 0, weight, port->port,
					      &target);
	}
	SLICE_FOREACH (endpoint, service->endpoints) {
		target = endpoint_name(a, service, endpoint);
		put_addresses(a, DNS_ADDITIONAL, &target, endpoint->addresses, true);
	}
}

static void answer_external(struct answer *a, const struct dns_service *service)
{
	if (dns_name_parse(service->external_name, a->target) < 0)
		return;
	a->found = true;
	dns_write_name(a->writer, DNS_ANSWER, &a->question->name, DNS_CNAME, a->zone->ttl, a->target);
	a->chase = !wants(a, DNS_CNAME);
}

static void answer_service(struct answer *a, const struct dns_service *service)
{
	if (dns_service_is_external(service)) {
		answer_external(a, service);
		return;
	}
	/* A headless service is its endpoints: without any it is no name (schema 2.4.1). */
	a->found = !dns_service_is_headless(service) || service->endpoints.len > 0;
	put_addresses(a, DNS_ANSWER, &a->question->name, service->cluster_ips, false);
	if (dns_service_is_headless(service))
		SLICE_FOREACH (endpoint, service->endpoints)
			put_addresses(a, DNS_ANSWER, &a->question->name, endpoint->addresses, false);
	if (wants(a, DNS_SRV))
		put_srv(a, service, STR_EMPTY, STR_EMPTY);
}

static bool has_port(const struct dns_service *service, struct str name, struct str protocol)
{
	SLICE_FOREACH (port, service->ports)
		if (name.len ? port_matches(port, name, protocol)
			     : port->name.len > 0 && str_eq_nocase(str_from_at(protocol, 1), port->protocol))
			return true;
	SLICE_FOREACH (endpoint, service->endpoints)
		SLICE_FOREACH (port, endpoint->ports)
			if (name.len ? port_matches(port, name, protocol)
				     : port->name.len > 0 && str_eq_nocase(str_from_at(protocol, 1), port->protocol))
				return true;
	return false;
}

/* <hostname>.<service>, or the empty name _<protocol>.<service>. */
static void answer_endpoint(struct answer *a, const struct dns_service *service, struct str label)
{
	char buffer[IP_TEXT_SIZE];

	if (label.data[0] == '_') {
		a->found = has_port(service, STR_EMPTY, label);
		return;
	}
	SLICE_FOREACH (endpoint, service->endpoints) {
		if (!str_eq_nocase(endpoint_hostname(endpoint, buffer), label))
			continue;
		a->found = true;
		put_addresses(a, DNS_ANSWER, &a->question->name, endpoint->addresses, false);
	}
}

static void answer_port(struct answer *a, const struct dns_service *service, struct str port, struct str protocol)
{
	if (port.data[0] != '_' || protocol.data[0] != '_' || !has_port(service, port, protocol))
		return;
	a->found = true;
	if (wants(a, DNS_SRV))
		put_srv(a, service, port, protocol);
}

/* Labels: [[port] protocol or hostname] service namespace "svc" */
static void answer_svc(struct answer *a, const struct str *labels, size_t len)
{
	const struct dns_service *service;

	if (len == 1 || (len == 2 && dns_records_has_namespace(a->records, labels[0]))) {
		a->found = true;
		return;
	}
	if (len < 3 || len > 5)
		return;
	service = dns_records_service(a->records, labels[len - 2], labels[len - 3]);
	if (!service)
		return;
	if (len == 3)
		answer_service(a, service);
	else if (dns_service_is_external(service))
		return;
	else if (len == 4)
		answer_endpoint(a, service, labels[0]);
	else
		answer_port(a, service, labels[0], labels[1]);
}

/* "1-2-3-4" or "fd00--1" */
static bool parse_dashed(struct str label, struct ip_address *ret)
{
	char text[IP_TEXT_SIZE];
	unsigned dashes = 0;
	bool v4 = true;

	if (label.len >= sizeof(text))
		return false;
	for (size_t i = 0; i < label.len; i++) {
		dashes += label.data[i] == '-';
		v4 &= label.data[i] != '-' || i == 0 || label.data[i - 1] != '-';
	}
	v4 &= dashes == 3;
	for (size_t i = 0; i < label.len; i++)
		text[i] = label.data[i] != '-' ? label.data[i] : v4 ? '.' : ':';
	return ip_parse((struct str){text, label.len}, ret) == 0;
}

/* Labels: [address] [namespace] "pod".  As upstream's default the address is taken from the name. */
static void answer_pod(struct answer *a, const struct str *labels, size_t len)
{
	struct ip_address address;

	if (len > 3 || (len > 1 && !dns_records_has_namespace(a->records, labels[len - 2])))
		return;
	if (len < 3) {
		a->found = true;
	} else if (parse_dashed(labels[0], &address)) {
		a->found = true;
		put_addresses(a, DNS_ANSWER, &a->question->name, (struct dns_address_slice){&address, 1}, false);
	}
}

/* dns-version, dns, ns.dns: names of the server itself. */
static bool answer_self(struct answer *a, const struct str *labels, size_t len)
{
	if (len == 1 && str_eq(labels[0], STR("dns-version"))) {
		a->found = true;
		if (wants(a, DNS_TXT))
			dns_write_txt(a->writer, &a->question->name, SCHEMA_VERSION_TTL, STR(SCHEMA_VERSION));
		return true;
	}
	if (!str_eq(labels[len - 1], STR("dns")))
		return false;
	a->found = len == 1 || (len == 2 && str_eq(labels[0], STR("ns")));
	if (len == 2 && a->found)
		put_addresses(a, DNS_ANSWER, &a->question->name, a->zone->servers, false);
	return true;
}

static void answer_in_zone(struct answer *a, const struct str *labels, size_t len)
{
	if (len == 0)
		answer_apex(a);
	else if (answer_self(a, labels, len))
		return;
	else if (str_eq(labels[len - 1], STR("svc")))
		answer_svc(a, labels, len);
	else if (str_eq(labels[len - 1], STR("pod")))
		answer_pod(a, labels, len);
}

static void put_soa(const struct answer *a, enum dns_section section)
{
	struct str server[] = {STR("ns"), STR("dns")}, mail[] = {STR("hostmaster")};
	struct dns_soa soa = {.mname = name_in_zone(a, server, 2),
			      .rname = name_in_zone(a, mail, 1),
			      .serial = 1,
			      .refresh = 7200,
			      .retry = 1800,
			      .expire = 86400,
			      .minimum = a->zone->ttl};

	dns_write_soa(a->writer, section, &a->zone->apex, a->zone->ttl, &soa);
}

static int hex_digit(struct str label)
{
	char c = label.len == 1 ? label.data[0] : 'x';

	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The address a reverse name stands for: 4.3.2.1.in-addr.arpa, or 32 digits and ip6.arpa. */
static bool parse_reverse(const struct dns_labels *labels, struct ip_address *ret)
{
	*ret = (struct ip_address){0};
	if (labels->len == 6 && str_eq(labels->items[4], STR("in-addr")) && str_eq(labels->items[5], STR("arpa"))) {
		ret->family = IP_V4;
		for (size_t i = 0; i < 4; i++) {
			uint64_t byte;

			if (str_parse_uint64(labels->items[i], &byte) < 0 || byte > 255)
				return false;
			ret->bytes[3 - i] = (uint8_t)byte;
		}
		return true;
	}
	if (labels->len != 34 || !str_eq(labels->items[32], STR("ip6")) || !str_eq(labels->items[33], STR("arpa")))
		return false;
	ret->family = IP_V6;
	for (size_t i = 0; i < 32; i++) {
		int digit = hex_digit(labels->items[i]);

		if (digit < 0)
			return false;
		ret->bytes[15 - i / 2] |= (uint8_t)(digit << (i % 2 * 4));
	}
	return true;
}

/* False: nobody of ours. */
static bool answer_reverse(struct answer *a, const struct dns_labels *labels)
{
	struct dns_owner_slice owners = {0};
	struct ip_address address;

	if (a->records && parse_reverse(labels, &address))
		owners = dns_records_owners(a->records, &address);
	SLICE_FOREACH (owner, owners) {
		struct dns_name target = owner->endpoint ? endpoint_name(a, owner->service, owner->endpoint)
							 : service_name(a, owner->service);

		if (wants(a, DNS_PTR))
			dns_write_name(a->writer, DNS_ANSWER, &a->question->name, DNS_PTR, a->zone->ttl, &target);
	}
	return owners.len > 0;
}

/* How many labels are left of the zone; -1: not in it. */
static int labels_in_zone(const struct dns_zone *zone, const struct dns_labels *labels)
{
	struct dns_labels apex;

	dns_labels_of(&zone->apex, &apex);
	if (labels->len < apex.len)
		return -1;
	for (size_t i = 0; i < apex.len; i++)
		if (!str_eq(labels->items[labels->len - apex.len + i], apex.items[i]))
			return -1;
	return (int)(labels->len - apex.len);
}

enum dns_outcome dns_answer(const struct dns_zone *zone, const struct dns_records *records,
			    const struct dns_question *question, struct dns_writer *writer, enum dns_rcode *ret_rcode,
			    struct dns_name *ret_target)
{
	struct answer a = {zone, records, question, writer, ret_target, false, false};
	struct dns_labels labels;
	int left;

	*ret_rcode = DNS_NOERROR;
	if (question->klass != DNS_IN) {
		*ret_rcode = DNS_REFUSED;
		return DNS_OUTCOME_ANSWERED;
	}
	dns_labels_of(&question->name, &labels);
	left = labels_in_zone(zone, &labels);
	if (left < 0)
		return answer_reverse(&a, &labels) ? DNS_OUTCOME_ANSWERED : DNS_OUTCOME_FORWARD;
	if (!records) {
		*ret_rcode = DNS_SERVFAIL;
		return DNS_OUTCOME_ANSWERED;
	}
	answer_in_zone(&a, labels.items, (size_t)left);
	if (a.chase)
		return DNS_OUTCOME_CHASE;
	if (!a.found)
		*ret_rcode = DNS_NXDOMAIN;
	if (left == 0 && wants(&a, DNS_SOA))
		put_soa(&a, DNS_ANSWER);
	else if (writer->counts[DNS_ANSWER] == 0 && !writer->truncated)
		put_soa(&a, DNS_AUTHORITY);
	return DNS_OUTCOME_ANSWERED;
}
