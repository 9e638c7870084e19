/* Replica sets. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/warnings.h"

static void default_object(struct strategy_context *context, void *object)
{
	default_pod_spec(context->arena, &((struct apps_v1_replica_set *)object)->spec.template.spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apps_v1_replica_set_spec *spec = &((const struct apps_v1_replica_set *)object)->spec;

	if (spec->replicas)
		check_not_negative(errors, FIELD(SPEC, "replicas"), *spec->replicas);
	check_not_negative(errors, FIELD(SPEC, "minReadySeconds"), spec->min_ready_seconds);
	check_selector_and_template(errors, SPEC, spec->selector, &spec->template,
				    "empty selector is invalid for deployment", "ReplicaSet");
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_replica_set *set = object, *before = old;

	validate_create(context, object, errors);
	check_immutable(errors, FIELD(SPEC, "selector"), &schema_meta_v1_label_selector, set->spec.selector,
			before->spec.selector);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct apps_v1_replica_set_status *status = &((const struct apps_v1_replica_set *)object)->status;

	check_counter(errors, "replicas", status->replicas);
	check_counter(errors, "fullyLabeledReplicas", status->fully_labeled_replicas);
	check_counter(errors, "readyReplicas", status->ready_replicas);
	check_counter(errors, "availableReplicas", status->available_replicas);
	check_counter(errors, "observedGeneration", status->observed_generation);
	if (status->terminating_replicas)
		check_counter(errors, "terminatingReplicas", *status->terminating_replicas);
	check_counter_at_most(errors, "fullyLabeledReplicas", status->fully_labeled_replicas, status->replicas,
			      "cannot be greater than status.replicas");
	check_ready_and_available(errors, status->replicas, status->ready_replicas, status->available_replicas);
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_replica_set *set = object;

	table_cell_str(row, set->metadata.name);
	table_cell_int(row, set->spec.replicas ? *set->spec.replicas : 0);
	table_cell_int(row, set->status.replicas);
	table_cell_int(row, set->status.ready_replicas);
	table_cell_age(row, set->metadata.creation_timestamp);
	cell_containers(row, &set->spec.template.spec.containers);
	cell_selector(row, set->spec.selector, "<none>");
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct apps_v1_replica_set *now = object, *before = old;

	warn_workload(context, &now->spec.template, &now->metadata, before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Desired", "integer", 0),
	COLUMN("Current", "integer", 0),
	COLUMN("Ready", "integer", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_apps_replicasets = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("replicasets"),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	.validate_status = validate_status,
	COLUMNS(columns),
	.cells = cells,
};
