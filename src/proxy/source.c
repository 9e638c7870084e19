/* Services and EndpointSlices as the engine wants them; see source.h. */
#include "proxy/source.h"

#include <netinet/in.h>

#define AFFINITY_SECONDS 10800 /* the API's default */

static uint8_t protocol_number(struct str protocol)
{
	if (str_eq(protocol, STR("UDP")))
		return IPPROTO_UDP;
	return str_eq(protocol, STR("SCTP")) ? IPPROTO_SCTP : IPPROTO_TCP;
}

static struct str str_or_empty(const struct str *s)
{
	return s ? *s : STR_EMPTY;
}

/* The words that are addresses, into a list; what is none ("None", "") is left out. */
static struct proxy_address_slice parse_all(struct arena *arena, struct str_slice words, struct str single)
{
	VEC_OF(struct ip_address) list = {0};
	struct ip_address address;

	SLICE_FOREACH (word, words)
		if (ip_parse(*word, &address) == 0)
			vec_push(arena, &list, address);
	if (words.len == 0 && ip_parse(single, &address) == 0)
		vec_push(arena, &list, address);
	return (struct proxy_address_slice){list.items, list.len};
}

static struct proxy_address_slice external_addresses(struct arena *arena, const struct core_v1_service *service)
{
	struct proxy_address_slice given = parse_all(arena, service->spec.external_ips, STR_EMPTY);
	VEC_OF(struct ip_address) list = {0};

	for (size_t i = 0; i < given.len; i++)
		vec_push(arena, &list, given.items[i]);
	if (str_eq(service->spec.type, STR("LoadBalancer")) && service->spec.load_balancer_source_ranges.len == 0)
		SLICE_FOREACH (ingress, service->status.load_balancer.ingress) {
			struct ip_address address;
			bool vip = !ingress->ip_mode || str_eq(*ingress->ip_mode, STR("VIP"));

			if (vip && ip_parse(ingress->ip, &address) == 0)
				vec_push(arena, &list, address);
		}
	return (struct proxy_address_slice){list.items, list.len};
}

static uint32_t affinity_seconds(const struct core_v1_service *service)
{
	const struct core_v1_session_affinity_config *config = service->spec.session_affinity_config;

	if (!str_eq(service->spec.session_affinity, STR("ClientIP")))
		return 0;
	if (!config || !config->client_ip || !config->client_ip->timeout_seconds)
		return AFFINITY_SECONDS;
	return (uint32_t)MAX(*config->client_ip->timeout_seconds, 1);
}

/* The number of a slice's port for a service port; 0: it has none. */
static uint16_t slice_port(const struct discovery_v1_endpoint_slice *slice, const struct core_v1_service_port *port)
{
	SLICE_FOREACH (it, slice->ports) {
		struct str protocol = it->protocol ? *it->protocol : STR("TCP");

		if (it->port && *it->port > 0 && *it->port < 65536 && str_eq(str_or_empty(it->name), port->name) &&
		    protocol_number(protocol) == protocol_number(port->protocol))
			return (uint16_t)*it->port;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct proxy_endpoint *left = a, *right = b;
	int order = ip_cmp(&left->address, &right->address);

	if (order)
		return order;
	if (left->port != right->port)
		return left->port < right->port ? -1 : 1;
	/* The better of two that are one endpoint comes first and stays. */
	return (right->ready - left->ready) * 2 + (right->serving - left->serving);
}

/* Sorted, so that the same endpoints make the same slots; an endpoint that is in two slices for a while counts once. */
static void settle(struct proxy_endpoint *items, size_t *len)
{
	size_t kept = 0;

	if (*len == 0)
		return;
	qsort(items, *len, sizeof(*items), by_address);
	for (size_t i = 1; i < *len; i++)
		if (!ip_eq(&items[kept].address, &items[i].address) || items[kept].port != items[i].port)
			items[++kept] = items[i];
	*len = kept + 1;
}

static void add_endpoints(const struct proxy_source *source, struct proxy_service *service,
			  const struct core_v1_service_port *port,
			  const struct discovery_v1_endpoint_slice *const *slices, size_t slices_len)
{
	VEC_OF(struct proxy_endpoint) list = {0};

	for (size_t i = 0; i < slices_len; i++) {
		uint16_t number = slice_port(slices[i], port);

		if (number == 0 || str_eq(slices[i]->address_type, STR("FQDN")))
			continue;
		SLICE_FOREACH (it, slices[i]->endpoints) {
			const struct discovery_v1_endpoint_conditions *conditions = &it->conditions;
			struct proxy_endpoint endpoint = {
				.port = number,
				.ready = !conditions->ready || *conditions->ready,
				.serving = !conditions->serving || *conditions->serving,
				.terminating = conditions->terminating && *conditions->terminating,
				.local = it->node_name && str_eq(*it->node_name, source->node_name)};

			/* All addresses of an endpoint are the same thing; the first is to be used. */
			if (it->addresses.len > 0 && ip_parse(it->addresses.items[0], &endpoint.address) == 0)
				vec_push(source->arena, &list, endpoint);
		}
	}
	settle(list.items, &list.len);
	service->endpoints = list.items;
	service->endpoints_len = list.len;
}

static bool is_local_policy(struct str policy)
{
	return str_eq(policy, STR("Local"));
}

void proxy_source_add(struct proxy_source *source, const struct core_v1_service *service,
		      const struct discovery_v1_endpoint_slice *const *slices, size_t slices_len)
{
	const struct core_v1_service_spec *spec = &service->spec;
	struct proxy_service common = {.affinity_seconds = affinity_seconds(service)};

	if (str_eq(spec->type, STR("ExternalName")))
		return;
	common.cluster_ips = parse_all(source->arena, spec->cluster_ips, spec->cluster_ip);
	if (common.cluster_ips.len == 0)
		return;
	common.external_ips = external_addresses(source->arena, service);
	if (is_local_policy(spec->external_traffic_policy))
		common.external_policy = PROXY_LOCAL;
	if (is_local_policy(str_or_empty(spec->internal_traffic_policy)))
		common.internal_policy = PROXY_LOCAL;
	SLICE_FOREACH (port, spec->ports) {
		struct proxy_service made = common;

		made.name = arena_printf(source->arena, STR_FMT "/" STR_FMT ":" STR_FMT,
					 STR_ARG(service->metadata.namespace), STR_ARG(service->metadata.name),
					 STR_ARG(port->name));
		made.protocol = protocol_number(port->protocol);
		made.port = (uint16_t)port->port;
		if (str_eq(spec->type, STR("NodePort")) || str_eq(spec->type, STR("LoadBalancer")))
			made.node_port = (uint16_t)port->node_port;
		add_endpoints(source, &made, port, slices, slices_len);
		vec_push(source->arena, &source->services, made);
	}
}
