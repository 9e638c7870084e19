/* Validating admission policies. */
#include "apiserver/registry/common.h"
#include "types/gen/admissionregistration_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
