/* From services to elements; see plan.h.  Which endpoints count follows the upstream proxy's rules (1.36). */
#include <netinet/in.h>

#include "proxy/plan.h"

/* The endpoints a policy leaves of a service, by family. */
struct chosen {
	const struct proxy_endpoint **items;
	size_t len;
};

struct builder {
	enum ip_family family;
	size_t address_size;
	struct proxy_elements *list;
	const struct proxy_service *service;
	struct chosen all, local;
	size_t cap; /* of both */
};

/* One way in: where its verdict and endpoints go. */
struct front {
	enum proxy_set verdicts, endpoints, draws, sticky;
	enum proxy_chain chain;
	const struct ip_address *address; /* NULL: a node port */
	uint16_t port;
};

static void choose(const struct builder *b, bool only_local, bool terminating, struct chosen *ret)
{
	const struct proxy_service *service = b->service;

	ret->len = 0;
	for (size_t i = 0; i < service->endpoints_len; i++) {
		const struct proxy_endpoint *endpoint = &service->endpoints[i];
		bool fits = terminating ? endpoint->serving && endpoint->terminating : endpoint->ready;

		if (fits && endpoint->address.family == b->family && (!only_local || endpoint->local))
			ret->items[ret->len++] = endpoint;
	}
}

/* Ready endpoints; when there is none, those that end but still serve: better than turning clients away. */
static void choose_endpoints(struct builder *b)
{
	size_t len = b->service->endpoints_len;

	if (len > b->cap) {
		b->cap = len;
		b->all.items = xrealloc_array(b->all.items, len, sizeof(*b->all.items));
		b->local.items = xrealloc_array(b->local.items, len, sizeof(*b->local.items));
	}
	choose(b, false, false, &b->all);
	if (b->all.len == 0)
		choose(b, false, true, &b->all);
	choose(b, true, false, &b->local);
	if (b->local.len == 0)
		choose(b, true, true, &b->local);
}

static void add_address(const struct builder *b, struct proxy_element *element, const struct ip_address *address)
{
	static const uint8_t zeros[16];

	proxy_key_add(element, address ? address->bytes : zeros, b->address_size);
}

static void add_port(const struct builder *b, struct proxy_element *element, uint16_t port)
{
	uint16_t number = htons(port);

	proxy_key_add(element, &b->service->protocol, 1);
	proxy_key_add(element, &number, 2);
}

static struct proxy_element *add_verdict(const struct builder *b, enum proxy_set set, const struct front *front)
{
	struct proxy_element *element = proxy_elements_add(b->list);

	element->set = (uint8_t)set;
	if (front->address)
		add_address(b, element, front->address);
	add_port(b, element, front->port);
	return element;
}

/* [address] protocol port number : endpoint's address and port, or nothing yet */
static struct proxy_element *add_numbered(const struct builder *b, enum proxy_set set, const struct front *front,
					  uint32_t number)
{
	struct proxy_element *element = proxy_elements_add(b->list);

	element->set = (uint8_t)set;
	element->kind = NFT_VALUE_DATA;
	add_address(b, element, front->address);
	add_port(b, element, front->port);
	proxy_key_add(element, &number, sizeof(number)); /* `mark` is in the host's order */
	return element;
}

static void add_destination(const struct builder *b, struct proxy_element *element,
			    const struct proxy_endpoint *endpoint)
{
	uint16_t port = htons(endpoint->port);

	proxy_value_add(element, endpoint->address.bytes, b->address_size);
	proxy_value_add(element, &port, 2);
}

/*
 * FNV-1a of address and port; the same in every run, as numbers live in the kernel across restarts.  The highest bit is
 * set: see balance.c.
 */
static uint32_t endpoint_number(const struct proxy_endpoint *endpoint)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < sizeof(endpoint->address.bytes); i++)
		hash = (hash ^ endpoint->address.bytes[i]) * UINT32_C(16777619);
	hash = (hash ^ (endpoint->port & 0xff)) * UINT32_C(16777619);
	hash = (hash ^ (endpoint->port >> 8)) * UINT32_C(16777619);
	return hash | UINT32_C(1) << 31;
}

/*
 * Should two endpoints of one front end have the same number, one in two thousand million, the first one's
 * destination stands for both: correct, if uneven.
 */
static void add_endpoints(const struct builder *b, const struct front *front, const struct chosen *chosen)
{
	for (uint32_t slot = 0; slot < chosen->len; slot++) {
		const struct proxy_endpoint *endpoint = chosen->items[slot];
		uint32_t number = endpoint_number(endpoint);

		if (!b->service->affinity_seconds) {
			add_destination(b, add_numbered(b, front->endpoints, front, slot), endpoint);
			continue;
		}
		proxy_value_add(add_numbered(b, front->draws, front, slot), &number, sizeof(number));
		add_destination(b, add_numbered(b, front->sticky, front, number), endpoint);
	}
}

/*
 * With endpoints: the verdict and the endpoints.  Without: dropped when the policy alone left none, for the client may
 * succeed elsewhere or later; rejected when there is none at all.
 */
