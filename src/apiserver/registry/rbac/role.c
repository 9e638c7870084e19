/* Roles. */
#include "apiserver/registry/rbac/rules.h"

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_policy_rules(errors, &((const struct rbac_v1_role *)object)->rules, true);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

const struct strategy strategy_rbac_roles = {
	.group = STR_INIT("rbac.authorization.k8s.io"),
	.plural = STR_INIT("roles"),
	.allow_create_on_update = true,
	.validate_name = name_is_path_segment,
	.validate_create = validate_create,
	.validate_update = validate_update,
};
