/* TaintToleration: taints keep pods away that do not tolerate them, or make their node a worse choice. */
#include "logic/taint.h"
#include "scheduler/framework.h"

static bool fits(const struct sched_pod *pod, const struct core_v1_node *node)
{
	return !taint_forbidding(&node->spec.taints, &pod->pod->spec.tolerations);
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	if (fits(cycle->pod, node->node))
		return VERDICT_OK;
	vec_push(&cycle->arena, why, STR("node(s) had untolerated taint(s)"));
	return VERDICT_HOPELESS;
}

static bool hint(const struct sched_pod *pod, const struct cluster_event *event)
{
	return !event->node || (fits(pod, event->node) && (!event->old_node || !fits(pod, event->old_node)));
}

/* How many taints that only advise it does not tolerate; tolerations of other effects do not count here. */
static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	int64_t bad = 0;

	SLICE_FOREACH (taint, node->node->spec.taints)
		if (str_eq(taint->effect, STR("PreferNoSchedule")) &&
		    !taint_tolerated(taint, &cycle->pod->pod->spec.tolerations))
			bad++;
	return bad;
}

static void normalize(int64_t *scores, size_t len)
{
	normalize_scores(scores, len, true);
}

const struct plugin plugin_taint_toleration = {
	.name = "TaintToleration",
	.weight = 3,
	.wakes = EVENT_NODE_ADD | EVENT_NODE_TAINT | EVENT_OWN_TOLERATION,
	.hint = hint,
	.filter = filter,
	.score = score,
	.normalize = normalize,
};
