/* Which nodes a pod may go to by their labels and names: nodeSelector and node affinity. */
#ifndef WHERRY_LOGIC_NODE_SELECTOR_H
#define WHERRY_LOGIC_NODE_SELECTOR_H

#include "types/gen/core_v1.h"

/* All expressions and fields hold; a term with neither matches nothing. */
bool node_selector_term_matches(const struct core_v1_node_selector_term *term, const struct meta_v1_object_meta *node);
/* Any term matches. */
bool node_selector_matches(const struct core_v1_node_selector *selector, const struct meta_v1_object_meta *node);
/* The pod's nodeSelector and its required node affinity. */
bool pod_matches_node(const struct core_v1_pod_spec *pod, const struct meta_v1_object_meta *node);
/* The required node affinity of a pod, or NULL. */
const struct core_v1_node_selector *pod_required_nodes(const struct core_v1_pod_spec *pod);

#endif
