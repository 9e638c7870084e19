/*
 * The kubelet's metrics: what it counts of itself, and at /metrics/resource what its containers use.
 *
 * Both ask the runtime, so both are jobs of the kubelet's pool.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "component/metrics.h"
#include "kubelet/kubelet_metrics.h"
#include "kubelet/server_internal.h"
#include "sys/path.h"
#include "sys/thread.h"

struct metrics_job {
	struct kubelet_server *server;
	struct http_request *http;
};

static void submit(struct kubelet_server *server, struct http_request *http, void (*run)(void *data))
{
	struct metrics_job *job = XNEW(struct metrics_job);

	*job = (struct metrics_job){server, http};
	worker_pool_submit(server->config.pool, run, job);
}

static void respond(struct http_request *http, struct metrics *metrics)
{
	struct buf cleanup_buf text;
	struct http_response response = {
		.status = 200,
		.headers = HTTP_HEADERS(
			{STR("content-type"), STR("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")}),
		.gzip = true,
	};

	buf_init(&text, LIMIT_RESPONSE_BODY);
	metrics_write(metrics, &text);
	response.body = PAYLOAD(arena_str(&http->arena, buf_view(&text)));
	http_respond_post(http, &response);
}

/* --- The kubelet's own ------------------------------------------------------------------------------------------- */

static int count_containers(const struct kubelet_context *context, struct metrics *metrics, struct arena *arena,
			    struct error *err)
{
	static const char *const states[] = {
		[RUNTIME_CONTAINER_CREATED] = "created",
		[RUNTIME_CONTAINER_RUNNING] = "running",
		[RUNTIME_CONTAINER_EXITED] = "exited",
		[RUNTIME_CONTAINER_UNKNOWN] = "unknown",
	};
	struct metric_family *family = metrics_gauge(metrics, "kubelet_running_containers",
						     "Containers there are, by their state", "container_state", NULL);
	const struct runtime_filter all = {0};
	struct runtime_container_list list;
	int64_t counts[ARRAY_LEN(states)] = {0};

	if (RUNTIME_CALL(context->runtime, list_containers, &all, arena, &list, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < list.len; i++)
		counts[list.items[i].state]++;
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		metric_set(metric_get(family, states[i]), counts[i]);
	return 0;
}

static int count_pods(const struct kubelet_context *context, struct metrics *metrics, struct arena *arena,
		      struct error *err)
{
	const struct runtime_filter all = {0};
	struct runtime_sandbox_list list;
	int64_t count = 0;

