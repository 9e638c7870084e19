/*
 * InterPodAffinity: pods that want to be near others, or away from them, "near" being what shares a node label's value.
 *
 * PreFilter counts, over the pods there are, those that matter to the one in hand, by (label, value); Filter looks its
 * node's labels up.  The counts follow when preemption tries the node with some pods taken off (`moved`).
 */
#include "scheduler/framework.h"

/* How much a pod's own required terms draw others to it (hardPodAffinityWeight). */
#define REQUIRED_WEIGHT 1

/* Pods by topology: key "label\0value". */
struct counted {
	struct map map; /* -> int64_t in the cycle's arena */
	struct arena *arena;
	int64_t total;
};

struct affinity_state {
	struct counted with, apart; /* pods that the terms of the one in hand mean */
	struct counted against;	    /* pods whose own terms keep the one in hand away */
	bool first;		    /* nobody matches its terms yet but it itself */
};

static int64_t *counter(struct counted *counted, struct str label, struct str value, bool make)
{
	struct str key = arena_printf(counted->arena, STR_FMT "=" STR_FMT, STR_ARG(label), STR_ARG(value));
	int64_t *found = map_get(&counted->map, key);

	if (!found && make) {
		found = ARENA_NEW(counted->arena, int64_t);
		map_set(&counted->map, key, found);
	}
	return found;
}

static void add(struct counted *counted, const struct node_row *row, struct str label, int64_t n)
{
	const struct str *value = row->node ? str_map_get(&row->node->metadata.labels, label) : NULL;

	if (!value)
		return;
	*counter(counted, label, *value, true) += n;
	counted->total += n;
}

static int64_t look_up(struct counted *counted, const struct node_row *row, struct str label)
{
	const struct str *value = str_map_get(&row->node->metadata.labels, label);
	const int64_t *found = value ? counter(counted, label, *value, false) : NULL;

	return found ? *found : 0;
}

static bool matches_all(const struct pod_terms *terms, const struct sched_pod *pod, const struct map *namespaces)
{
	for (size_t i = 0; i < terms->len; i++)
		if (!pod_term_matches(&terms->items[i], &pod->pod->metadata, namespaces))
			return false;
	return terms->len > 0;
}

/* @other is (or, @sign -1, is no more) on @row. */
static void count(struct cycle *cycle, struct affinity_state *state, const struct sched_pod *other,
		  const struct node_row *row, int sign)
{
	const struct pod_affinities *own = &cycle->pod->affinities;
	const struct map *namespaces = &cycle->cache->namespaces;

	if (matches_all(&own->with, other, namespaces))
		for (size_t i = 0; i < own->with.len; i++)
			add(&state->with, row, own->with.items[i].topology_key, sign);
	for (size_t i = 0; i < own->apart.len; i++)
		if (pod_term_matches(&own->apart.items[i], &other->pod->metadata, namespaces))
			add(&state->apart, row, own->apart.items[i].topology_key, sign);
	for (size_t i = 0; i < other->affinities.apart.len; i++)
		if (pod_term_matches(&other->affinities.apart.items[i], &cycle->pod->pod->metadata, namespaces))
			add(&state->against, row, other->affinities.apart.items[i].topology_key, sign);
}

static void release(void *data)
{
	struct affinity_state *state = data;

	map_release(&state->with.map);
	map_release(&state->apart.map);
	map_release(&state->against.map);
}

static enum verdict pre_filter(struct cycle *cycle, struct reasons *why UNUSED)
{
	const struct pod_affinities *own = &cycle->pod->affinities;
	struct cache *cache = cycle->cache;
	bool asks = own->with.len || own->apart.len;
	struct affinity_state *state;

	if (!asks && cache->apart_len == 0)
		return VERDICT_SKIP;
	state = ARENA_NEW(&cycle->arena, struct affinity_state);
	state->with.arena = state->apart.arena = state->against.arena = &cycle->arena;
	cycle->state[PLUGIN_inter_pod_affinity] = state;
	arena_defer(&cycle->arena, release, state);
	for (uint32_t i = 0; i < cache->nodes_len; i++) {
		const struct node_row *row = &cache->rows[cache->nodes[i]];

		if (asks || row->apart_len)
			for (size_t j = 0; j < row->pods_len; j++)
				count(cycle, state, row->pods[j], row, 1);
	}
	state->first = matches_all(&own->with, cycle->pod, &cache->namespaces);
	return asks || state->against.total ? VERDICT_OK : VERDICT_SKIP;
}

static bool near_all(const struct cycle *cycle, struct affinity_state *state, const struct node_row *node)
{
	const struct pod_terms *terms = &cycle->pod->affinities.with;
	bool all = true;

	for (size_t i = 0; i < terms->len; i++) {
		if (!str_map_get(&node->node->metadata.labels, terms->items[i].topology_key))
			return false;
		all = all && look_up(&state->with, node, terms->items[i].topology_key) > 0;
	}
	return all || (state->with.total == 0 && state->first);
}

