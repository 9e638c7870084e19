/* Opening, adopting and undoing a node's pod network; see podnet.h. */
#include "podnet/podnet.h"

#include "podnet/podnet_internal.h"
#include "sys/nftables.h"

/* FNV-1a: names must be the same in every run and every release. */
static uint32_t hash_name(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT32_C(16777619);
	return hash;
}

void podnet_names(const char *node_name, struct podnet_names *ret)
{
	uint32_t hash = hash_name(node_name);

	snprintf(ret->bridge, sizeof(ret->bridge), "wb%08x", hash);
	snprintf(ret->link_prefix, sizeof(ret->link_prefix), "wv%05x", hash >> 12);
	snprintf(ret->table, sizeof(ret->table), "wherry-%08x-pods", hash);
}

void podnet_mac(const struct ip_address *address, uint8_t ret[MAC_SIZE])
{
	unsigned len = ip_family_bits(address->family) / 8;

	ret[0] = 0x0a; /* locally administered, unicast */
	ret[1] = 0x58;
	memcpy(ret + 2, address->bytes + len - 4, 4);
}

int podnet_ipv6_setting(const char *link, const char *name, const char *value, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "ipv6/conf/%s/%s", link, name);
	return MIN(netns_sysctl(-1, path, value, err), 0);
}

static int take_cidrs(struct podnet *net, struct ip_prefix_slice cidrs, struct error *err)
{
	if (cidrs.len == 0 || cidrs.len > PODNET_ADDRESSES)
		return error_set(err, ERR_INVALID, "a node needs one pod range, or one of each family");
	if (cidrs.len == 2 && cidrs.items[0].address.family == cidrs.items[1].address.family)
		return error_set(err, ERR_INVALID, "a node's two pod ranges must be of different families");
	SLICE_FOREACH (cidr, cidrs) {
		if (ipam_init(&net->cidrs[net->cidrs_len], cidr, err) < 0)
			return -(int)err->code;
		net->cidrs_len++;
	}
	return 0;
}

/*
 * A record of a range this node no longer has keeps its pod's address until the pod ends; it cannot collide with a
 * new one.  Two records with one address cannot be: the state is damaged, and going on would double it.
 */
static int adopt_record(void *data, const struct podnet_record *record, struct error *err)
{
	struct podnet *net = data;
	struct podnet_record *copy;

	for (size_t a = 0; a < record->attachment.len; a++) {
		const struct ip_address *address = &record->attachment.addresses[a];

		for (size_t i = 0; i < net->cidrs_len; i++) {
			char text[IP_TEXT_SIZE];

			if (ipam_claim(&net->cidrs[i], address) != -EEXIST)
				continue;
			ip_format(address, text);
			return error_set(err, ERR_CONFLICT, "address %s is recorded for two pods", text);
		}
	}
	copy = xmemdup(record, sizeof(*record));
	map_set(&net->pods, str_from(copy->attachment.id), copy);
	return 0;
}

static int make_bridge(struct podnet *net, struct error *err)
{
	struct ip_address first = ipam_gateway(&net->cidrs[0]);
	struct netlink *nl = NULL;
	uint8_t mac[MAC_SIZE];
	int result;

	podnet_mac(&first, mac);
	result = netlink_open(&nl, err);
	if (result == 0)
		result = netlink_bridge_ensure(nl, net->names.bridge, mac, net->mtu, &net->bridge, err);
	for (size_t i = 0; i < net->cidrs_len && result == 0; i++) {
		struct ip_prefix gateway = {ipam_gateway(&net->cidrs[i]), net->cidrs[i].cidr.length};

		result = netlink_address_add(nl, net->bridge, &gateway, err);
	}
	netlink_close(nl);
	/* The bridge gets its link-local address with its first pod, which would wait for it to be checked. */
	return result < 0 ? result : podnet_ipv6_setting(net->names.bridge, "accept_dad", "0", err);
}

static bool has_v6(const struct podnet *net)
{
	for (size_t i = 0; i < net->cidrs_len; i++)
		if (net->cidrs[i].cidr.address.family == IP_V6)
			return true;
	return false;
}

