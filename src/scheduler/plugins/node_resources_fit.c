/*
 * NodeResourcesFit: what pods request of a node never exceeds what it has to give.  Its score is LeastAllocated: the
 * more is left of processor and memory, the better.
 */
#include "scheduler/framework.h"

static struct str insufficient(struct cycle *cycle, uint32_t number)
{
	static const struct str base[SCHED_BASE_MAX] = {
		[SCHED_CPU] = STR_INIT("Insufficient cpu"),
		[SCHED_MEMORY] = STR_INIT("Insufficient memory"),
		[SCHED_EPHEMERAL_STORAGE] = STR_INIT("Insufficient ephemeral-storage"),
	};

	if (number < SCHED_BASE_MAX)
		return base[number];
	return arena_printf(&cycle->arena, "Insufficient " STR_FMT, STR_ARG(cycle->cache->names.names[number]));
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	const struct sched_pod *pod = cycle->pod;
	enum verdict verdict = VERDICT_OK;

	if ((int64_t)node->pods_len + 1 > node->pods_allowed) {
		vec_push(&cycle->arena, why, STR("Too many pods"));
		verdict = VERDICT_REJECT;
	}
	for (size_t i = 0; i < pod->requests_len; i++) {
		uint32_t number = pod->requests[i].number;
		int64_t amount = pod->requests[i].amount, allocatable = node_row_allocatable(node, number);

		if (amount <= allocatable - node_row_requested(node, number))
			continue;
		vec_push(&cycle->arena, why, insufficient(cycle, number));
		verdict = amount > allocatable || verdict == VERDICT_HOPELESS ? VERDICT_HOPELESS : VERDICT_REJECT;
	}
	return verdict;
}

static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	int64_t sum = 0, weight = 0;

	for (size_t i = 0; i < ARRAY_LEN(node->load); i++) {
		int64_t allocatable = node->allocatable[i], load = node->load[i] + cycle->pod->load[i];

		if (allocatable == 0)
			continue;
		weight++;
		if (load <= allocatable)
			sum += (allocatable - load) * SCORE_MAX / allocatable;
	}
	return weight ? sum / weight : 0;
}

const struct plugin plugin_node_resources_fit = {
	.name = "NodeResourcesFit",
	.weight = 1,
	.wakes = EVENT_POD_DELETE | EVENT_POD_SCALE_DOWN | EVENT_OWN_SCALE_DOWN | EVENT_NODE_ADD |
		 EVENT_NODE_ALLOCATABLE,
	.filter = filter,
	.score = score,
};
