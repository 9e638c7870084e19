/*
 * What a reconciler's queue does, under the names of client-go's work queues: workqueue_depth, _adds_total,
 * _queue_duration_seconds, _work_duration_seconds, _retries_total.
 *
 *	struct queue_metrics counted;
 *	queue_metrics_init(&counted, metrics, "deployment-controller");
 *	reconciler_new(&(struct reconciler_config){..., .observer = &queue_observer, .observer_data = &counted});
 */
#ifndef WHERRY_COMPONENT_QUEUE_METRICS_H
#define WHERRY_COMPONENT_QUEUE_METRICS_H

#include "client/reconciler.h"

struct metric;
struct metrics;

struct queue_metrics {
	struct metric *depth, *adds, *queued_seconds, *worked_seconds, *retries;
};

/* @controller: the reconciler's name, from which that of the queue follows. */
void queue_metrics_init(struct queue_metrics *queue, struct metrics *metrics, const char *controller);

/* Its data is a struct queue_metrics. */
extern const struct reconciler_observer queue_observer;

#endif
