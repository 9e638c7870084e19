/* Addresses, routes and neighbours over rtnetlink; see netlink.h. */
#include <linux/if_addr.h>
#include <linux/neighbour.h>

#include "sys/netlink_internal.h"

static int change_address(struct netlink *nl, uint16_t type, uint16_t flags, int index, const struct ip_prefix *prefix)
{
	struct nlmsghdr *request = netlink_start(nl, type, NLM_F_ACK | flags);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifa_family = (uint8_t)netlink_family(&prefix->address);
	info->ifa_prefixlen = (uint8_t)prefix->length;
	info->ifa_index = (uint32_t)index;
	if (prefix->address.family == IP_V6)
		info->ifa_flags = IFA_F_NODAD;
	netlink_put_address(request, IFA_LOCAL, &prefix->address);
	netlink_put_address(request, IFA_ADDRESS, &prefix->address);
	return netlink_talk(nl, request, NULL, NULL);
}

int netlink_address_add(struct netlink *nl, int index, const struct ip_prefix *prefix, struct error *err)
{
	int result = change_address(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, prefix);
	char text[IP_PREFIX_TEXT_SIZE];

	if (result == 0 || result == -EEXIST)
		return 0;
	ip_prefix_format(prefix, text);
	return error_set_errno(err, -result, "add address %s", text);
}

int netlink_address_delete(struct netlink *nl, int index, const struct ip_prefix *prefix, struct error *err)
{
	int result = change_address(nl, RTM_DELADDR, 0, index, prefix);
	char text[IP_PREFIX_TEXT_SIZE];

	if (result == 0 || result == -EADDRNOTAVAIL || result == -ENODEV)
		return 0;
	ip_prefix_format(prefix, text);
	return error_set_errno(err, -result, "delete address %s", text);
}

static int change_route(struct netlink *nl, uint16_t type, uint16_t flags, const struct netlink_route *route)
{
	struct nlmsghdr *request = netlink_start(nl, type, NLM_F_ACK | flags);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->rtm_family = (uint8_t)netlink_family(&route->destination.address);
	info->rtm_dst_len = (uint8_t)route->destination.length;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = route->protocol;
	info->rtm_type = RTN_UNICAST;
	info->rtm_scope = route->gateway.family == IP_NONE ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (type == RTM_DELROUTE)
		info->rtm_scope = RT_SCOPE_NOWHERE;
	if (route->destination.length > 0)
		netlink_put_address(request, RTA_DST, &route->destination.address);
	if (route->gateway.family != IP_NONE)
		netlink_put_address(request, RTA_GATEWAY, &route->gateway);
	if (route->link)
		mnl_attr_put_u32(request, RTA_OIF, (uint32_t)route->link);
	return netlink_talk(nl, request, NULL, NULL);
}

int netlink_route_replace(struct netlink *nl, const struct netlink_route *route, struct error *err)
{
	int result = change_route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
	char text[IP_PREFIX_TEXT_SIZE];

	if (result == 0)
		return 0;
	ip_prefix_format(&route->destination, text);
	return error_set_errno(err, -result, "set route to %s", text);
}

int netlink_route_delete(struct netlink *nl, const struct netlink_route *route, struct error *err)
{
	int result = change_route(nl, RTM_DELROUTE, 0, route);
	char text[IP_PREFIX_TEXT_SIZE];

	if (result == 0 || result == -ESRCH || result == -ENODEV)
		return 0;
	ip_prefix_format(&route->destination, text);
	return error_set_errno(err, -result, "delete route to %s", text);
}

struct route_list {
	struct arena *arena;
	uint8_t protocol;
	VEC_OF(struct netlink_route) routes;
};

static struct ip_address get_address(const struct nlattr *attr)
{
	struct ip_address address = {0};
	uint16_t len = mnl_attr_get_payload_len(attr);

	if (len == 4 || len == 16) {
		address.family = len == 4 ? IP_V4 : IP_V6;
		memcpy(address.bytes, mnl_attr_get_payload(attr), len);
	}
	return address;
}

static int add_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct netlink_route route = {.protocol = info->rtm_protocol};
	struct route_list *list = data;
	const struct nlattr *attr;

	if (info->rtm_protocol != list->protocol || info->rtm_table != RT_TABLE_MAIN)
		return MNL_CB_OK;
	route.destination.length = info->rtm_dst_len;
	route.destination.address.family = info->rtm_family == AF_INET6 ? IP_V6 : IP_V4;
	MNL_ATTR_FOREACH (attr, message, sizeof(*info)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_DST)
			route.destination.address = get_address(attr);
		else if (type == RTA_GATEWAY)
			route.gateway = get_address(attr);
		else if (type == RTA_OIF)
			route.link = (int)mnl_attr_get_u32(attr);
	}
	vec_push(list->arena, &list->routes, route);
	return MNL_CB_OK;
}

int netlink_route_list(struct netlink *nl, uint8_t protocol, struct arena *arena, struct netlink_route_slice *ret,
		       struct error *err)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct route_list list = {.arena = arena, .protocol = protocol};
	size_t begun = 0;

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		int result = -EINTR;

		begun = list.routes.len;
		for (int attempt = 0; attempt < 10 && result == -EINTR; attempt++) {
			struct nlmsghdr *request = netlink_start(nl, RTM_GETROUTE, NLM_F_DUMP);
			struct rtmsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

			info->rtm_family = families[i];
			list.routes.len = begun;
			result = netlink_talk(nl, request, add_route, &list);
		}
		if (result < 0)
			return error_set_errno(err, -result, "list routes");
	}
	*ret = (struct netlink_route_slice){list.routes.items, list.routes.len};
	return 0;
}

int netlink_neighbour_add(struct netlink *nl, int index, const struct ip_address *address, const uint8_t mac[MAC_SIZE],
			  struct error *err)
{
	struct nlmsghdr *request = netlink_start(nl, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	char text[IP_TEXT_SIZE];
	int result;

	info->ndm_family = (uint8_t)netlink_family(address);
	info->ndm_ifindex = index;
	info->ndm_state = NUD_PERMANENT;
	netlink_put_address(request, NDA_DST, address);
	mnl_attr_put(request, NDA_LLADDR, MAC_SIZE, mac);
	result = netlink_talk(nl, request, NULL, NULL);
	if (result == 0)
		return 0;
	ip_format(address, text);
	return error_set_errno(err, -result, "add neighbour %s", text);
}
