/* Validation that webhooks and admission policies share; see admission_check.h. */
#include "apiserver/registry/admissionregistration/admission_check.h"

#include "base/map.h"

#define CONDITIONS_MAX 64

static bool has_word(const struct str_slice *list, const char *word)
{
	SLICE_FOREACH (item, *list)
		if (str_eq_c(*item, word))
			return true;
	return false;
}

/* Some words, none of them empty; "*" only alone. */
static void check_words(struct field_errors *errors, const struct path *path, const struct str_slice *list,
			const char *what)
{
	if (!list->len)
		field_required(errors, path, NULL);
	if (list->len > 1 && has_word(list, "*"))
		field_invalid(errors, path, field_value_list(list, errors->arena),
			      "if '*' is present, must not specify other %s", what);
}

static void check_no_empty_words(struct field_errors *errors, const struct path *path, const struct str_slice *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (!list->items[i].len)
			field_required(errors, INDEX(path, i), NULL);
}

/* A subresource that an earlier one with a star for what it is of, or for itself, includes already. */
static void check_subresource(struct field_errors *errors, const struct path *path, struct str text,
			      struct map *all_of_resource, struct map *in_all_resources)
{
	struct str resource, sub;

	str_cut(text, '/', &resource, &sub);
	if (map_get(all_of_resource, resource))
		field_invalid(errors, path, VALUE(text), "if '" STR_FMT "/*' is present, must not specify " STR_FMT,
			      STR_ARG(resource), STR_ARG(text));
	if (map_get(in_all_resources, sub))
		field_invalid(errors, path, VALUE(text), "if '*/" STR_FMT "' is present, must not specify " STR_FMT,
			      STR_ARG(sub), STR_ARG(text));
	if (str_eq_c(sub, "*"))
		map_set(all_of_resource, resource, errors);
	if (str_eq_c(resource, "*"))
		map_set(in_all_resources, sub, errors);
}

static void check_resources(struct field_errors *errors, const struct path *path, const struct str_slice *list)
{
	struct field_value value = field_value_list(list, errors->arena);
	struct map all_of_resource = {0}, in_all_resources = {0}; /* what stars stand for */
	bool plain = false;

	if (!list->len)
		field_required(errors, path, NULL);
	for (size_t i = 0; i < list->len; i++) {
		if (!list->items[i].len)
			field_required(errors, INDEX(path, i), NULL);
		else if (str_index(list->items[i], '/') < 0)
			plain = !str_eq_c(list->items[i], "*");
		else
			check_subresource(errors, INDEX(path, i), list->items[i], &all_of_resource, &in_all_resources);
	}
	if (list->len > 1 && has_word(list, "*/*"))
		field_invalid(errors, path, value, "if '*/*' is present, must not specify other resources");
	if (plain && has_word(list, "*"))
		field_invalid(errors, path, value,
			      "if '*' is present, must not specify other resources without subresources");
	map_release(&all_of_resource);
	map_release(&in_all_resources);
}

static void check_operation_rule(struct field_errors *errors, const struct path *path,
				 const struct admissionregistration_v1_rule_with_operations *rule)
{
	const struct str_slice *operations = &rule->operations;

	check_words(errors, FIELD(path, "operations"), operations, "operations");
	for (size_t i = 0; i < operations->len; i++)
		if (!is_one_of(operations->items[i], "*", "CONNECT", "CREATE", "DELETE", "UPDATE", NULL))
			field_not_supported_c(errors, INDEX(FIELD(path, "operations"), i), VALUE(operations->items[i]),
					      "*", "CONNECT", "CREATE", "DELETE", "UPDATE", NULL);
	check_words(errors, FIELD(path, "apiGroups"), &rule->rule.api_groups, "API Groups");
	check_words(errors, FIELD(path, "apiVersions"), &rule->rule.api_versions, "API versions");
	check_no_empty_words(errors, FIELD(path, "apiVersions"), &rule->rule.api_versions);
	check_resources(errors, FIELD(path, "resources"), &rule->rule.resources);
	if (rule->rule.scope && !is_one_of(*rule->rule.scope, "*", "Cluster", "Namespaced", NULL))
		field_not_supported_c(errors, FIELD(path, "scope"), VALUE(*rule->rule.scope), "*", "Cluster",
				      "Namespaced", NULL);
}

