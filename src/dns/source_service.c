/* A service of the API as DNS knows it; see source.h. */
#include "base/map.h"
#include "dns/source.h"

static struct str lower(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		copy[i] = s.data[i] >= 'A' && s.data[i] <= 'Z' ? (char)(s.data[i] | 0x20) : s.data[i];
	copy[s.len] = '\0';
	return (struct str){copy, s.len};
}

static struct dns_address_slice parse_all(struct arena *arena, struct str_slice words)
{
	VEC_OF(struct ip_address) list = {0};
	struct ip_address address;

	SLICE_FOREACH (word, words)
		if (ip_parse(*word, &address) == 0)
			vec_push(arena, &list, address);
	return (struct dns_address_slice){list.items, list.len};
}

static struct dns_port_slice service_ports(struct arena *arena, const struct core_v1_service *service)
{
	VEC_OF(struct dns_port) list = {0};

	SLICE_FOREACH (port, service->spec.ports)
		vec_push(arena, &list,
			 (struct dns_port){port->name, lower(arena, port->protocol), (uint16_t)port->port});
	return (struct dns_port_slice){list.items, list.len};
}

static struct dns_port_slice slice_ports(struct arena *arena, const struct discovery_v1_endpoint_slice *slice)
{
	VEC_OF(struct dns_port) list = {0};

	SLICE_FOREACH (port, slice->ports)
		if (port->port)
			vec_push(arena, &list,
				 (struct dns_port){port->name ? *port->name : STR_EMPTY,
						   port->protocol ? lower(arena, *port->protocol) : STR("tcp"),
						   (uint16_t)*port->port});
	return (struct dns_port_slice){list.items, list.len};
}

/* Has this endpoint been met in another slice?  On its move from one to another it is in both for a moment. */
static bool is_repeated(struct map *seen, struct arena *arena, const struct dns_endpoint *endpoint)
{
	char text[IP_TEXT_SIZE];
	struct str key;

	ip_format(&endpoint->addresses.items[0], text);
	key = arena_printf(arena, "%s " STR_FMT, text, STR_ARG(endpoint->hostname));
	if (map_get(seen, key))
		return true;
	map_set(seen, key, seen);
	return false;
}

static struct dns_endpoint_slice endpoints_of(struct arena *arena,
					      const struct discovery_v1_endpoint_slice *const *slices,
					      size_t slices_len)
{
	VEC_OF(struct dns_endpoint) list = {0};
	struct map seen = {0};

	for (size_t i = 0; i < slices_len; i++) {
		struct dns_port_slice ports = slice_ports(arena, slices[i]);

		if (str_eq(slices[i]->address_type, STR("FQDN")))
			continue;
		SLICE_FOREACH (it, slices[i]->endpoints) {
			struct dns_endpoint endpoint = {.hostname = it->hostname ? *it->hostname : STR_EMPTY,
							.ports = ports};
			struct str_slice first = {it->addresses.items, MIN(it->addresses.len, (size_t)1)};

			if (it->conditions.ready && !*it->conditions.ready)
				continue;
			endpoint.addresses = parse_all(arena, first);
			if (endpoint.addresses.len > 0 && (slices_len == 1 || !is_repeated(&seen, arena, &endpoint)))
				vec_push(arena, &list, endpoint);
		}
	}
	map_release(&seen);
	return (struct dns_endpoint_slice){list.items, list.len};
}

struct dns_service dns_service_from(struct arena *arena, const struct core_v1_service *service,
				    const struct discovery_v1_endpoint_slice *const *slices, size_t slices_len)
{
	struct dns_service made = {.ns = service->metadata.namespace, .name = service->metadata.name};
	struct str_slice single = {&service->spec.cluster_ip, 1};

	if (str_eq(service->spec.type, STR("ExternalName"))) {
		made.external_name = service->spec.external_name;
		return made;
	}
	made.cluster_ips = parse_all(arena, service->spec.cluster_ips.len ? service->spec.cluster_ips : single);
	made.ports = service_ports(arena, service);
	if (dns_service_is_headless(&made))
		made.endpoints = endpoints_of(arena, slices, slices_len);
	return made;
}
