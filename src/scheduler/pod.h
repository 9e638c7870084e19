/*
 * A pod as the scheduler knows it: the object, and what the scheduler reads from it again and again, worked out once.
 *
 * One record lives from the pod's first event to its last; it is waiting (queue.h), or it is on a node, for certain or
 * assumed (cache.h).  When the object changes, sched_pod_update() works everything out anew.  The deciding thread's.
 */
#ifndef WHERRY_SCHEDULER_POD_H
#define WHERRY_SCHEDULER_POD_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "scheduler/terms.h"
#include "types/gen/core_v1.h"
#include "types/object.h"

/* Resources are numbers, so that sums over nodes are sums over arrays; names beyond the first three get theirs in the
 * order they are met. */
enum { SCHED_CPU, SCHED_MEMORY, SCHED_EPHEMERAL_STORAGE, SCHED_BASE_MAX };

struct resource_names {
	struct arena arena;
	struct map numbers; /* -> number + 1, as a pointer */
	struct str *names;
	size_t len;
};
void resource_names_init(struct resource_names *names);
void resource_names_release(struct resource_names *names);
/* The number of @name; false when the scheduler does not count that resource ("pods", unknown plain names). */
bool resource_names_number(struct resource_names *names, struct str name, uint32_t *ret);

struct sched_amount {
	uint32_t number;
	int64_t amount;
};

struct host_port {
	struct str ip, protocol; /* "0.0.0.0" and "TCP" where unset */
	int32_t port;
};

enum sched_pod_place {
	POD_NOWHERE,
	POD_ACTIVE,
	POD_BACKOFF,
	POD_UNSCHEDULABLE,
	POD_GATED,
	POD_DECIDING,
	POD_PLACE_MAX
};

#define NODE_NONE UINT32_MAX

struct sched_pod {
	struct str key; /* "namespace/name", its own */
	struct object *object;
	const struct core_v1_pod *pod; /* in the object */
	struct arena arena;	       /* of what follows, up to the cache's part */
	int32_t priority;
	const struct sched_amount *requests;
	size_t requests_len;
	/* Processor and memory as scores see them: what asks for nothing counts as a little. */
	int64_t load[2];
	const struct host_port *ports;
	size_t ports_len;
	struct pod_affinities affinities;

	/* The cache's: where it is. */
	uint32_t node; /* a slot, or NODE_NONE */
	uint32_t node_place;
	bool assumed;	 /* decided here, not seen from the server yet */
	char *nominated; /* the node freed for it, or NULL */

	/* The queue's. */
	enum sched_pod_place place;
	struct heap_node heap;
	struct list link;
	uint64_t sequence;    /* of its last entry: breaks ties */
	int64_t entered_at;   /* monotonic ns: the queue timestamp */
	int64_t ready_at;     /* end of its backoff */
	uint32_t rejections;  /* in a row, by plugins */
	uint32_t errors;      /* in a row */
	uint32_t attempts;    /* decisions about it since it came */
	uint32_t rejected_by; /* bits of plugins; 0: of none in particular */

	/* The scheduler's: a write for it under way, and the one to follow. */
	struct sched_write *write, *next_write;
};

struct sched_pod *sched_pod_new(struct resource_names *names, struct object *object);
/* It must be on no node: sums there are of what it asked for when it came. */
void sched_pod_update(struct sched_pod *pod, struct resource_names *names, struct object *object);
/* NULL is fine; returns NULL.  It must be in no queue and on no node. */
struct sched_pod *sched_pod_free(struct sched_pod *pod);

/* Do the ports of two pods clash on one node? */
bool host_ports_clash(const struct host_port *a, const struct host_port *b);

#endif
