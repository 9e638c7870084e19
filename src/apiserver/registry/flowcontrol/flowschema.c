/* Flow schemas. */
#include "apiserver/registry/rule.h"
#include "types/gen/flowcontrol_v1.h"

#define PRECEDENCE_MAX 10000

static void check_precedence(struct field_errors *errors, const struct path *path, int32_t value, struct str name)
{
	if (value <= 0)
		field_invalid(errors, path, VALUE(value), "must be a positive value");
	if (value > PRECEDENCE_MAX)
		field_invalid(errors, path, VALUE(value), "must not be greater than %d", PRECEDENCE_MAX);
	if (value == 1 && !str_eq_c(name, "exempt"))
		field_invalid(errors, path, VALUE(value),
			      "only the schema named 'exempt' may have matchingPrecedence 1");
}

static bool has_star(const struct str_slice *list)
{
	SLICE_FOREACH (item, *list)
		if (str_eq_c(*item, "*"))
			return true;
	return false;
}

/* Something, and a star only alone; true when it is one. */
static bool check_star(struct field_errors *errors, const struct path *path, const struct str_slice *list,
		       const char *required, const char *what)
{
	bool star = has_star(list);

	if (!list->len && required)
		field_required(errors, path, required);
	else if (star && list->len > 1)
		field_invalid(errors, path, field_value_list(list, errors->arena),
			      "if '*' is present, must not specify other %s", what);
	return star;
}

static void check_verbs(struct field_errors *errors, const struct path *path, const struct str_slice *verbs)
{
	if (check_star(errors, path, verbs, "verbs must contain at least one value", "verbs"))
		return;
	SLICE_FOREACH (verb, *verbs)
		if (!is_one_of(*verb, "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
			       "proxy", "connect", NULL)) {
			field_not_supported_c(errors, path, field_value_list(verbs, errors->arena), "connect", "create",
					      "delete", "deletecollection", "get", "list", "patch", "proxy", "update",
					      "watch", NULL);
			return;
		}
}

static void check_url_path(struct field_errors *errors, const struct path *path, struct str text)
{
	const char *why = NULL;
	ptrdiff_t star = str_index(text, '*');

	if (!text.len)
		why = "must not be empty";
	else if (text.data[0] != '/')
		why = "must start with slash";
	else if (str_index(text, ' ') >= 0)
		why = "must not contain white-space";
	else if (str_contains(text, STR("//")))
		why = "must not contain double slash";
	else if (star >= 0 && ((size_t)star + 1 != text.len || !str_has_suffix(text, STR("/*"))))
		why = "wildcard can only do suffix matching";
	if (why)
		field_invalid(errors, path, VALUE(text), "%s", why);
}

static void check_non_resource_rule(struct field_errors *errors, const struct path *path,
				    const struct flowcontrol_v1_non_resource_policy_rule *rule)
{
	const struct path *at = FIELD(path, "nonResourceURLs");
	const struct str_slice *urls = &rule->non_resource_urls;

	check_verbs(errors, FIELD(path, "verbs"), &rule->verbs);
	if (check_star(errors, at, urls, "nonResourceURLs must contain at least one value", "non-resource URLs"))
		return;
	for (size_t i = 0; i < urls->len; i++)
		check_url_path(errors, INDEX(at, i), urls->items[i]);
}

static void check_resource_rule(struct field_errors *errors, const struct path *path,
				const struct flowcontrol_v1_resource_policy_rule *rule)
{
	const struct path *at = FIELD(path, "namespaces");
	const char *required = "resource rules that are not cluster scoped must supply at least one namespace";

	check_verbs(errors, FIELD(path, "verbs"), &rule->verbs);
	check_star(errors, FIELD(path, "apiGroups"), &rule->api_groups,
		   "resource rules must supply at least one api group", "api groups");
	check_star(errors, FIELD(path, "resources"), &rule->resources,
		   "resource rules must supply at least one resource", "resources");
	if (check_star(errors, at, &rule->namespaces, rule->cluster_scope ? NULL : required, "namespaces"))
		return;
	for (size_t i = 0; i < rule->namespaces.len; i++) {
		struct name_problems problems = name_is_dns_label(rule->namespaces.items[i]);

		for (size_t j = 0; j < problems.len; j++)
			field_invalid(errors, INDEX(at, i), VALUE(rule->namespaces.items[i]),
				      "each member of this list must be '*' or a DNS-1123 label; %s",
				      problems.items[j]);
	}
}

static const struct rule name_rules[] = {RULE_REQUIRED("name")};