static bool away_from_all(const struct cycle *cycle, struct affinity_state *state, const struct node_row *node)
{
	const struct pod_terms *terms = &cycle->pod->affinities.apart;

	for (size_t i = 0; i < terms->len; i++)
		if (look_up(&state->apart, node, terms->items[i].topology_key) > 0)
			return false;
	return true;
}

static bool kept_away(struct affinity_state *state, const struct node_row *node)
{
	for (size_t i = 0; state->against.total && i < node->node->metadata.labels.len; i++)
		if (look_up(&state->against, node, node->node->metadata.labels.items[i].key) > 0)
			return true;
	return false;
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	struct affinity_state *state = cycle->state[PLUGIN_inter_pod_affinity];

	if (!near_all(cycle, state, node)) {
		vec_push(&cycle->arena, why, STR("node(s) didn't match pod affinity rules"));
		return VERDICT_HOPELESS;
	}
	if (!away_from_all(cycle, state, node)) {
		vec_push(&cycle->arena, why, STR("node(s) didn't match pod anti-affinity rules"));
		return VERDICT_REJECT;
	}
	if (kept_away(state, node)) {
		vec_push(&cycle->arena, why, STR("node(s) didn't satisfy existing pods anti-affinity rules"));
		return VERDICT_REJECT;
	}
	return VERDICT_OK;
}

static void moved(struct cycle *cycle, const struct sched_pod *other, const struct node_row *node, int sign)
{
	struct affinity_state *state = cycle->state[PLUGIN_inter_pod_affinity];

	if (state)
		count(cycle, state, other, node, sign);
}

/* --- Preferences ------------------------------------------------------------------------------------------------ */

static void weigh(struct cycle *cycle, struct counted *weights, const struct sched_pod *other,
		  const struct node_row *row)
{
	const struct pod_affinities *own = &cycle->pod->affinities, *theirs = &other->affinities;
	const struct map *namespaces = &cycle->cache->namespaces;

	for (size_t i = 0; i < own->preferred.len; i++)
		if (pod_term_matches(&own->preferred.items[i], &other->pod->metadata, namespaces))
			add(weights, row, own->preferred.items[i].topology_key, own->preferred.items[i].weight);
	for (size_t i = 0; i < theirs->with.len; i++)
		if (pod_term_matches(&theirs->with.items[i], &cycle->pod->pod->metadata, namespaces))
			add(weights, row, theirs->with.items[i].topology_key, REQUIRED_WEIGHT);
	for (size_t i = 0; i < theirs->preferred.len; i++)
		if (pod_term_matches(&theirs->preferred.items[i], &cycle->pod->pod->metadata, namespaces))
			add(weights, row, theirs->preferred.items[i].topology_key, theirs->preferred.items[i].weight);
}

static void release_weights(void *data)
{
	struct counted *weights = data;

	map_release(&weights->map);
}

static enum verdict pre_score(struct cycle *cycle)
{
	struct cache *cache = cycle->cache;
	struct counted *weights;

	if (cycle->pod->affinities.preferred.len == 0 && cache->drawn_len == 0)
		return VERDICT_SKIP;
	weights = ARENA_NEW(&cycle->arena, struct counted);
	weights->arena = &cycle->arena;
	arena_defer(&cycle->arena, release_weights, weights);
	for (uint32_t i = 0; i < cache->nodes_len; i++) {
		const struct node_row *row = &cache->rows[cache->nodes[i]];

		for (size_t j = 0; j < row->pods_len; j++)
			weigh(cycle, weights, row->pods[j], row);
	}
	if (weights->map.len == 0)
		return VERDICT_SKIP;
	cycle->state[PLUGIN_inter_pod_affinity] = weights;
	return VERDICT_OK;
}

static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	struct counted *weights = cycle->state[PLUGIN_inter_pod_affinity];
	int64_t sum = 0;

	SLICE_FOREACH (label, node->node->metadata.labels)
		sum += look_up(weights, node, label->key);
	return sum;
}

static void normalize(int64_t *scores, size_t len)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (size_t i = 0; i < len; i++) {
		least = MIN(least, scores[i]);
		most = MAX(most, scores[i]);
	}
	for (size_t i = 0; i < len; i++)
		scores[i] =
			most > least
				? (int64_t)((double)SCORE_MAX * ((double)(scores[i] - least) / (double)(most - least)))
				: 0;
}

const struct plugin plugin_inter_pod_affinity = {
	.name = "InterPodAffinity",
	.weight = 2,
	.wakes = EVENT_POD_ADD | EVENT_POD_LABEL | EVENT_POD_DELETE | EVENT_NODE_ADD | EVENT_NODE_LABEL |
		 EVENT_OWN_LABEL,
	.pre_filter = pre_filter,
	.filter = filter,
	.moved = moved,
	.pre_score = pre_score,
	.score = score,
	.normalize = normalize,
};
