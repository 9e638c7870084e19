/*
 * Has the node what a pod asks for: room beside the pods it has let in, the labels the pod selects, no taint that
 * evicts it?  The scheduler asked the same, but need not have been the one who bound the pod, and the node may have
 * changed since.  Rules and words are upstream's kubelet's; of several reasons the first is told.  Pure.
 */
#ifndef WHERRY_KUBELET_POD_FIT_H
#define WHERRY_KUBELET_POD_FIT_H

#include "base/arena.h"
#include "kubelet/pod_admit.h"

/* False: refused, *ret (its text in @arena) says why. */
bool pod_fits(const struct pod_neighbours *neighbours, const struct core_v1_pod *pod, struct arena *arena,
	      struct pod_rejection *ret);

#endif
