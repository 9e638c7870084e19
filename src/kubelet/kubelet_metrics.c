/* What the kubelet counts of itself; see kubelet_metrics.h. */
#include "kubelet/kubelet_metrics.h"

#include "base/clock.h"
#include "component/metrics.h"
#include "component/process_metrics.h"

struct kubelet_metrics {
	struct metrics *registry;
	struct metric *turns[POD_OPERATION_MAX], *started;
};

static const double turn_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
static const double start_bounds[] = {0.5, 1,	2,   3,	  4,   5,   6,	 8,   10,   20,	  30,	45,  60,
				      120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600};

struct kubelet_metrics *kubelet_metrics_new(struct str node_name)
{
	static const char *const operations[POD_OPERATION_MAX] = {"create", "sync", "kill"};
	struct kubelet_metrics *made = XNEW(struct kubelet_metrics);
	struct metric_family *turns, *name;

	made->registry = metrics_new();
	process_metrics_add(made->registry);
	name = metrics_gauge(made->registry, "kubelet_node_name", "Always 1; the label names the node", "node", NULL);
	metric_set(metric_find(name, &node_name), 1);
	turns = metrics_histogram(made->registry, "kubelet_pod_worker_duration_seconds",
				  "How long one turn of work on a pod took", turn_bounds, ARRAY_LEN(turn_bounds),
				  "operation_type", NULL);
	for (int i = 0; i < POD_OPERATION_MAX; i++)
		made->turns[i] = metric_get(turns, operations[i]);
	made->started = metric_get(metrics_histogram(made->registry, "kubelet_pod_start_duration_seconds",
						     "From the first sight of a pod until it is known to run",
						     start_bounds, ARRAY_LEN(start_bounds), NULL));
	return made;
}

struct kubelet_metrics *kubelet_metrics_free(struct kubelet_metrics *metrics)
{
	if (!metrics)
		return NULL;
	metrics_free(metrics->registry);
	free(metrics);
	return NULL;
}

struct metrics *kubelet_metrics_registry(struct kubelet_metrics *metrics)
{
	return metrics->registry;
}

void kubelet_metrics_turn(struct kubelet_metrics *metrics, enum pod_operation operation, int64_t took_ns)
{
	if (metrics)
		metric_observe(metrics->turns[operation], (double)took_ns / (double)NS_PER_SEC);
}

void kubelet_metrics_started(struct kubelet_metrics *metrics, int64_t took_ns)
{
	if (metrics)
		metric_observe(metrics->started, (double)took_ns / (double)NS_PER_SEC);
}
