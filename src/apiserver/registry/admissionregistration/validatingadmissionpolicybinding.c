/* Validating admission policy bindings. */
#include "apiserver/registry/common.h"
#include "types/gen/admissionregistration_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