	if (RUNTIME_CALL(context->runtime, list_pod_sandboxes, &all, arena, &list, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < list.len; i++)
		count += list.items[i].state == RUNTIME_SANDBOX_READY;
	metric_set(metric_get(metrics_gauge(metrics, "kubelet_running_pods", "Pods whose sandbox runs", NULL)), count);
	return 0;
}

static void tell_own(void *data)
{
	struct metrics_job *job = data;
	const struct kubelet_context *context = job->server->config.context;
	struct metrics *metrics = kubelet_metrics_registry(context->metrics);
	struct http_request *http = job->http;
	struct http_server_stats stats;
	struct error err = {0};

	http_server_stats(job->server->http, &stats);
	free(job);
	if (count_containers(context, metrics, &http->arena, &err) < 0 ||
	    count_pods(context, metrics, &http->arena, &err) < 0) {
		http_respond_text(http, 500, "%s", err.message);
		return;
	}
	metric_set(metric_get(metrics_counter(metrics, "kubelet_http_requests_total",
					      "Requests to the kubelet's server", NULL)),
		   (int64_t)stats.requests_total);
	metric_set(metric_get(metrics_gauge(metrics, "kubelet_http_inflight_requests", "Requests under way", NULL)),
		   (int64_t)stats.requests_open);
	respond(http, metrics);
}

void server_metrics(struct kubelet_server *server, struct http_request *http)
{
	submit(server, http, tell_own);
}

/* --- What is used ------------------------------------------------------------------------------------------------ */

/* User, nice, system, irq, softirq and steal of the first line of /proc/stat, in seconds; negative: not to be had. */
static double node_cpu_seconds(void)
{
	static const bool busy[] = {true, true, true, false, false, true, true, true};
	char text[512];
	struct str line, rest, field;
	uint64_t ticks, sum = 0;

	if (path_read_small(AT_FDCWD, "/proc/stat", text, sizeof(text)) < 0)
		return -1;
	str_cut(str_from(text), '\n', &line, &rest);
	if (!str_has_prefix(line, STR("cpu  ")))
		return -1;
	rest = str_from_at(line, 5);
	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		str_cut(rest, ' ', &field, &rest);
		if (str_parse_uint64(field, &ticks) < 0)
			return -1;
		sum += busy[i] ? ticks : 0;
	}
	return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

/* "Name:    123 kB" of /proc/meminfo, in bytes. */
static bool memory_field(struct str text, struct str name, double *ret)
{
	struct str line, key, value;
	uint64_t kib;

	while (text.len) {
		str_cut(text, '\n', &line, &text);
		if (!str_cut(line, ':', &key, &value) || !str_eq(key, name))
			continue;
		value = str_trim(value);
		str_cut(value, ' ', &value, &line);
		if (str_parse_uint64(value, &kib) < 0)
			return false;
		*ret = (double)kib * KIB;
		return true;
	}
	return false;
}

/* What is in use and would be missed: without pages of files that nobody has touched lately. */
static double node_working_set(void)
{
	char text[8 * KIB];
	double total, unused, inactive;

	if (path_read_small(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0 ||
	    !memory_field(str_from(text), STR("MemTotal"), &total) ||
	    !memory_field(str_from(text), STR("MemFree"), &unused) ||
	    !memory_field(str_from(text), STR("Inactive(file)"), &inactive))
		return -1;
	return MAX(total - unused - inactive, 0.0);
}

struct usage_families {
	struct metric_family *cpu, *memory, *pod_cpu, *pod_memory;
};

/* The containers of one sandbox and their sum; returns how many there were. */
static size_t tell_pod(const struct runtime_container_stats *stats, size_t len, const struct usage_families *of)
{
	const struct str pod = runtime_pairs_get(stats->labels, STR("io.kubernetes.pod.name"));
	const struct str namespace = runtime_pairs_get(stats->labels, STR("io.kubernetes.pod.namespace"));
	double cpu = 0, memory = 0;
	size_t n = 0;

	for (; n < len && str_eq(stats[n].sandbox_id, stats->sandbox_id); n++) {
		const struct str labels[] = {stats[n].metadata.name, namespace, pod};
		double seconds = (double)stats[n].cpu_usage_ns / 1e9;

		metric_set_real(metric_find(of->cpu, labels), seconds);
		metric_set(metric_find(of->memory, labels), (int64_t)stats[n].memory_working_set);
		cpu += seconds;
		memory += (double)stats[n].memory_working_set;
	}
	metric_set_real(metric_find(of->pod_cpu, (const struct str[]){namespace, pod}), cpu);
	metric_set_real(metric_find(of->pod_memory, (const struct str[]){namespace, pod}), memory);
	return n;
}

static void tell_node(struct metrics *metrics, bool failed)
{
	double cpu = node_cpu_seconds(), memory = node_working_set();
	struct metric_family *family;

	if (cpu >= 0) {
		family = metrics_counter(metrics, "node_cpu_usage_seconds_total", "CPU time the node has used", NULL);
		metric_set_real(metric_get(family), cpu);
	}
	if (memory >= 0) {
		family = metrics_gauge(metrics, "node_memory_working_set_bytes", "Memory the node works with", NULL);
		metric_set_real(metric_get(family), memory);
	}
	family = metrics_gauge(metrics, "resource_scrape_error", "1 when something could not be told", NULL);
	metric_set(metric_get(family), failed || cpu < 0 || memory < 0);
}

/* Made anew each time: what has ended is told no more. */
static void tell_usage(void *data)
{
	struct metrics_job *job = data;
	const struct kubelet_context *context = job->server->config.context;
	const struct runtime_filter all = {0};
	struct runtime_container_stats_list list = {0};
	struct http_request *http = job->http;
	struct metrics *metrics = metrics_new();
	struct error err = {0};
	bool failed = RUNTIME_CALL(context->runtime, list_container_stats, &all, &http->arena, &list, &err) < 0;
	const struct usage_families of = {
		.cpu = metrics_counter(metrics, "container_cpu_usage_seconds_total", "CPU time a container has used",
				       "container", "namespace", "pod", NULL),
		.memory = metrics_gauge(metrics, "container_memory_working_set_bytes", "Memory a container works with",
					"container", "namespace", "pod", NULL),
		.pod_cpu = metrics_counter(metrics, "pod_cpu_usage_seconds_total",
					   "CPU time the containers of a pod have used", "namespace", "pod", NULL),
		.pod_memory = metrics_gauge(metrics, "pod_memory_working_set_bytes",
					    "Memory the containers of a pod work with", "namespace", "pod", NULL),
	};

	free(job);
	server_sort_stats(&list);
	for (size_t i = 0; i < list.len;)
		i += tell_pod(&list.items[i], list.len - i, &of);
	tell_node(metrics, failed);
	respond(http, metrics);
	metrics_free(metrics);
}

void server_resource_metrics(struct kubelet_server *server, struct http_request *http)
{
	submit(server, http, tell_usage);
}
