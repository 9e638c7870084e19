/* Which nodes a pod may go to; see node_selector.h. */
#include "logic/node_selector.h"

#include "base/arena.h"
#include "types/selector.h"

static bool listed(const struct str_slice *values, struct str value)
{
	SLICE_FOREACH (item, *values)
		if (str_eq(*item, value))
			return true;
	return false;
}

/* Both are whole numbers, and @value is greater (@greater) or less than the only one in @values. */
static bool compares(const struct str_slice *values, struct str value, bool greater)
{
	int64_t number, bound;

	if (values->len != 1 || str_parse_int64(value, &number) < 0 || str_parse_int64(values->items[0], &bound) < 0)
		return false;
	return greater ? number > bound : number < bound;
}

/* @value NULL: the node has no such label. */
static bool requirement_holds(const struct core_v1_node_selector_requirement *requirement, const struct str *value)
{
	if (str_eq(requirement->operator, STR("In")))
		return value && listed(&requirement->values, *value);
	if (str_eq(requirement->operator, STR("NotIn")))
		return !value || !listed(&requirement->values, *value);
	if (str_eq(requirement->operator, STR("Exists")))
		return value;
	if (str_eq(requirement->operator, STR("DoesNotExist")))
		return !value;
	if (str_eq(requirement->operator, STR("Gt")) || str_eq(requirement->operator, STR("Lt")))
		return value && compares(&requirement->values, *value, str_eq(requirement->operator, STR("Gt")));
	return false;
}

bool node_selector_term_matches(const struct core_v1_node_selector_term *term, const struct meta_v1_object_meta *node)
{
	if (term->match_expressions.len == 0 && term->match_fields.len == 0)
		return false;
	SLICE_FOREACH (expression, term->match_expressions)
		if (!requirement_holds(expression, str_map_get(&node->labels, expression->key)))
			return false;
	SLICE_FOREACH (field, term->match_fields)
		if (!str_eq(field->key, STR("metadata.name")) || !requirement_holds(field, &node->name))
			return false;
	return true;
}

bool node_selector_matches(const struct core_v1_node_selector *selector, const struct meta_v1_object_meta *node)
{
	SLICE_FOREACH (term, selector->node_selector_terms)
		if (node_selector_term_matches(term, node))
			return true;
	return false;
}

const struct core_v1_node_selector *pod_required_nodes(const struct core_v1_pod_spec *pod)
{
	return pod->affinity && pod->affinity->node_affinity
		       ? pod->affinity->node_affinity->required_during_scheduling_ignored_during_execution
		       : NULL;
}

bool pod_matches_node(const struct core_v1_pod_spec *pod, const struct meta_v1_object_meta *node)
{
	const struct core_v1_node_selector *required = pod_required_nodes(pod);

	SLICE_FOREACH (pair, pod->node_selector) {
		const struct str *value = str_map_get(&node->labels, pair->key);

		if (!value || !str_eq(*value, pair->value))
			return false;
	}
	return !required || node_selector_matches(required, node);
}
