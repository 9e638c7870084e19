/*
 * What the kubelet counts of itself, under upstream's names; its server tells it at /metrics (server_metrics.c).
 */
#ifndef WHERRY_KUBELET_KUBELET_METRICS_H
#define WHERRY_KUBELET_KUBELET_METRICS_H

#include "base/str.h"

struct metrics;

enum pod_operation { POD_OPERATION_CREATE, POD_OPERATION_SYNC, POD_OPERATION_KILL, POD_OPERATION_MAX };

struct kubelet_metrics;

struct kubelet_metrics *kubelet_metrics_new(struct str node_name);
/* NULL is fine; returns NULL. */
struct kubelet_metrics *kubelet_metrics_free(struct kubelet_metrics *metrics);
struct metrics *kubelet_metrics_registry(struct kubelet_metrics *metrics);

/* Any thread; NULL counts nothing: a kubelet's parts in tests. */
/* One turn of a pod's machine is over. */
void kubelet_metrics_turn(struct kubelet_metrics *metrics, enum pod_operation operation, int64_t took_ns);
/* A pod that was seen first so long ago runs. */
void kubelet_metrics_started(struct kubelet_metrics *metrics, int64_t took_ns);

#endif
