/* Cluster roles: rules, or selectors of other cluster roles whose rules they gather. */
#include "apiserver/registry/rbac/rules.h"

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct rbac_v1_cluster_role *role = object;
	const struct path *path = FIELD(NULL, "aggregationRule.clusterRoleSelectors");

	check_policy_rules(errors, &role->rules, false);
	if (!role->aggregation_rule)
		return;
	if (!role->aggregation_rule->cluster_role_selectors.len)
		field_required(errors, path, "at least one clusterRoleSelector required if aggregationRule is non-nil");
	for (size_t i = 0; i < role->aggregation_rule->cluster_role_selectors.len; i++) {
		size_t before = errors->len;

		check_label_selector(errors, INDEX(path, i), &role->aggregation_rule->cluster_role_selectors.items[i]);
		if (errors->len > before)
			field_invalid(errors, INDEX(path, i), VALUE_NULL, "invalid label selector.");
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

const struct strategy strategy_rbac_clusterroles = {
	.group = STR_INIT("rbac.authorization.k8s.io"),
	.plural = STR_INIT("clusterroles"),
	.allow_create_on_update = true,
	.validate_name = name_is_path_segment,
	.validate_create = validate_create,
	.validate_update = validate_update,
};
