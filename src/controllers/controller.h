/*
 * Controllers: one file each, nothing shared but what is declared here.
 *
 * A controller file ends in a const descriptor.  start() declares its inputs (informers and indexes of the shared set)
 *and makes its reconciler; from then on it runs by itself on the manager's loop.  No controller knows another: what
 *they have to say, they say through the API.  Each speaks with an identity of its own,
 *system:serviceaccount:kube-system:<account>.
 *
 *	static void *start(struct controller_context *context) { ... }
 *	const struct controller controller_replicaset = {"replicaset-controller", "replicaset-controller", start, ...};
 */
#ifndef WHERRY_CONTROLLERS_CONTROLLER_H
#define WHERRY_CONTROLLERS_CONTROLLER_H

#include "client/informer_set.h"
#include "client/reconciler.h"

struct controller_options {
	struct str cluster_ca;		/* PEM: what the root CA publisher publishes */
	struct str_slice cluster_cidrs; /* node pod ranges are cut from these; empty: not at all */
	int node_cidr_mask_v4, node_cidr_mask_v6;
	int64_t node_monitor_grace_period_ns;
	int64_t node_monitor_period_ns;
};

struct metrics;

struct controller_context {
	struct arena *arena; /* as long as the controllers */
	struct metrics *metrics;
	struct loop *loop;
	struct worker_pool *pool;
	struct informer_set *informers;
	struct transport *transport; /* of this controller's identity */
	struct recorder *recorder;   /* its events */
	const struct controller_options *options;
};

struct controller {
	const char *name;	     /* as --controllers takes it */
	const char *service_account; /* in kube-system */
	/* Loop thread, before the loop runs.  Returns what stop and free get. */
	void *(*start)(struct controller_context *context);
	/* Takes no more work; loop thread. */
	void (*stop)(void *state);
	/* After the loop is freed. */
	void (*free)(void *state);
	const char *event_source; /* its name in events; NULL: @name */
};

/* The usual reconciler of a controller: the context's loop, pool, transport and recorder. */
struct reconciler *controller_reconciler(struct controller_context *context, const struct reconciler_ops *ops,
					 void *cookie);

/* Every controller there is, in the order they are started. */
#define CONTROLLERS(X)                                                                                                 \
	X(namespace)                                                                                                   \
	X(serviceaccount)                                                                                              \
	X(root_ca)                                                                                                     \
	X(garbage_collector)                                                                                           \
	X(pvc_protection)                                                                                              \
	X(pv_protection)                                                                                               \
	X(vac_protection)                                                                                              \
	X(replicaset)                                                                                                  \
	X(replicationcontroller)                                                                                       \
	X(deployment)                                                                                                  \
	X(daemonset)                                                                                                   \
	X(statefulset)                                                                                                 \
	X(job)                                                                                                         \
	X(cronjob)                                                                                                     \
	X(ttl_after_finished)                                                                                          \
	X(endpoints)                                                                                                   \
	X(endpointslice)                                                                                               \
	X(endpointslicemirroring)                                                                                      \
	X(node_ipam)                                                                                                   \
	X(node_lifecycle)                                                                                              \
	X(taint_eviction)

#define X(name) extern const struct controller controller_##name;
CONTROLLERS(X)
#undef X

#endif
