/*
 * DefaultPreemption: when no node has room, look for one that would have it without some less important pods.
 *
 * A dry run for a node takes all less important pods off a copy of its row; when the pod then fits, they are put back
 * one by one, the most important first, as long as it still fits; the rest are the victims.  Of all nodes the one whose
 * victims matter least is chosen, by upstream's order of questions.
 */
#include "scheduler/decide.h"

#include "logic/pod.h"
#include "types/timestamp.h"

struct candidate {
	const struct node_row *row;
	struct sched_pod **victims; /* the most important first */
	size_t len;
};

static struct timestamp started(const struct sched_pod *pod)
{
	return pod->pod->status.start_time ? *pod->pod->status.start_time : pod->pod->metadata.creation_timestamp;
}

static int more_important(const void *a, const void *b)
{
	const struct sched_pod *x = *(struct sched_pod *const *)a, *y = *(struct sched_pod *const *)b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return timestamp_cmp(started(x), started(y));
}

/* Those less important than the pod; taken off @row. */
static size_t take_lesser(struct cycle *cycle, struct node_row *row, struct sched_pod ***ret)
{
	struct sched_pod **lesser = ARENA_NEW_N(&cycle->arena, struct sched_pod *, row->pods_len);
	size_t len = 0;

	for (size_t i = 0; i < row->pods_len; i++)
		if (row->pods[i]->priority < cycle->pod->priority)
			lesser[len++] = row->pods[i];
	for (size_t i = 0; i < len; i++)
		framework_take(cycle, row, lesser[i]);
	*ret = lesser;
	return len;
}

static bool fits(struct cycle *cycle, const struct node_row *row, struct node_verdict *ret)
{
	return framework_filter(cycle, row, ret) == VERDICT_OK;
}

/* True: *ret_candidate is set; else *ret_verdict says why not. */
static bool dry_run(struct cycle *cycle, const struct node_row *row, struct candidate *ret_candidate,
		    struct node_verdict *ret_verdict)
{
	struct node_row copy;
	struct sched_pod **lesser;
	struct node_verdict ignored;
	size_t len, victims = 0;
	bool possible;

	node_row_copy(row, &copy);
	len = take_lesser(cycle, &copy, &lesser);
	possible = len > 0 && fits(cycle, &copy, ret_verdict);
	if (len == 0) {
		*ret_verdict = (struct node_verdict){.slot = row->slot, .verdict = VERDICT_HOPELESS};
		vec_push(&cycle->arena, &ret_verdict->reasons, STR("No preemption victims found for incoming pod"));
	}
	if (possible) {
		qsort(lesser, len, sizeof(struct sched_pod *), more_important);
		for (size_t i = 0; i < len; i++) {
			framework_put(cycle, &copy, lesser[i]);
			if (fits(cycle, &copy, &ignored))
				continue;
			framework_take(cycle, &copy, lesser[i]);
			lesser[victims++] = lesser[i];
		}
		*ret_candidate = (struct candidate){row, lesser, victims};
	}
	/* What plugins counted is of all nodes, and is to be as it was. */
	for (size_t i = 0; i < (possible ? victims : len); i++)
		framework_put(cycle, &copy, lesser[i]);
	node_row_release(&copy);
	return possible;
}

/* Priorities are shifted so that a lower one never makes a sum smaller. */
static int64_t sum_of(const struct candidate *candidate)
{
	int64_t sum = 0;

	for (size_t i = 0; i < candidate->len; i++)
		sum += (int64_t)candidate->victims[i]->priority + INT32_MAX + 1;
	return sum;
}

/* When the first of its most important victims started. */
static struct timestamp earliest(const struct candidate *candidate)
{
	struct timestamp first = {0};

	for (size_t i = 0; i < candidate->len && candidate->victims[i]->priority == candidate->victims[0]->priority;
	     i++)
		if (!first.is_set || timestamp_cmp(started(candidate->victims[i]), first) < 0)
			first = started(candidate->victims[i]);
	return first;
}

static bool better(const struct candidate *a, const struct candidate *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == 0 && b->len != 0;
	if (a->victims[0]->priority != b->victims[0]->priority)
		return a->victims[0]->priority < b->victims[0]->priority;
	if (sum_of(a) != sum_of(b))
		return sum_of(a) < sum_of(b);
	if (a->len != b->len)
		return a->len < b->len;
	return timestamp_cmp(earliest(a), earliest(b)) > 0;
}

/* Is a pod on its way out that the pod was promised the place of? */
static bool waits_for_victims(const struct cycle *cycle)
{
	struct str name = cycle->pod->pod->status.nominated_node_name;
	const struct node_row *row = name.len ? cache_node(cycle->cache, name) : NULL;

	for (size_t i = 0; row && i < cycle->verdicts_len; i++)
		if (cycle->verdicts[i].slot == row->slot && cycle->verdicts[i].verdict == VERDICT_HOPELESS)
			return false;
	for (size_t i = 0; row && i < row->pods_len; i++) {
		const struct core_v1_pod *pod = row->pods[i]->pod;
		const struct core_v1_pod_condition *target = pod_condition(pod, STR("DisruptionTarget"));

		if (pod->metadata.deletion_timestamp && row->pods[i]->priority < cycle->pod->priority && target &&
		    str_eq(target->status, STR("True")) && str_eq(target->reason, STR("PreemptionByScheduler")))
			return true;
	}
	return false;
}

static enum verdict say(struct cycle *cycle, struct reasons *why, struct str text)
{
	vec_push(&cycle->arena, why, arena_concat(&cycle->arena, STR("preemption: "), text));
	return VERDICT_REJECT;
}

static size_t candidates_enough(size_t nodes)
{
	return MAX(nodes / 10, (size_t)100);
}

static enum verdict post_filter(struct cycle *cycle, struct reasons *why)
{
	const struct str *policy = cycle->pod->pod->spec.preemption_policy;
	struct node_verdict *verdicts;
	struct candidate best = {0}, one;
	size_t found = 0, enough = candidates_enough(cycle->cache->nodes_len), len = cycle->verdicts_len;
	size_t start = len ? random_source_below(cycle->random, len) : 0;

	if (policy && str_eq(*policy, STR("Never")))
		return say(cycle, why, STR("not eligible due to preemptionPolicy=Never."));
	if (waits_for_victims(cycle))
		return say(cycle, why, STR("not eligible due to a terminating pod on the nominated node."));
	verdicts = ARENA_NEW_N(&cycle->arena, struct node_verdict, len);
	for (size_t i = 0; i < len && found < enough; i++) {
		const struct node_verdict *was = &cycle->verdicts[(start + i) % len];

		if (was->verdict == VERDICT_HOPELESS) {
			vec_push(&cycle->arena, &verdicts[i].reasons, STR("Preemption is not helpful for scheduling"));
		} else if (dry_run(cycle, &cycle->cache->rows[was->slot], &one, &verdicts[i])) {
			if (found++ == 0 || better(&one, &best))
				best = one;
		}
	}
	if (!found)
		return say(cycle, why, decide_fit_error(verdicts, len, cycle->cache->nodes_len, &cycle->arena));
	cycle->nominated = arena_str(&cycle->arena, best.row->name);
	cycle->victims = best.victims;
	cycle->victims_len = best.len;
	return VERDICT_OK;
}

const struct plugin plugin_default_preemption = {
	.name = "DefaultPreemption",
	.wakes = EVENT_POD_DELETE,
	.post_filter = post_filter,
};
