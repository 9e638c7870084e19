/*
 * What every process tells of itself, under the names of Prometheus' own client: CPU time, memory, descriptors, its
 * start, and which Kubernetes it is (kubernetes_build_info).  Read off the kernel when the metrics are written.
 */
#ifndef WHERRY_COMPONENT_PROCESS_METRICS_H
#define WHERRY_COMPONENT_PROCESS_METRICS_H

struct metrics;

void process_metrics_add(struct metrics *metrics);

#endif
