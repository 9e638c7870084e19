/*
 * What happens in the cluster, in the words of queueing hints: which plugins a change may make change their mind.
 */
#ifndef WHERRY_SCHEDULER_EVENT_H
#define WHERRY_SCHEDULER_EVENT_H

#include "types/gen/core_v1.h"

enum {
	EVENT_NODE_ADD = 1 << 0,
	EVENT_NODE_ALLOCATABLE = 1 << 1,
	EVENT_NODE_LABEL = 1 << 2,
	EVENT_NODE_TAINT = 1 << 3, /* also spec.unschedulable */
	EVENT_NODE_DELETE = 1 << 4,
	EVENT_POD_ADD = 1 << 5, /* pods on nodes */
	EVENT_POD_DELETE = 1 << 6,
	EVENT_POD_LABEL = 1 << 7,
	EVENT_POD_SCALE_DOWN = 1 << 8,
	/* Of the waiting pod itself. */
	EVENT_OWN_LABEL = 1 << 9,
	EVENT_OWN_TOLERATION = 1 << 10,
	EVENT_OWN_SCALE_DOWN = 1 << 11,
	EVENT_OWN_GATES = 1 << 12,
};

struct sched_pod;

/* The new state, and the old where there was one. */
struct cluster_event {
	uint32_t what; /* EVENT_ bits; several at once where one change does several things */
	const struct core_v1_node *old_node, *node;
	const struct sched_pod *pod; /* on a node: as it was (deleted) or is */
};

/* The EVENT_NODE_ bits of a change. */
uint32_t event_of_nodes(const struct core_v1_node *old, const struct core_v1_node *new_);
/* The EVENT_OWN_ bits of a change. */
uint32_t event_of_own(const struct core_v1_pod *old, const struct core_v1_pod *new_);

#endif
