/* What the scheduler counts, under upstream's names.  The deciding thread's. */
#ifndef WHERRY_SCHEDULER_SCHEDULER_METRICS_H
#define WHERRY_SCHEDULER_SCHEDULER_METRICS_H

#include "base/str.h"

struct metric;
struct metrics;
struct queue;

enum schedule_result { SCHEDULE_SCHEDULED, SCHEDULE_UNSCHEDULABLE, SCHEDULE_ERROR, SCHEDULE_RESULT_MAX };

struct scheduler_metrics {
	struct metric *attempts[SCHEDULE_RESULT_MAX], *seconds[SCHEDULE_RESULT_MAX];
	struct metric *pod_attempts; /* that it took to schedule a pod */
	struct metric *active, *backoff, *unschedulable, *gated;
};

/* @profile: the scheduler's name. */
void scheduler_metrics_init(struct scheduler_metrics *ret, struct metrics *metrics, struct str profile);
/* An attempt has ended; of one that found a node, when the binding has. */
void scheduler_metrics_attempt(struct scheduler_metrics *metrics, enum schedule_result result, int64_t took_ns);
/* A pod is bound, at the @attempts-th time of trying. */
void scheduler_metrics_bound(struct scheduler_metrics *metrics, uint32_t attempts);
/* What waits now. */
void scheduler_metrics_pending(struct scheduler_metrics *metrics, const struct queue *queue);

#endif
