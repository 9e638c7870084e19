/* Links over rtnetlink: bridges, veth pairs, and listing; see netlink.h. */
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>

#include "sys/netlink_internal.h"

static struct nlmsghdr *link_request(struct netlink *nl, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *request = netlink_start(nl, type, flags);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	return request;
}

static int check_name(const char *name, struct error *err)
{
	if (!name[0] || strlen(name) >= LINK_NAME_SIZE)
		return error_set(err, ERR_INVALID, "link name \"%s\" must be 1 to %d bytes", name, LINK_NAME_SIZE - 1);
	return 0;
}

static void read_link(const struct nlmsghdr *message, struct netlink_link *ret)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	*ret = (struct netlink_link){.index = info->ifi_index, .up = info->ifi_flags & IFF_UP};
	MNL_ATTR_FOREACH (attr, message, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(ret->name, sizeof(ret->name), "%s", mnl_attr_get_str(attr));
			break;
		case IFLA_MASTER:
			ret->master = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_MTU:
			ret->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == MAC_SIZE)
				memcpy(ret->mac, mnl_attr_get_payload(attr), MAC_SIZE);
			break;
		default:
			break;
		}
	}
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	read_link(message, data);
	return MNL_CB_OK;
}

int netlink_link_get(struct netlink *nl, const char *name, struct netlink_link *ret, struct error *err)
{
	struct netlink_link link = {0};
	struct nlmsghdr *request;
	int result;

	if (check_name(name, err) < 0)
		return -1;
	/* Asked for by name: no dump, which would be long on a host of many pods. */
	request = link_request(nl, RTM_GETLINK, NLM_F_ACK, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	result = netlink_talk(nl, request, take_link, &link);
	if (result == -ENODEV)
		return 0;
	if (result < 0)
		return error_set_errno(err, -result, "look up link %s", name);
	*ret = link;
	return 1;
}

struct link_list {
	struct arena *arena;
	VEC_OF(struct netlink_link) links;
};

static int add_link(const struct nlmsghdr *message, void *data)
{
	struct link_list *list = data;
	struct netlink_link link;

	read_link(message, &link);
	vec_push(list->arena, &list->links, link);
	return MNL_CB_OK;
}

int netlink_link_list(struct netlink *nl, struct arena *arena, struct netlink_link_slice *ret, struct error *err)
{
	struct link_list list = {.arena = arena};
	int result = -EINTR;

	/* EINTR: the table changed under the dump, which is then worth nothing. */
	for (int i = 0; i < 10 && result == -EINTR; i++) {
		list.links.len = 0;
		result = netlink_talk(nl, link_request(nl, RTM_GETLINK, NLM_F_DUMP, 0), add_link, &list);
	}
	if (result < 0)
		return error_set_errno(err, -result, "list links");
	*ret = (struct netlink_link_slice){list.links.items, list.links.len};
	return 0;
}

static int index_of(struct netlink *nl, const char *name, int *ret_index, struct error *err)
{
	struct netlink_link link;
	int result = netlink_link_get(nl, name, &link, err);

	if (result < 0)
		return result;
	if (result == 0)
		return error_set(err, ERR_NOT_FOUND, "link %s is gone", name);
	*ret_index = link.index;
	return 0;
}

int netlink_bridge_ensure(struct netlink *nl, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu,
			  int *ret_index, struct error *err)
{
	struct nlmsghdr *request;
	struct nlattr *info;
	int result, index = 0;

	if (check_name(name, err) < 0)
		return -1;
	request = link_request(nl, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put(request, IFLA_ADDRESS, MAC_SIZE, mac);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(request, info);
	result = netlink_talk(nl, request, NULL, NULL);
	if (result < 0 && result != -EEXIST)
		return error_set_errno(err, -result, "create bridge %s", name);
	if (index_of(nl, name, &index, err) < 0)
		return -1;
	request = link_request(nl, RTM_NEWLINK, NLM_F_ACK, index);
	mnl_attr_put(request, IFLA_ADDRESS, MAC_SIZE, mac);
	if (mtu)
		mnl_attr_put_u32(request, IFLA_MTU, mtu);
	result = netlink_talk(nl, request, NULL, NULL);
	if (result < 0)
		return error_set_errno(err, -result, "set up bridge %s", name);
	if (netlink_link_up(nl, index, err) < 0)
		return -1;
	*ret_index = index;
	return 0;
}

static int set_hairpin(struct netlink *nl, int index, struct error *err)
{
	struct nlmsghdr *request = netlink_start(nl, RTM_SETLINK, NLM_F_ACK);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	struct nlattr *port;
	int result;

	info->ifi_family = AF_BRIDGE;
	info->ifi_index = index;
	port = mnl_attr_nest_start(request, IFLA_PROTINFO);
	mnl_attr_put_u8(request, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(request, port);
	result = netlink_talk(nl, request, NULL, NULL);
	return result < 0 ? error_set_errno(err, -result, "set hairpin mode") : 0;
}

static void put_peer(struct nlmsghdr *request, const struct netlink_veth *veth)
{
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO), *data, *peer;
	struct ifinfomsg *header;

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(request, IFLA_IFNAME, veth->peer_name);
	mnl_attr_put(request, IFLA_ADDRESS, MAC_SIZE, veth->peer_mac);
	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
	if (veth->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, veth->mtu);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
}

int netlink_veth_create(struct netlink *nl, const struct netlink_veth *veth, int *ret_index, struct error *err)
{
	struct nlmsghdr *request;
	struct ifinfomsg *info;
	int result, index = 0;

	if (check_name(veth->name, err) < 0 || check_name(veth->peer_name, err) < 0)
		return -1;
	request = link_request(nl, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	info = mnl_nlmsg_get_payload(request);
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	mnl_attr_put_strz(request, IFLA_IFNAME, veth->name);
	if (veth->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, veth->mtu);
	if (veth->master)
		mnl_attr_put_u32(request, IFLA_MASTER, (uint32_t)veth->master);
	put_peer(request, veth);
	result = netlink_talk(nl, request, NULL, NULL);
	if (result < 0)
		return error_set_errno(err, -result, "create link %s", veth->name);
	if (index_of(nl, veth->name, &index, err) < 0)
		return -1;
	if (veth->master && set_hairpin(nl, index, err) < 0)
		return -1;
	*ret_index = index;
	return 0;
}

int netlink_link_up(struct netlink *nl, int index, struct error *err)
{
	struct nlmsghdr *request = link_request(nl, RTM_NEWLINK, NLM_F_ACK, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(request);
	int result;

	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	result = netlink_talk(nl, request, NULL, NULL);
	return result < 0 ? error_set_errno(err, -result, "set link %d up", index) : 0;
}

int netlink_link_delete(struct netlink *nl, const char *name, struct error *err)
{
	struct nlmsghdr *request;
	int result;

	if (check_name(name, err) < 0)
		return -1;
	request = link_request(nl, RTM_DELLINK, NLM_F_ACK, 0);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	result = netlink_talk(nl, request, NULL, NULL);
	if (result < 0 && result != -ENODEV)
		return error_set_errno(err, -result, "delete link %s", name);
	return 0;
}
