/* The scheduling framework; see framework.h. */
#include "scheduler/framework.h"

const struct plugin *const plugins[PLUGIN_MAX] = {
#define X(name) [PLUGIN_##name] = &plugin_##name,
	PLUGINS(X)
#undef X
};

bool framework_admits(const struct sched_pod *pod)
{
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (plugins[i]->pre_enqueue && plugins[i]->pre_enqueue(pod) != VERDICT_OK)
			return false;
	return true;
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct node_verdict *ret)
{
	for (size_t i = 0; i < PLUGIN_MAX; i++) {
		struct reasons why = {0};
		enum verdict verdict;

		if (!plugins[i]->filter || cycle->skip_filter & PLUGIN_BIT(i))
			continue;
		verdict = plugins[i]->filter(cycle, node, &why);
		if (verdict != VERDICT_OK) {
			*ret = (struct node_verdict){.slot = node->slot,
						     .verdict = verdict,
						     .plugin = (enum plugin_number)i,
						     .reasons = why};
			return verdict;
		}
	}
	return VERDICT_OK;
}

static void tell_moved(struct cycle *cycle, const struct node_row *row, const struct sched_pod *pod, int sign)
{
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (plugins[i]->moved)
			plugins[i]->moved(cycle, pod, row, sign);
}

void framework_put(struct cycle *cycle, struct node_row *row, struct sched_pod *pod)
{
	node_row_put(row, pod);
	tell_moved(cycle, row, pod, 1);
}

void framework_take(struct cycle *cycle, struct node_row *row, struct sched_pod *pod)
{
	node_row_take(row, pod);
	tell_moved(cycle, row, pod, -1);
}

/* Puts on @row the pods it was freed for that are no less important than the one in hand; true when there are any. */
static bool put_nominated(struct cycle *cycle, struct node_row *row)
{
	bool any = false;

	for (size_t i = 0; i < cycle->cache->nominated_len; i++) {
		struct sched_pod *other = cycle->cache->nominated[i];

		if (other != cycle->pod && other->priority >= cycle->pod->priority &&
		    str_eq_c(row->name, other->nominated)) {
			framework_put(cycle, row, other);
			any = true;
		}
	}
	return any;
}

/*
 * The pod must fit with the nominated pods there, which may yet come, and without them, for they may not (and another's
 * affinity must not rest on them).
 */
enum verdict framework_filter(struct cycle *cycle, const struct node_row *node, struct node_verdict *ret)
{
	enum verdict verdict = VERDICT_OK;

	if (cycle->cache->nominated_len) {
		struct node_row copy;

		node_row_copy(node, &copy);
		if (put_nominated(cycle, &copy))
			verdict = filter(cycle, &copy, ret);
		while (copy.pods_len > node->pods_len)
			framework_take(cycle, &copy, copy.pods[copy.pods_len - 1]);
		node_row_release(&copy);
	}
	return verdict == VERDICT_OK ? filter(cycle, node, ret) : verdict;
}

bool framework_wakes(const struct sched_pod *pod, const struct cluster_event *event)
{
	if (pod->rejected_by == 0)
		return true;
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (pod->rejected_by & PLUGIN_BIT(i) && plugins[i]->wakes & event->what &&
		    (!plugins[i]->hint || plugins[i]->hint(pod, event)))
			return true;
	return false;
}

int framework_bind(struct binding *binding, struct error *err)
{
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (plugins[i]->pre_bind && plugins[i]->pre_bind(binding, err) < 0)
			return -(int)err->code;
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (plugins[i]->bind && plugins[i]->bind(binding, err) < 0)
			return -(int)err->code;
	for (size_t i = 0; i < PLUGIN_MAX; i++)
		if (plugins[i]->post_bind)
			plugins[i]->post_bind(binding);
	return 0;
}

void normalize_scores(int64_t *scores, size_t len, bool reverse)
{
	int64_t highest = 0;

	for (size_t i = 0; i < len; i++)
		highest = MAX(highest, scores[i]);
	for (size_t i = 0; i < len; i++) {
		if (highest)
			scores[i] = scores[i] * SCORE_MAX / highest;
		if (reverse)
			scores[i] = SCORE_MAX - scores[i];
	}
}
