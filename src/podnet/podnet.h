/*
 * The built-in pod network: a bridge per node, a veth pair per pod, routes between hosts.
 *
 * A pod gets one address of each family the node has a range for, a default route through the bridge, and reaches
 * every other pod without translation; what leaves the cluster's ranges is masqueraded.  Attaching takes about a
 * millisecond: nothing waits for duplicate address detection or for a link to come up, and no program is run.
 *
 * Invariants
 *   - An address is given to one container at a time.  The allocation is written to the state folder before the link
 *     is made and removed after it is gone, so a crash in between leaks nothing and doubles nothing: the next open
 *     reads the folder.  Freed addresses are taken again last.
 *   - The folder is locked while a podnet is open: two processes cannot share it.
 *   - Names of bridge, links and table derive from the node's name (podnet_names), routes carry a protocol number of
 *     our own.  Nothing else in the namespace is touched, and podnet_reset() finds all of it by these marks alone.
 *   - The state need not survive the machine, since links do not; it is not synced to disk.
 *
 * Threads: attach, detach, set_host_ports, sync_routes and adopt may be called from several threads at once; open and
 * close not.  All of it must run in the host's network namespace (netlink sockets belong to the thread's namespace).
 *
 *	struct podnet_config config = {.node_name = "a", .pod_cidrs = {cidrs, 1}, .cluster_cidrs = {&cluster, 1},
 *				       .state_dir = "/run/wherry/a/podnet"};
 *	struct podnet *net;
 *	struct podnet_attachment at;
 *	if (podnet_open(&config, &net, err) < 0 || podnet_attach(net, netns_fd, sandbox_id, &at, err) < 0)
 *		...
 *	podnet_detach(net, sandbox_id, err);
 *	podnet_close(net);
 */
#ifndef WHERRY_PODNET_PODNET_H
#define WHERRY_PODNET_PODNET_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"
#include "sys/netlink.h"

#define PODNET_ADDRESSES  2	 /* per pod: one of each family */
#define PODNET_LINK	  "eth0" /* the link's name inside the pod */
#define PODNET_ID_SIZE	  129	 /* of a container id, with the NUL */
#define PODNET_HOST_PORTS 64	 /* mappings of one pod */

struct ip_prefix_slice {
	const struct ip_prefix *items;
	size_t len;
};

struct podnet_config {
	const char *node_name;
	struct ip_prefix_slice pod_cidrs;     /* this node's ranges, at most one of each family */
	struct ip_prefix_slice cluster_cidrs; /* the ranges of all pods; traffic inside is not masqueraded */
	unsigned mtu;			      /* 0: the kernel's default of 1500 */
	const char *state_dir;		      /* made when it is not there */
};

struct podnet;

/*
 * Makes bridge, gateway addresses, forwarding and table, or adopts those of an earlier run, and reads the allocations.
 * ERR_CONFLICT: another process holds the state folder.  ERR_INVALID: no or unusable ranges.
 */
int podnet_open(const struct podnet_config *config, struct podnet **ret, struct error *err) MUST_CHECK;
/* Leaves everything in the kernel and on disk as it is.  NULL is allowed; returns NULL. */
struct podnet *podnet_close(struct podnet *net);

struct podnet_attachment {
	char id[PODNET_ID_SIZE];
	size_t len; /* of addresses and gateways */
	struct ip_address addresses[PODNET_ADDRESSES];
	struct ip_address gateways[PODNET_ADDRESSES];
	char link[LINK_NAME_SIZE]; /* the host's side */
	bool present;		   /* does the link exist? (podnet_adopt) */
};

/*
 * Gives the namespace behind @netns_fd an eth0, addresses and routes, and brings its lo up.  @container_id is letters,
 * digits, '.', '_' and '-'.  The same id again answers what it has (and repairs a link that is gone).
 * ERR_SERVICE_UNAVAILABLE: the range is used up.  On failure nothing stays behind.
 */
int podnet_attach(struct podnet *net, int netns_fd, struct str container_id, struct podnet_attachment *ret,
		  struct error *err) MUST_CHECK;
/* Takes links, host ports and addresses back.  An unknown id is success, so it may be repeated. */
int podnet_detach(struct podnet *net, struct str container_id, struct error *err) MUST_CHECK;

struct podnet_attachment_slice {
	const struct podnet_attachment *items;
	size_t len;
};
/* What is allocated, from earlier runs too; the caller detaches those whose sandbox is no more. */
int podnet_adopt(struct podnet *net, struct arena *arena, struct podnet_attachment_slice *ret,
		 struct error *err) MUST_CHECK;

struct podnet_host_port {
	struct ip_address host_address; /* IP_NONE: every address of the host */
	uint8_t protocol;		/* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	uint16_t host_port;
	uint16_t container_port;
};
/* Replaces the host ports of an attached container.  ERR_CONFLICT: another container has one of them. */
int podnet_set_host_ports(struct podnet *net, struct str container_id, const struct podnet_host_port *ports, size_t len,
			  struct error *err) MUST_CHECK;

struct podnet_node {
	struct str name;
	struct ip_prefix_slice pod_cidrs;
	const struct ip_address *addresses; /* how it is reached; one of each family is used */
	size_t addresses_len;
};
/*
 * Sets the routes to the other nodes' ranges and removes those to nodes not listed (the own node, or one without an
 * address of a range's family, is skipped).  One route that the kernel refuses does not stop the others; the first
 * failure is returned.
 */
int podnet_sync_routes(struct podnet *net, const struct podnet_node *nodes, size_t len, struct error *err) MUST_CHECK;

/* Removes everything a node of that name made here: links, table, routes, state. */
int podnet_reset(const char *node_name, const char *state_dir, struct error *err) MUST_CHECK;

/* The names of a node's things; a pure function of its name. */
struct podnet_names {
	char bridge[LINK_NAME_SIZE];
	char link_prefix[LINK_NAME_SIZE];
	char table[32];
};
void podnet_names(const char *node_name, struct podnet_names *ret);

#endif
