/* What a pod's status says; see pod.h. */
#include "logic/pod.h"

#include "base/arena.h"
#include "base/clock.h"

const struct core_v1_pod_condition *pod_condition(const struct core_v1_pod *pod, struct str type)
{
	SLICE_FOREACH (condition, pod->status.conditions)
		if (str_eq(condition->type, type))
			return condition;
	return NULL;
}

struct core_v1_pod_condition_slice pod_conditions_with(struct core_v1_pod_condition_slice all,
						       struct core_v1_pod_condition condition, struct arena *arena)
{
	struct core_v1_pod_condition *items = ARENA_NEW_N(arena, struct core_v1_pod_condition, all.len + 1);
	size_t at = all.len;

	for (size_t i = 0; i < all.len; i++) {
		items[i] = all.items[i];
		if (str_eq(items[i].type, condition.type))
			at = i;
	}
	if (at < all.len && str_eq(items[at].status, condition.status))
		condition.last_transition_time = items[at].last_transition_time;
	items[at] = condition;
	return (struct core_v1_pod_condition_slice){items, MAX(all.len, at + 1)};
}

bool pod_is_ready(const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));

	return ready && str_eq(ready->status, STR("True"));
}

bool pod_is_finished(const struct core_v1_pod *pod)
{
	return str_eq(pod->status.phase, STR("Succeeded")) || str_eq(pod->status.phase, STR("Failed"));
}

bool pod_is_active(const struct core_v1_pod *pod)
{
	return !pod_is_finished(pod) && !pod->metadata.deletion_timestamp;
}

bool pod_is_available(const struct core_v1_pod *pod, int32_t min_ready_seconds, int64_t now, int64_t *ret_wait_ns)
{
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));
	int64_t wait = 0;

	if (ret_wait_ns)
		*ret_wait_ns = 0;
	if (!ready || !str_eq(ready->status, STR("True")))
		return false;
	if (min_ready_seconds == 0)
		return true;
	if (!ready->last_transition_time.is_set)
		return false;
	wait = (ready->last_transition_time.seconds + min_ready_seconds) * NS_PER_SEC - now;
	if (wait <= 0)
		return true;
	if (ret_wait_ns)
		*ret_wait_ns = wait;
	return false;
}
