/*
 * PodTopologySpread: pods of a kind spread evenly over the values of a node label.
 *
 * A domain is a value; only nodes count that have the labels of all constraints and (by policy) that the pod may go to.
 * DoNotSchedule constraints filter: with the pod, no domain may have more than maxSkew above the least.  ScheduleAnyway
 * ones score: the fewer in the domain the better, and the more the more domains there are.
 */
#include "scheduler/framework.h"

#include <math.h>

#include "logic/node_selector.h"
#include "logic/taint.h"

struct constraint {
	const struct core_v1_topology_spread_constraint *spec;
	struct selector selector;
	struct map domains; /* value -> int64_t, in the cycle's arena */
	int64_t least;	    /* of the domains; -1: to be worked out */
	double weight;	    /* of a score */
};

struct spread_state {
	struct constraint *items;
	size_t len;
	struct arena *arena;
};

static void release(void *data)
{
	struct spread_state *state = data;

	for (size_t i = 0; i < state->len; i++)
		map_release(&state->items[i].domains);
}

/* The pod's constraints of that kind, parsed. */
static struct spread_state *collect(struct cycle *cycle, struct str when_unsatisfiable)
{
	const struct core_v1_pod_spec *spec = &cycle->pod->pod->spec;
	struct spread_state *state = ARENA_NEW(&cycle->arena, struct spread_state);

	state->arena = &cycle->arena;
	state->items = ARENA_NEW_N(&cycle->arena, struct constraint, spec->topology_spread_constraints.len);
	SLICE_FOREACH (constraint, spec->topology_spread_constraints) {
		struct constraint *to = &state->items[state->len];
		struct error err = {0};

		if (!str_eq(constraint->when_unsatisfiable, when_unsatisfiable))
			continue;
		*to = (struct constraint){.spec = constraint, .least = -1};
		if (selector_from_label_selector(constraint->label_selector, &cycle->arena, &to->selector, &err) < 0)
			to->selector = (struct selector){.nothing = true};
		state->len++;
	}
	arena_defer(&cycle->arena, release, state);
	return state;
}

/* Is @other, of the same namespace, one of the kind that @pod spreads with? */
static bool counts(const struct constraint *constraint, const struct core_v1_pod *pod, const struct core_v1_pod *other)
{
	if (!selector_matches(&constraint->selector, &other->metadata.labels))
		return false;
	SLICE_FOREACH (key, constraint->spec->match_label_keys) {
		const struct str *own = str_map_get(&pod->metadata.labels, *key);
		const struct str *theirs = str_map_get(&other->metadata.labels, *key);

		if (own && (!theirs || !str_eq(*own, *theirs)))
			return false;
	}
	return true;
}

static bool honors(const struct str *policy, bool by_default)
{
	return policy ? str_eq(*policy, STR("Honor")) : by_default;
}

static bool has_all_labels(const struct spread_state *state, const struct core_v1_node *node)
{
	for (size_t i = 0; i < state->len; i++)
		if (!str_map_get(&node->metadata.labels, state->items[i].spec->topology_key))
			return false;
	return true;
}

static bool node_counts(const struct constraint *constraint, const struct core_v1_pod *pod,
			const struct core_v1_node *node)
{
	return (!honors(constraint->spec->node_affinity_policy, true) ||
		pod_matches_node(&pod->spec, &node->metadata)) &&
	       (!honors(constraint->spec->node_taints_policy, false) ||
		!taint_forbidding(&node->spec.taints, &pod->spec.tolerations));
}

static int64_t *domain(struct spread_state *state, struct constraint *constraint, const struct core_v1_node *node)
{
	struct str value = *str_map_get(&node->metadata.labels, constraint->spec->topology_key);
	int64_t *found = map_get(&constraint->domains, value);

	if (!found) {
		found = ARENA_NEW(state->arena, int64_t);
		map_set(&constraint->domains, value, found);
	}
	return found;
}

static bool same_kind(const struct constraint *constraint, const struct core_v1_pod *pod,
		      const struct core_v1_pod *other)
{
	return !other->metadata.deletion_timestamp && str_eq(other->metadata.namespace, pod->metadata.namespace) &&
	       counts(constraint, pod, other);
}

static void count_node(struct cycle *cycle, struct spread_state *state, const struct node_row *row)
{
	const struct core_v1_pod *pod = cycle->pod->pod;

	if (!has_all_labels(state, row->node))
		return;
	for (size_t i = 0; i < state->len; i++) {
		struct constraint *constraint = &state->items[i];
		int64_t *sum;

		if (!node_counts(constraint, pod, row->node))
			continue;
		sum = domain(state, constraint, row->node);
		for (size_t j = 0; j < row->pods_len; j++)
			*sum += same_kind(constraint, pod, row->pods[j]->pod);
	}
}

static void count_all(struct cycle *cycle, struct spread_state *state)
{
	const struct cache *cache = cycle->cache;

	for (uint32_t i = 0; i < cache->nodes_len; i++)
		count_node(cycle, state, &cache->rows[cache->nodes[i]]);
}

