/* Horizontal pod autoscalers, as version 2 has them. */
#include "apiserver/registry/autoscaling/autoscaler_check.h"
#include "types/gen/autoscaling_v2.h"
#include "types/quantity.h"

static const int32_t *number(struct arena *arena, int32_t value)
{
	int32_t *out = ARENA_NEW(arena, int32_t);

	*out = value;
	return out;
}

/* Without metrics: 80 % of the requested CPU. */
static void default_metrics(struct arena *arena, struct autoscaling_v2_horizontal_pod_autoscaler_spec *spec)
{
	struct autoscaling_v2_metric_spec *metric = ARENA_NEW(arena, struct autoscaling_v2_metric_spec);
	struct autoscaling_v2_resource_metric_source *resource =
		ARENA_NEW(arena, struct autoscaling_v2_resource_metric_source);

	resource->name = STR("cpu");
	resource->target.type = STR("Utilization");
	resource->target.average_utilization = number(arena, 80);
	metric->type = STR("Resource");
	metric->resource = resource;
	spec->metrics = (struct autoscaling_v2_metric_spec_slice){metric, 1};
}

static struct autoscaling_v2_hpa_scaling_rules *default_rules(struct arena *arena,
							      const struct autoscaling_v2_hpa_scaling_rules *given)
{
	struct autoscaling_v2_hpa_scaling_rules *rules =
		given ? EDIT(struct autoscaling_v2_hpa_scaling_rules, given)
		      : ARENA_NEW(arena, struct autoscaling_v2_hpa_scaling_rules);
	struct str *max;

	if (!rules->select_policy) {
		max = ARENA_NEW(arena, struct str);
		*max = STR("Max");
		rules->select_policy = max;
	}
	return rules;
}

static void default_behavior(struct arena *arena, struct autoscaling_v2_horizontal_pod_autoscaler_behavior *behavior)
{
	static const struct autoscaling_v2_hpa_scaling_policy up_policies[] = {
		{.type = STR_INIT("Pods"), .value = 4, .period_seconds = 15},
		{.type = STR_INIT("Percent"), .value = 100, .period_seconds = 15},
	};
	struct autoscaling_v2_hpa_scaling_rules *up = default_rules(arena, behavior->scale_up);
	struct autoscaling_v2_hpa_scaling_rules *down = default_rules(arena, behavior->scale_down);

	if (!up->stabilization_window_seconds)
		up->stabilization_window_seconds = number(arena, 0);
	if (!up->policies.items)
		up->policies = (struct autoscaling_v2_hpa_scaling_policy_slice){up_policies, 2};
	if (!down->policies.items)
		down->policies = (struct autoscaling_v2_hpa_scaling_policy_slice){&up_policies[1], 1};
	behavior->scale_up = up;
	behavior->scale_down = down;
}

static void default_object(struct strategy_context *context, void *object)
{
	struct autoscaling_v2_horizontal_pod_autoscaler_spec *spec =
		&((struct autoscaling_v2_horizontal_pod_autoscaler *)object)->spec;

	if (!spec->metrics.len)
		default_metrics(context->arena, spec);
	if (spec->behavior)
		default_behavior(context->arena,
				 EDIT(struct autoscaling_v2_horizontal_pod_autoscaler_behavior, spec->behavior));
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_autoscaler(errors, object, NULL);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_autoscaler(errors, object, old);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct autoscaling_v2_horizontal_pod_autoscaler *hpa = object;

	check_not_negative(errors, FIELD(NULL, "status.currentReplicas"), hpa->status.current_replicas);
	check_not_negative(errors, FIELD(NULL, "status.desiredReplicas"), hpa->status.desired_replicas);
}

static struct str quantity_text(struct arena *arena, const struct quantity *quantity)
{
	return quantity ? quantity_format(quantity, arena) : STR("<unknown>");
}

