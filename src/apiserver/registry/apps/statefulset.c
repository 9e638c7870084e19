/* Stateful sets. */
#include "apiserver/registry/apps/workload.h"
#include "types/gen/apps_v1.h"

/* rollingUpdate is made only where the type was left out; the type said in full leaves it absent. */
static void default_object(struct strategy_context *context, void *object)
{
	struct apps_v1_stateful_set *set = object;
	struct apps_v1_stateful_set_update_strategy *strategy = &set->spec.update_strategy;

	if (!strategy->type.len) {
		strategy->type = STR("RollingUpdate");
		if (!strategy->rolling_update)
			strategy->rolling_update =
				ARENA_NEW(context->arena, struct apps_v1_rolling_update_stateful_set_strategy);
	}
	default_pod_spec(context->arena, &set->spec.template.spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apps_v1_stateful_set_spec *spec = &((const struct apps_v1_stateful_set *)object)->spec;

	if (spec->replicas)
		check_not_negative(errors, FIELD(SPEC, "replicas"), *spec->replicas);
	check_not_negative(errors, FIELD(SPEC, "minReadySeconds"), spec->min_ready_seconds);
	check_selector_and_template(errors, SPEC, spec->selector, &spec->template,
				    "empty selector is invalid for statefulset");
	if (spec->revision_history_limit)
		check_not_negative(errors, FIELD(SPEC, "revisionHistoryLimit"), *spec->revision_history_limit);
}

/* The spec with all that may change taken from the old one. */
static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_stateful_set *before = old;
	struct apps_v1_stateful_set_spec spec = ((const struct apps_v1_stateful_set *)object)->spec;

	validate_create(context, object, errors);
	spec.replicas = before->spec.replicas;
	spec.template = before->spec.template;
	spec.update_strategy = before->spec.update_strategy;
	spec.min_ready_seconds = before->spec.min_ready_seconds;
	spec.ordinals = before->spec.ordinals;
	spec.revision_history_limit = before->spec.revision_history_limit;
	spec.persistent_volume_claim_retention_policy = before->spec.persistent_volume_claim_retention_policy;
	if (!equal_struct(&schema_apps_v1_stateful_set_spec, &spec, &before->spec))
		field_forbidden(errors, SPEC,
				"updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
				"'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
				"'minReadySeconds' are forbidden");
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_stateful_set *set = object;

	table_cell_str(row, set->metadata.name);
	cell_printf(row, "%d/%d", set->status.ready_replicas, set->spec.replicas ? *set->spec.replicas : 0);
	table_cell_age(row, set->metadata.creation_timestamp);
	cell_containers(row, &set->spec.template.spec.containers);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Ready", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
};

const struct strategy strategy_apps_statefulsets = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("statefulsets"),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	.validate_name = name_is_dns_label,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
