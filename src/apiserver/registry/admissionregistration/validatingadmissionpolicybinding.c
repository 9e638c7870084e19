/* Validating admission policy bindings. */
#include "apiserver/registry/admissionregistration/admission_check.h"

static void check_actions(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_slice *actions = value;
	const bool *repeated = REPEATED(actions, errors->arena);
	bool deny = false, warn = false;

	for (size_t i = 0; i < actions->len; i++) {
		struct str action = actions->items[i];

		if (!is_one_of(action, "Deny", "Warn", "Audit", NULL))
			field_not_supported_c(errors, INDEX(path, i), VALUE(action), "Audit", "Deny", "Warn", NULL);
		if (repeated[i])
			field_duplicate(errors, INDEX(path, i), VALUE(action));
		deny = deny || str_eq_c(action, "Deny");
		warn = warn || str_eq_c(action, "Warn");
	}
	if (deny && warn)
		field_invalid(
			errors, path, field_value_list(actions, errors->arena),
			"must not contain both Deny and Warn (repeating the same validation failure information in "
			"the API response and headers serves no purpose)");
	if (!actions->len)
		field_required(errors, path, "at least one validation action is required");
}

static const struct rule rules[] = {
	RULE_REQUIRED_NAME("policyName", name_is_dns_subdomain),
	RULE_CHECK("paramRef", check_param_ref),
	RULE_CHECK("matchResources", check_match_resources),
	RULE_CHECK("validationActions", check_actions),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct admissionregistration_v1_validating_admission_policy_binding_spec *spec =
		&((const struct admissionregistration_v1_validating_admission_policy_binding *)object)->spec;

	CHECK_RULES(errors, SPEC, &schema_admissionregistration_v1_validating_admission_policy_binding_spec, spec,
		    rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cell_param_ref(struct table_row *row, const struct admissionregistration_v1_param_ref *ref)
{
	if (ref)
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(str_or(ref->namespace, "*")), STR_ARG(ref->name));
	else
		table_cell_str(row, STR("<unset>"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct admissionregistration_v1_validating_admission_policy_binding *binding = object;

	table_cell_str(row, binding->metadata.name);
	table_cell_str(row, binding->spec.policy_name);
	cell_param_ref(row, binding->spec.param_ref);
	table_cell_age(row, binding->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("PolicyName", "string", 0),
	COLUMN("ParamRef", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_admissionregistration_validatingadmissionpolicybindings = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("validatingadmissionpolicybindings"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
