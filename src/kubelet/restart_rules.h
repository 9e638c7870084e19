/*
 * Does an ended container come back?  Upstream's rule: the rules of the container about its exit code, then its own
 * restart policy, then the pod's.  Rules count only beside a policy of the container's own.  Pure.
 */
#ifndef WHERRY_KUBELET_RESTART_RULES_H
#define WHERRY_KUBELET_RESTART_RULES_H

#include "types/gen/core_v1.h"

/* After it ended with @exit_code. */
bool restart_rules_after_exit(const struct core_v1_pod_spec *pod, const struct core_v1_container *container,
			      int32_t exit_code);
/* After it was killed here, whatever it ended with: rules need an exit of its own. */
bool restart_rules_after_kill(const struct core_v1_pod_spec *pod, const struct core_v1_container *container);
/* Does its end with @exit_code begin every container of the pod anew (action RestartAllContainers)? */
bool restart_rules_restart_all(const struct core_v1_container *container, int32_t exit_code);
/* Can it have that effect at all? */
bool restart_rules_may_restart_all(const struct core_v1_container *container);

#endif
