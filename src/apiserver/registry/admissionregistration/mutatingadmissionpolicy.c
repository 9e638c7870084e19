/* Mutating admission policies. */
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
	COLUMNS(columns),
	.cells = cells,
};
