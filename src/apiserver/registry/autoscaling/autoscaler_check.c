/* Validation of horizontal pod autoscalers; see autoscaler_check.h. */
#include "apiserver/registry/autoscaling/autoscaler_check.h"

#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/rule.h"

#define PERIOD_MAX 1800 /* seconds */
#define WINDOW_MAX 3600

static const struct rule reference_rules[] = {
	RULE_REQUIRED_NAME("kind", name_is_path_segment),
	RULE_REQUIRED_NAME("name", name_is_path_segment),
};

/* "group/version"; a described object may be of the core group, which has no name. */
static void check_reference(struct field_errors *errors, const struct path *path,
			    const struct autoscaling_v2_cross_version_object_reference *reference, bool may_be_core,
			    struct str accepted)
{
	struct str version = reference->api_version, group, rest;
	bool has_group = str_cut(version, '/', &group, &rest);

	CHECK_RULES(errors, path, &schema_autoscaling_v2_cross_version_object_reference, reference, reference_rules);
	if (accepted.len && str_eq(accepted, version))
		return;
	if (str_index(rest, '/') >= 0)
		field_invalid(errors, FIELD(path, "apiVersion"), VALUE(version),
			      "unexpected GroupVersion string: " STR_FMT, STR_ARG(version));
	else if (!may_be_core && (!has_group || !group.len))
		field_invalid(errors, FIELD(path, "apiVersion"), VALUE(version), "apiVersion must specify API group");
}

static void check_metric_name(struct field_errors *errors, const struct path *path, struct str name)
{
	if (!name.len)
		field_required(errors, path, "must specify a metric name");
	else
		check_name(errors, path, name, name_is_path_segment(name));
}

static void check_positive(struct field_errors *errors, const struct path *path, const struct quantity *quantity)
{
	if (quantity && quantity_sign(quantity) <= 0)
		field_invalid(errors, path, field_value_text(quantity_format(quantity, errors->arena)),
			      "must be positive");
}

static void check_target(struct field_errors *errors, const struct path *path,
			 const struct autoscaling_v2_metric_target *target)
{
	if (!target->type.len)
		field_required(errors, FIELD(path, "type"), "must specify a metric target type");
	if (!is_one_of(target->type, "Utilization", "Value", "AverageValue", NULL))
		field_invalid(errors, FIELD(path, "type"), VALUE(target->type),
			      "must be either Utilization, Value, or AverageValue");
	check_positive(errors, FIELD(path, "value"), target->value);
	check_positive(errors, FIELD(path, "averageValue"), target->average_value);
	if (target->average_utilization && *target->average_utilization < 1)
		field_invalid(errors, FIELD(path, "averageUtilization"), VALUE(*target->average_utilization),
			      "must be greater than 0");
}

/* Of resources: a value or a share of the request. */
static void check_resource_target(struct field_errors *errors, const struct path *path,
				  const struct autoscaling_v2_metric_target *target)
{
	check_target(errors, path, target);
	if (!target->average_utilization && !target->average_value)
		field_required(errors, FIELD(path, "averageUtilization"),
			       "must set either a target raw value or a target utilization");
	if (target->average_utilization && target->average_value)
		field_forbidden(errors, FIELD(path, "averageValue"),
				"may not set both a target raw value and a target utilization");
}

static void check_object(struct field_errors *errors, const struct path *path,
			 const struct autoscaling_v2_object_metric_source *source)
{
	check_reference(errors, FIELD(path, "describedObject"), &source->described_object, true, STR_EMPTY);
	check_metric_name(errors, FIELD(path, "metric.name"), source->metric.name);
	check_target(errors, FIELD(path, "target"), &source->target);
	if (!source->target.value && !source->target.average_value)
		field_required(errors, FIELD(path, "target.averageValue"),
			       "must set either a target value or averageValue");
}

static void check_external(struct field_errors *errors, const struct path *path,
			   const struct autoscaling_v2_external_metric_source *source)
{
	check_metric_name(errors, FIELD(path, "metric.name"), source->metric.name);
	check_target(errors, FIELD(path, "target"), &source->target);
	if (!source->target.value && !source->target.average_value)
		field_required(errors, FIELD(path, "target.averageValue"),
			       "must set either a target value for metric or a per-pod target");
	if (source->target.value && source->target.average_value)
		field_forbidden(errors, FIELD(path, "target.value"),
				"may not set both a target value for metric and a per-pod target");
}

