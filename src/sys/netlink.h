/*
 * Links, addresses, routes and network sysctls, straight over rtnetlink (libmnl); no `ip` program at run time.
 *
 * A struct netlink is one socket, bound to the network namespace it was opened in, whatever its user enters later.
 * It belongs to one thread at a time.  Every call is one request and its answer, some 20 to 200 microseconds; none
 * waits for a link to come up or for duplicate address detection.
 *
 * Making what is already there is success where the result is what was asked for (an address, a route); deleting what
 * is not there is success.  Names of links are at most 15 bytes; longer ones are refused.
 *
 *	struct netlink *pod;
 *	if (netlink_open_in(netns_fd, &pod, err) < 0)
 *		return -1;
 *	if (netlink_address_add(pod, index, &prefix, err) < 0)
 *		...
 *	netlink_close(pod);
 */
#ifndef WHERRY_SYS_NETLINK_H
#define WHERRY_SYS_NETLINK_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

#define LINK_NAME_SIZE 16 /* with the NUL */
#define MAC_SIZE       6

struct netlink;

/* A socket in the calling thread's network namespace. */
int netlink_open(struct netlink **ret, struct error *err) MUST_CHECK;
/* A socket in the namespace behind @netns_fd; the calling thread is back in its own when this returns. */
int netlink_open_in(int netns_fd, struct netlink **ret, struct error *err) MUST_CHECK;
/* NULL is allowed; returns NULL. */
struct netlink *netlink_close(struct netlink *nl);

struct netlink_link {
	int index;
	int master; /* 0: none */
	unsigned mtu;
	bool up;
	uint8_t mac[MAC_SIZE];
	char name[LINK_NAME_SIZE];
};

/* 1 and the link, 0 when there is none of that name, negative on failure. */
int netlink_link_get(struct netlink *nl, const char *name, struct netlink_link *ret, struct error *err) MUST_CHECK;
struct netlink_link_slice {
	const struct netlink_link *items;
	size_t len;
};
int netlink_link_list(struct netlink *nl, struct arena *arena, struct netlink_link_slice *ret,
		      struct error *err) MUST_CHECK;

struct netlink_veth {
	const char *name;      /* this side */
	const char *peer_name; /* the side in the other namespace */
	int peer_netns_fd;
	uint8_t peer_mac[MAC_SIZE];
	int master;   /* the bridge this side joins; 0: none */
	unsigned mtu; /* of both sides; 0: the kernel's default */
};

/* A bridge with that name and MAC, up; one that exists keeps its ports and gets the MAC and MTU. */
int netlink_bridge_ensure(struct netlink *nl, const char *name, const uint8_t mac[MAC_SIZE], unsigned mtu,
			  int *ret_index, struct error *err) MUST_CHECK;
/* A pair of links; this side is up, in hairpin mode when it joined a bridge.  An existing @name is an error. */
int netlink_veth_create(struct netlink *nl, const struct netlink_veth *veth, int *ret_index,
			struct error *err) MUST_CHECK;
int netlink_link_up(struct netlink *nl, int index, struct error *err) MUST_CHECK;
/* By name; for a veth the peer goes as well. */
int netlink_link_delete(struct netlink *nl, const char *name, struct error *err) MUST_CHECK;

/* Usable at once: IPv6 addresses skip duplicate address detection. */
int netlink_address_add(struct netlink *nl, int index, const struct ip_prefix *prefix, struct error *err) MUST_CHECK;
int netlink_address_delete(struct netlink *nl, int index, const struct ip_prefix *prefix, struct error *err) MUST_CHECK;

struct netlink_route {
	struct ip_prefix destination; /* length 0: the default route of the address's family */
	struct ip_address gateway;    /* IP_NONE: on the link */
	int link;		      /* 0: found from the gateway */
	uint8_t protocol;	      /* who owns it (RTPROT_*), so that an owner can list its own */
};
struct netlink_route_slice {
	const struct netlink_route *items;
	size_t len;
};

/* Adds the route or changes the one to the same destination. */
int netlink_route_replace(struct netlink *nl, const struct netlink_route *route, struct error *err) MUST_CHECK;
int netlink_route_delete(struct netlink *nl, const struct netlink_route *route, struct error *err) MUST_CHECK;
/* The main table's routes of @protocol, of both families. */
int netlink_route_list(struct netlink *nl, uint8_t protocol, struct arena *arena, struct netlink_route_slice *ret,
		       struct error *err) MUST_CHECK;

/* A permanent neighbour entry. */
int netlink_neighbour_add(struct netlink *nl, int index, const struct ip_address *address, const uint8_t mac[MAC_SIZE],
			  struct error *err) MUST_CHECK;

/*
 * Writes /proc/sys/net/@path ("ipv4/ip_forward") as seen in the namespace behind @netns_fd, or in the calling thread's
 * when it is -1.  1: written or already so; 0: this kernel has no such setting; negative: refused.
 */
int netns_sysctl(int netns_fd, const char *path, const char *value, struct error *err) MUST_CHECK;

/* Runs @run(@data) with the calling thread in the namespace behind @netns_fd, and comes back; its result. */
int netns_call(int netns_fd, int (*run)(void *data, struct error *err), void *data, struct error *err) MUST_CHECK;

#endif
