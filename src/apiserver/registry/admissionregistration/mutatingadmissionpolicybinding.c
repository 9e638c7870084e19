/* Mutating admission policy bindings. */
#include "apiserver/registry/admissionregistration/admission_check.h"

static const struct rule rules[] = {
	RULE_REQUIRED_NAME("policyName", name_is_dns_subdomain),
	RULE_CHECK("paramRef", check_param_ref),
	RULE_CHECK("matchResources", check_match_resources),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct admissionregistration_v1_mutating_admission_policy_binding_spec *spec =
		&((const struct admissionregistration_v1_mutating_admission_policy_binding *)object)->spec;

	CHECK_RULES(errors, SPEC, &schema_admissionregistration_v1_mutating_admission_policy_binding_spec, spec, rules);
	if (spec->match_resources)
		check_no_deletions(errors, FIELD(SPEC, "matchResources"), spec->match_resources);
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
	const struct admissionregistration_v1_mutating_admission_policy_binding *binding = object;

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

const struct strategy strategy_admissionregistration_mutatingadmissionpolicybindings = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("mutatingadmissionpolicybindings"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
