/* Validating admission policies. */
#include "apiserver/registry/admissionregistration/admission_check.h"

#define ANNOTATIONS_MAX	     20
#define VALUE_EXPRESSION_MAX (5 * 1024)

static void check_validation(struct field_errors *errors, const struct path *path,
			     const struct admissionregistration_v1_validation *validation)
{
	struct str message = str_trim(validation->message);

	if (!str_trim(validation->expression).len)
		field_required(errors, FIELD(path, "expression"), "expression is not specified");
	if (validation->message_expression.len && !str_trim(validation->message_expression).len)
		field_invalid(errors, FIELD(path, "messageExpression"), VALUE(validation->message_expression),
			      "must be non-empty if specified");
	if (validation->message.len && !message.len)
		field_invalid(errors, FIELD(path, "message"), VALUE(validation->message),
			      "must be non-empty if specified");
	else if (str_index(message, '\n') >= 0 || str_index(message, '\r') >= 0)
		field_invalid(errors, FIELD(path, "message"), VALUE(validation->message),
			      "must not contain line breaks");
	if (validation->reason &&
	    !is_one_of(*validation->reason, "Forbidden", "Invalid", "RequestEntityTooLarge", NULL))
		field_not_supported_c(errors, FIELD(path, "reason"), VALUE(*validation->reason), "Forbidden", "Invalid",
				      "RequestEntityTooLarge", NULL);
}

/* Keys become names below the policy's. */
static void check_annotation(struct field_errors *errors, const struct path *path, struct str policy,
			     const struct admissionregistration_v1_audit_annotation *annotation)
{
	struct str key = arena_printf(errors->arena, STR_FMT "/" STR_FMT, STR_ARG(policy), STR_ARG(annotation->key));
	struct str value = str_trim(annotation->value_expression);

	check_name(errors, FIELD(path, "key"), key, name_is_qualified(key));
	if (!value.len)
		field_required(errors, FIELD(path, "valueExpression"), "valueExpression is not specified");
	else if (value.len > VALUE_EXPRESSION_MAX)
		field_required(errors, FIELD(path, "valueExpression"), "must not exceed 5120 bytes in length");
}

static void check_annotations_of(struct field_errors *errors, const struct path *path, struct str policy,
				 const struct admissionregistration_v1_audit_annotation_slice *annotations)
{
	const bool *repeated = REPEATED_BY(annotations, key, errors->arena);

	if (annotations->len > ANNOTATIONS_MAX)
		field_invalid(errors, path, VALUE_NULL, "must not have more than %d auditAnnotations", ANNOTATIONS_MAX);
	for (size_t i = 0; i < annotations->len; i++) {
		check_annotation(errors, INDEX(path, i), policy, &annotations->items[i]);
		if (repeated[i])
			field_duplicate(errors, FIELD(INDEX(path, i), "key"), VALUE(annotations->items[i].key));
	}
}

static const struct rule last_rules[] = {
	RULE_CHECK("matchConditions", check_match_conditions),
	RULE_CHECK("variables", check_variables),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	static const char one[] = "validations or auditAnnotations must contain at least one item";
	const struct admissionregistration_v1_validating_admission_policy *policy = object;
	const struct admissionregistration_v1_validating_admission_policy_spec *spec = &policy->spec;
	const struct schema *schema = &schema_admissionregistration_v1_validating_admission_policy_spec;

	check_policy_scope(errors, SPEC, schema, spec);
	CHECK_RULES(errors, SPEC, schema, spec, last_rules);
	if (!spec->validations.len && !spec->audit_annotations.len) {
		field_required(errors, FIELD(SPEC, "validations"), one);
		field_required(errors, FIELD(SPEC, "auditAnnotations"), one);
	}
	for (size_t i = 0; i < spec->validations.len; i++)
		check_validation(errors, INDEX(FIELD(SPEC, "validations"), i), &spec->validations.items[i]);
	check_annotations_of(errors, FIELD(SPEC, "auditAnnotations"), policy->metadata.name, &spec->audit_annotations);
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
	const struct admissionregistration_v1_validating_admission_policy *policy = object;

	table_cell_str(row, policy->metadata.name);
	table_cell_int(row, (int64_t)policy->spec.validations.len);
	cell_param_kind(row, policy->spec.param_kind);
	table_cell_age(row, policy->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Validations", "integer", 0),
	COLUMN("ParamKind", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_admissionregistration_validatingadmissionpolicies = {
	.group = STR_INIT("admissionregistration.k8s.io"),
	.plural = STR_INIT("validatingadmissionpolicies"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.status_resets_metadata = true,
	.status_reset_fields = STR_INIT("metadata"),
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
