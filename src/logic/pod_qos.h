/* The quality-of-service class of a pod: what its requests and limits promise. */
#ifndef WHERRY_LOGIC_POD_QOS_H
#define WHERRY_LOGIC_POD_QOS_H

#include "types/gen/core_v1.h"

/*
 * "Guaranteed", "Burstable" or "BestEffort", from cpu and memory of init and regular containers, or of the pod level
 * when resources are set there (upstream's ComputePodQOS).
 */
struct str pod_qos_class(const struct core_v1_pod_spec *spec);

#endif
