/* Leases. */
#include "apiserver/registry/common.h"
#include "types/gen/coordination_v1.h"

/* Coordinated election is off. */
static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	struct coordination_v1_lease *lease = object;

	lease->spec.strategy = NULL;
	lease->spec.preferred_holder = NULL;
}

static void prepare_update(struct strategy_context *context, void *object, const void *old UNUSED)
{
	prepare_create(context, object);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct coordination_v1_lease_spec *spec = &((const struct coordination_v1_lease *)object)->spec;

	if (spec->lease_duration_seconds && *spec->lease_duration_seconds <= 0)
		field_invalid(errors, FIELD(SPEC, "leaseDurationSeconds"), VALUE(*spec->lease_duration_seconds),
			      "must be greater than 0");
	if (spec->lease_transitions)
		check_not_negative(errors, FIELD(SPEC, "leaseTransitions"), *spec->lease_transitions);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct coordination_v1_lease *lease = object;

	table_cell_str(row, lease->metadata.name);
	table_cell_str(row, lease->spec.holder_identity ? *lease->spec.holder_identity : STR_EMPTY);
	table_cell_age(row, lease->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Holder", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_coordination_leases = {
	.group = STR_INIT("coordination.k8s.io"),
	.plural = STR_INIT("leases"),
	.allow_create_on_update = true,
	.forbid_unconditional_update = true,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
