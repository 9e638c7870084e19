/*
 * Ending a pod: its containers are stopped with their grace, the last status is told, volumes and cgroup go, and at
 * last the API object is deleted with grace 0.  Each step is repeatable; a kubelet that dies in between goes on where
 * it was.
 */
#ifndef WHERRY_KUBELET_POD_TEARDOWN_H
#define WHERRY_KUBELET_POD_TEARDOWN_H

#include "kubelet/pod_sync.h"

void pod_teardown(const struct kubelet_context *context, struct pod_sync *sync, struct pod_view *view, int64_t now,
		  struct arena *arena);

#endif