static enum verdict pre_filter(struct cycle *cycle, struct reasons *why UNUSED)
{
	struct spread_state *state;

	if (cycle->pod->pod->spec.topology_spread_constraints.len == 0)
		return VERDICT_SKIP;
	state = collect(cycle, STR("DoNotSchedule"));
	if (state->len == 0)
		return VERDICT_SKIP;
	count_all(cycle, state);
	cycle->state[PLUGIN_pod_topology_spread] = state;
	return VERDICT_OK;
}

/* Of all domains; with fewer of them than there should be, the missing ones have none. */
static int64_t least_of(struct constraint *constraint)
{
	if (constraint->least < 0) {
		const int32_t *min_domains = constraint->spec->min_domains;

		constraint->least = constraint->domains.len ? INT64_MAX : 0;
		MAP_FOREACH (it, &constraint->domains)
			constraint->least = MIN(constraint->least, *(int64_t *)it->value);
		if (min_domains && (int64_t)constraint->domains.len < *min_domains)
			constraint->least = 0;
	}
	return constraint->least;
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	struct spread_state *state = cycle->state[PLUGIN_pod_topology_spread];
	const struct core_v1_pod *pod = cycle->pod->pod;

	for (size_t i = 0; i < state->len; i++) {
		struct constraint *constraint = &state->items[i];
		const struct str *value = str_map_get(&node->node->metadata.labels, constraint->spec->topology_key);
		const int64_t *sum;

		if (!value) {
			vec_push(&cycle->arena, why,
				 STR("node(s) didn't match pod topology spread constraints (missing required label)"));
			return VERDICT_HOPELESS;
		}
		sum = map_get(&constraint->domains, *value);
		if ((sum ? *sum : 0) + counts(constraint, pod, pod) - least_of(constraint) >
		    constraint->spec->max_skew) {
			vec_push(&cycle->arena, why, STR("node(s) didn't match pod topology spread constraints"));
			return VERDICT_REJECT;
		}
	}
	return VERDICT_OK;
}

static void moved(struct cycle *cycle, const struct sched_pod *other, const struct node_row *node, int sign)
{
	struct spread_state *state = cycle->state[PLUGIN_pod_topology_spread];

	if (!state || !has_all_labels(state, node->node))
		return;
	for (size_t i = 0; i < state->len; i++) {
		struct constraint *constraint = &state->items[i];

		if (!node_counts(constraint, cycle->pod->pod, node->node) ||
		    !same_kind(constraint, cycle->pod->pod, other->pod))
			continue;
		*domain(state, constraint, node->node) += sign;
		constraint->least = -1;
	}
}

/* --- Preferences ------------------------------------------------------------------------------------------------ */

static enum verdict pre_score(struct cycle *cycle)
{
	struct spread_state *state;

	if (cycle->pod->pod->spec.topology_spread_constraints.len == 0)
		return VERDICT_SKIP;
	state = collect(cycle, STR("ScheduleAnyway"));
	if (state->len == 0)
		return VERDICT_SKIP;
	count_all(cycle, state);
	for (size_t i = 0; i < state->len; i++)
		state->items[i].weight = log((double)(state->items[i].domains.len + 2));
	cycle->state[PLUGIN_pod_topology_spread] = state;
	return VERDICT_OK;
}

/* -1: the node lacks a label, and is the worst choice. */
static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	struct spread_state *state = cycle->state[PLUGIN_pod_topology_spread];
	double sum = 0;

	if (!has_all_labels(state, node->node))
		return -1;
	for (size_t i = 0; i < state->len; i++) {
		const struct constraint *constraint = &state->items[i];
		const int64_t *found = map_get(&constraint->domains, *str_map_get(&node->node->metadata.labels,
										  constraint->spec->topology_key));

		sum += (double)(found ? *found : 0) * constraint->weight + (double)(constraint->spec->max_skew - 1);
	}
	return (int64_t)round(sum);
}

static void normalize(int64_t *scores, size_t len)
{
	int64_t least = INT64_MAX, most = 0;

	for (size_t i = 0; i < len; i++)
		if (scores[i] >= 0) {
			least = MIN(least, scores[i]);
			most = MAX(most, scores[i]);
		}
	for (size_t i = 0; i < len; i++) {
		if (scores[i] < 0)
			scores[i] = 0;
		else
			scores[i] = most ? SCORE_MAX * (most + least - scores[i]) / most : SCORE_MAX;
	}
}

const struct plugin plugin_pod_topology_spread = {
	.name = "PodTopologySpread",
	.weight = 2,
	.wakes = EVENT_POD_ADD | EVENT_POD_LABEL | EVENT_POD_DELETE | EVENT_NODE_ADD | EVENT_NODE_DELETE |
		 EVENT_NODE_LABEL | EVENT_NODE_TAINT | EVENT_OWN_LABEL | EVENT_OWN_TOLERATION,
	.pre_filter = pre_filter,
	.filter = filter,
	.moved = moved,
	.pre_score = pre_score,
	.score = score,
	.normalize = normalize,
};
