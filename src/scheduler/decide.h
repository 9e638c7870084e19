/*
 * One decision: a pod, the cluster as it is known, and where the pod goes or why nowhere.
 *
 * No I/O and no clock; chance is a parameter.  Nothing is changed: who asked assumes the node (cache_assume) or puts
 * the pod back (queue_reject).
 *
 *	struct decision decision;
 *	decide(&decider, pod, &decision);
 *	...
 *	decision_release(&decision);
 */
#ifndef WHERRY_SCHEDULER_DECIDE_H
#define WHERRY_SCHEDULER_DECIDE_H

#include "base/random.h"
#include "scheduler/framework.h"

struct decider {
	struct cache *cache;
	struct random_source random;
	uint32_t start; /* where the search for fitting nodes begins; moves on, so that all nodes get their turn */
	/* Scratch, one for each node. */
	uint32_t *fitting;
	int64_t *totals, *scores;
	uint32_t cap;
};

struct decision {
	uint32_t slot; /* NODE_NONE: it fits nowhere */
	/* Else: */
	struct str message; /* upstream's FitError */
	uint32_t rejected_by;
	struct str nominated; /* a node made free by the victims */
	struct cycle cycle;   /* owns the texts; victims */
};

void decider_release(struct decider *decider);
void decide(struct decider *decider, struct sched_pod *pod, struct decision *ret);
void decision_release(struct decision *decision);

/*
 * "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s)." of @nodes nodes; without the last
 * dot's sentence when there are no verdicts.
 */
struct str decide_fit_error(const struct node_verdict *verdicts, size_t len, size_t nodes, struct arena *arena);
/* How many fitting nodes are enough, of @nodes (upstream's adaptive share). */
uint32_t decide_enough(uint32_t nodes);

#endif
