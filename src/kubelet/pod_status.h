/*
 * A pod's status, told from what is: a pure function.
 *
 * Phases, conditions, container states and their reasons are upstream's (facts/node.txt: pcond, cstate, phase).  Times
 * of conditions are kept from the status the pod has where nothing changed.
 */
#ifndef WHERRY_KUBELET_POD_STATUS_H
#define WHERRY_KUBELET_POD_STATUS_H

#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"

struct pod_status_inputs {
	const struct pod_view *view;
	struct pod_memory *memory;
	int64_t now;		      /* wall clock */
	bool finished, succeeded;     /* the plan's */
	const char *reason, *message; /* of its end, when the node ended it; or NULL */
	bool terminating;	      /* its containers are being stopped for good */
	/* Text a container left in its termination message file, by name; may be NULL. */
	struct str (*termination_message)(void *cookie, const struct container_view *container,
					  const struct runtime_container_status *status, struct arena *arena);
	void *cookie;
};

struct core_v1_pod_status pod_status(const struct kubelet_context *context, const struct pod_status_inputs *inputs,
				     struct arena *arena);

#endif