static void check_account(struct field_errors *errors, const struct path *path,
			  const struct flowcontrol_v1_service_account_subject *account)
{
	if (!account->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else if (!str_eq_c(account->name, "*"))
		check_name(errors, FIELD(path, "name"), account->name, name_is_dns_subdomain(account->name));
	if (account->namespace.len)
		check_name(errors, FIELD(path, "namespace"), account->namespace, name_is_dns_label(account->namespace));
	else
		field_required(errors, FIELD(path, "namespace"), "must specify namespace for service account");
}

/* What a subject of one kind has, and may not have of another. */
static void check_subject(struct field_errors *errors, const struct path *path,
			  const struct flowcontrol_v1_subject *subject)
{
	const struct {
		const char *kind, *field;
		bool present;
	} members[] = {
		{"ServiceAccount", "serviceAccount", subject->service_account},
		{"User", "user", subject->user},
		{"Group", "group", subject->group},
	};

	if (!is_one_of(subject->kind, "ServiceAccount", "User", "Group", NULL)) {
		field_not_supported_c(errors, FIELD(path, "kind"), VALUE(subject->kind), "Group", "ServiceAccount",
				      "User", NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (str_eq_c(subject->kind, members[i].kind) && !members[i].present) {
			struct str text = arena_printf(errors->arena, "%s is required when subject kind is '%s'",
						       members[i].field, members[i].kind);

			field_required(errors, FIELD(path, members[i].field), str_c(text));
		}
	if (str_eq_c(subject->kind, "ServiceAccount") && subject->service_account)
		check_account(errors, FIELD(path, "serviceAccount"), subject->service_account);
	if (str_eq_c(subject->kind, "User") && subject->user)
		CHECK_RULES(errors, FIELD(path, "user"), &schema_flowcontrol_v1_user_subject, subject->user,
			    name_rules);
	if (str_eq_c(subject->kind, "Group") && subject->group)
		CHECK_RULES(errors, FIELD(path, "group"), &schema_flowcontrol_v1_group_subject, subject->group,
			    name_rules);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (!str_eq_c(subject->kind, members[i].kind) && members[i].present)
			field_forbidden(errors, FIELD(path, members[i].field),
					"%s is forbidden when subject kind is not '%s'", members[i].field,
					members[i].kind);
}

static void check_policy_rules(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct flowcontrol_v1_policy_rules_with_subjects_slice *rules = value;

	for (size_t i = 0; i < rules->len; i++) {
		const struct flowcontrol_v1_policy_rules_with_subjects *rule = &rules->items[i];
		const struct path *at = INDEX(path, i);

		if (!rule->subjects.len)
			field_required(errors, FIELD(at, "subjects"), "subjects must contain at least one value");
		for (size_t j = 0; j < rule->subjects.len; j++)
			check_subject(errors, INDEX(FIELD(at, "subjects"), j), &rule->subjects.items[j]);
		if (!rule->resource_rules.len && !rule->non_resource_rules.len)
			field_required(errors, at,
				       "at least one of resourceRules and nonResourceRules has to be non-empty");
		for (size_t j = 0; j < rule->resource_rules.len; j++)
			check_resource_rule(errors, INDEX(FIELD(at, "resourceRules"), j),
					    &rule->resource_rules.items[j]);
		for (size_t j = 0; j < rule->non_resource_rules.len; j++)
			check_non_resource_rule(errors, INDEX(FIELD(at, "nonResourceRules"), j),
						&rule->non_resource_rules.items[j]);
	}
}

static const struct rule level_rules[] = {
	RULE_REQUIRED_SAYING("priorityLevelConfiguration.name", "must reference a priority level"),
	RULE_NAME("priorityLevelConfiguration.name", name_is_dns_subdomain),
	RULE_CHECK("rules", check_policy_rules),
};
static const struct rule distinguisher_rules[] = {RULE_STRICT_ONE_OF("type", "ByNamespace", "ByUser")};
static const struct rule method_rules[] = {RULE_OF("distinguisherMethod", distinguisher_rules)};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct flowcontrol_v1_flow_schema *flow = object;
	const struct schema *schema = &schema_flowcontrol_v1_flow_schema_spec;

	check_precedence(errors, FIELD(SPEC, "matchingPrecedence"), flow->spec.matching_precedence,
			 flow->metadata.name);
	CHECK_RULES(errors, SPEC, schema, &flow->spec, method_rules);
	CHECK_RULES(errors, SPEC, schema, &flow->spec, level_rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cell_dangling(struct table_row *row, const struct flowcontrol_v1_flow_schema_status *status)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, "Dangling")) {
			table_cell_str(row, condition->status);
			return;
		}
	table_cell_str(row, STR("?"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct flowcontrol_v1_flow_schema *schema = object;

	table_cell_str(row, schema->metadata.name);
	table_cell_str(row, schema->spec.priority_level_configuration.name);
	table_cell_int(row, schema->spec.matching_precedence);
	table_cell_str(row,
		       schema->spec.distinguisher_method ? schema->spec.distinguisher_method->type : STR("<none>"));
	table_cell_age(row, schema->metadata.creation_timestamp);
	cell_dangling(row, &schema->status);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("PriorityLevel", "string", 0),
	COLUMN("MatchingPrecedence", "string", 0),
	COLUMN("DistinguisherMethod", "string", 0),
	COLUMN_AGE,
	COLUMN("MissingPL", "string", 0),
};

const struct strategy strategy_flowcontrol_flowschemas = {
	.group = STR_INIT("flowcontrol.apiserver.k8s.io"),
	.plural = STR_INIT("flowschemas"),
	.generation = GENERATION_SPEC,
	.status_resets_metadata = true,
	.status_reset_fields = STR_INIT("metadata"),
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
