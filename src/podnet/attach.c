/*
 * Attaching pods, taking them off again, and their host ports; see podnet.h.
 *
 * Order matters for a crash at any point.  Attach: record on disk, then link.  Detach: host ports and link, then
 * record, then the address is free.  So an address without a record has no link, and every link has a record that a
 * later detach finds.
 */
#include "podnet/podnet_internal.h"

static void name_link(const struct podnet *net, struct str id, unsigned salt, char out[LINK_NAME_SIZE])
{
	uint32_t hash = UINT32_C(2166136261) + salt;

	for (size_t i = 0; i < id.len; i++)
		hash = (hash ^ (uint8_t)id.data[i]) * UINT32_C(16777619);
	snprintf(out, LINK_NAME_SIZE, "%.7s%08x", net->names.link_prefix, hash);
}

static bool link_is_used(const struct podnet *net, const char *link)
{
	MAP_FOREACH (entry, &net->pods) {
		const struct podnet_record *record = entry->value;

		if (strcmp(record->attachment.link, link) == 0)
			return true;
	}
	return false;
}

static void give_back(struct podnet *net, const struct podnet_attachment *at)
{
	for (size_t a = 0; a < at->len; a++)
		for (size_t i = 0; i < net->cidrs_len; i++)
			ipam_give(&net->cidrs[i], &at->addresses[a]);
}

static void fill_gateways(const struct podnet *net, struct podnet_attachment *at)
{
	for (size_t a = 0; a < at->len; a++)
		for (size_t i = 0; i < net->cidrs_len; i++)
			if (net->cidrs[i].cidr.address.family == at->addresses[a].family)
				at->gateways[a] = ipam_gateway(&net->cidrs[i]);
}

/* Under the lock: a record for a new container, in the map and on disk. */
static int allocate(struct podnet *net, struct str id, struct podnet_record **ret, struct error *err)
{
	struct podnet_record *record = XNEW(struct podnet_record);
	struct podnet_attachment *at = &record->attachment;
	int result = 0;

	memcpy(at->id, id.data, id.len);
	for (unsigned salt = 0; salt == 0 || link_is_used(net, at->link); salt++)
		name_link(net, id, salt, at->link);
	for (size_t i = 0; i < net->cidrs_len && result == 0; i++) {
		if (ipam_take(&net->cidrs[i], &at->addresses[at->len]) == 0)
			at->len++;
		else
			result =
				error_set(err, ERR_SERVICE_UNAVAILABLE, "no free address left in the node's pod range");
	}
	if (result == 0)
		result = podnet_state_write(net->state_dir, record, err);
	if (result < 0) {
		give_back(net, at);
		free(record);
		return result;
	}
	fill_gateways(net, at);
	map_set(&net->pods, str_from(at->id), record);
	*ret = record;
	return 0;
}

/* Under the lock.  The record's memory goes with it. */
static int forget(struct podnet *net, struct podnet_record *record, struct error *err)
{
	int result = podnet_state_remove(net->state_dir, record->attachment.id, err);

	if (result < 0)
		return result;
	give_back(net, &record->attachment);
	map_remove(&net->pods, str_from(record->attachment.id));
	free(record);
	return 0;
}

struct pod_link {
	const struct podnet *net;
	const struct podnet_attachment *at;
};

/* In the pod's namespace, so that sysctls are the pod's. */
static int quiet_ipv6(void *data, struct error *err)
{
	const struct pod_link *link = data;
	bool v6 = false;

	for (size_t i = 0; i < link->at->len; i++)
		v6 |= link->at->addresses[i].family == IP_V6;
	/* A pod without an IPv6 address has no use for a link-local one and its announcements. */
	return podnet_ipv6_setting(PODNET_LINK, v6 ? "accept_dad" : "disable_ipv6", v6 ? "0" : "1", err);
}

static unsigned prefix_length(const struct podnet *net, const struct ip_address *address)
{
	for (size_t i = 0; i < net->cidrs_len; i++)
		if (net->cidrs[i].cidr.address.family == address->family)
			return net->cidrs[i].cidr.length;
	return ip_family_bits(address->family);
}

static int configure_inside(const struct podnet *net, struct netlink *pod, const struct podnet_attachment *at,
			    struct error *err)
{
	struct netlink_link lo, eth;

