/* Role bindings: what they refer to never changes. */
#include "apiserver/registry/rbac/rules.h"

static void default_object(struct strategy_context *context, void *object)
{
	default_subjects(context->arena, &((struct rbac_v1_role_binding *)object)->subjects);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct rbac_v1_role_binding *binding = object;

	check_role_ref(errors, &binding->role_ref, true);
	check_subjects(errors, &binding->subjects);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct rbac_v1_role_binding *binding = object, *before = old;

	validate_create(context, object, errors);
	check_same_role_ref(errors, &binding->role_ref, &before->role_ref);
}

static void cells(struct table_row *row, const void *object)
{
	const struct rbac_v1_role_binding *binding = object;

	cells_of_binding(row, &binding->metadata, &binding->role_ref, &binding->subjects);
}

static const struct table_column columns[] = {BINDING_COLUMNS};

const struct strategy strategy_rbac_rolebindings = {
	.group = STR_INIT("rbac.authorization.k8s.io"),
	.plural = STR_INIT("rolebindings"),
	.allow_create_on_update = true,
	.validate_name = name_is_path_segment,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
