/* What a reconciler's queue does; see queue_metrics.h. */
#include "component/queue_metrics.h"

#include "base/clock.h"
#include "component/metrics.h"

#define NAME_MAX_LEN 64

/* What client-go gets by multiplying: the text of its bounds is part of the interface. */
static const double bounds[] = {1e-08, 1e-07, 1e-06, 9.999999999999999e-06, 9.999999999999999e-05, 0.001, 0.01,
				0.1,   1,     10};

/* Upstream's queues are called after their controllers, but for these. */
static const char *const other_names[][2] = {
	{"garbage-collector-controller", "garbage_collector_attempt_to_delete"},
	{"node-controller", "node_lifecycle_controller"},
	{"root-ca-certificate-publisher-controller", "root_ca_cert_publisher"},
};

/* "endpoint-slice-controller" -> "endpoint_slice" */
static struct str queue_name(const char *controller, char storage[static NAME_MAX_LEN])
{
	static const struct str suffix = STR_INIT("-controller");
	struct str name = str_from(controller);

	for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
		if (str_eq_c(name, other_names[i][0]))
			return str_from(other_names[i][1]);
	if (str_has_suffix(name, suffix))
		name.len -= suffix.len;
	name.len = MIN(name.len, (size_t)NAME_MAX_LEN);
	for (size_t i = 0; i < name.len; i++)
		storage[i] = (char)(name.data[i] == '-' ? '_' : name.data[i]);
	return (struct str){storage, name.len};
}

void queue_metrics_init(struct queue_metrics *queue, struct metrics *metrics, const char *controller)
{
	char storage[NAME_MAX_LEN];
	const struct str name = queue_name(controller, storage);

	queue->depth = metric_find(metrics_gauge(metrics, "workqueue_depth", "Keys that wait in a queue", "name", NULL),
				   &name);
	queue->adds = metric_find(
		metrics_counter(metrics, "workqueue_adds_total", "Keys put into a queue", "name", NULL), &name);
	queue->queued_seconds = metric_find(metrics_histogram(metrics, "workqueue_queue_duration_seconds",
							      "How long a key waited in its queue", bounds,
							      ARRAY_LEN(bounds), "name", NULL),
					    &name);
	queue->worked_seconds = metric_find(metrics_histogram(metrics, "workqueue_work_duration_seconds",
							      "How long the work on a key took", bounds,
							      ARRAY_LEN(bounds), "name", NULL),
					    &name);
	queue->retries = metric_find(metrics_counter(metrics, "workqueue_retries_total",
						     "Keys put off because the work on them failed", "name", NULL),
				     &name);
}

static void queued(void *data)
{
	struct queue_metrics *queue = data;

	metric_add(queue->depth, 1);
	metric_add(queue->adds, 1);
}

static void taken(void *data, int64_t waited_ns)
{
	struct queue_metrics *queue = data;

	metric_add(queue->depth, -1);
	metric_observe(queue->queued_seconds, (double)waited_ns / (double)NS_PER_SEC);
}

static void done(void *data, int64_t worked_ns)
{
	struct queue_metrics *queue = data;

	metric_observe(queue->worked_seconds, (double)worked_ns / (double)NS_PER_SEC);
}

static void retried(void *data)
{
	struct queue_metrics *queue = data;

	metric_add(queue->retries, 1);
}

const struct reconciler_observer queue_observer = {queued, taken, done, retried};
