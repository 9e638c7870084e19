/* Replacing a DaemonSet's pods of former templates, a few at a time; see daemonset.h. */
#include "controllers/daemonset.h"
#include "types/int_or_string.h"

/* A number, or a percentage of @desired rounded up; what validation lets nobody write counts as none. */
static int64_t scaled(const struct int_or_string *value, int64_t desired)
{
	struct error ignored = {0};
	int64_t n = 0;

	if (!value || int_or_string_scaled(value, desired, true, &n, &ignored) < 0)
		return 0;
	return n;
}

static bool rolls(const struct apps_v1_daemon_set *set)
{
	return str_eq(set->spec.update_strategy.type, STR("RollingUpdate"));
}

int64_t daemonset_max_surge(const struct apps_v1_daemon_set *set, int64_t desired)
{
	const struct apps_v1_rolling_update_daemon_set *rolling = set->spec.update_strategy.rolling_update;

	return rolls(set) && rolling ? scaled(rolling->max_surge, desired) : 0;
}

/* Of a set that allows neither surge nor unavailability one may be unavailable, or nothing would ever happen. */
static int64_t max_unavailable(const struct apps_v1_daemon_set *set, int64_t desired)
{
	const struct apps_v1_rolling_update_daemon_set *rolling = set->spec.update_strategy.rolling_update;
	int64_t max = rolling ? scaled(rolling->max_unavailable, desired) : 1;

	return max || daemonset_max_surge(set, desired) ? max : 1;
}

/* The pods of a node that do not go, one of each template. */
struct pair {
	const struct object *updated, *former;
};

/* False: there are more, which is not an update's business. */
static bool find_pair(const struct daemon_plan *plan, const struct daemon_node *node, struct pair *ret)
{
	*ret = (struct pair){0};
	for (size_t i = 0; i < node->len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, node->pods[i]);
		const struct object **place = daemonset_is_updated(plan, pod) ? &ret->updated : &ret->former;

		if (pod->metadata.deletion_timestamp)
			continue;
		if (*place)
			return false;
		*place = node->pods[i];
	}
	return true;
}

static bool available(const struct daemon_plan *plan, const struct object *pod)
{
	return daemonset_is_available(plan, OBJECT_AS(core_v1_pod, pod));
}

/* Is the node of the set's concern: to have a pod, or with one? */
static bool concerns(const struct daemon_node *node)
{
	return node->should_run || node->len;
}

/*
 * Without surge: a former pod goes when it is not available anyway, or when one more may be unavailable; the next is
 * made once it is gone.
 */
static void replace(struct daemon_plan *plan, int64_t unavailable_max)
{
	VEC_OF(const struct object *) candidates = {0};
	int64_t unavailable = 0;

	for (size_t i = 0; i < plan->len; i++) {
		const struct daemon_node *node = &plan->nodes[i];
		struct pair pair;

		if (!concerns(node))
			continue;
		if (!find_pair(plan, node, &pair) || !pair.updated == !pair.former) {
			unavailable++;
		} else if (pair.updated) {
			unavailable += !available(plan, pair.updated);
		} else if (!available(plan, pair.former)) {
			unavailable++;
			daemonset_plan_delete(plan, pair.former);
		} else {
			vec_push(plan->plan->arena, &candidates, pair.former);
		}
	}
	for (size_t i = 0; i < candidates.len && unavailable < unavailable_max; i++, unavailable++)
		daemonset_plan_delete(plan, candidates.items[i]);
}

/* What a surge has found so far. */
struct surge {
	int64_t surging, available;
	VEC_OF(const struct daemon_node *) nodes; /* whose former pods could get a second */
	VEC_OF(const struct object *) strays;	  /* former pods on nodes that are to have none */
};

/* A node with a former pod and no other yet. */
static void judge_former(struct daemon_plan *plan, const struct daemon_node *node, const struct object *former,
			 struct surge *surge)
{
	bool works = available(plan, former);

	if (!node->should_run && works)
		vec_push(plan->plan->arena, &surge->strays, former);
	else if (!node->should_run)
		daemonset_plan_delete(plan, former);
	else if (works)
		vec_push(plan->plan->arena, &surge->nodes, node);
	else
		daemonset_plan_create(plan, node); /* costs nothing that works */
}

static void judge_node(struct daemon_plan *plan, const struct daemon_node *node, struct surge *surge)
{
	struct pair pair;

	if (!find_pair(plan, node, &pair)) {
		surge->surging++;
		return;
	}
	if (pair.former || pair.updated)
		surge->available += available(plan, pair.former ? pair.former : pair.updated);
	if (pair.former && !pair.updated)
		judge_former(plan, node, pair.former, surge);
	else if (pair.former && !available(plan, pair.updated))
		surge->surging++;
	else if (pair.former)
		daemonset_plan_delete(plan, pair.former);
}

/* With surge: a second pod is made beside the former one, which goes when that is available. */
static void surge_over(struct daemon_plan *plan, int64_t surge_max, int64_t desired)
{
	struct surge surge = {0};

	for (size_t i = 0; i < plan->len; i++)
		if (concerns(&plan->nodes[i]))
			judge_node(plan, &plan->nodes[i], &surge);
	for (size_t i = 0; i < surge.strays.len && (int64_t)i < surge.available - desired; i++)
		daemonset_plan_delete(plan, surge.strays.items[i]);
	for (size_t i = 0; i < surge.nodes.len && (int64_t)i < surge_max - surge.surging; i++)
		daemonset_plan_create(plan, surge.nodes.items[i]);
}

void daemonset_roll(struct daemon_plan *plan)
{
	int64_t desired = 0, surge_max;

	if (!rolls(plan->set))
		return;
	for (size_t i = 0; i < plan->len; i++)
		desired += plan->nodes[i].should_run;
	surge_max = daemonset_max_surge(plan->set, desired);
	if (surge_max)
		surge_over(plan, surge_max, desired);
	else
		replace(plan, max_unavailable(plan->set, desired));
}
