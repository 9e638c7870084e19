/* Stale UDP entries of connection tracking; see conntrack.h. */
#include "proxy/conntrack.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

static uint8_t protocol_of(const struct proxy_element *element)
{
	/* Keys are 4-byte parts, the protocol among the last: [address] protocol port [slot]. */
	switch (element->set) {
	case PROXY_CLUSTER_IPS:
	case PROXY_HAIRPIN:
		return 0;
	case PROXY_ENDPOINTS:
	case PROXY_LOCAL_ENDPOINTS:
	case PROXY_DRAWS:
	case PROXY_LOCAL_DRAWS:
	case PROXY_STICKY:
	case PROXY_LOCAL_STICKY:
		return element->key[element->key_size - 12];
	default:
		return element->key[element->key_size - 8];
	}
}

static bool any_udp(const struct proxy_element *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (protocol_of(list[i]) == IPPROTO_UDP)
			return true;
	return false;
}

/* An addition too: a client may have sent to a front end before it was one, and its entry leads nowhere. */
bool proxy_conntrack_concerns(const struct proxy_plan *plan)
{
	return any_udp(plan->deleted, plan->deleted_len) || any_udp(plan->added, plan->added_len);
}

/* The key of a front end: [address] protocol port. */
static struct proxy_element front_key(const struct ip_address *address, uint16_t port, bool padded)
{
	static const uint8_t zeros[16];
	struct proxy_element element = {0};
	uint8_t protocol = IPPROTO_UDP;
	uint16_t number = htons(port);

	if (address)
		proxy_key_add(&element, padded ? zeros : address->bytes, ip_family_bits(address->family) / 8);
	proxy_key_add(&element, &protocol, 1);
	proxy_key_add(&element, &number, 2);
	return element;
}

static bool has_key(const struct proxy_elements *list, enum proxy_set set, const struct proxy_element *key)
{
	size_t at = proxy_elements_find(list, set, key->key, key->key_size);

	return at < list->len && list->items[at].set == set &&
	       memcmp(list->items[at].key, key->key, sizeof(key->key)) == 0;
}

static bool was_deleted(const struct proxy_plan *plan, enum proxy_set set, const struct proxy_element *key)
{
	for (size_t i = 0; i < plan->deleted_len; i++)
		if (plan->deleted[i]->set == set && memcmp(plan->deleted[i]->key, key->key, sizeof(key->key)) == 0)
			return true;
	return false;
}

/* Is @from:@from_port one of the endpoints behind this key? */
static bool leads_to(const struct proxy_elements *list, enum proxy_set set, const struct proxy_element *key,
		     const struct ip_address *from, uint16_t from_port)
{
	size_t size = ip_family_bits(from->family) / 8;
	uint16_t port = htons(from_port);

	for (size_t i = proxy_elements_find(list, set, key->key, key->key_size); i < list->len; i++) {
		const struct proxy_element *element = &list->items[i];

		if (element->set != set || memcmp(element->key, key->key, key->key_size) != 0)
			return false;
		if (memcmp(element->value, from->bytes, size) == 0 && memcmp(element->value + size, &port, 2) == 0)
			return true;
	}
	return false;
}

/* How a front end stands: its keys in the verdict maps and in the endpoint maps. */
struct stand {
	struct proxy_element verdict, endpoints;
	enum proxy_set common, local, rejected;
};

static bool stand_is_stale(const struct proxy_elements *wanted, const struct proxy_plan *plan,
			   const struct stand *stand, const struct ip_address *from, uint16_t from_port,
			   bool translated)
{
	static const enum proxy_set sets[] = {PROXY_ENDPOINTS, PROXY_STICKY, PROXY_LOCAL_ENDPOINTS, PROXY_LOCAL_STICKY};

	if (has_key(wanted, stand->common, &stand->verdict)) {
		for (size_t i = 0; i < ARRAY_LEN(sets); i++)
			if (leads_to(wanted, sets[i], &stand->endpoints, from, from_port))
				return false;
		return true;
	}
	if (has_key(wanted, stand->rejected, &stand->verdict))
		return true;
	return translated && (was_deleted(plan, stand->common, &stand->verdict) ||
			      was_deleted(plan, stand->rejected, &stand->verdict));
}