static void add_front(const struct builder *b, const struct front *front, const struct chosen *chosen)
{
	struct proxy_element *element;

	if (chosen->len > 0) {
		element = add_verdict(b, front->verdicts, front);
		element->kind = NFT_VALUE_GOTO;
		element->target = (struct proxy_target){.kind = front->chain,
							.endpoints = (uint32_t)chosen->len,
							.affinity_seconds = b->service->affinity_seconds};
		add_endpoints(b, front, chosen);
	} else if (b->all.len > 0) {
		add_verdict(b, front->verdicts, front)->kind = NFT_VALUE_DROP;
	} else {
		element = add_verdict(b, front->address ? PROXY_REJECTED : PROXY_REJECTED_NODEPORTS, front);
		element->kind = NFT_VALUE_GOTO;
		element->target.kind = PROXY_CHAIN_REJECT;
	}
}

static void add_cluster_ip(const struct builder *b, const struct ip_address *address)
{
	struct front front = {PROXY_SERVICES,	   PROXY_ENDPOINTS, PROXY_DRAWS,     PROXY_STICKY,
			      PROXY_CHAIN_CLUSTER, address,	    b->service->port};
	struct proxy_element *element = proxy_elements_add(b->list);

	element->set = PROXY_CLUSTER_IPS;
	add_address(b, element, address);
	add_front(b, &front, b->service->internal_policy == PROXY_LOCAL ? &b->local : &b->all);
}

/* From inside the cluster an external address leads to every endpoint, whatever the policy. */
static void add_external(const struct builder *b, const struct ip_address *address)
{
	struct front front = {PROXY_SERVICES,	    PROXY_ENDPOINTS, PROXY_DRAWS,     PROXY_STICKY,
			      PROXY_CHAIN_EXTERNAL, address,	     b->service->port};
	struct front local = {PROXY_LOCAL_SERVICES, PROXY_LOCAL_ENDPOINTS, PROXY_LOCAL_DRAWS,
			      PROXY_LOCAL_STICKY,   PROXY_CHAIN_LOCAL,	   address,
			      b->service->port};

	if (b->service->external_policy == PROXY_LOCAL)
		front.chain = PROXY_CHAIN_CLUSTER;
	add_front(b, &front, &b->all);
	if (b->service->external_policy == PROXY_LOCAL && b->all.len > 0)
		add_front(b, &local, &b->local);
}

static void add_node_port(const struct builder *b)
{
	struct front front = {PROXY_NODEPORTS,	    PROXY_ENDPOINTS, PROXY_DRAWS, PROXY_STICKY, PROXY_CHAIN_NODE, NULL,
			      b->service->node_port};
	struct front local = {PROXY_LOCAL_NODEPORTS, PROXY_LOCAL_ENDPOINTS,  PROXY_LOCAL_DRAWS,
			      PROXY_LOCAL_STICKY,    PROXY_CHAIN_LOCAL_NODE, NULL,
			      b->service->node_port};

	if (b->service->external_policy == PROXY_LOCAL)
		front.chain = PROXY_CHAIN_NODE_CLUSTER;
	add_front(b, &front, &b->all);
	if (b->service->external_policy == PROXY_LOCAL && b->all.len > 0)
		add_front(b, &local, &b->local);
}

/* A pod that is led to itself must see the host as its peer, or it would answer itself past us. */
static void add_hairpins(const struct builder *b)
{
	for (size_t i = 0; i < b->local.len; i++) {
		struct proxy_element *element = proxy_elements_add(b->list);

		element->set = PROXY_HAIRPIN;
		add_address(b, element, &b->local.items[i]->address);
		add_address(b, element, &b->local.items[i]->address);
	}
}

static bool has_family(const struct proxy_service *service, enum ip_family family)
{
	for (size_t i = 0; i < service->cluster_ips.len; i++)
		if (service->cluster_ips.items[i].family == family)
			return true;
	return false;
}

static void add_service(struct builder *b)
{
	const struct proxy_service *service = b->service;

	if (!has_family(service, b->family))
		return;
	choose_endpoints(b);
	for (size_t i = 0; i < service->cluster_ips.len; i++)
		if (service->cluster_ips.items[i].family == b->family)
			add_cluster_ip(b, &service->cluster_ips.items[i]);
	for (size_t i = 0; i < service->external_ips.len; i++)
		if (service->external_ips.items[i].family == b->family)
			add_external(b, &service->external_ips.items[i]);
	if (service->node_port)
		add_node_port(b);
	add_hairpins(b);
}

static int by_name(const void *a, const void *b)
{
	const struct proxy_service *const *left = a, *const *right = b;

	return str_cmp((*left)->name, (*right)->name);
}

void proxy_want(const struct proxy_service *services, size_t len, enum ip_family family, struct proxy_elements *ret)
{
	struct builder b = {.family = family, .address_size = ip_family_bits(family) / 8, .list = ret};
	const struct proxy_service **sorted = xcalloc(len + 1, sizeof(struct proxy_service *));

	for (size_t i = 0; i < len; i++)
		sorted[i] = &services[i];
	qsort(sorted, len, sizeof(*sorted), by_name);
	for (size_t i = 0; i < len; i++) {
		b.service = sorted[i];
		add_service(&b);
	}
	proxy_elements_sort(ret);
	free(sorted);
	free(b.all.items);
	free(b.local.items);
}
