/*
 * How fast the scheduler decides, on clusters of nodes that exist in memory alone: pods that ask for a little processor
 * and memory, each decision assumed before the next.  No server, no binding.
 *
 *	bench_scheduler
 */
#include "bench.h"

#include "scheduler/decide.h"

enum { PODS = 5000 };

static struct object *make_node(int i)
{
	struct arena cleanup_arena arena = {0};
	struct quantity_pair allocatable[] = {
		{STR("cpu"), {.mantissa = 64, .is_set = true}},
		{STR("memory"), {.mantissa = INT64_C(256) << 30, .is_set = true}},
		{STR("pods"), {.mantissa = 1000, .is_set = true}},
	};
	struct str_pair labels[] = {{STR("kubernetes.io/hostname"), arena_printf(&arena, "node-%d", i)},
				    {STR("topology.kubernetes.io/zone"), arena_printf(&arena, "zone-%d", i % 3)}};
	struct core_v1_node node = {
		.metadata = {.name = labels[0].value, .labels = {labels, ARRAY_LEN(labels)}},
		.status = {.allocatable = {allocatable, ARRAY_LEN(allocatable)}},
	};

	return object_publish(&schema_core_v1_node, &node);
}

static struct object *make_pod(int i)
{
	struct arena cleanup_arena arena = {0};
	struct quantity_pair requests[] = {
		{STR("cpu"), {.mantissa = 1, .exponent = -1, .is_set = true}},
		{STR("memory"), {.mantissa = INT64_C(1) << 28, .is_set = true}},
	};
	struct core_v1_container container = {
		.name = STR("app"), .image = STR("app:1"), .resources = {.requests = {requests, ARRAY_LEN(requests)}}};
	struct core_v1_pod pod = {
		.metadata = {.name = arena_printf(&arena, "pod-%d", i), .namespace = STR("bench")},
		.spec = {.containers = {&container, 1}},
	};

	return object_publish(&schema_core_v1_pod, &pod);
}

static void run(int nodes)
{
	struct cache cache;
	struct decider decider = {.cache = &cache, .random = {1}};
	struct sched_pod **pods = xcalloc(PODS, sizeof(struct sched_pod *));
	int64_t start;
	char name[64];

	cache_init(&cache);
	for (int i = 0; i < nodes; i++) {
		struct object *node = make_node(i);

		cache_set_node(&cache, node);
		object_unref(node);
	}
	for (int i = 0; i < PODS; i++) {
		struct object *object = make_pod(i);

		pods[i] = sched_pod_new(&cache.names, object);
		object_unref(object);
	}
	start = clock_monotonic_ns();
	for (int i = 0; i < PODS; i++) {
		struct decision decision;

		decide(&decider, pods[i], &decision);
		if (decision.slot == NODE_NONE)
			exit(1);
		cache_assume(&cache, pods[i], decision.slot);
		decision_release(&decision);
	}
	(void)snprintf(name, sizeof(name), "scheduler/decide/%d-nodes", nodes);
	bench_print(name, PODS * (double)NS_PER_SEC / (double)(clock_monotonic_ns() - start), "/s");
	for (int i = 0; i < PODS; i++) {
		cache_remove_pod(&cache, pods[i]);
		sched_pod_free(pods[i]);
	}
	free(pods);
	cache_release(&cache);
	decider_release(&decider);
}

int main(void)
{
	run(100);
	run(1000);
	run(5000);
	return 0;
}
