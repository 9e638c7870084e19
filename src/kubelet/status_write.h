/* Writing a pod's status: a merge patch of what differs, with the pod's UID as condition; nothing when nothing does. */
#ifndef WHERRY_KUBELET_STATUS_WRITE_H
#define WHERRY_KUBELET_STATUS_WRITE_H

#include "kubelet/context.h"

/* A pod that is gone from the API is no error. */
int status_write(const struct kubelet_context *context, const struct core_v1_pod *pod,
		 const struct core_v1_pod_status *status, struct arena *arena, struct error *err) MUST_CHECK;

#endif
