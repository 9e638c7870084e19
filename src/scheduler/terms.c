/* Affinity terms of a pod to other pods; see terms.h. */
#include "scheduler/terms.h"

#include "types/object.h"

static struct selector parse(const struct meta_v1_label_selector *labels, struct arena *arena)
{
	struct selector selector = {.nothing = true};
	struct error err = {0};

	if (selector_from_label_selector(labels, arena, &selector, &err) < 0)
		return (struct selector){.nothing = true};
	return selector;
}

static struct pod_term parse_term(const struct core_v1_pod_affinity_term *from, const struct core_v1_pod *pod,
				  int64_t weight, struct arena *arena)
{
	struct pod_term term = {.pods = parse(from->label_selector, arena),
				.namespaces = from->namespaces,
				.topology_key = from->topology_key,
				.weight = weight};

	if (from->namespace_selector) {
		term.namespace_selector = parse(from->namespace_selector, arena);
		term.by_selector = true;
		term.all_namespaces = term.namespace_selector.len == 0 && !term.namespace_selector.nothing;
	} else if (from->namespaces.len == 0) {
		term.namespaces = (struct str_slice){&pod->metadata.namespace, 1};
	}
	return term;
}

static struct pod_terms parse_required(const struct core_v1_pod_affinity_term_slice *from,
				       const struct core_v1_pod *pod, struct arena *arena)
{
	struct pod_term *terms = ARENA_NEW_N(arena, struct pod_term, from->len);

	for (size_t i = 0; i < from->len; i++)
		terms[i] = parse_term(&from->items[i], pod, 0, arena);
	return (struct pod_terms){terms, from->len};
}

void pod_affinities_parse(const struct core_v1_pod *pod, struct arena *arena, struct pod_affinities *ret)
{
	const struct core_v1_affinity *affinity = pod->spec.affinity;
	const struct core_v1_pod_affinity *with = affinity ? affinity->pod_affinity : NULL;
	const struct core_v1_pod_anti_affinity *apart = affinity ? affinity->pod_anti_affinity : NULL;
	size_t most, len = 0;
	struct pod_term *preferred;

	*ret = (struct pod_affinities){0};
	if (!with && !apart)
		return;
	if (with)
		ret->with = parse_required(&with->required_during_scheduling_ignored_during_execution, pod, arena);
	if (apart)
		ret->apart = parse_required(&apart->required_during_scheduling_ignored_during_execution, pod, arena);
	most = (with ? with->preferred_during_scheduling_ignored_during_execution.len : 0) +
	       (apart ? apart->preferred_during_scheduling_ignored_during_execution.len : 0);
	preferred = ARENA_NEW_N(arena, struct pod_term, most);
	if (with)
		SLICE_FOREACH (term, with->preferred_during_scheduling_ignored_during_execution)
			preferred[len++] = parse_term(&term->pod_affinity_term, pod, term->weight, arena);
	if (apart)
		SLICE_FOREACH (term, apart->preferred_during_scheduling_ignored_during_execution)
			preferred[len++] = parse_term(&term->pod_affinity_term, pod, -term->weight, arena);
	ret->preferred = (struct pod_terms){preferred, len};
}

static bool in_namespaces(const struct pod_term *term, struct str namespace, const struct map *namespaces)
{
	const struct object *object;

	if (term->all_namespaces)
		return true;
	SLICE_FOREACH (name, term->namespaces)
		if (str_eq(*name, namespace))
			return true;
	if (!term->by_selector)
		return false;
	object = map_get(namespaces, namespace);
	return object && selector_matches(&term->namespace_selector, &object->meta->labels);
}

bool pod_term_matches(const struct pod_term *term, const struct meta_v1_object_meta *pod, const struct map *namespaces)
{
	return in_namespaces(term, pod->namespace, namespaces) && selector_matches(&term->pods, &pod->labels);
}
