/*
 * kube-proxy as a component: watches Services and EndpointSlices and keeps the engine in step.
 *
 * One loop thread (whoever calls proxy_component_run) owns the informers; a thread of the component's own applies.  A
 * change is gathered on the loop into a list of plain services and handed over; changes that come meanwhile are one
 * next sync, at least min_sync_ns after the last.  Nothing is applied before both informers have synced, so that a
 * restart does not first take everything away.  A failed sync is tried again, with doubling delay.  When somebody else
 * changes nftables, the tables are checked.
 *
 * All of it works in the network namespace of the process.
 */
#ifndef WHERRY_PROXY_COMPONENT_H
#define WHERRY_PROXY_COMPONENT_H

#include "client/transport.h"
#include "proxy/proxy.h"

struct proxy_component_config {
	struct transport *transport; /* the caller's; outlives the component */
	struct proxy_config proxy;
	int64_t min_sync_ns; /* the shortest time between two syncs */
};

struct proxy_component;

/* Opens the engine. */
int proxy_component_new(const struct proxy_component_config *config, struct proxy_component **ret,
			struct error *err) MUST_CHECK;
/* The loop; returns after proxy_component_stop(). */
void proxy_component_run(struct proxy_component *component);
/* Any thread. */
void proxy_component_stop(struct proxy_component *component);
/* After run has returned.  Leaves the kernel's tables.  NULL is fine; returns NULL. */
struct proxy_component *proxy_component_free(struct proxy_component *component);

/* Any thread: syncs that succeeded, and when the oldest change that is not in the kernel was seen (0: none), by the
 * monotonic clock: what health is judged by. */
uint64_t proxy_component_syncs(const struct proxy_component *component);
int64_t proxy_component_behind_since(const struct proxy_component *component);

#endif
