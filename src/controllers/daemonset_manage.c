/* One pod on every node that is to have one, and none elsewhere; see daemonset.h. */
#include "controllers/daemonset.h"
#include "logic/pod.h"

/* The failure of @pod that gather found, if any. */
static const struct daemon_failure *failure_of(const struct daemon_plan *plan, const struct object *pod)
{
	for (size_t i = 0; i < plan->inputs->failures.len; i++)
		if (plan->inputs->failures.items[i].pod == pod)
			return &plan->inputs->failures.items[i];
	return NULL;
}

/* A pod that has ended makes room for the next; one that failed again and again, only after a while. */
static void clear_ended(struct daemon_plan *plan, const struct daemon_node *node, const struct object *object)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	bool failed = str_eq(pod->status.phase, STR("Failed"));
	const struct daemon_failure *failure = failed ? failure_of(plan, object) : NULL;

	if (failure && failure->wait_ns) {
		plan_requeue_within(plan->plan, failure->wait_ns);
		return;
	}
	plan_event(plan->plan, failed ? "Warning" : "Normal", failed ? "FailedDaemonPod" : "SucceededDaemonPod",
		   "Found %s daemon pod " STR_FMT "/" STR_FMT " on node " STR_FMT ", will try to %s it",
		   failed ? "failed" : "succeeded", STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name),
		   STR_ARG(node->name), failed ? "kill" : "delete");
	daemonset_plan_delete(plan, object);
}

/*
 * With surge a node may have two, one of each template: the oldest of each stay, and the one of the former template
 * until the other can take its place, or it is of no use itself.
 */
static void thin_pairs(struct daemon_plan *plan, struct object_slice running)
{
	const struct object *updated = NULL, *former = NULL;
	const struct core_v1_pod *pod;

	for (size_t i = 0; i < running.len; i++) {
		bool is_updated = daemonset_is_updated(plan, OBJECT_AS(core_v1_pod, running.items[i]));
		const struct object **kept = is_updated ? &updated : &former;

		if (*kept)
			daemonset_plan_delete(plan, running.items[i]);
		else
			*kept = running.items[i];
	}
	if (!updated || !former)
		return;
	pod = OBJECT_AS(core_v1_pod, former);
	if (!pod_is_ready(pod) || daemonset_is_available(plan, OBJECT_AS(core_v1_pod, updated)))
		daemonset_plan_delete(plan, former);
}

/* A node whose pods may stay. */
static void manage_node(struct daemon_plan *plan, const struct daemon_node *node, bool surges)
{
	struct object_slice running = {ARENA_NEW_N(plan->plan->arena, struct object *, node->len + 1), 0};

	for (size_t i = 0; i < node->len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, node->pods[i]);

		if (pod->metadata.deletion_timestamp)
			continue;
		if (pod_is_finished(pod))
			clear_ended(plan, node, node->pods[i]);
		else
			running.items[running.len++] = node->pods[i];
	}
	if (surges && running.len > 1)
		thin_pairs(plan, running);
	else if (surges && running.len == 0 && node->should_run)
		daemonset_plan_create(plan, node); /* beside those that go */
	for (size_t i = 1; !surges && i < running.len; i++)
		daemonset_plan_delete(plan, running.items[i]);
}

/* A pod for a node that is gone, which nobody will bind any more. */
static void clear_lost(struct daemon_plan *plan, const struct daemon_node *node)
{
	for (size_t i = 0; i < node->len; i++)
		if (str_empty(OBJECT_AS(core_v1_pod, node->pods[i])->spec.node_name))
			daemonset_plan_delete(plan, node->pods[i]);
}

static void clear_node(struct daemon_plan *plan, const struct daemon_node *node)
{
	for (size_t i = 0; i < node->len; i++)
		if (!node->pods[i]->meta->deletion_timestamp)
			daemonset_plan_delete(plan, node->pods[i]);
}

void daemonset_manage(struct daemon_plan *plan)
{
	bool surges = daemonset_max_surge(plan->set, 1) > 0;

	for (size_t i = 0; i < plan->len; i++) {
		const struct daemon_node *node = &plan->nodes[i];

		if (!node->node)
			clear_lost(plan, node);
		else if (node->should_run && !node->len)
			daemonset_plan_create(plan, node);
		else if (node->may_stay)
			manage_node(plan, node, surges);
		else
			clear_node(plan, node);
	}
}
