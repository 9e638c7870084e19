/*
 * The node's own nftables table for its pods: masquerade for what leaves the cluster, and host ports.
 *
 * The table is loaded whole at open, host ports of adopted pods included, in one transaction; afterwards only elements
 * change.  Ports are looked up by address first, then for every local address.  Loopback is left out: a connection from
 * 127.0.0.1 cannot be led to another host, for the kernel drops such packets on a real link.
 */
#include <netinet/in.h>

#include "podnet/podnet_internal.h"
#include "sys/nftables.h"

#define TABLE_TEXT_MAX (4 * 1024 * 1024)

static const char *set_name(enum ip_family family, bool any)
{
	if (any)
		return family == IP_V6 ? "ports6" : "ports4";
	return family == IP_V6 ? "address-ports6" : "address-ports4";
}

static void put_cidrs(struct buf *out, const char *word, struct ip_prefix_slice cidrs, enum ip_family family)
{
	char text[IP_PREFIX_TEXT_SIZE];
	bool any = false;

	SLICE_FOREACH (cidr, cidrs) {
		struct ip_prefix masked = ip_prefix_masked(cidr);

		if (cidr->address.family != family)
			continue;
		ip_prefix_format(&masked, text);
		buf_printf(out, "%s%s", any ? ", " : word, text);
		any = true;
	}
	if (any)
		buf_c(out, " } ");
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

static const struct ip_address *pod_address(const struct podnet_record *record, enum ip_family family)
{
	for (size_t i = 0; i < record->attachment.len; i++)
		if (record->attachment.addresses[i].family == family)
			return &record->attachment.addresses[i];
	return NULL;
}

/* Does this port make an element in that set? */
static const struct ip_address *port_target(const struct podnet_record *record, const struct podnet_host_port *port,
					    enum ip_family family, bool any)
{
	if ((port->host_address.family == IP_NONE) != any || (!any && port->host_address.family != family))
		return NULL;
	return pod_address(record, family);
}

static void put_port_map(const struct podnet *net, struct buf *out, enum ip_family family, bool any)
{
	const char *type = family == IP_V6 ? "ipv6_addr" : "ipv4_addr", *between = "elements = { ";
	char host[IP_TEXT_SIZE], pod[IP_TEXT_SIZE];

	buf_printf(out, "\tmap %s {\n\t\ttype %s%sinet_proto . inet_service : %s . inet_service\n\t\t",
		   set_name(family, any), any ? "" : type, any ? "" : " . ", type);
	MAP_FOREACH (entry, &net->pods) {
		const struct podnet_record *record = entry->value;

		for (size_t i = 0; i < record->ports_len; i++) {
			const struct podnet_host_port *port = &record->ports[i];
			const struct ip_address *target = port_target(record, port, family, any);

			if (!target)
				continue;
			ip_format(target, pod);
			ip_format(&port->host_address, host);
			buf_printf(out, "%s%s%s%s . %u : %s . %u", between, any ? "" : host, any ? "" : " . ",
				   protocol_name(port->protocol), port->host_port, pod, port->container_port);
			between = ",\n\t\t\t";
		}
	}
	buf_c(out, between[0] == ',' ? " }\n\t}\n" : "\n\t}\n");
}

static void put_own_set(const struct podnet *net, struct buf *out, enum ip_family family)
{
	const char *type = family == IP_V6 ? "ipv6_addr" : "ipv4_addr", *between = "elements = { ";
	char text[IP_TEXT_SIZE];

	buf_printf(out, "\tset hairpin%d {\n\t\ttype %s . %s\n\t\t", family == IP_V6 ? 6 : 4, type, type);
	MAP_FOREACH (entry, &net->pods) {
		const struct podnet_record *record = entry->value;
		const struct ip_address *address = pod_address(record, family);

		if (record->ports_len == 0 || !address)
			continue;
		ip_format(address, text);
		buf_printf(out, "%s%s . %s", between, text, text);
		between = ",\n\t\t\t";
	}
	buf_c(out, between[0] == ',' ? " }\n\t}\n" : "\n\t}\n");
}

static void put_family(const struct podnet *net, struct buf *out, enum ip_family family)
{
	put_port_map(net, out, family, true);
	put_port_map(net, out, family, false);
	put_own_set(net, out, family);
}

static bool has_family(struct ip_prefix_slice cidrs, enum ip_family family)
{
	SLICE_FOREACH (cidr, cidrs)
		if (cidr->address.family == family)
			return true;
	return false;
}

void podnet_table_text(const struct podnet *net, struct buf *out)
{
	const char *table = net->names.table;

	buf_printf(out, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
	buf_c(out, "\tcomment \"pod network\"\n");
	put_family(net, out, IP_V4);
	put_family(net, out, IP_V6);
	buf_c(out, "\tchain host-ports {\n"
		   "\t\tip daddr 127.0.0.0/8 return\n"
		   "\t\tip6 daddr ::1 return\n"
		   "\t\tdnat ip to ip daddr . meta l4proto . th dport map @address-ports4\n"
		   "\t\tdnat ip to meta l4proto . th dport map @ports4\n"
		   "\t\tdnat ip6 to ip6 daddr . meta l4proto . th dport map @address-ports6\n"
		   "\t\tdnat ip6 to meta l4proto . th dport map @ports6\n"
		   "\t}\n"
		   "\tchain prerouting {\n"
		   "\t\ttype nat hook prerouting priority -105; policy accept;\n"
		   "\t\tfib daddr type local jump host-ports\n"
		   "\t}\n"
		   "\tchain output {\n"
		   "\t\ttype nat hook output priority -105; policy accept;\n"
		   "\t\tfib daddr type local jump host-ports\n"
		   "\t}\n"
		   "\tchain postrouting {\n"
		   "\t\ttype nat hook postrouting priority 100; policy accept;\n"
		   "\t\tct status dnat ip saddr . ip daddr @hairpin4 masquerade fully-random\n"
		   "\t\tct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade fully-random\n");
	for (size_t i = 0; i < net->cidrs_len; i++) {
		enum ip_family family = net->cidrs[i].cidr.address.family;
		struct ip_prefix_slice own = {&net->cidrs[i].cidr, 1};

		buf_c(out, "\t\t");
		put_cidrs(out, family == IP_V6 ? "ip6 saddr { " : "ip saddr { ", own, family);
		put_cidrs(out, family == IP_V6 ? "ip6 daddr != { " : "ip daddr != { ",
			  has_family(net->cluster_cidrs, family) ? net->cluster_cidrs : own, family);
		buf_c(out, family == IP_V6 ? "ip6 daddr != ff00::/8 " : "ip daddr != 224.0.0.0/4 ");
		buf_c(out, "masquerade fully-random\n");
	}
	buf_c(out, "\t}\n}\n");
}

int podnet_load_table(const struct podnet *net, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, TABLE_TEXT_MAX);
	podnet_table_text(net, &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "the host ports of this node's pods make too large a table");
	return nft_load(buf_view(&text), err);
}

static void put_key(struct nft_element *element, const void *data, size_t size)
{
	memcpy(element->key + element->key_size, data, size);
	element->key_size = (uint8_t)(element->key_size + (size + 3) / 4 * 4);
}

static void put_value(struct nft_element *element, const void *data, size_t size)
{
	memcpy(element->value + element->value_size, data, size);
	element->value_size = (uint8_t)(element->value_size + (size + 3) / 4 * 4);
}

static void change_port(struct nft_batch *batch, enum nft_verb verb, const struct podnet *net,
			const struct podnet_record *record, const struct podnet_host_port *port, enum ip_family family)
{
	bool any = port->host_address.family == IP_NONE;
	const struct ip_address *target = port_target(record, port, family, any);
	struct nft_set set = {NFT_FAMILY_INET, net->names.table, set_name(family, any)};
	uint16_t host_port = htons(port->host_port), container_port = htons(port->container_port);
	struct nft_element element = {.kind = NFT_VALUE_DATA};
	size_t size = family == IP_V6 ? 16 : 4;

	if (!target)
		return;
	if (!any)
		put_key(&element, port->host_address.bytes, size);
	put_key(&element, &port->protocol, 1);
	put_key(&element, &host_port, 2);
	put_value(&element, target->bytes, size);
	put_value(&element, &container_port, 2);
	nft_batch_element(batch, verb, &set, &element);
}

static void change_record(struct nft_batch *batch, enum nft_verb verb, const struct podnet *net,
			  const struct podnet_record *record)
{
	static const enum ip_family families[] = {IP_V4, IP_V6};

	if (!record || record->ports_len == 0)
		return;
	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		const struct ip_address *address = pod_address(record, families[f]);
		struct nft_set set = {NFT_FAMILY_INET, net->names.table,
				      families[f] == IP_V6 ? "hairpin6" : "hairpin4"};
		struct nft_element element = {0};

		for (size_t i = 0; i < record->ports_len; i++)
			change_port(batch, verb, net, record, &record->ports[i], families[f]);
		if (!address)
			continue;
		put_key(&element, address->bytes, families[f] == IP_V6 ? 16 : 4);
		put_key(&element, address->bytes, families[f] == IP_V6 ? 16 : 4);
		nft_batch_element(batch, verb, &set, &element);
	}
}

int podnet_change_ports(const struct podnet *net, const struct podnet_record *old, const struct podnet_record *wanted,
			struct error *err)
{
	struct nft_batch *batch;
	struct nft *nft = NULL;
	int result = 0;

	if ((!old || old->ports_len == 0) && (!wanted || wanted->ports_len == 0))
		return 0;
	batch = nft_batch_new();
	change_record(batch, NFT_DELETE, net, old);
	change_record(batch, NFT_ADD, net, wanted);
	result = nft_open(&nft, err);
	if (result == 0)
		result = nft_batch_commit(nft, batch, err);
	nft_close(nft);
	nft_batch_free(batch);
	return result;
}
