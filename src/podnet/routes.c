/*
 * Routes to other nodes' pods (host-gw): a reconciler over the routes that bear our protocol number.
 *
 * The kernel's table is read each time, so routes that someone removed come back and those of a node that left go,
 * whoever made them in an earlier run.
 */
#include "podnet/podnet_internal.h"

static bool route_eq(const struct netlink_route *a, const struct netlink_route *b)
{
	return a->destination.length == b->destination.length &&
	       ip_eq(&a->destination.address, &b->destination.address) && ip_eq(&a->gateway, &b->gateway);
}

static bool same_destination(const struct netlink_route *a, const struct netlink_route *b)
{
	return a->destination.length == b->destination.length &&
	       ip_eq(&a->destination.address, &b->destination.address);
}

static bool has_route(struct netlink_route_slice routes, const struct netlink_route *route,
		      bool (*same)(const struct netlink_route *a, const struct netlink_route *b))
{
	SLICE_FOREACH (it, routes)
		if (same(it, route))
			return true;
	return false;
}

static const struct ip_address *address_of_family(const struct podnet_node *node, enum ip_family family)
{
	for (size_t i = 0; i < node->addresses_len; i++)
		if (node->addresses[i].family == family)
			return &node->addresses[i];
	return NULL;
}

void podnet_plan_routes(struct arena *arena, const char *own_name, const struct podnet_node *nodes, size_t len,
			struct netlink_route_slice present, struct podnet_route_plan *ret)
{
	VEC_OF(struct netlink_route) wanted = {0}, set = {0}, removed = {0};
	struct netlink_route_slice all;

	for (size_t i = 0; i < len; i++) {
		if (str_eq_c(nodes[i].name, own_name))
			continue;
		SLICE_FOREACH (cidr, nodes[i].pod_cidrs) {
			const struct ip_address *gateway = address_of_family(&nodes[i], cidr->address.family);

			if (gateway)
				vec_push(arena, &wanted,
					 (struct netlink_route){.destination = ip_prefix_masked(cidr),
								.gateway = *gateway,
								.protocol = PODNET_ROUTE_PROTOCOL});
		}
	}
	all = (struct netlink_route_slice){wanted.items, wanted.len};
	SLICE_FOREACH (route, wanted)
		if (!has_route(present, route, route_eq))
			vec_push(arena, &set, *route);
	/* A changed gateway is replaced by the setting; only destinations no longer wanted are removed. */
	SLICE_FOREACH (route, present)
		if (!has_route(all, route, same_destination))
			vec_push(arena, &removed, *route);
	ret->set = (struct netlink_route_slice){set.items, set.len};
	ret->remove = (struct netlink_route_slice){removed.items, removed.len};
}

static int keep_first(struct error *first, const struct error *err)
{
	return first->code == ERR_NONE ? error_pass(first, err) : -(int)first->code;
}

static int apply(struct netlink *nl, const struct podnet_route_plan *plan, struct error *err)
{
	int result = 0;

	SLICE_FOREACH (route, plan->remove) {
		struct error one = {0};

		if (netlink_route_delete(nl, route, &one) < 0)
			result = keep_first(err, &one);
	}
	SLICE_FOREACH (route, plan->set) {
		struct error one = {0};

		if (netlink_route_replace(nl, route, &one) < 0)
			result = keep_first(err, &one);
	}
	return result;
}

int podnet_sync_routes(struct podnet *net, const struct podnet_node *nodes, size_t len, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct netlink_route_slice present;
	struct podnet_route_plan plan;
	struct netlink *nl = NULL;
	int result;

	MUTEX_GUARD(&net->routes_lock);
	result = netlink_open(&nl, err);
	if (result == 0)
		result = netlink_route_list(nl, PODNET_ROUTE_PROTOCOL, &arena, &present, err);
	if (result == 0) {
		podnet_plan_routes(&arena, net->node_name, nodes, len, present, &plan);
		result = apply(nl, &plan, err);
	}
	netlink_close(nl);
	return result;
}
