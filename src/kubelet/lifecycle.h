/* Hooks of a container's life: postStart and preStop (exec, HTTP, sleep). */
#ifndef WHERRY_KUBELET_LIFECYCLE_H
#define WHERRY_KUBELET_LIFECYCLE_H

#include "kubelet/pod_view.h"

/* Blocks until the hook has run; a failed one is told and kills the container. */
void lifecycle_post_start(const struct kubelet_context *context, const struct pod_view *view,
			  const struct container_view *container, struct str container_id, struct arena *arena);
/* Runs the preStop hook, whose failure is told, then stops the container; both together take at most @grace_s seconds.
 */
int lifecycle_stop(const struct kubelet_context *context, const struct pod_view *view,
		   const struct container_view *container, int64_t grace_s, struct error *err) MUST_CHECK;
/* How long the pod's containers may take to stop, in seconds. */
int64_t lifecycle_grace(const struct core_v1_pod *pod);

#endif
