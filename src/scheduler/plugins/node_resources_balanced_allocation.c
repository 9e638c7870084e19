/* NodeResourcesBalancedAllocation: better where the pod brings the used shares of processor and memory together. */
#include "scheduler/framework.h"

/* 100 when the two shares are equal, 50 when one is all and the other nothing. */
static int64_t balance(const struct node_row *node, const int64_t requested[2])
{
	double shares[2], difference = 0;
	size_t len = 0;

	for (size_t i = 0; i < 2; i++) {
		if (node->allocatable[i] == 0)
			continue;
		shares[len++] = MIN((double)requested[i] / (double)node->allocatable[i], 1.0);
	}
	if (len == 2)
		difference = (shares[0] > shares[1] ? shares[0] - shares[1] : shares[1] - shares[0]) / 2;
	return (int64_t)((1 - difference) * (double)SCORE_MAX);
}

static void requests_of(const struct sched_pod *pod, int64_t ret[2])
{
	ret[SCHED_CPU] = ret[SCHED_MEMORY] = 0;
	for (size_t i = 0; i < pod->requests_len; i++)
		if (pod->requests[i].number <= SCHED_MEMORY)
			ret[pod->requests[i].number] = pod->requests[i].amount;
}

static enum verdict pre_score(struct cycle *cycle)
{
	int64_t requests[2];

	requests_of(cycle->pod, requests);
	return requests[SCHED_CPU] || requests[SCHED_MEMORY] ? VERDICT_OK : VERDICT_SKIP;
}

static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	int64_t requests[2], after[2];

	requests_of(cycle->pod, requests);
	for (size_t i = 0; i < 2; i++)
		after[i] = node->requested[i] + requests[i];
	return SCORE_MAX / 2 + (SCORE_MAX / 2 + balance(node, after) - balance(node, node->requested)) / 2;
}

const struct plugin plugin_node_resources_balanced_allocation = {
	.name = "NodeResourcesBalancedAllocation",
	.weight = 1,
	.pre_score = pre_score,
	.score = score,
};
