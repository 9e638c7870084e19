/* Checks that Role and ClusterRole, and their bindings, share; see rules.h. */
#include "apiserver/registry/rbac/rules.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

void check_policy_rules(struct field_errors *errors, const struct rbac_v1_policy_rule_slice *rules, bool namespaced)
{
	for (size_t i = 0; i < rules->len; i++) {
		const struct rbac_v1_policy_rule *rule = &rules->items[i];
		const struct path *path = INDEX(FIELD(NULL, "rules"), i);
		const struct str_slice *urls = &rule->non_resource_urls;

		if (!rule->verbs.len)
			field_required(errors, FIELD(path, "verbs"), "verbs must contain at least one value");
		if (urls->len) {
			struct field_value value = field_value_list(urls, errors->arena);

			if (namespaced)
				field_invalid(errors, FIELD(path, "nonResourceURLs"), value,
					      "namespaced rules cannot apply to non-resource URLs");
			if (rule->api_groups.len || rule->resources.len || rule->resource_names.len)
				field_invalid(errors, FIELD(path, "nonResourceURLs"), value,
					      "rules cannot apply to both regular resources and non-resource URLs");
			continue;
		}
		if (!rule->api_groups.len)
			field_required(errors, FIELD(path, "apiGroups"),
				       "resource rules must supply at least one api group");
		if (!rule->resources.len)
			field_required(errors, FIELD(path, "resources"),
				       "resource rules must supply at least one resource");
	}
}

void check_role_ref(struct field_errors *errors, const struct rbac_v1_role_ref *ref, bool namespaced)
{
	const struct path *path = FIELD(NULL, "roleRef");

	if (!str_eq_c(ref->api_group, RBAC_GROUP))
		field_not_supported_c(errors, FIELD(path, "apiGroup"), VALUE(ref->api_group), RBAC_GROUP, NULL);
	if (!str_eq_c(ref->kind, "ClusterRole") && !(namespaced && str_eq_c(ref->kind, "Role"))) {
		if (namespaced)
			field_not_supported_c(errors, FIELD(path, "kind"), VALUE(ref->kind), "Role", "ClusterRole",
					      NULL);
		else
			field_not_supported_c(errors, FIELD(path, "kind"), VALUE(ref->kind), "ClusterRole", NULL);
	}
	if (!ref->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else
		check_name(errors, FIELD(path, "name"), ref->name, name_is_path_segment(ref->name));
}

void check_same_role_ref(struct field_errors *errors, const struct rbac_v1_role_ref *now,
			 const struct rbac_v1_role_ref *old)
{
	struct str group = quote_go(now->api_group, errors->arena), kind = quote_go(now->kind, errors->arena);
	struct str name = quote_go(now->name, errors->arena);

	if (!equal_struct(&schema_rbac_v1_role_ref, now, old))
		field_invalid(errors, FIELD(NULL, "roleRef"),
			      field_value_json(arena_printf(errors->arena,
							    "{\"APIGroup\":" STR_FMT ",\"Kind\":" STR_FMT
							    ",\"Name\":" STR_FMT "}",
							    STR_ARG(group), STR_ARG(kind), STR_ARG(name))),
			      "cannot change roleRef");
}

static void check_service_account(struct field_errors *errors, const struct path *path,
				  const struct rbac_v1_subject *subject)
{
	if (subject->name.len)
		check_name(errors, FIELD(path, "name"), subject->name, name_is_dns_subdomain(subject->name));
	if (subject->api_group.len)
		field_not_supported_c(errors, FIELD(path, "apiGroup"), VALUE(subject->api_group), "", NULL);
	if (!subject->namespace.len)
		field_required(errors, FIELD(path, "namespace"), NULL);
}

void check_subjects(struct field_errors *errors, const struct rbac_v1_subject_slice *subjects)
{
	for (size_t i = 0; i < subjects->len; i++) {
		const struct rbac_v1_subject *subject = &subjects->items[i];
		const struct path *path = INDEX(FIELD(NULL, "subjects"), i);

		if (!subject->name.len)
			field_required(errors, FIELD(path, "name"), NULL);
		if (str_eq_c(subject->kind, "ServiceAccount"))
			check_service_account(errors, path, subject);
		else if (!is_one_of(subject->kind, "User", "Group", NULL))
			field_not_supported_c(errors, FIELD(path, "kind"), VALUE(subject->kind), "ServiceAccount",
					      "User", "Group", NULL);
		else if (!str_eq_c(subject->api_group, RBAC_GROUP))
			field_not_supported_c(errors, FIELD(path, "apiGroup"), VALUE(subject->api_group), RBAC_GROUP,
					      NULL);
	}
}

void default_subjects(struct arena *arena UNUSED, struct rbac_v1_subject_slice *subjects)
{
	for (size_t i = 0; i < subjects->len; i++) {
		struct rbac_v1_subject *subject = EDIT(struct rbac_v1_subject, &subjects->items[i]);

		if (!subject->api_group.len && is_one_of(subject->kind, "User", "Group", NULL))
			subject->api_group = STR(RBAC_GROUP);
	}
}

static void cell_subjects(struct table_row *row, const struct rbac_v1_subject_slice *subjects, const char *kind)
{
	struct str text = STR_EMPTY;
	bool account = strcmp(kind, "ServiceAccount") == 0;

	SLICE_FOREACH (subject, *subjects)
		if (str_eq_c(subject->kind, kind))
			text = arena_printf(row->arena, STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(text),
					    text.len ? ", " : "", STR_ARG(account ? subject->namespace : STR_EMPTY),
					    account ? "/" : "", STR_ARG(subject->name));
	table_cell_str(row, text);
}

void cells_of_binding(struct table_row *row, const struct meta_v1_object_meta *meta, const struct rbac_v1_role_ref *ref,
		      const struct rbac_v1_subject_slice *subjects)
{
	table_cell_str(row, meta->name);
	cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(ref->kind), STR_ARG(ref->name));
	table_cell_age(row, meta->creation_timestamp);
	cell_subjects(row, subjects, "User");
	cell_subjects(row, subjects, "Group");
	cell_subjects(row, subjects, "ServiceAccount");
}
