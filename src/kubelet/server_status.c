/* What the kubelet tells of its node: its pods, and what they use. */
#include "base/clock.h"
#include "base/limits.h"
#include "client/informer.h"
#include "codec/json.h"
#include "kubelet/server_internal.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/codec.h"
#include "types/timestamp.h"

static void respond_json(struct http_request *http, const struct buf *text)
{
	struct http_response response = {.status = 200,
					 .headers = HTTP_HEADERS({STR("content-type"), STR("application/json")}),
					 .body = PAYLOAD(arena_str(&http->arena, buf_view(text))),
					 .gzip = true};

	http_respond_post(http, &response);
}

void server_pods(struct kubelet_server *server, struct http_request *http)
{
	struct buf cleanup_buf text;
	bool first = true;

	buf_init(&text, LIMIT_RESPONSE_BODY);
	buf_c(&text, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
	INFORMER_FOREACH(it, server->config.pods)
	{
		if (!first)
			buf_char(&text, ',');
		first = false;
		encode_json(it->object->schema, it->object->data, 0, &text);
	}
	buf_c(&text, "]}");
	respond_json(http, &text);
}

/* --- Statistics -------------------------------------------------------------------------------------------------- */

struct stats_job {
	struct kubelet_server *server;
	struct http_request *http;
};

static void put_member(const char *name, struct str value, struct buf *out)
{
	buf_printf(out, "\"%s\":", name);
	json_write_str(value, out);
}

/* "cpu" and "memory" of one container or of a pod. */
static void put_usage(int64_t when, uint64_t cpu, uint64_t used, uint64_t working_set, uint64_t rss, struct buf *out)
{
	char time[TIMESTAMP_TEXT_SIZE];

	timestamp_format(timestamp_make(when / NS_PER_SEC, 0), time);
	buf_printf(out, "\"cpu\":{\"time\":\"%s\",\"usageCoreNanoSeconds\":%llu}", time, (unsigned long long)cpu);
	buf_printf(out, ",\"memory\":{\"time\":\"%s\",\"usageBytes\":%llu,\"workingSetBytes\":%llu,\"rssBytes\":%llu}",
		   time, (unsigned long long)used, (unsigned long long)working_set, (unsigned long long)rss);
}

static int by_sandbox(const void *a, const void *b)
{
	const struct runtime_container_stats *x = a, *y = b;

	return str_cmp(x->sandbox_id, y->sandbox_id);
}

void server_sort_stats(struct runtime_container_stats_list *list)
{
	if (list->len)
		qsort(list->items, list->len, sizeof(*list->items), by_sandbox);
}

/* One pod's entry; returns how many containers it took. */
static size_t put_pod(const struct runtime_container_stats *stats, size_t len, struct buf *out)
{
	struct runtime_container_stats sum = {.timestamp = stats->timestamp};
	size_t n = 0;

	buf_c(out, "{\"podRef\":{");
	put_member("name", runtime_pairs_get(stats->labels, STR("io.kubernetes.pod.name")), out);
	buf_char(out, ',');
	put_member("namespace", runtime_pairs_get(stats->labels, STR("io.kubernetes.pod.namespace")), out);
	buf_char(out, ',');
	put_member("uid", runtime_pairs_get(stats->labels, STR("io.kubernetes.pod.uid")), out);
	buf_c(out, "},\"containers\":[");
	for (; n < len && str_eq(stats[n].sandbox_id, stats->sandbox_id); n++) {
		buf_c(out, n ? ",{" : "{");
		put_member("name", stats[n].metadata.name, out);
		buf_char(out, ',');
		put_usage(stats[n].timestamp, stats[n].cpu_usage_ns, stats[n].memory_usage, stats[n].memory_working_set,
			  stats[n].memory_rss, out);
		buf_char(out, '}');
		sum.cpu_usage_ns += stats[n].cpu_usage_ns;
		sum.memory_usage += stats[n].memory_usage;
		sum.memory_working_set += stats[n].memory_working_set;
		sum.memory_rss += stats[n].memory_rss;
	}
	buf_c(out, "],");
	put_usage(sum.timestamp, sum.cpu_usage_ns, sum.memory_usage, sum.memory_working_set, sum.memory_rss, out);
	buf_char(out, '}');
	return n;
}

static void collect(void *data)
{
	struct stats_job *job = data;
	const struct kubelet_context *context = job->server->config.context;
	struct runtime_container_stats_list list;
	const struct runtime_filter all = {0};
	struct http_request *http = job->http;
	struct buf cleanup_buf text;
	struct error err = {0};

	free(job);
	if (RUNTIME_CALL(context->runtime, list_container_stats, &all, &http->arena, &list, &err) < 0) {
		http_respond_text(http, 500, "%s", err.message);
		return;
	}
	server_sort_stats(&list);
	buf_init(&text, LIMIT_RESPONSE_BODY);
	buf_c(&text, "{\"node\":{");
	put_member("nodeName", context->config->node_name, &text);
	buf_c(&text, "},\"pods\":[");
	for (size_t i = 0; i < list.len;) {
		if (i)
			buf_char(&text, ',');
		i += put_pod(&list.items[i], list.len - i, &text);
	}
	buf_c(&text, "]}");
	respond_json(http, &text);
}

void server_stats(struct kubelet_server *server, struct http_request *http)
{
	struct stats_job *job = XNEW(struct stats_job);

	*job = (struct stats_job){server, http};
	worker_pool_submit(server->config.pool, collect, job);
}