void check_operation_rules(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_rule_with_operations_slice *rules = value;

	for (size_t i = 0; i < rules->len; i++)
		check_operation_rule(errors, INDEX(path, i), &rules->items[i]);
}

static void check_named_rules(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_named_rule_with_operations_slice *rules = value;

	for (size_t i = 0; i < rules->len; i++) {
		const struct str_slice *names = &rules->items[i].resource_names;
		const bool *repeated = REPEATED(names, errors->arena);

		for (size_t j = 0; j < names->len; j++) {
			const struct path *at = INDEX(FIELD(INDEX(path, i), "resourceNames"), j);

			check_name(errors, at, names->items[j], name_is_path_segment(names->items[j]));
			if (repeated[j])
				field_duplicate(errors, at, VALUE(names->items[j]));
		}
		check_operation_rule(errors, INDEX(path, i), &rules->items[i].rule_with_operations);
	}
}

static const struct rule match_rules[] = {
	RULE_REQUIRED("matchPolicy"),
	RULE_ONE_OF("matchPolicy", "Equivalent", "Exact"),
	RULE_REQUIRED("namespaceSelector"),
	RULE_SELECTOR("namespaceSelector"),
	RULE_REQUIRED("objectSelector"),
	RULE_SELECTOR("objectSelector"),
	RULE_CHECK("resourceRules", check_named_rules),
	RULE_CHECK("excludeResourceRules", check_named_rules),
};

void check_match_resources(struct field_errors *errors, const struct path *path, const void *value)
{
	CHECK_RULES(errors, path, &schema_admissionregistration_v1_match_resources, value, match_rules);
}

static const struct rule constraint_rules[] = {RULE_REQUIRED("resourceRules")};

static void check_match_constraints(struct field_errors *errors, const struct path *path, const void *value)
{
	check_match_resources(errors, path, value);
	CHECK_RULES(errors, path, &schema_admissionregistration_v1_match_resources, value, constraint_rules);
}

void check_no_deletions(struct field_errors *errors, const struct path *path,
			const struct admissionregistration_v1_match_resources *resources_)
{
	SLICE_FOREACH (rule, resources_->resource_rules)
		SLICE_FOREACH (operation, rule->rule_with_operations.operations)
			if (!is_one_of(*operation, "*", "CREATE", "UPDATE", "CONNECT", NULL))
				field_not_supported_c(errors, FIELD(path, "resourceRules.operations"),
						      VALUE(*operation), "*", "CONNECT", "CREATE", "UPDATE", NULL);
}

void check_match_conditions(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_match_condition_slice *conditions = value;
	const bool *repeated = REPEATED_BY(conditions, name, errors->arena);

	if (conditions->len > CONDITIONS_MAX)
		field_too_many(errors, path, conditions->len, CONDITIONS_MAX);
	for (size_t i = 0; i < conditions->len; i++) {
		const struct admissionregistration_v1_match_condition *condition = &conditions->items[i];
		const struct path *at = FIELD(INDEX(path, i), "name");

		if (!str_trim(condition->expression).len)
			field_required(errors, FIELD(INDEX(path, i), "expression"), NULL);
		if (!condition->name.len) {
			field_required(errors, at, NULL);
			continue;
		}
		check_name(errors, at, condition->name, name_is_qualified(condition->name));
		if (repeated[i])
			field_duplicate(errors, at, VALUE(condition->name));
	}
}

/* The problems in one sentence, as upstream joins them here. */
static void check_joined(struct field_errors *errors, const struct path *path, struct str value, const char *before,
			 struct name_problems problems)
{
	struct str text = name_problems_join(problems, ",", errors->arena);