static int set_forwarding(const struct podnet *net, struct error *err)
{
	/* Without the bridge setting a reply between two pods of this node passes below connection tracking, and a
	 * service's address is never translated back.  Kernels without bridge netfilter do not have it. */
	static const struct {
		const char *path;
		bool v6;
	} settings[] = {
		{"ipv4/ip_forward", false},
		{"bridge/bridge-nf-call-iptables", false},
		{"ipv6/conf/all/forwarding", true},
		{"bridge/bridge-nf-call-ip6tables", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (settings[i].v6 && !has_v6(net))
			continue;
		if (netns_sysctl(-1, settings[i].path, "1", err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int start(struct podnet *net, const struct podnet_config *config, struct error *err)
{
	int result = take_cidrs(net, config->pod_cidrs, err);

	if (result == 0)
		result = podnet_state_open(config->state_dir, &net->state_dir, &net->state_lock, err);
	if (result == 0)
		result = podnet_state_read(net->state_dir, adopt_record, net, err);
	if (result == 0)
		result = make_bridge(net, err);
	if (result == 0)
		result = set_forwarding(net, err);
	if (result == 0)
		result = podnet_load_table(net, err);
	return result;
}

int podnet_open(const struct podnet_config *config, struct podnet **ret, struct error *err)
{
	struct podnet *net = XNEW(struct podnet);
	size_t size = config->cluster_cidrs.len * sizeof(*config->cluster_cidrs.items);
	int result;

	net->state_dir = net->state_lock = -1;
	net->node_name = xstrdup(config->node_name);
	net->mtu = config->mtu;
	net->cluster_cidrs.items = size ? xmemdup(config->cluster_cidrs.items, size) : NULL;
	net->cluster_cidrs.len = config->cluster_cidrs.len;
	podnet_names(config->node_name, &net->names);
	mutex_init(&net->lock);
	mutex_init(&net->routes_lock);
	result = start(net, config, err);
	if (result < 0) {
		podnet_close(net);
		return error_wrap(err, "pod network");
	}
	*ret = net;
	return 0;
}

struct podnet *podnet_close(struct podnet *net)
{
	if (!net)
		return NULL;
	MAP_FOREACH (entry, &net->pods)
		free(entry->value);
	map_release(&net->pods);
	for (size_t i = 0; i < net->cidrs_len; i++)
		ipam_release(&net->cidrs[i]);
	close_fd(net->state_dir);
	close_fd(net->state_lock);
	mutex_release(&net->lock);
	mutex_release(&net->routes_lock);
	free(UNCONST(void *, net->cluster_cidrs.items)); /* ours to free; the slice type is const for its readers */
	free(net->node_name);
	free(net);
	return NULL;
}

static int delete_links(struct netlink *nl, const struct podnet_names *names, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct netlink_link_slice links;
	int result = netlink_link_list(nl, &arena, &links, err);

	if (result < 0)
		return result;
	SLICE_FOREACH (link, links) {
		bool ours = strcmp(link->name, names->bridge) == 0 ||
			    str_has_prefix(str_from(link->name), str_from(names->link_prefix));

		if (ours && netlink_link_delete(nl, link->name, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int delete_routes(struct netlink *nl, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct netlink_route_slice routes;
	int result = netlink_route_list(nl, PODNET_ROUTE_PROTOCOL, &arena, &routes, err);

	if (result < 0)
		return result;
	SLICE_FOREACH (route, routes)
		if (netlink_route_delete(nl, route, err) < 0)
			return -(int)err->code;
	return 0;
}

static int delete_table(const struct podnet_names *names, struct error *err)
{
	struct nft *nft;
	int result;

	if (nft_open(&nft, err) < 0)
		return -(int)err->code;
	result = nft_table_delete(nft, NFT_FAMILY_INET, names->table, err);
	nft_close(nft);
	return result;
}

int podnet_reset(const char *node_name, const char *state_dir, struct error *err)
{
	struct podnet_names names;
	struct netlink *nl = NULL;
	int result;

	podnet_names(node_name, &names);
	result = netlink_open(&nl, err);
	if (result == 0)
		result = delete_links(nl, &names, err);
	if (result == 0)
		result = delete_routes(nl, err);
	netlink_close(nl);
	if (result == 0)
		result = delete_table(&names, err);
	if (result == 0)
		result = podnet_state_reset(state_dir, err);
	return result;
}
