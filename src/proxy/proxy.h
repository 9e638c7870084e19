/*
 * kube-proxy's engine: services and their endpoints in, nftables elements out.
 *
 * It knows nothing of the API: proxy_sync() takes plain structs (proxy/source.h makes them from Services and
 * EndpointSlices).  What the kernel holds is a fixed skeleton, loaded once as text, and maps; a sync computes the
 * elements wanted, compares with those there and sends the difference as one transaction (plan.h has the pure part).
 *
 *   services   address . protocol . port        -> chain for N endpoints, or drop
 *   nodeports  protocol . port                  -> the same, for every local address
 *   endpoints  address . protocol . port . slot -> address . port of an endpoint
 *
 * The chain for N endpoints draws a slot below N and looks up the endpoint.  So a service costs a few elements and no
 * chain of its own: ten thousand of them load in under a second, and each balances evenly.  Traffic to a service
 * without endpoints is rejected, as is an unused port of a cluster address.
 *
 * Connections in progress stay where they are.  After UDP endpoints went away, the kernel's tracking entries that
 * still lead there are deleted, as no packet would end them.
 *
 * All names derive from the node's name.  One thread; everything happens in the network namespace of the thread that
 * called proxy_open().
 *
 *	proxy_open(&config, &proxy, err);
 *	proxy_sync(proxy, services, len, err);		after every change; unchanged costs nothing in the kernel
 *	proxy_watch_fd(proxy) is readable: proxy_heal(proxy, err);
 *	proxy_close(proxy);
 */
#ifndef WHERRY_PROXY_PROXY_H
#define WHERRY_PROXY_PROXY_H

#include "base/address.h"
#include "base/error.h"

struct proxy_address_slice {
	const struct ip_address *items;
	size_t len;
};

struct proxy_endpoint {
	struct ip_address address;
	uint16_t port;
	bool ready;
	bool serving;
	bool terminating;
	bool local; /* on this node */
};

enum proxy_policy { PROXY_CLUSTER, PROXY_LOCAL };

/* One port of one Service. */
struct proxy_service {
	struct str name; /* "namespace/name:port", for messages; unique */
	struct proxy_address_slice cluster_ips;
	/* externalIPs and the load balancer's addresses (those whose ipMode is VIP). */
	struct proxy_address_slice external_ips;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	uint16_t port;
	uint16_t node_port;		   /* 0: none */
	uint32_t affinity_seconds;	   /* ClientIP session affinity; 0: none */
	enum proxy_policy external_policy; /* externalTrafficPolicy */
	enum proxy_policy internal_policy; /* internalTrafficPolicy */
	/* Of both families; each cluster, external and node address uses those of its own. */
	const struct proxy_endpoint *endpoints;
	size_t endpoints_len;
};

struct proxy_config {
	const char *node_name;
	/* Pods' ranges: their traffic to cluster addresses is not masqueraded.  Empty: only traffic from elsewhere to
	 * external and node addresses is, and what a pod sends to itself. */
	const struct ip_prefix *cluster_cidrs;
	size_t cluster_cidrs_len;
	bool masquerade_all;
};

struct proxy;

/* Loads the skeleton, or adopts one of the same version with its elements: a restart interrupts nothing. */
int proxy_open(const struct proxy_config *config, struct proxy **ret, struct error *err) MUST_CHECK;
/* Leaves the kernel's tables.  NULL is allowed; returns NULL. */
struct proxy *proxy_close(struct proxy *proxy);

struct proxy_result {
	size_t added, deleted;	  /* elements */
	size_t conntrack_deleted; /* stale UDP entries */
	bool rebuilt;		  /* the tables had been damaged and were made anew */
};

/*
 * Makes the kernel do what @services say.  Two services with the same address, protocol and port: the first by name
 * wins.  When someone else changed our tables, they are read again and put right in the same call.
 */
int proxy_sync(struct proxy *proxy, const struct proxy_service *services, size_t len, struct proxy_result *ret,
	       struct error *err) MUST_CHECK;

/* Readable when some table of the namespace changed; then call proxy_heal(). */
int proxy_watch_fd(const struct proxy *proxy);
/* Checks the tables if another process changed any, and puts them back as the last sync left them. */
int proxy_heal(struct proxy *proxy, struct proxy_result *ret, struct error *err) MUST_CHECK;

/* Removes everything a proxy of that node name made here. */
int proxy_reset(const char *node_name, struct error *err) MUST_CHECK;
/* The table's name, the same in both families. */
#define PROXY_TABLE_SIZE 32
void proxy_table_name(const char *node_name, char out[PROXY_TABLE_SIZE]);

#endif
