/*
 * What should be in the kernel, and what it takes to get there: the pure half of the proxy.
 *
 * proxy_want() turns services into elements of maps, one list per address family, sorted; proxy_plan() walks two sorted
 * lists and says which elements to delete and which to add.  No clock, no kernel, no state.
 *
 * A "front end" is an address, protocol and port that clients use; a node port is one whose address is all zeros.  Of a
 * front end with N endpoints the maps hold: its verdict (go to the chain for N) and N slots with an endpoint each. With
 * session affinity a slot holds a number (draws) that stands for the endpoint (sticky), made from its address: slots
 * shift when endpoints come and go, numbers do not.  With externalTrafficPolicy Local it has a second life in the
 * "local" maps, which are looked up first for traffic from outside the cluster.
 */
#ifndef WHERRY_PROXY_PLAN_H
#define WHERRY_PROXY_PLAN_H

#include "proxy/proxy.h"
#include "sys/nftables.h"

/* set, its name, its type in nft's words; % stands for the family's address type. */
#define PROXY_SETS(X)                                                                                                  \
	X(SERVICES, "services", "% . inet_proto . inet_service : verdict")                                             \
	X(NODEPORTS, "nodeports", "inet_proto . inet_service : verdict")                                               \
	X(ENDPOINTS, "endpoints", "% . inet_proto . inet_service . mark : % . inet_service")                           \
	X(LOCAL_SERVICES, "local-services", "% . inet_proto . inet_service : verdict")                                 \
	X(LOCAL_NODEPORTS, "local-nodeports", "inet_proto . inet_service : verdict")                                   \
	X(LOCAL_ENDPOINTS, "local-endpoints", "% . inet_proto . inet_service . mark : % . inet_service")               \
	X(REJECTED, "rejected", "% . inet_proto . inet_service : verdict")                                             \
	X(REJECTED_NODEPORTS, "rejected-nodeports", "inet_proto . inet_service : verdict")                             \
	X(DRAWS, "draws", "% . inet_proto . inet_service . mark : mark")                                               \
	X(STICKY, "sticky", "% . inet_proto . inet_service . mark : % . inet_service")                                 \
	X(LOCAL_DRAWS, "local-draws", "% . inet_proto . inet_service . mark : mark")                                   \
	X(LOCAL_STICKY, "local-sticky", "% . inet_proto . inet_service . mark : % . inet_service")                     \
	X(CLUSTER_IPS, "cluster-ips", "%")                                                                             \
	X(HAIRPIN, "hairpin", "% . %")

enum proxy_set {
#define X(set, name, type) PROXY_##set,
	PROXY_SETS(X)
#undef X
		PROXY_SET_MAX
};

const char *proxy_set_name(enum proxy_set set);

/*
 * Where a verdict leads.  The kinds differ in two things: does the key have the packet's address or zeros (a node
 * port), and is the source hidden always, never, or when it is no pod's.
 */
#define PROXY_CHAINS(X)                                                                                                \
	X(CLUSTER, "cluster")		/* a cluster address: hide what comes from outside */                          \
	X(EXTERNAL, "external")		/* an external address: hide always */                                         \
	X(NODE, "node")			/* a node port: hide always */                                                 \
	X(NODE_CLUSTER, "node-cluster") /* a node port of policy Local, from inside: hide what is no pod */            \
	X(LOCAL, "local")		/* an external address of policy Local, from outside: never */                 \
	X(LOCAL_NODE, "local-node")	/* a node port of policy Local, from outside: never */                         \
	X(REJECT, "reject-chain")	/* no endpoint */

enum proxy_chain {
#define X(chain, name) PROXY_CHAIN_##chain,
	PROXY_CHAINS(X)
#undef X
		PROXY_CHAIN_MAX
};

/* One chain: for N endpoints, with affinity of so many seconds. */
struct proxy_target {
	uint32_t kind; /* enum proxy_chain */
	uint32_t endpoints;
	uint32_t affinity_seconds;
};
/* "cluster-5", "node-3-10800"; and back, false for a chain of another kind. */
void proxy_chain_name(const struct proxy_target *target, char out[NFT_NAME_SIZE]);
bool proxy_chain_parse(const char *name, struct proxy_target *ret);

struct proxy_element {
	uint8_t set;  /* enum proxy_set */
	uint8_t kind; /* enum nft_value_kind */
	uint8_t key_size;
	uint8_t value_size; /* NFT_VALUE_DATA */
	uint32_t order;	    /* of equals in a list that is being made the first wins */
	uint8_t key[NFT_KEY_SIZE];
	union {
		uint8_t value[NFT_VALUE_SIZE];
		struct proxy_target target; /* NFT_VALUE_GOTO */
	};
};

/* A growing list; zeroed is empty.  Sorted by set and key when it says so. */
struct proxy_elements {
	struct proxy_element *items;
	size_t len, cap;
};
struct proxy_element *proxy_elements_add(struct proxy_elements *list);
void proxy_elements_release(struct proxy_elements *list);
/* By set and key, only the first of equals left. */
void proxy_elements_sort(struct proxy_elements *list);
/* The first element at or after (@set, @key of @key_size bytes) of a sorted list. */
size_t proxy_elements_find(const struct proxy_elements *list, enum proxy_set set, const uint8_t *key, size_t key_size);

/* Appends a part of a key or value, padded to 4 bytes. */
void proxy_key_add(struct proxy_element *element, const void *data, size_t size);
void proxy_value_add(struct proxy_element *element, const void *data, size_t size);

/* The elements that services ask for in @family, sorted, into the empty list *ret. */
void proxy_want(const struct proxy_service *services, size_t len, enum ip_family family, struct proxy_elements *ret);

/* Pointers into the two lists, in their order.  An element that changes is in both. */
struct proxy_plan {
	const struct proxy_element **deleted, **added;
	size_t deleted_len, added_len;
	/* Chains that some wanted element goes to and none did before, and the other way round. */
	struct proxy_target *new_chains, *old_chains;
	size_t new_chains_len, old_chains_len;
};
void proxy_plan(const struct proxy_elements *have, const struct proxy_elements *wanted, struct proxy_plan *ret);
void proxy_plan_release(struct proxy_plan *plan);

#endif
