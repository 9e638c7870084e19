/*
 * The cgroups of the tiers that pods are in (pod_cgroup.h): all pods together may have the machine's processors and
 * memory; BestEffort has the least share there is; Burstable as much as its pods together ask for, kept up to date as
 * they come and go.
 */
#ifndef WHERRY_KUBELET_QOS_CGROUPS_H
#define WHERRY_KUBELET_QOS_CGROUPS_H

#include "kubelet/context.h"

struct informer;
struct loop;
struct qos_cgroups;

/* @pods is the informer of the node's pods, read on the loop's thread. */
struct qos_cgroups *qos_cgroups_new(const struct kubelet_context *context, struct loop *loop, struct informer *pods);
/* Makes them; before any pod's. */
int qos_cgroups_start(struct qos_cgroups *qos, struct error *err) MUST_CHECK;
/* A pod came, went or changed; loop thread. */
void qos_cgroups_changed(struct qos_cgroups *qos);
/* After the pool and the loop are freed; NULL is fine; returns NULL. */
struct qos_cgroups *qos_cgroups_free(struct qos_cgroups *qos);

/* The processor shares of the Burstable tier: what its pods that have not ended ask for together. */
int64_t qos_burstable_shares(const struct core_v1_pod *const *pods, size_t len);

#endif
