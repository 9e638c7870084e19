/* NodeName: a pod that names its node goes there and nowhere else. */
#include "scheduler/framework.h"

static bool fits(const struct sched_pod *pod, const struct core_v1_node *node)
{
	return pod->pod->spec.node_name.len == 0 || str_eq(pod->pod->spec.node_name, node->metadata.name);
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	if (fits(cycle->pod, node->node))
		return VERDICT_OK;
	vec_push(&cycle->arena, why, STR("node(s) didn't match the requested node name"));
	return VERDICT_HOPELESS;
}

static bool hint(const struct sched_pod *pod, const struct cluster_event *event)
{
	return !event->node || fits(pod, event->node);
}

const struct plugin plugin_node_name = {
	.name = "NodeName",
	.wakes = EVENT_NODE_ADD,
	.hint = hint,
	.filter = filter,
};