static void check_pods(struct field_errors *errors, const struct path *path,
		       const struct autoscaling_v2_pods_metric_source *source)
{
	check_metric_name(errors, FIELD(path, "metric.name"), source->metric.name);
	check_target(errors, FIELD(path, "target"), &source->target);
	if (!source->target.average_value)
		field_required(errors, FIELD(path, "target.averageValue"),
			       "must specify a positive target averageValue");
}

static void check_resource(struct field_errors *errors, const struct path *path,
			   const struct autoscaling_v2_resource_metric_source *source)
{
	if (!source->name.len)
		field_required(errors, FIELD(path, "name"), "must specify a resource name");
	check_resource_target(errors, FIELD(path, "target"), &source->target);
}

static void check_container(struct field_errors *errors, const struct path *path,
			    const struct autoscaling_v2_container_resource_metric_source *source)
{
	if (!source->name.len)
		field_required(errors, FIELD(path, "name"), "must specify a resource name");
	else
		check_container_resource_name(errors, FIELD(path, "name"), source->name);
	if (!source->container.len)
		field_required(errors, FIELD(path, "container"), "must specify a container");
	else
		check_name(errors, FIELD(path, "container"), source->container, name_is_dns_label(source->container));
	check_resource_target(errors, FIELD(path, "target"), &source->target);
}

/* Of several sources the first is checked, in upstream's order. */
static void check_first_source(struct field_errors *errors, const struct path *path,
			       const struct autoscaling_v2_metric_spec *metric)
{
	if (metric->object)
		check_object(errors, FIELD(path, "object"), metric->object);
	else if (metric->external)
		check_external(errors, FIELD(path, "external"), metric->external);
	else if (metric->pods)
		check_pods(errors, FIELD(path, "pods"), metric->pods);
	else if (metric->resource)
		check_resource(errors, FIELD(path, "resource"), metric->resource);
	else if (metric->container_resource)
		check_container(errors, FIELD(path, "containerResource"), metric->container_resource);
}

static void metric_type_not_supported(struct field_errors *errors, const struct path *path, struct str type)
{
	field_not_supported_c(errors, FIELD(path, "type"), VALUE(type), "ContainerResource", "External", "Object",
			      "Pods", "Resource", NULL);
}

static void check_metric(struct field_errors *errors, const struct path *path,
			 const struct autoscaling_v2_metric_spec *metric)
{
	const struct {
		const char *type, *name;
		bool present;
	} sources[] = {
		{"ContainerResource", "containerResource", metric->container_resource},
		{"External", "external", metric->external},
		{"Object", "object", metric->object},
		{"Pods", "pods", metric->pods},
		{"Resource", "resource", metric->resource},
	};
	bool known = false;
	int present = 0;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		known = known || str_eq_c(metric->type, sources[i].type);
	if (!metric->type.len)
		field_required(errors, FIELD(path, "type"), "must specify a metric source type");
	if (!known)
		metric_type_not_supported(errors, path, metric->type);
	check_first_source(errors, path, metric);
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		present += sources[i].present;
		if (str_eq_c(metric->type, sources[i].type) && !sources[i].present)
			field_required(errors, FIELD(path, sources[i].name),
				       "must populate information for the given metric source");
	}
	/* Upstream says it twice. */
	if (!known)
		metric_type_not_supported(errors, path, metric->type);
	for (size_t i = 0; present > 1 && i < ARRAY_LEN(sources); i++)
		if (sources[i].present && !str_eq_c(metric->type, sources[i].type))
			field_forbidden(errors, FIELD(path, sources[i].name),
					"must populate the given metric source only");
}

static void check_metrics(struct field_errors *errors, const struct path *path,
			  const struct autoscaling_v2_horizontal_pod_autoscaler_spec *spec)
{
	bool to_zero = false;

	for (size_t i = 0; i < spec->metrics.len; i++) {
		check_metric(errors, INDEX(path, i), &spec->metrics.items[i]);
		to_zero = to_zero || is_one_of(spec->metrics.items[i].type, "Object", "External", NULL);
	}
	if (spec->min_replicas && *spec->min_replicas == 0 && !to_zero)
		field_forbidden(errors, path,
				"must specify at least one Object or External metric to support scaling to zero "
				"replicas");
}

