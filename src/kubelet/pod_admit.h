/*
 * What the node itself asks of a pod before it starts anything of it: that its sysctls are safe or allowed, that it is
 * of this operating system, and that it fits (pod_fit.h).  A pod that is refused has failed.  Pure.
 */
#ifndef WHERRY_KUBELET_POD_ADMIT_H
#define WHERRY_KUBELET_POD_ADMIT_H

#include "kubelet/kubelet.h"
#include "types/gen/core_v1.h"

struct pod_rejection {
	const char *reason; /* upstream's: "SysctlForbidden" */
	struct str message;
};

/* Beside what a pod would be. */
struct pod_neighbours {
	const struct core_v1_node *node; /* as the API has it; NULL: not known yet, and nothing is refused for it */
	const struct core_v1_pod *const *pods; /* those let in before that have not ended */
	size_t len;
};

/* False: refused, *ret (its text in @arena) says why. */
bool pod_admit(const struct kubelet_config *config, const struct pod_neighbours *neighbours,
	       const struct core_v1_pod *pod, struct arena *arena, struct pod_rejection *ret);
/* May --allowed-unsafe-sysctls say this: "net.*", "kernel.msgmax"?  Only what a pod has a namespace of its own for. */
bool pod_admit_is_sysctl_pattern(struct str pattern);

#endif
