/* What the scheduler counts; see scheduler_metrics.h. */
#include "scheduler/scheduler_metrics.h"

#include "base/clock.h"
#include "component/metrics.h"
#include "scheduler/queue.h"

static const double seconds_bounds[] = {0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128,
					0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384};
static const double attempts_bounds[] = {1, 2, 4, 8, 16};

void scheduler_metrics_init(struct scheduler_metrics *ret, struct metrics *metrics, struct str profile)
{
	static const struct str results[SCHEDULE_RESULT_MAX] = {STR_INIT("scheduled"), STR_INIT("unschedulable"),
								STR_INIT("error")};
	struct metric_family *attempts =
		metrics_counter(metrics, "scheduler_schedule_attempts_total",
				"Attempts to find a node for a pod, by how they ended", "profile", "result", NULL);
	struct metric_family *seconds =
		metrics_histogram(metrics, "scheduler_scheduling_attempt_duration_seconds",
				  "How long an attempt took, the binding included", seconds_bounds,
				  ARRAY_LEN(seconds_bounds), "profile", "result", NULL);
	struct metric_family *pending =
		metrics_gauge(metrics, "scheduler_pending_pods", "Pods that wait for a node", "queue", NULL);

	for (int i = 0; i < SCHEDULE_RESULT_MAX; i++) {
		ret->attempts[i] = metric_find(attempts, (const struct str[]){profile, results[i]});
		ret->seconds[i] = metric_find(seconds, (const struct str[]){profile, results[i]});
	}
	ret->pod_attempts = metric_get(metrics_histogram(metrics, "scheduler_pod_scheduling_attempts",
							 "Attempts it took to schedule a pod", attempts_bounds,
							 ARRAY_LEN(attempts_bounds), NULL));
	ret->active = metric_get(pending, "active");
	ret->backoff = metric_get(pending, "backoff");
	ret->unschedulable = metric_get(pending, "unschedulable");
	ret->gated = metric_get(pending, "gated");
}

void scheduler_metrics_attempt(struct scheduler_metrics *metrics, enum schedule_result result, int64_t took_ns)
{
	metric_add(metrics->attempts[result], 1);
	metric_observe(metrics->seconds[result], (double)took_ns / (double)NS_PER_SEC);
}

void scheduler_metrics_bound(struct scheduler_metrics *metrics, uint32_t attempts)
{
	metric_observe(metrics->pod_attempts, attempts);
}

void scheduler_metrics_pending(struct scheduler_metrics *metrics, const struct queue *queue)
{
	metric_set(metrics->active, (int64_t)queue->active.len);
	metric_set(metrics->backoff, (int64_t)queue->backoff.len);
	metric_set(metrics->unschedulable, (int64_t)queue->unschedulable_len);
	metric_set(metrics->gated, (int64_t)queue->gated_len);
}
