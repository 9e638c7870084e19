/* Variables of services; see service_env.h. */
#include "kubelet/service_env.h"

#include "types/gen/core_v1.h"

struct listing {
	struct arena *arena;
	VEC_OF(struct runtime_pair) pairs;
};

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c == '-' ? '_' : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct str mapped(struct str s, char (*map)(char), struct arena *arena)
{
	char *out = arena_alloc(arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		out[i] = map(s.data[i]);
	out[s.len] = '\0';
	return (struct str){out, s.len};
}

static void add(struct listing *listing, struct str key, struct str value)
{
	vec_push(listing->arena, &listing->pairs, (struct runtime_pair){key, value});
}

/* DB_PORT_5432_TCP and what belongs to it. */
static void add_link(struct listing *listing, struct str prefix, const struct core_v1_service_port *port,
		     struct str host, bool first)
{
	struct arena *arena = listing->arena;
	struct str given = port->protocol.len ? port->protocol : STR("TCP");
	struct str protocol = mapped(given, lower, arena);
	bool brackets = str_index(host, ':') >= 0;
	struct str url = arena_printf(arena, STR_FMT "://%s" STR_FMT "%s:%d", STR_ARG(protocol), brackets ? "[" : "",
				      STR_ARG(host), brackets ? "]" : "", port->port);
	struct str own = arena_printf(arena, STR_FMT "_PORT_%d_" STR_FMT, STR_ARG(prefix), port->port,
				      STR_ARG(mapped(given, upper, arena)));

	if (first)
		add(listing, arena_concat(arena, prefix, STR("_PORT")), url);
	add(listing, own, url);
	add(listing, arena_concat(arena, own, STR("_PROTO")), protocol);
	add(listing, arena_concat(arena, own, STR("_PORT")), arena_printf(arena, "%d", port->port));
	add(listing, arena_concat(arena, own, STR("_ADDR")), host);
}

static void add_service(struct listing *listing, const struct core_v1_service *service)
{
	struct arena *arena = listing->arena;
	struct str prefix = mapped(service->metadata.name, upper, arena), host = service->spec.cluster_ip;

	add(listing, arena_concat(arena, prefix, STR("_SERVICE_HOST")), host);
	SLICE_FOREACH (port, service->spec.ports) {
		struct str number = arena_printf(arena, "%d", port->port);

		if (port == service->spec.ports.items)
			add(listing, arena_concat(arena, prefix, STR("_SERVICE_PORT")), number);
		if (port->name.len)
			add(listing,
			    arena_printf(arena, STR_FMT "_SERVICE_PORT_" STR_FMT, STR_ARG(prefix),
					 STR_ARG(mapped(port->name, upper, arena))),
			    number);
	}
	SLICE_FOREACH (port, service->spec.ports)
		add_link(listing, prefix, port, host, port == service->spec.ports.items);
}

static bool is_master(const struct core_v1_service *service)
{
	return str_eq(service->metadata.namespace, STR("default")) && str_eq(service->metadata.name, STR("kubernetes"));
}

static bool has_address(const struct core_v1_service *service)
{
	return service->spec.cluster_ip.len && !str_eq(service->spec.cluster_ip, STR("None"));
}

struct runtime_pairs service_env(struct object *const *services, size_t services_len, struct str namespace, bool links,
				 struct arena *arena)
{
	struct listing listing = {.arena = arena};
	const struct core_v1_service *master = NULL;
	bool hidden = false;

	for (size_t i = 0; i < services_len; i++) {
		const struct core_v1_service *service = OBJECT_AS(core_v1_service, services[i]);

		if (!has_address(service))
			continue;
		if (links && str_eq(service->metadata.namespace, namespace)) {
			add_service(&listing, service);
			hidden = hidden || str_eq(service->metadata.name, STR("kubernetes"));
		} else if (is_master(service)) {
			master = service;
		}
	}
	if (master && !hidden)
		add_service(&listing, master);
	return (struct runtime_pairs){listing.pairs.items, listing.pairs.len};
}
