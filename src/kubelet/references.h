/*
 * The ConfigMaps and Secrets that pods refer to.
 *
 * Any thread.  A missing object is ERR_NOT_FOUND in the words pods show: `configmap "x" not found`.
 */
#ifndef WHERRY_KUBELET_REFERENCES_H
#define WHERRY_KUBELET_REFERENCES_H

#include "kubelet/context.h"

/* *ret is held by @arena. */
int reference_config_map(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
			 struct arena *arena, const struct core_v1_config_map **ret, struct error *err) MUST_CHECK;
int reference_secret(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
		     struct arena *arena, const struct core_v1_secret **ret, struct error *err) MUST_CHECK;

#endif
