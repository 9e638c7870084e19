/* What decides where a pod may run: affinity, spreading, tolerations; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

static void check_node_requirement(struct field_errors *errors, const struct path *path,
				   const struct core_v1_node_selector_requirement *requirement, bool check_values)
{
	struct str op = requirement->operator;

	if (is_one_of(op, "In", "NotIn", NULL)) {
		if (!requirement->values.len)
			field_required(errors, FIELD(path, "values"),
				       "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (is_one_of(op, "Exists", "DoesNotExist", NULL)) {
		if (requirement->values.len)
			field_forbidden(errors, FIELD(path, "values"),
					"may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	} else if (is_one_of(op, "Gt", "Lt", NULL)) {
		if (requirement->values.len != 1)
			field_required(errors, FIELD(path, "values"),
				       "must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		field_invalid(errors, FIELD(path, "operator"), VALUE(op), "not a valid selector operator");
	}
	check_name(errors, FIELD(path, "key"), requirement->key, name_is_qualified(requirement->key));
	for (size_t i = 0; check_values && i < requirement->values.len; i++)
		check_name(errors, INDEX(FIELD(path, "values"), i), requirement->values.items[i],
			   name_is_label_value(requirement->values.items[i]));
}

/* The only field of nodes there is: metadata.name. */
static void check_node_field(struct field_errors *errors, const struct path *path,
			     const struct core_v1_node_selector_requirement *requirement)
{
	if (!is_one_of(requirement->operator, "In", "NotIn", NULL))
		field_invalid(errors, FIELD(path, "operator"), VALUE(requirement->operator),
			      "not a valid selector operator");
	else if (requirement->values.len != 1)
		field_required(errors, FIELD(path, "values"),
			       "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
	if (!str_eq_c(requirement->key, "metadata.name")) {
		field_invalid(errors, FIELD(path, "key"), VALUE(requirement->key), "not a valid field selector key");
		return;
	}
	for (size_t i = 0; i < requirement->values.len; i++)
		check_name(errors, INDEX(FIELD(path, "values"), i), requirement->values.items[i],
			   name_is_dns_subdomain(requirement->values.items[i]));
}

static void check_node_term(struct field_errors *errors, const struct path *path,
			    const struct core_v1_node_selector_term *term, bool check_values)
{
	for (size_t i = 0; i < term->match_expressions.len; i++)
		check_node_requirement(errors, INDEX(FIELD(path, "matchExpressions"), i),
				       &term->match_expressions.items[i], check_values);
	for (size_t i = 0; i < term->match_fields.len; i++)
		check_node_field(errors, INDEX(FIELD(path, "matchFields"), i), &term->match_fields.items[i]);
}

void check_node_selector(struct field_errors *errors, const struct path *path,
			 const struct core_v1_node_selector *selector)
{
	const struct path *terms = FIELD(path, "nodeSelectorTerms");

	if (!selector->node_selector_terms.len)
		field_required(errors, terms, "must have at least one node selector term");
	for (size_t i = 0; i < selector->node_selector_terms.len; i++)
		check_node_term(errors, INDEX(terms, i), &selector->node_selector_terms.items[i], true);
}

static void check_weight(struct field_errors *errors, const struct path *path, int32_t weight)
{
	if (weight <= 0 || weight > 100)
		field_invalid(errors, FIELD(path, "weight"), VALUE(weight), "must be in the range 1-100");
}

static bool selector_has_key(const struct meta_v1_label_selector *selector, struct str key)
{
	SLICE_FOREACH (pair, selector->match_labels)
		if (str_eq(pair->key, key))
			return true;
	return false;
}

static void check_keys(struct field_errors *errors, const struct path *path, const struct str_slice *keys,
		       const struct meta_v1_label_selector *selector)
{
	if (!keys->len)
		return;
	if (!selector) {
		field_forbidden(errors, path, "must not be specified when labelSelector is not set");
		return;
	}
	for (size_t i = 0; i < keys->len; i++)
		check_name(errors, INDEX(path, i), keys->items[i], name_is_qualified(keys->items[i]));
}

static bool has_key(const struct str_slice *keys, struct str key)
{
	SLICE_FOREACH (item, *keys)
		if (str_eq(*item, key))
			return true;
	return false;
}

/* An expression that matchLabelKeys added is there once; one that the client wrote too is there beside a label. */
static void check_match_keys(struct field_errors *errors, const struct path *path, const struct str_slice *match,
			     const struct str_slice *mismatch, const struct meta_v1_label_selector *selector)
{
	check_keys(errors, FIELD(path, "matchLabelKeys"), match, selector);
	check_keys(errors, FIELD(path, "mismatchLabelKeys"), mismatch, selector);
	for (size_t i = 0; selector && i < selector->match_expressions.len; i++) {
		struct str key = selector->match_expressions.items[i].key;
		bool before = selector_has_key(selector, key);

		for (size_t j = 0; j < i; j++)
			before = before || str_eq(selector->match_expressions.items[j].key, key);
		for (size_t j = match->len; before && j-- > 0;)
			if (str_eq(match->items[j], key)) {
				field_invalid(errors, INDEX(path, j), VALUE(key),
					      "exists in both matchLabelKeys and labelSelector");
				break;
			}
	}
	for (size_t i = 0; i < match->len; i++)
		if (has_key(mismatch, match->items[i]))
			field_invalid(errors, INDEX(FIELD(path, "matchLabelKeys"), i), VALUE(match->items[i]),
				      "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_pod_term(struct field_errors *errors, const struct path *path,
			   const struct core_v1_pod_affinity_term *term)
{
	check_label_selector(errors, FIELD(path, "labelSelector"), term->label_selector);
	check_label_selector(errors, FIELD(path, "namespaceSelector"), term->namespace_selector);
	SLICE_FOREACH (name, term->namespaces)
		check_name(errors, FIELD(path, "namespace"), *name, name_is_dns_label(*name));
	check_match_keys(errors, path, &term->match_label_keys, &term->mismatch_label_keys, term->label_selector);
	if (!term->topology_key.len)
		field_required(errors, FIELD(path, "topologyKey"), "can not be empty");
	check_name(errors, FIELD(path, "topologyKey"), term->topology_key, name_is_qualified(term->topology_key));
}

static void check_pod_terms(struct field_errors *errors, const struct path *path,
			    const struct core_v1_pod_affinity_term_slice *required,
			    const struct core_v1_weighted_pod_affinity_term_slice *preferred)
{
	for (size_t i = 0; i < required->len; i++)
		check_pod_term(errors, INDEX(FIELD(path, "requiredDuringSchedulingIgnoredDuringExecution"), i),
			       &required->items[i]);
	for (size_t i = 0; i < preferred->len; i++) {
		const struct path *at = INDEX(FIELD(path, "preferredDuringSchedulingIgnoredDuringExecution"), i);

		check_weight(errors, at, preferred->items[i].weight);
		check_pod_term(errors, FIELD(at, "podAffinityTerm"), &preferred->items[i].pod_affinity_term);
	}
}

static void check_node_affinity(struct field_errors *errors, const struct path *path,
				const struct core_v1_node_affinity *affinity)
{
	const struct core_v1_preferred_scheduling_term_slice *preferred =
		&affinity->preferred_during_scheduling_ignored_during_execution;

	if (affinity->required_during_scheduling_ignored_during_execution)
		check_node_selector(errors, FIELD(path, "requiredDuringSchedulingIgnoredDuringExecution"),
				    affinity->required_during_scheduling_ignored_during_execution);
	for (size_t i = 0; i < preferred->len; i++) {
		const struct path *at = INDEX(FIELD(path, "preferredDuringSchedulingIgnoredDuringExecution"), i);

		check_weight(errors, at, preferred->items[i].weight);
		check_node_term(errors, FIELD(at, "preference"), &preferred->items[i].preference, false);
	}
}

void check_affinity(struct field_errors *errors, const struct path *path, const struct core_v1_affinity *affinity)
{
	if (!affinity)
		return;
	if (affinity->node_affinity)
		check_node_affinity(errors, FIELD(path, "nodeAffinity"), affinity->node_affinity);
	if (affinity->pod_affinity)
		check_pod_terms(errors, FIELD(path, "podAffinity"),
				&affinity->pod_affinity->required_during_scheduling_ignored_during_execution,
				&affinity->pod_affinity->preferred_during_scheduling_ignored_during_execution);
	if (affinity->pod_anti_affinity)
		check_pod_terms(errors, FIELD(path, "podAntiAffinity"),
				&affinity->pod_anti_affinity->required_during_scheduling_ignored_during_execution,
				&affinity->pod_anti_affinity->preferred_during_scheduling_ignored_during_execution);
}

static void check_inclusion_policy(struct field_errors *errors, const struct path *path, const struct str *policy)
{
	if (policy && !is_one_of(*policy, "Honor", "Ignore", NULL))
		field_not_supported_c(errors, path, VALUE(*policy), "Honor", "Ignore", NULL);
}

static void check_min_domains(struct field_errors *errors, const struct path *path,
			      const struct core_v1_topology_spread_constraint *constraint)
{
	if (!constraint->min_domains)
		return;
	if (*constraint->min_domains <= 0)
		field_invalid(errors, path, VALUE(*constraint->min_domains), "must be greater than zero");
	if (!str_eq_c(constraint->when_unsatisfiable, "DoNotSchedule"))
		field_invalid(errors, path, VALUE(*constraint->min_domains),
			      "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " STR_FMT,
			      STR_ARG(constraint->when_unsatisfiable));
}

static void check_spread_repeated(struct field_errors *errors, const struct path *path,
				  const struct core_v1_topology_spread_constraint_slice *constraints, size_t index)
{
	const struct core_v1_topology_spread_constraint *one = &constraints->items[index];

	for (size_t i = index + 1; i < constraints->len; i++)
		if (str_eq(constraints->items[i].topology_key, one->topology_key) &&
		    str_eq(constraints->items[i].when_unsatisfiable, one->when_unsatisfiable)) {
			struct str pair = arena_printf(errors->arena, "{" STR_FMT ", " STR_FMT "}",
						       STR_ARG(one->topology_key), STR_ARG(one->when_unsatisfiable));

			field_duplicate(errors, FIELD(path, "{topologyKey, whenUnsatisfiable}"), VALUE(pair));
			return;
		}
}

void check_spread_constraints(struct field_errors *errors, const struct path *path,
			      const struct core_v1_topology_spread_constraint_slice *constraints)
{
	for (size_t i = 0; i < constraints->len; i++) {
		const struct core_v1_topology_spread_constraint *constraint = &constraints->items[i];
		const struct path *at = INDEX(path, i);

		if (constraint->max_skew <= 0)
			field_invalid(errors, FIELD(at, "maxSkew"), VALUE(constraint->max_skew),
				      "must be greater than zero");
		if (!constraint->topology_key.len)
			field_required(errors, FIELD(at, "topologyKey"), "can not be empty");
		if (!is_one_of(constraint->when_unsatisfiable, "DoNotSchedule", "ScheduleAnyway", NULL))
			field_not_supported_c(errors, FIELD(at, "whenUnsatisfiable"),
					      VALUE(constraint->when_unsatisfiable), "DoNotSchedule", "ScheduleAnyway",
					      NULL);
		check_spread_repeated(errors, at, constraints, i);
		check_min_domains(errors, FIELD(at, "minDomains"), constraint);
		check_inclusion_policy(errors, FIELD(at, "nodeAffinityPolicy"), constraint->node_affinity_policy);
		check_inclusion_policy(errors, FIELD(at, "nodeTaintsPolicy"), constraint->node_taints_policy);
		check_match_keys(errors, at, &constraint->match_label_keys, &(struct str_slice){0},
				 constraint->label_selector);
		check_label_selector(errors, FIELD(at, "labelSelector"), constraint->label_selector);
	}
}

void check_taint_effect(struct field_errors *errors, const struct path *path, struct str effect, bool may_be_empty)
{
	if (!effect.len && !may_be_empty)
		field_required(errors, path, NULL);
	else if (effect.len && !is_one_of(effect, "NoSchedule", "PreferNoSchedule", "NoExecute", NULL))
		field_not_supported_c(errors, path, VALUE(effect), "NoSchedule", "PreferNoSchedule", "NoExecute", NULL);
}

static void check_toleration_operator(struct field_errors *errors, const struct path *path,
				      const struct core_v1_toleration *toleration)
{
	struct str op = toleration->operator;

	if (!op.len || str_eq_c(op, "Equal")) {
		struct name_problems problems = name_is_label_value(toleration->value);

		if (problems.len)
			field_invalid(errors, path, VALUE(toleration->value), "%s",
				      str_c(name_problems_join(problems, ";", errors->arena)));
	} else if (str_eq_c(op, "Exists")) {
		if (toleration->value.len)
			field_invalid(errors, path, VALUE(toleration->value),
				      "value must be empty when `operator` is 'Exists'");
	} else if (is_one_of(op, "Lt", "Gt", NULL)) {
		field_not_supported_c(errors, path, VALUE(op), "Equal", "Exists", "Lt", "Gt", NULL);
	} else {
		field_not_supported_c(errors, path, VALUE(op), "Equal", "Exists", NULL);
	}
}

void check_tolerations(struct field_errors *errors, const struct path *path,
		       const struct core_v1_toleration_slice *tolerations)
{
	for (size_t i = 0; i < tolerations->len; i++) {
		const struct core_v1_toleration *toleration = &tolerations->items[i];
		const struct path *at = INDEX(path, i);

		if (toleration->key.len)
			check_name(errors, FIELD(at, "key"), toleration->key, name_is_qualified(toleration->key));
		else if (!str_eq_c(toleration->operator, "Exists"))
			field_invalid(
				errors, FIELD(at, "operator"), VALUE(toleration->operator),
				"operator must be Exists when `key` is empty, which means \"match all values and all "
				"keys\"");
		if (toleration->toleration_seconds && !str_eq_c(toleration->effect, "NoExecute"))
			field_invalid(errors, FIELD(at, "effect"), VALUE(toleration->effect),
				      "effect must be 'NoExecute' when `tolerationSeconds` is set");
		check_toleration_operator(errors, FIELD(at, "operator"), toleration);
		check_taint_effect(errors, FIELD(at, "effect"), toleration->effect, true);
	}
}