	if (netlink_link_get(pod, "lo", &lo, err) < 0 || netlink_link_get(pod, PODNET_LINK, &eth, err) < 0 ||
	    netlink_link_up(pod, lo.index, err) < 0 || netlink_link_up(pod, eth.index, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < at->len; i++) {
		struct ip_prefix address = {at->addresses[i], prefix_length(net, &at->addresses[i])};
		struct netlink_route route = {.destination = {.address = {.family = at->addresses[i].family}},
					      .gateway = at->gateways[i],
					      .link = eth.index,
					      .protocol = 4 /* RTPROT_STATIC */};

		if (netlink_address_add(pod, eth.index, &address, err) < 0 ||
		    netlink_route_replace(pod, &route, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int make_link(const struct podnet *net, struct netlink *host, int netns_fd, const struct podnet_attachment *at,
		     struct error *err)
{
	struct netlink_veth veth = {.name = at->link,
				    .peer_name = PODNET_LINK,
				    .peer_netns_fd = netns_fd,
				    .master = net->bridge,
				    .mtu = net->mtu};
	struct pod_link link = {net, at};
	struct netlink *pod = NULL;
	int index, result;

	podnet_mac(&at->addresses[0], veth.peer_mac);
	result = netlink_veth_create(host, &veth, &index, err);
	if (result < 0)
		return result;
	/* A port of a bridge has no use for addresses of its own. */
	result = podnet_ipv6_setting(at->link, "disable_ipv6", "1", err);
	if (result == 0)
		result = netns_call(netns_fd, quiet_ipv6, &link, err);
	if (result >= 0)
		result = netlink_open_in(netns_fd, &pod, err);
	if (result == 0)
		result = configure_inside(net, pod, at, err);
	netlink_close(pod);
	if (result < 0) {
		struct error ignored = {0};

		/* The first failure is the one to tell; a link that stays is found by the next detach or reset. */
		if (netlink_link_delete(host, at->link, &ignored) < 0)
			return result;
	}
	return result;
}

/* Makes the link unless it is there: a repeated attach. */
static int ensure_link(const struct podnet *net, int netns_fd, const struct podnet_attachment *at, struct error *err)
{
	struct netlink *host = NULL;
	struct netlink_link link;
	int result = netlink_open(&host, err);

	if (result == 0)
		result = netlink_link_get(host, at->link, &link, err);
	if (result == 0)
		result = make_link(net, host, netns_fd, at, err);
	netlink_close(host);
	return MIN(result, 0);
}

int podnet_attach(struct podnet *net, int netns_fd, struct str container_id, struct podnet_attachment *ret,
		  struct error *err)
{
	struct podnet_record *record;
	struct podnet_attachment at;
	bool fresh = false;
	int result;

	if (!podnet_state_valid_id(container_id))
		return error_set(err, ERR_INVALID, "container id \"" STR_FMT "\" is not a name", STR_ARG(container_id));
	{
		MUTEX_GUARD(&net->lock);
		record = map_get(&net->pods, container_id);
		if (!record) {
			fresh = true;
			if (allocate(net, container_id, &record, err) < 0)
				return -(int)err->code;
		}
		at = record->attachment;
	}
	fill_gateways(net, &at);
	result = ensure_link(net, netns_fd, &at, err);
	if (result < 0 && fresh) {
		struct error ignored = {0};
		MUTEX_GUARD(&net->lock);

		/* A record that cannot be removed is adopted and detached later. */
		record = map_get(&net->pods, container_id);
		if (record && forget(net, record, &ignored) < 0)
			return result;
	}
	if (result < 0)
		return result;
	at.present = true;
	*ret = at;
	return 0;
}

/* Changes elements; when somebody else changed the table it is loaded anew, from the map as it then is. */
static int change_ports(struct podnet *net, const struct podnet_record *old, const struct podnet_record *wanted,
			struct error *err)
{
	struct error why = {0};
	int result = podnet_change_ports(net, old, wanted, &why);

	if (result == 0)
		return 0;
	if (why.code != ERR_NOT_FOUND && why.code != ERR_ALREADY_EXISTS)
		return error_pass(err, &why);
	return podnet_load_table(net, err);
}

/* The first half of a detach, under the lock: no more traffic is led to the pod.  0: there is no such pod. */
static int stop_ports(struct podnet *net, struct str id, char ret_link[LINK_NAME_SIZE], struct error *err)
{
	struct podnet_record *record, old;
	MUTEX_GUARD(&net->lock);

	record = map_get(&net->pods, id);
	if (!record)
		return 0;
	old = *record;
	record->ports_len = 0;
	if (change_ports(net, &old, NULL, err) < 0) {
		*record = old;
		return -(int)err->code;
	}
	memcpy(ret_link, record->attachment.link, LINK_NAME_SIZE);
	return 1;
}

int podnet_detach(struct podnet *net, struct str container_id, struct error *err)
{
	struct podnet_record *record;
	char link[LINK_NAME_SIZE];
	struct netlink *host = NULL;
	int result = stop_ports(net, container_id, link, err);

	if (result <= 0)
		return result;
	/* Not under the lock: the kernel takes its time over the end of a link, and other pods want to start. */
	result = netlink_open(&host, err);
	if (result == 0)
		result = netlink_link_delete(host, link, err);
	netlink_close(host);
	if (result < 0)
		return result;
	MUTEX_GUARD(&net->lock);
	record = map_get(&net->pods, container_id);
	return record ? forget(net, record, err) : 0;
}

int podnet_adopt(struct podnet *net, struct arena *arena, struct podnet_attachment_slice *ret, struct error *err)
{
	VEC_OF(struct podnet_attachment) list = {0};
	struct netlink_link_slice links;
	struct netlink *nl = NULL;
	int result = netlink_open(&nl, err);

	if (result == 0)
		result = netlink_link_list(nl, arena, &links, err);
	netlink_close(nl);
	if (result < 0)
		return result;
	MUTEX_GUARD(&net->lock);
	MAP_FOREACH (entry, &net->pods) {
		struct podnet_attachment at = ((struct podnet_record *)entry->value)->attachment;

		fill_gateways(net, &at);
		at.present = false;
		SLICE_FOREACH (link, links)
			at.present |= strcmp(link->name, at.link) == 0;
		vec_push(arena, &list, at);
	}
	*ret = (struct podnet_attachment_slice){list.items, list.len};
	return 0;
}

static bool ports_meet(const struct podnet_host_port *a, const struct podnet_host_port *b)
{
	return a->protocol == b->protocol && a->host_port == b->host_port &&
	       (a->host_address.family == IP_NONE || b->host_address.family == IP_NONE ||
		ip_eq(&a->host_address, &b->host_address));
}

static const char *who_has(const struct podnet *net, const struct podnet_record *self,
			   const struct podnet_host_port *port)
{
	MAP_FOREACH (entry, &net->pods) {
		const struct podnet_record *other = entry->value;

		for (size_t i = 0; i < other->ports_len && other != self; i++)
			if (ports_meet(port, &other->ports[i]))
				return other->attachment.id;
	}
	return NULL;
}

/* The wanted record of a pod: the ports without repetitions. */
static int check_ports(const struct podnet *net, const struct podnet_record *self, const struct podnet_host_port *ports,
		       size_t len, struct podnet_record *ret, struct error *err)
{
	struct podnet_record wanted = *self;

	wanted.ports_len = 0;
	for (size_t i = 0; i < len; i++) {
		const char *owner = who_has(net, self, &ports[i]);
		bool repeated = false;

		if (owner)
			return error_set(err, ERR_CONFLICT, "host port %u is taken by %s", ports[i].host_port, owner);
		for (size_t j = 0; j < wanted.ports_len; j++)
			repeated |= ports_meet(&ports[i], &wanted.ports[j]);
		if (repeated)
			continue;
		if (wanted.ports_len == PODNET_HOST_PORTS)
			return error_set(err, ERR_INVALID, "more than %d host ports", PODNET_HOST_PORTS);
		wanted.ports[wanted.ports_len] = ports[i];
		if (ip_is_unspecified(&ports[i].host_address))
			wanted.ports[wanted.ports_len].host_address = (struct ip_address){0};
		wanted.ports_len++;
	}
	*ret = wanted;
	return 0;
}

int podnet_set_host_ports(struct podnet *net, struct str container_id, const struct podnet_host_port *ports, size_t len,
			  struct error *err)
{
	struct podnet_record *record, old, wanted;
	int result;

	MUTEX_GUARD(&net->lock);
	record = map_get(&net->pods, container_id);
	if (!record)
		return error_set(err, ERR_NOT_FOUND, "container " STR_FMT " is not attached", STR_ARG(container_id));
	if (check_ports(net, record, ports, len, &wanted, err) < 0)
		return -(int)err->code;
	if (podnet_state_write(net->state_dir, &wanted, err) < 0)
		return -(int)err->code;
	old = *record;
	*record = wanted;
	result = change_ports(net, &old, &wanted, err);
	if (result < 0)
		*record = old;
	return result;
}
