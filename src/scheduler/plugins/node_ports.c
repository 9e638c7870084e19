/* NodePorts: one host port of a node is one pod's. */
#include "scheduler/framework.h"

static bool clash(const struct sched_pod *a, const struct sched_pod *b)
{
	for (size_t i = 0; i < a->ports_len; i++)
		for (size_t j = 0; j < b->ports_len; j++)
			if (host_ports_clash(&a->ports[i], &b->ports[j]))
				return true;
	return false;
}

static enum verdict pre_filter(struct cycle *cycle, struct reasons *why UNUSED)
{
	return cycle->pod->ports_len ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	for (size_t i = 0; node->ports_len && i < node->pods_len; i++)
		if (clash(cycle->pod, node->pods[i])) {
			vec_push(&cycle->arena, why, STR("node(s) didn't have free ports for the requested pod ports"));
			return VERDICT_REJECT;
		}
	return VERDICT_OK;
}

static bool hint(const struct sched_pod *pod, const struct cluster_event *event)
{
	return !event->pod || clash(pod, event->pod);
}

const struct plugin plugin_node_ports = {
	.name = "NodePorts",
	.wakes = EVENT_POD_DELETE | EVENT_NODE_ADD,
	.hint = hint,
	.pre_filter = pre_filter,
	.filter = filter,
};
