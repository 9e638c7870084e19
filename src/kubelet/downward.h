/*
 * The downward API beyond env.h: what volumes and variables share.
 */
#ifndef WHERRY_KUBELET_DOWNWARD_H
#define WHERRY_KUBELET_DOWNWARD_H

#include "kubelet/env.h"

/*
 * The pod as its containers see it: with the annotations kubernetes.io/config.seen (when the pod's folder was made;
 * absent before) and kubernetes.io/config.source.
 */
const struct core_v1_pod *downward_pod(const struct kubelet_context *context, const struct core_v1_pod *pod,
				       struct arena *arena);
/* The addresses and amounts of the node; the pod has no addresses yet. */
struct downward downward_of_node(const struct kubelet_context *context, struct arena *arena);
/* The container (init containers too) of that name, or NULL. */
const struct core_v1_container *downward_container(const struct core_v1_pod *pod, struct str name);

#endif
