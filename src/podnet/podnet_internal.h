/* What the files of the pod network share; nobody else includes this. */
#ifndef WHERRY_PODNET_INTERNAL_H
#define WHERRY_PODNET_INTERNAL_H

#include "base/buf.h"
#include "base/map.h"
#include "podnet/ipam.h"
#include "podnet/podnet.h"
#include "podnet/state.h"
#include "sys/thread.h"

#define PODNET_ROUTE_PROTOCOL 87 /* how routes of ours are known; a number no routing daemon has registered */

struct podnet {
	struct podnet_names names;
	char *node_name;
	unsigned mtu;
	int bridge; /* index */
	int state_dir, state_lock;
	size_t cidrs_len;
	struct ip_prefix_slice cluster_cidrs; /* owned */

	/* Guards what follows: who has which address, link and port. */
	struct mutex lock;
	struct ipam cidrs[PODNET_ADDRESSES];
	struct map pods; /* id -> struct podnet_record, owned */

	struct mutex routes_lock; /* one sync at a time */
};

/* The interface's hardware address for an address: the same address always has the same, so nobody's cache goes stale.
 */
void podnet_mac(const struct ip_address *address, uint8_t ret[MAC_SIZE]);
/* Writes ipv6/conf/@link/@name in the thread's namespace; a kernel without IPv6 is fine. */
int podnet_ipv6_setting(const char *link, const char *name, const char *value, struct error *err) MUST_CHECK;
/* The node's table with the host ports of @net's pods, as text for `nft`; and loading it. */
void podnet_table_text(const struct podnet *net, struct buf *out);
int podnet_load_table(const struct podnet *net, struct error *err) MUST_CHECK;
/*
 * Takes the elements for a pod's old ports out and puts the wanted ones in; either may be NULL.  ERR_NOT_FOUND or
 * ERR_ALREADY_EXISTS: somebody else changed the table, which must be loaded again.
 */
int podnet_change_ports(const struct podnet *net, const struct podnet_record *old, const struct podnet_record *wanted,
			struct error *err) MUST_CHECK;

/* The pure part of podnet_sync_routes(). */
struct podnet_route_plan {
	struct netlink_route_slice set, remove;
};
void podnet_plan_routes(struct arena *arena, const char *own_name, const struct podnet_node *nodes, size_t len,
			struct netlink_route_slice present, struct podnet_route_plan *ret);

#endif
