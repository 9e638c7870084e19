/*
 * Affinity terms of a pod to other pods, parsed once: which pods are meant, and within what (the nodes that share the
 * value of a label).
 */
#ifndef WHERRY_SCHEDULER_TERMS_H
#define WHERRY_SCHEDULER_TERMS_H

#include "base/map.h"
#include "types/gen/core_v1.h"
#include "types/selector.h"

struct pod_term {
	struct selector pods;
	struct str_slice namespaces;	  /* by name */
	bool by_selector, all_namespaces; /* also those whose labels match the selector; simply all */
	struct selector namespace_selector;
	struct str topology_key;
	int64_t weight; /* of a preferred one; negative for anti-affinity */
};

struct pod_terms {
	const struct pod_term *items;
	size_t len;
};

struct pod_affinities {
	struct pod_terms with, apart; /* required */
	struct pod_terms preferred;
};

/* Terms that cannot be parsed, which validation does not let in, match nothing. */
void pod_affinities_parse(const struct core_v1_pod *pod, struct arena *arena, struct pod_affinities *ret);
/* @namespaces: name -> struct object of every namespace. */
bool pod_term_matches(const struct pod_term *term, const struct meta_v1_object_meta *pod, const struct map *namespaces);

#endif
