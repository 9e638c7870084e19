/* Mutating admission policies. */
#include "apiserver/registry/admissionregistration/admission_check.h"

static void check_expression(struct field_errors *errors, const struct path *path, struct str expression)
{
	if (!str_trim(expression).len)
		field_required(errors, FIELD(path, "expression"), NULL);
}

static void check_mutation(struct field_errors *errors, const struct path *path,
			   const struct admissionregistration_v1_mutation *mutation)
{
	if (!mutation->patch_type.len) {
		field_required(errors, FIELD(path, "patchType"), NULL);
	} else if (str_eq_c(mutation->patch_type, "JSONPatch")) {
		if (mutation->json_patch)
			check_expression(errors, FIELD(path, "jsonPatch"), mutation->json_patch->expression);
		else
			field_required(errors, FIELD(path, "jsonPatch"),
				       "must be specified when patchType is JSONPatch");
		if (mutation->apply_configuration)
			field_invalid(errors, FIELD(path, "applyConfiguration"), VALUE("{applyConfiguration}"),
				      "must not be specified when patchType is JSONPatch");
	} else if (str_eq_c(mutation->patch_type, "ApplyConfiguration")) {
		if (mutation->apply_configuration)
			check_expression(errors, FIELD(path, "applyConfiguration"),
					 mutation->apply_configuration->expression);
		else
			field_required(errors, FIELD(path, "applyConfiguration"),
				       "must be specified when patchType is ApplyConfiguration");
		if (mutation->json_patch)
			field_invalid(errors, FIELD(path, "jsonPatch"), VALUE("{jsonPatch}"),
				      "must not be specified when patchType is ApplyConfiguration");
	} else {
		field_not_supported_c(errors, FIELD(path, "patchType"), VALUE(mutation->patch_type),
				      "ApplyConfiguration", "JSONPatch", NULL);
	}
}

static void check_mutations(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct admissionregistration_v1_mutation_slice *mutations = value;

	for (size_t i = 0; i < mutations->len; i++)
		check_mutation(errors, INDEX(path, i), &mutations->items[i]);
}

static const struct rule last_rules[] = {
	RULE_CHECK("matchConditions", check_match_conditions),
	RULE_CHECK("variables", check_variables),
	RULE_REQUIRED_SAYING("mutations", "mutations must contain at least one item"),
	RULE_CHECK("mutations", check_mutations),
	RULE_REQUIRED_ONE_OF("reinvocationPolicy", "IfNeeded", "Never"),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct admissionregistration_v1_mutating_admission_policy_spec *spec =
		&((const struct admissionregistration_v1_mutating_admission_policy *)object)->spec;
	const struct schema *schema = &schema_admissionregistration_v1_mutating_admission_policy_spec;

	check_policy_scope(errors, SPEC, schema, spec);
	if (spec->match_constraints)
		check_no_deletions(errors, FIELD(SPEC, "matchConstraints"), spec->match_constraints);
	CHECK_RULES(errors, SPEC, schema, spec, last_rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cell_param_kind(struct table_row *row, const struct admissionregistration_v1_param_kind *kind)
{
	if (kind)
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(kind->api_version), STR_ARG(kind->kind));
	else
		table_cell_str(row, STR("<unset>"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct admissionregistration_v1_mutating_admission_policy *policy = object;

	table_cell_str(row, policy->metadata.name);
	table_cell_int(row, (int64_t)policy->spec.mutations.len);
	cell_param_kind(row, policy->spec.param_kind);
	table_cell_age(row, policy->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Mutations", "integer", 0),
	COLUMN("ParamKind", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_admissionregistration_mutatingadmissionpolicies = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("mutatingadmissionpolicies"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