	if (problems.len)
		field_invalid(errors, path, VALUE(value), "%s" STR_FMT, before, STR_ARG(text));
}

static void check_group_version(struct field_errors *errors, const struct path *path, struct str text)
{
	struct str group, version;

	if (!str_cut(text, '/', &group, &version)) {
		version = group;
		group = STR_EMPTY;
	}
	if (str_index(version, '/') >= 0) {
		field_invalid(errors, path, VALUE(text), "unexpected GroupVersion string: " STR_FMT, STR_ARG(text));
		return;
	}
	if (group.len)
		check_joined(errors, path, group, "", name_is_dns_subdomain(group));
	if (!version.len)
		field_invalid(errors, path, VALUE(text), "version must be specified");
	else
		check_joined(errors, path, version, "", name_is_dns1035_label(version));
}

static void check_param_kind(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_param_kind *kind = value;

	if (!kind->api_version.len)
		field_required(errors, FIELD(path, "apiVersion"), NULL);
	else
		check_group_version(errors, FIELD(path, "apiVersion"), kind->api_version);
	if (!kind->kind.len)
		field_required(errors, FIELD(path, "kind"), NULL);
	else
		check_joined(errors, FIELD(path, "kind"), kind->kind,
			     "may have mixed case, but should otherwise match: ",
			     name_is_dns1035_label(str_lower(kind->kind, errors->arena)));
}

void check_param_ref(struct field_errors *errors, const struct path *path, const void *value)
{
	static const char both[] = "name and selector are mutually exclusive";
	const struct admissionregistration_v1_param_ref *ref = value;
	const struct str *action = ref->parameter_not_found_action;

	if (ref->name.len)
		check_name(errors, FIELD(path, "name"), ref->name, name_is_path_segment(ref->name));
	if (ref->name.len && ref->selector)
		field_forbidden(errors, FIELD(path, "name"), both);
	check_label_selector(errors, FIELD(path, "selector"), ref->selector);
	if (ref->name.len && ref->selector)
		field_forbidden(errors, FIELD(path, "selector"), both);
	if (!ref->name.len && !ref->selector)
		field_required(errors, path, "one of name or selector must be specified");
	if (!action || !action->len)
		field_required(errors, FIELD(path, "parameterNotFoundAction"), NULL);
	else if (!is_one_of(*action, "Deny", "Allow", NULL))
		field_not_supported_c(errors, FIELD(path, "parameterNotFoundAction"), VALUE(*action), "Deny", "Allow",
				      NULL);
}

static bool is_expression_identifier(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9')))
			return false;
	}
	return !is_one_of(name, "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for",
			  "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void",
			  "while", NULL);
}

void check_variables(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_variable_slice *variables = value;

	for (size_t i = 0; i < variables->len; i++) {
		struct str name = variables->items[i].name;

		if (!str_trim(name).len)
			field_required(errors, FIELD(INDEX(path, i), "name"), "name is not specified");
		else if (!is_expression_identifier(name))
			field_invalid(errors, FIELD(INDEX(path, i), "name"), VALUE(name),
				      "must be a valid CEL identifier");
		if (!str_trim(variables->items[i].expression).len)
			field_required(errors, FIELD(INDEX(path, i), "expression"), "expression is not specified");
	}
}

static const struct rule scope_rules[] = {
	RULE_REQUIRED("failurePolicy"),
	RULE_ONE_OF("failurePolicy", "Fail", "Ignore"),
	RULE_CHECK("paramKind", check_param_kind),
	RULE_REQUIRED("matchConstraints"),
	RULE_CHECK("matchConstraints", check_match_constraints),
};
void check_policy_scope(struct field_errors *errors, const struct path *path, const struct schema *schema,
			const void *spec)
{
	CHECK_RULES(errors, path, schema, spec, scope_rules);
}
