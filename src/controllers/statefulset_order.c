/*
 * What becomes of a StatefulSet's pods, and in what order; see statefulset.h.
 *
 * OrderedReady: one after another, each only when all before it are well; so a plan makes or deletes one pod, and a pod
 * that never gets well holds up everything after it, also the update that would mend it, until somebody deletes it.
 * Parallel: all at once, but for updates.
 */
#include "controllers/statefulset.h"
#include "logic/pod.h"
#include "types/int_or_string.h"
#include "types/selector.h"

static bool is_going(const struct stateful_pod *pod)
{
	return pod->pod && pod->pod->metadata.deletion_timestamp;
}

bool statefulset_is_ready(const struct stateful_pod *pod)
{
	return pod->pod && str_eq(pod->pod->status.phase, STR("Running")) && pod_is_ready(pod->pod);
}

bool statefulset_is_ready_long(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	int64_t wait;

	if (!pod->pod)
		return false;
	if (pod_is_available(pod->pod, plan->set->spec.min_ready_seconds, plan->now, &wait))
		return true;
	plan_requeue_within(plan->plan, wait);
	return false;
}

/* Ready for long enough, and not going. */
static bool is_available(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	return statefulset_is_ready_long(plan, pod) && !is_going(pod);
}

bool statefulset_is_of(const struct stateful_pod *pod, const struct apps_v1_controller_revision *revision)
{
	const struct str *name = str_map_get(&pod->pod->metadata.labels, STR(STATEFUL_REVISION_LABEL));

	return name && str_eq(*name, revision->metadata.name);
}

/* One of a former template that nothing has been done about yet. */
static bool is_former(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	return pod->object && !statefulset_is_of(pod, plan->update) && !is_going(pod) && !pod_is_finished(pod->pod);
}

static bool is_ordered(const struct stateful_plan *plan)
{
	return !str_eq(plan->set->spec.pod_management_policy, STR("Parallel"));
}

/* False: the pods after it have to wait. */
static bool create(const struct stateful_plan *plan, const struct stateful_pod *replica)
{
	if (!statefulset_claims_are_stale(plan, replica->ordinal) && statefulset_plan_claims(plan, replica->ordinal))
		statefulset_plan_create(plan, replica->ordinal);
	return false;
}

static bool keep(const struct stateful_plan *plan, const struct stateful_pod *replica)
{
	if (!replica->object)
		return create(plan, replica);
	if (pod_is_finished(replica->pod)) {
		if (!is_going(replica))
			statefulset_plan_delete(plan, replica);
		return false;
	}
	if (str_eq(replica->pod->status.phase, STR("Pending"))) {
		statefulset_plan_claims(plan, replica->ordinal);
		statefulset_plan_retention(plan, replica);
	}
	if (is_ordered(plan) &&
	    (is_going(replica) || !statefulset_is_ready(replica) || !statefulset_is_ready_long(plan, replica)))
		return false;
	if (!str_eq(replica->pod->status.phase, STR("Pending")))
		statefulset_plan_retention(plan, replica);
	statefulset_plan_identity(plan, replica);
	return true;
}

static bool keep_replicas(const struct stateful_plan *plan)
{
	for (size_t i = 0; i < plan->replicas_len; i++)
		if (!keep(plan, &plan->replicas[i]) && is_ordered(plan))
			return false;
	return true;
}

/* The lowest pod that is not available, which may go even when others wait for it to get well. */
static const struct stateful_pod *first_unavailable(const struct stateful_plan *plan)
{
	for (size_t i = 0; i < plan->replicas_len; i++)
		if (!is_available(plan, &plan->replicas[i]))
			return &plan->replicas[i];
	for (size_t i = plan->condemned_len; i-- > 0;)
		if (!is_available(plan, &plan->condemned[i]))
			return &plan->condemned[i];
	return NULL;
}

static bool scale_down(const struct stateful_plan *plan)
{
	const struct stateful_pod *unavailable = first_unavailable(plan);

	for (size_t i = 0; i < plan->condemned_len; i++)
		statefulset_plan_retention(plan, &plan->condemned[i]);
	for (size_t i = 0; i < plan->condemned_len; i++) {
		const struct stateful_pod *pod = &plan->condemned[i];
		bool well = statefulset_is_ready(pod) && statefulset_is_ready_long(plan, pod);

		if (!is_going(pod) && (well || !is_ordered(plan) || pod == unavailable))
			statefulset_plan_delete(plan, pod);
		if (is_ordered(plan))
			return false;
	}
	return true;
}

/* From the highest ordinal down to the partition, the next only when the one before is well. */
static void update_in_order(const struct stateful_plan *plan, int64_t partition)
{
	for (size_t i = plan->replicas_len; i-- > 0 && (int64_t)i >= partition;) {
		const struct stateful_pod *pod = &plan->replicas[i];

		if (is_former(plan, pod)) {
			statefulset_plan_delete(plan, pod);
			return;
		}
		if (!is_available(plan, pod))
			return;
	}
}

/* The same with several at once, for sets that say how many may be unavailable. */
static void update_several(const struct stateful_plan *plan, int64_t partition, const struct int_or_string *max)
{
	struct error ignored = {0};
	int64_t allowed = 1;

	if (int_or_string_scaled(max, (int64_t)plan->replicas_len, false, &allowed, &ignored) < 0 || allowed < 1)
		allowed = 1;
	for (size_t i = 0; i < plan->replicas_len; i++)
		allowed -= !is_available(plan, &plan->replicas[i]);
	for (size_t i = plan->replicas_len; i-- > 0 && (int64_t)i >= partition && allowed > 0;) {
		if (!is_former(plan, &plan->replicas[i]))
			continue;
		statefulset_plan_delete(plan, &plan->replicas[i]);
		allowed--;
	}
}

void statefulset_decide(struct stateful_plan *plan)
{
	const struct apps_v1_rolling_update_stateful_set_strategy *rolling =
		plan->set->spec.update_strategy.rolling_update;
	int64_t partition = rolling && rolling->partition ? *rolling->partition : 0;

	if (!keep_replicas(plan) || !scale_down(plan) || str_eq(plan->set->spec.update_strategy.type, STR("OnDelete")))
		return;
	if (rolling && rolling->max_unavailable)
		update_several(plan, partition, rolling->max_unavailable);
	else
		update_in_order(plan, partition);
}
