/* Starting one container: image, environment, mounts, create, start, postStart; and what it left behind. */
#ifndef WHERRY_KUBELET_CONTAINER_START_H
#define WHERRY_KUBELET_CONTAINER_START_H

#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"
#include "kubelet/volumes.h"

struct container_start {
	const struct kubelet_context *context;
	const struct pod_view *view;
	const struct container_view *container;
	const struct mounted_volumes *volumes;
	struct pod_memory *memory;
	int64_t now;
	int64_t wake_at; /* result: when to try again; 0: not by itself */
};

/* True when the runtime's state changed.  What failed is in the memory and has been told by events. */
bool container_start(struct container_start *start, struct arena *arena);
/* The termination message of one run of the container, or empty. */
struct str container_termination_message(const struct kubelet_context *context, const struct pod_view *view,
					 const struct container_view *container,
					 const struct runtime_container_status *status, struct arena *arena);

#endif
