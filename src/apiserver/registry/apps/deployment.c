/* Deployments: generation counts changes of annotations too, as the rollout reads them. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/warnings.h"

static void default_object(struct strategy_context *context, void *object)
{
	struct apps_v1_deployment *deployment = object;
	struct apps_v1_deployment_strategy *strategy = &deployment->spec.strategy;

	if (!strategy->rolling_update && (!strategy->type.len || str_eq_c(strategy->type, "RollingUpdate")))
		strategy->rolling_update = ARENA_NEW(context->arena, struct apps_v1_rolling_update_deployment);
	default_pod_spec(context->arena, &deployment->spec.template.spec);
}

static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	((struct apps_v1_deployment *)object)->metadata.generation = 1;
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct apps_v1_deployment *deployment = object;
	const struct apps_v1_deployment *before = old;
	struct meta_v1_object_meta now_meta = {.annotations = deployment->metadata.annotations};
	struct meta_v1_object_meta old_meta = {.annotations = before->metadata.annotations};

	bump_generation(&deployment->metadata, &before->metadata,
			!equal_struct(&schema_apps_v1_deployment_spec, &deployment->spec, &before->spec) ||
				!equal_struct(&schema_meta_v1_object_meta, &now_meta, &old_meta));
}

static void prepare_status(struct strategy_context *context UNUSED, void *object, const void *old)
{
	((struct apps_v1_deployment *)object)->metadata.labels =
		((const struct apps_v1_deployment *)old)->metadata.labels;
}

static void check_strategy(struct field_errors *errors, const struct path *path,
			   const struct apps_v1_deployment_strategy *strategy)
{
	const struct apps_v1_rolling_update_deployment *rolling = strategy->rolling_update;
	struct str type = quote_go(strategy->type, errors->arena);

	if (str_eq_c(strategy->type, "Recreate")) {
		if (rolling)
			field_forbidden(errors, FIELD(path, "rollingUpdate"),
					"may not be specified when strategy `type` is 'Recreate'");
	} else if (!str_eq_c(strategy->type, "RollingUpdate")) {
		field_not_supported_c(
			errors, path,
			field_value_json(arena_printf(errors->arena, "{\"Type\":" STR_FMT ",\"RollingUpdate\":null}",
						      STR_ARG(type))),
			"Recreate", "RollingUpdate", NULL);
	} else if (!rolling || !rolling->max_surge || !rolling->max_unavailable) {
		field_required(errors, FIELD(path, "rollingUpdate"), "this should be defaulted and never be nil");
	} else {
		const struct path *at = FIELD(FIELD(path, "rollingUpdate"), "maxUnavailable");

		check_int_or_percent(errors, at, rolling->max_unavailable);
		check_int_or_percent(errors, FIELD(FIELD(path, "rollingUpdate"), "maxSurge"), rolling->max_surge);
		if (is_zero_int_or_percent(rolling->max_unavailable) && is_zero_int_or_percent(rolling->max_surge))
			field_invalid(errors, at, field_value_int_or_string(rolling->max_unavailable, errors->arena),
				      "may not be 0 when `maxSurge` is 0");
		check_not_over_100_percent(errors, at, rolling->max_unavailable);
	}
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apps_v1_deployment_spec *spec = &((const struct apps_v1_deployment *)object)->spec;

	if (spec->replicas)
		check_not_negative(errors, FIELD(SPEC, "replicas"), *spec->replicas);
	check_selector_and_template(errors, SPEC, spec->selector, &spec->template,
				    "empty selector is invalid for deployment", "ReplicaSet");
	check_strategy(errors, FIELD(SPEC, "strategy"), &spec->strategy);
	check_not_negative(errors, FIELD(SPEC, "minReadySeconds"), spec->min_ready_seconds);
	if (spec->revision_history_limit)
		check_not_negative(errors, FIELD(SPEC, "revisionHistoryLimit"), *spec->revision_history_limit);
	if (spec->progress_deadline_seconds) {
		check_not_negative(errors, FIELD(SPEC, "progressDeadlineSeconds"), *spec->progress_deadline_seconds);
		if (*spec->progress_deadline_seconds <= spec->min_ready_seconds)
			field_invalid(errors, FIELD(SPEC, "progressDeadlineSeconds"),
				      VALUE(*spec->progress_deadline_seconds), "must be greater than minReadySeconds");
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_deployment *deployment = object, *before = old;

	validate_create(context, object, errors);
	check_immutable(errors, FIELD(SPEC, "selector"), &schema_meta_v1_label_selector, deployment->spec.selector,
			before->spec.selector);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_deployment_status *status = &((const struct apps_v1_deployment *)object)->status;
	const int32_t *collisions = ((const struct apps_v1_deployment *)old)->status.collision_count;
	int32_t now = status->collision_count ? *status->collision_count : 0;

	check_counter(errors, "observedGeneration", status->observed_generation);
	check_counter(errors, "replicas", status->replicas);
	check_counter(errors, "updatedReplicas", status->updated_replicas);
	check_counter(errors, "readyReplicas", status->ready_replicas);
	check_counter(errors, "availableReplicas", status->available_replicas);
	check_counter(errors, "unavailableReplicas", status->unavailable_replicas);
	if (status->terminating_replicas)
		check_counter(errors, "terminatingReplicas", *status->terminating_replicas);
	check_counter(errors, "collisionCount", now);
	check_counter_at_most(errors, "updatedReplicas", status->updated_replicas, status->replicas,
			      "cannot be greater than status.replicas");
	check_ready_and_available(errors, status->replicas, status->ready_replicas, status->available_replicas);
	if (collisions && *collisions > now)
		field_invalid(errors, FIELD(NULL, "status.collisionCount"), VALUE(now), "cannot be decremented");
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_deployment *deployment = object;

	table_cell_str(row, deployment->metadata.name);
	cell_printf(row, "%d/%d", deployment->status.ready_replicas,
		    deployment->spec.replicas ? *deployment->spec.replicas : 0);
	table_cell_int(row, deployment->status.updated_replicas);
	table_cell_int(row, deployment->status.available_replicas);
	table_cell_age(row, deployment->metadata.creation_timestamp);
	cell_containers(row, &deployment->spec.template.spec.containers);
	cell_selector(row, deployment->spec.selector, "");
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct apps_v1_deployment *now = object, *before = old;

	warn_workload(context, &now->spec.template, &now->metadata, before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Ready", "string", 0),
	COLUMN("Up-to-date", "string", 0),
	COLUMN("Available", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_apps_deployments = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("deployments"),
	.generation = GENERATION_CUSTOM,
	.default_object = default_object,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.prepare_status = prepare_status,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	.validate_status = validate_status,
	.status_reset_fields = STR_INIT("metadata.labels"),
	COLUMNS(columns),
	.cells = cells,
};