bool proxy_conntrack_is_stale(const struct proxy_elements *wanted, const struct proxy_plan *plan,
			      const struct ip_address *to, uint16_t to_port, bool to_is_local,
			      const struct ip_address *from, uint16_t from_port)
{
	bool translated = !ip_eq(to, from) || to_port != from_port;
	struct stand service = {front_key(to, to_port, false), front_key(to, to_port, false), PROXY_SERVICES,
				PROXY_LOCAL_SERVICES, PROXY_REJECTED};
	struct stand node = {front_key(NULL, to_port, false), front_key(to, to_port, true), PROXY_NODEPORTS,
			     PROXY_LOCAL_NODEPORTS, PROXY_REJECTED_NODEPORTS};

	if (stand_is_stale(wanted, plan, &service, from, from_port, translated))
		return true;
	return to_is_local && stand_is_stale(wanted, plan, &node, from, from_port, translated);
}

struct cleaner {
	const struct proxy_elements *wanted;
	const struct proxy_plan *plan;
	enum ip_family family;
	const struct ifaddrs *local;
	struct nfct_handle *deleter;
	size_t deleted;
	int failure; /* errno */
};

static struct ip_address attr_address(const struct nf_conntrack *ct, enum ip_family family, enum nf_conntrack_attr v4,
				      enum nf_conntrack_attr v6)
{
	struct ip_address address = {.family = family};
	const void *bytes = nfct_get_attr(ct, family == IP_V6 ? v6 : v4);

	if (bytes)
		memcpy(address.bytes, bytes, ip_family_bits(family) / 8);
	return address;
}

static bool is_local(const struct cleaner *cleaner, const struct ip_address *address)
{
	for (const struct ifaddrs *it = cleaner->local; it; it = it->ifa_next) {
		struct ip_address own;
		uint16_t port;

		if (it->ifa_addr && ip_from_sockaddr(it->ifa_addr, &own, &port) && ip_eq(&own, address))
			return true;
	}
	return false;
}

static int clean_entry(enum nf_conntrack_msg_type type UNUSED, struct nf_conntrack *ct, void *data)
{
	struct cleaner *cleaner = data;
	struct ip_address to, from;
	uint16_t to_port, from_port;

	if (nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO) != IPPROTO_UDP)
		return NFCT_CB_CONTINUE;
	to = attr_address(ct, cleaner->family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST);
	from = attr_address(ct, cleaner->family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC);
	to_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST));
	from_port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC));
	if (!proxy_conntrack_is_stale(cleaner->wanted, cleaner->plan, &to, to_port, is_local(cleaner, &to), &from,
				      from_port))
		return NFCT_CB_CONTINUE;
	if (nfct_query(cleaner->deleter, NFCT_Q_DESTROY, ct) == 0)
		cleaner->deleted++;
	else if (errno != ENOENT)
		cleaner->failure = errno;
	return NFCT_CB_CONTINUE;
}

int proxy_conntrack_clean(const struct proxy_elements *wanted, const struct proxy_plan *plan, enum ip_family family,
			  size_t *ret_deleted, struct error *err)
{
	struct cleaner cleaner = {.wanted = wanted, .plan = plan, .family = family};
	struct nfct_handle *reader = nfct_open(CONNTRACK, 0);
	uint32_t number = family == IP_V6 ? AF_INET6 : AF_INET;
	struct ifaddrs *local = NULL;

	cleaner.deleter = nfct_open(CONNTRACK, 0);
	if (!reader || !cleaner.deleter || getifaddrs(&local) < 0) {
		cleaner.failure = errno;
	} else {
		cleaner.local = local;
		nfct_callback_register(reader, NFCT_T_ALL, clean_entry, &cleaner);
		if (nfct_query(reader, NFCT_Q_DUMP, &number) < 0)
			cleaner.failure = errno;
	}
	if (local)
		freeifaddrs(local);
	if (reader)
		nfct_close(reader);
	if (cleaner.deleter)
		nfct_close(cleaner.deleter);
	if (cleaner.failure)
		return error_set_errno(err, cleaner.failure, "delete stale connection tracking entries");
	*ret_deleted += cleaner.deleted;
	return 0;
}
