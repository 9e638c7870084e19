/*
 * The cgroups above the containers': one for each pod, with the limits of the pod as a whole, in a tier by quality of
 * service (upstream's ResourceConfigForPod and qos containers; facts/node.txt: cg):
 *
 *	ROOT/kubepods			what pods may have of the machine
 *	ROOT/kubepods/pod<uid>		Guaranteed
 *	ROOT/kubepods/burstable/pod<uid>
 *	ROOT/kubepods/besteffort/pod<uid>
 *
 * They are the kubelet's: made before the pod's sandbox, taken away when its last container is gone.  A worker's calls;
 * those about one pod are made by its turns, one at a time.
 */
#ifndef WHERRY_KUBELET_POD_CGROUP_H
#define WHERRY_KUBELET_POD_CGROUP_H

#include "kubelet/context.h"

/* Where the pods of that class are: "Burstable", "BestEffort", else the Guaranteed ones'. */
struct str pod_tier_path(const struct kubelet_config *config, struct str qos_class, struct arena *arena);
struct str pod_cgroup_path(const struct kubelet_config *config, const struct core_v1_pod *pod, struct arena *arena);

/*
 * Pure.  Processor shares always; quota and memory limit for a pod that is Guaranteed, or whose every container, those
 * of its start too, declares one, or that has one at pod level; processes as configured.
 */
struct cgroup_limits pod_cgroup_limits(const struct kubelet_config *config, const struct core_v1_pod *pod,
				       struct arena *arena);

/* Makes it when it is not there and sets its limits. */
int pod_cgroup_ensure(const struct kubelet_context *context, const struct core_v1_pod *pod,
		      struct error *err) MUST_CHECK;
/* Ends what still runs in the pod's, of whatever class it is, and removes it; absent is success. */
int pod_cgroup_remove(const struct kubelet_context *context, struct str uid, struct error *err) MUST_CHECK;
/* The UIDs that have one, in @arena. */
int pod_cgroup_list(const struct kubelet_context *context, struct arena *arena, struct runtime_strs *ret,
		    struct error *err) MUST_CHECK;

#endif
