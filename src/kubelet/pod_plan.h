/*
 * What to do about a pod next: a pure function of what is wanted, what is, what was remembered, and the time.
 *
 * Rules are upstream's: a sandbox first; init containers one after the other, sidecars among them kept running; then
 * all regular containers at once; an ended container comes back as its restart policy and rules say, after its
 * back-off; a container whose image changed is killed and made anew.  A pod all of whose containers ended for good, or
 * that met its deadline, is finished and never starts again.
 *
 * What is killed is not started in the same plan: the next one sees it ended.
 */
#ifndef WHERRY_KUBELET_POD_PLAN_H
#define WHERRY_KUBELET_POD_PLAN_H

#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"

struct planned_kill {
	const struct container_view *container;
	struct str message;   /* of the event */
	const int64_t *grace; /* seconds, instead of the pod's; NULL: the pod's */
};

struct pod_plan {
	bool finished; /* phase Succeeded or Failed */
	bool succeeded;
	const char *reason, *message; /* why the node ended it; NULL: its containers ended by themselves */
	bool kill_sandbox;	      /* it is dead, or the pod has ended: stop it and what runs in it */
	bool create_sandbox;
	VEC_OF(struct planned_kill) kills;
	VEC_OF(const struct container_view *) starts;
	VEC_OF(const struct container_view *) held; /* in back-off: they would start otherwise */
	int64_t wake_at;			    /* wall clock; 0: when something happens */
};

void pod_plan(const struct pod_view *view, struct pod_memory *memory, int64_t now, struct arena *arena,
	      struct pod_plan *ret);
/* Is @container, which does not run, to be started once its turn comes? */
bool container_restarts(const struct pod_view *view, struct pod_memory *memory, const struct container_view *container);
/* Has a regular container been made in the present sandbox?  Then all init containers have been through. */
bool pod_is_past_init(const struct pod_view *view);

#endif
