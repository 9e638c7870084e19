/*
 * One turn of a pod: look, decide, do, tell.
 *
 * pod_sync() runs on a worker and may block (a pull, a stop with grace).  It is repeatable: what it did is seen by the
 * next turn's look, and what it could not do is waiting in the memory.  Between two turns of a pod no other job of it
 * runs.
 */
#ifndef WHERRY_KUBELET_POD_SYNC_H
#define WHERRY_KUBELET_POD_SYNC_H

#include "kubelet/pod_admit.h"
#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"

struct pod_sync {
	struct object *object; /* the pod as the API has it; for one that vanished, as it had it last */
	bool vanished;	       /* it is no longer in the API: clean up, tell nobody */
	struct pod_memory *memory;
	const struct pod_rejection *rejection; /* NULL: the node lets it in */

	/* results */
	bool begun;	 /* something of it had been made, whatever the node says now */
	bool gone;	 /* nothing of it is left and the API knows */
	int64_t wake_at; /* wall clock; 0: when something happens */
};

void pod_sync(const struct kubelet_context *context, struct pod_sync *sync);

#endif
