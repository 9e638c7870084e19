/*
 * What pods no longer need: containers that ended and of which two later ones are known, sandboxes that are over and
 * have none left, and logs.  Upstream keeps one ended container beside the present one too (maxPerPodContainerCount).
 */
#ifndef WHERRY_KUBELET_POD_GARBAGE_H
#define WHERRY_KUBELET_POD_GARBAGE_H

#include "kubelet/pod_view.h"

/* Removes them with their logs; what fails is logged and tried again by the next turn.  After it @view is stale. */
void pod_garbage_remove(const struct kubelet_context *context, const struct pod_view *view);

/* The folder of the pod's logs, in @arena. */
struct str pod_log_dir(const struct kubelet_config *config, const struct core_v1_pod *pod, struct arena *arena);
/* Removes the logs of the pod of that UID, its namespace and name may be forgotten. */
int pod_logs_remove(const struct kubelet_context *context, struct str uid, struct error *err) MUST_CHECK;
/* The UIDs of pods that have logs, in @arena. */
int pod_logs_list(const struct kubelet_context *context, struct arena *arena, struct runtime_strs *ret,
		  struct error *err) MUST_CHECK;

#endif