/* "cpu: 40%/80%", of Resource and ContainerResource metrics alike. */
static struct str resource_text(struct arena *arena, struct str name, const struct autoscaling_v2_metric_target *target,
				const struct autoscaling_v2_metric_value_status *current)
{
	struct str now = STR("<unknown>"), wanted = STR("<auto>");

	if (target->average_value) {
		wanted = quantity_format(target->average_value, arena);
		now = quantity_text(arena, current ? current->average_value : NULL);
	} else {
		if (target->average_utilization)
			wanted = arena_printf(arena, "%d%%", *target->average_utilization);
		if (current && current->average_utilization)
			now = arena_printf(arena, "%d%%", *current->average_utilization);
	}
	return arena_printf(arena, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(name), STR_ARG(now), STR_ARG(wanted));
}

/* Of the other metrics: an average, or a value. */
static struct str value_text(struct arena *arena, const struct autoscaling_v2_metric_target *target,
			     const struct autoscaling_v2_metric_value_status *current)
{
	bool average = target->average_value;
	struct str now = quantity_text(arena, !current ? NULL : average ? current->average_value : current->value);
	struct str wanted = quantity_text(arena, average ? target->average_value : target->value);

	return arena_printf(arena, STR_FMT "/" STR_FMT "%s", STR_ARG(now), STR_ARG(wanted), average ? " (avg)" : "");
}

static struct str metric_text(struct arena *arena, const struct autoscaling_v2_metric_spec *spec,
			      const struct autoscaling_v2_metric_status *status)
{
	if (spec->resource)
		return resource_text(arena, spec->resource->name, &spec->resource->target,
				     status && status->resource ? &status->resource->current : NULL);
	if (spec->container_resource)
		return resource_text(arena, spec->container_resource->name, &spec->container_resource->target,
				     status && status->container_resource ? &status->container_resource->current
									  : NULL);
	if (spec->external)
		return value_text(arena, &spec->external->target,
				  status && status->external ? &status->external->current : NULL);
	if (spec->object)
		return value_text(arena, &spec->object->target,
				  status && status->object ? &status->object->current : NULL);
	if (spec->pods) {
		struct str now =
			quantity_text(arena, status && status->pods ? status->pods->current.average_value : NULL);
		struct str wanted = quantity_text(arena, spec->pods->target.average_value);

		return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(now), STR_ARG(wanted));
	}
	return STR("<unknown type>");
}

static void cell_targets(struct table_row *row, const struct autoscaling_v2_horizontal_pod_autoscaler *hpa)
{
	struct str text = STR_EMPTY;
	size_t len = hpa->spec.metrics.len;

	for (size_t i = 0; i < MIN(len, (size_t)2); i++) {
		const struct autoscaling_v2_metric_status *status =
			i < hpa->status.current_metrics.len ? &hpa->status.current_metrics.items[i] : NULL;
		struct str one = metric_text(row->arena, &hpa->spec.metrics.items[i], status);

		text = arena_printf(row->arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? ", " : "", STR_ARG(one));
	}
	if (len > 2)
		text = arena_printf(row->arena, STR_FMT " + %zu more...", STR_ARG(text), len - 2);
	table_cell_str(row, str_or(text, "<none>"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct autoscaling_v2_horizontal_pod_autoscaler *hpa = object;

	table_cell_str(row, hpa->metadata.name);
	cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(hpa->spec.scale_target_ref.kind),
		    STR_ARG(hpa->spec.scale_target_ref.name));
	cell_targets(row, hpa);
	if (hpa->spec.min_replicas)
		cell_printf(row, "%d", *hpa->spec.min_replicas);
	else
		table_cell_str(row, STR("<unset>"));
	table_cell_int(row, hpa->spec.max_replicas);
	table_cell_int(row, hpa->status.current_replicas);
	table_cell_age(row, hpa->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Reference", "string", 0),
	COLUMN("Targets", "string", 0),
	COLUMN("MinPods", "string", 0),
	COLUMN("MaxPods", "string", 0),
	COLUMN("Replicas", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_autoscaling_horizontalpodautoscalers = {
	.group = STR_INIT("autoscaling"),
	.plural = STR_INIT("horizontalpodautoscalers"),
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	COLUMNS(columns),
	.cells = cells,
};
