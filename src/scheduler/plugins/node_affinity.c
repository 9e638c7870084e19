/* NodeAffinity: nodeSelector and node affinity, required and preferred. */
#include "logic/node_selector.h"
#include "scheduler/framework.h"

struct names {
	struct str *items;
	size_t len, cap;
};

static bool has(const struct str *items, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(items[i], name))
			return true;
	return false;
}

/* The names a term allows, when it speaks of names: those that all its fields allow. */
static bool names_of(const struct core_v1_node_selector_term *term, struct arena *arena, struct names *ret)
{
	bool any = false;

	*ret = (struct names){0};
	SLICE_FOREACH (field, term->match_fields) {
		struct names both = {0};

		if (!str_eq(field->key, STR("metadata.name")) || !str_eq(field->operator, STR("In")))
			continue;
		SLICE_FOREACH (value, field->values)
			if (!any || has(ret->items, ret->len, *value))
				vec_push(arena, &both, *value);
		*ret = both;
		any = true;
	}
	return any;
}

static bool named_before(const struct names *names, struct str name)
{
	return has(names->items, names->len, name);
}

/* A pod for certain nodes, as the daemon set controller makes them: only those are looked at. */
static enum verdict narrow(struct cycle *cycle, const struct core_v1_node_selector *required, struct reasons *why)
{
	struct names all = {0};

	SLICE_FOREACH (term, required->node_selector_terms) {
		struct names names;

		if (!names_of(term, &cycle->arena, &names))
			return VERDICT_OK;
		for (size_t i = 0; i < names.len; i++)
			if (!named_before(&all, names.items[i]))
				vec_push(&cycle->arena, &all, names.items[i]);
	}
	if (required->node_selector_terms.len == 0)
		return VERDICT_OK;
	if (all.len == 0) {
		vec_push(&cycle->arena, why, STR("pod affinity terms conflict"));
		return VERDICT_HOPELESS;
	}
	cycle->narrowed = true;
	cycle->only = (struct str_slice){all.items, all.len};
	return VERDICT_OK;
}

static enum verdict pre_filter(struct cycle *cycle, struct reasons *why)
{
	const struct core_v1_pod_spec *spec = &cycle->pod->pod->spec;
	const struct core_v1_node_selector *required = pod_required_nodes(spec);

	if (!required && spec->node_selector.len == 0)
		return VERDICT_SKIP;
	return required ? narrow(cycle, required, why) : VERDICT_OK;
}

static enum verdict filter(struct cycle *cycle, const struct node_row *node, struct reasons *why)
{
	if (pod_matches_node(&cycle->pod->pod->spec, &node->node->metadata))
		return VERDICT_OK;
	vec_push(&cycle->arena, why, STR("node(s) didn't match Pod's node affinity/selector"));
	return VERDICT_HOPELESS;
}

static bool hint(const struct sched_pod *pod, const struct cluster_event *event)
{
	const struct core_v1_pod_spec *spec = &pod->pod->spec;

	return !event->node || (pod_matches_node(spec, &event->node->metadata) &&
				(!event->old_node || !pod_matches_node(spec, &event->old_node->metadata)));
}

static const struct core_v1_preferred_scheduling_term_slice *preferred(const struct cycle *cycle)
{
	const struct core_v1_affinity *affinity = cycle->pod->pod->spec.affinity;

	return affinity && affinity->node_affinity
		       ? &affinity->node_affinity->preferred_during_scheduling_ignored_during_execution
		       : NULL;
}

static enum verdict pre_score(struct cycle *cycle)
{
	return preferred(cycle) && preferred(cycle)->len ? VERDICT_OK : VERDICT_SKIP;
}

static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	int64_t sum = 0;

	SLICE_FOREACH (term, *preferred(cycle))
		if (node_selector_term_matches(&term->preference, &node->node->metadata))
			sum += term->weight;
	return sum;
}

static void normalize(int64_t *scores, size_t len)
{
	normalize_scores(scores, len, false);
}

const struct plugin plugin_node_affinity = {
	.name = "NodeAffinity",
	.weight = 2,
	.wakes = EVENT_NODE_ADD | EVENT_NODE_LABEL,
	.hint = hint,
	.pre_filter = pre_filter,
	.filter = filter,
	.pre_score = pre_score,
	.score = score,
	.normalize = normalize,
};