static void check_policy(struct field_errors *errors, const struct path *path,
			 const struct autoscaling_v2_hpa_scaling_policy *policy)
{
	if (!is_one_of(policy->type, "Pods", "Percent", NULL))
		field_not_supported_c(errors, FIELD(path, "type"), VALUE(policy->type), "Percent", "Pods", NULL);
	if (policy->value <= 0)
		field_invalid(errors, FIELD(path, "value"), VALUE(policy->value), "must be greater than zero");
	if (policy->period_seconds <= 0)
		field_invalid(errors, FIELD(path, "periodSeconds"), VALUE(policy->period_seconds),
			      "must be greater than zero");
	if (policy->period_seconds > PERIOD_MAX)
		field_invalid(errors, FIELD(path, "periodSeconds"), VALUE(policy->period_seconds),
			      "must be less than or equal to %d", PERIOD_MAX);
}

static void check_window(struct field_errors *errors, const struct path *path, const void *value)
{
	int32_t seconds = *(const int32_t *)value;

	if (seconds < 0)
		field_invalid(errors, path, VALUE(seconds), "must be greater than or equal to zero");
	if (seconds > WINDOW_MAX)
		field_invalid(errors, path, VALUE(seconds), "must be less than or equal to %d", WINDOW_MAX);
}

static void check_policies(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct autoscaling_v2_hpa_scaling_policy_slice *policies = value;

	for (size_t i = 0; i < policies->len; i++)
		check_policy(errors, INDEX(path, i), &policies->items[i]);
}

static void check_tolerance(struct field_errors *errors, const struct path *path, const void *value)
{
	check_resource_quantity(errors, path, STR_EMPTY, value);
}

static const struct rule scaling_rules[] = {
	RULE_CHECK("stabilizationWindowSeconds", check_window),
	RULE_ONE_OF("selectPolicy", "Disabled", "Max", "Min"),
	RULE_REQUIRED_SAYING("policies", "must specify at least one Policy"),
	RULE_CHECK("policies", check_policies),
	RULE_CHECK("tolerance", check_tolerance),
};
static const struct rule behavior_rules[] = {RULE_OF("scaleUp", scaling_rules), RULE_OF("scaleDown", scaling_rules)};
static const struct rule spec_rules[] = {RULE_OF("behavior", behavior_rules)};

/* Scaling to nothing is let pass where it was before; new objects keep one replica. */
static void check_replicas(struct field_errors *errors,
			   const struct autoscaling_v2_horizontal_pod_autoscaler_spec *spec,
			   const struct autoscaling_v2_horizontal_pod_autoscaler *old)
{
	int32_t least = old && old->spec.min_replicas && *old->spec.min_replicas == 0 ? 0 : 1;
	const int32_t *min = spec->min_replicas;

	if (min && *min < least)
		field_invalid(errors, FIELD(SPEC, "minReplicas"), VALUE(*min), "must be greater than or equal to %d",
			      least);
	if (spec->max_replicas == 0)
		field_required(errors, FIELD(SPEC, "maxReplicas"), "must be set and greater than 0");
	else if (spec->max_replicas < 0)
		field_invalid(errors, FIELD(SPEC, "maxReplicas"), VALUE(spec->max_replicas),
			      "must be greater than or equal to 1");
	if (min && spec->max_replicas < *min)
		field_invalid(errors, FIELD(SPEC, "maxReplicas"), VALUE(spec->max_replicas),
			      "must be greater than or equal to `minReplicas`");
}

void check_autoscaler(struct field_errors *errors, const struct autoscaling_v2_horizontal_pod_autoscaler *autoscaler,
		      const struct autoscaling_v2_horizontal_pod_autoscaler *old)
{
	const struct autoscaling_v2_horizontal_pod_autoscaler_spec *spec = &autoscaler->spec;

	check_replicas(errors, spec, old);
	check_reference(errors, FIELD(SPEC, "scaleTargetRef"), &spec->scale_target_ref, false,
			old ? old->spec.scale_target_ref.api_version : STR_EMPTY);
	check_metrics(errors, FIELD(SPEC, "metrics"), spec);
	CHECK_RULES(errors, SPEC, &schema_autoscaling_v2_horizontal_pod_autoscaler_spec, spec, spec_rules);
}
