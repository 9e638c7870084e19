/* NodeUnschedulable: cordoned nodes take only pods that tolerate that. */
#include "logic/taint.h"
#include "scheduler/framework.h"

static bool fits(const struct sched_pod *pod, const struct core_v1_node *node)
{
	static const struct core_v1_taint cordoned = {.key = STR_INIT("node.kubernetes.io/unschedulable"),
						      .effect = STR_INIT("NoSchedule")};

	return !node->spec.unschedulable || taint_tolerated(&cordoned, &pod->pod->spec.tolerations);
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	if (fits(cycle->pod, node->node))
		return VERDICT_OK;
	vec_push(&cycle->arena, why, STR("node(s) were unschedulable"));
	return VERDICT_HOPELESS;
}

static bool hint(const struct sched_pod *pod, const struct cluster_event *event)
{
	return !event->node || fits(pod, event->node);
}

const struct plugin plugin_node_unschedulable = {
	.name = "NodeUnschedulable",
	.wakes = EVENT_NODE_ADD | EVENT_NODE_TAINT | EVENT_OWN_TOLERATION,
	.hint = hint,
	.filter = filter,
};
