/* The metrics of autoscalers of version 1, which say in flat members what version 2 says in nested ones. */
#include "apiserver/registry/conversions.h"
#include "types/gen/autoscaling_v1.h"
#include "types/gen/autoscaling_v2.h"
#include "types/quantity.h"

#define PAIR(type) .a = &schema_autoscaling_v1_##type, .b = &schema_autoscaling_v2_##type

/* Version 1 does not say which of a target's members counts: the one that is there does. */
static void set_type(struct autoscaling_v2_metric_target *target, bool other, const char *type)
{
	target->type = str_from(other ? type : "AverageValue");
}

static const struct renamed_member object_names[] = {
	{"target", "describedObject"},		 {"metricName", "metric.name"},	  {"selector", "metric.selector"},
	{"averageValue", "target.averageValue"}, {"targetValue", "target.value"},
};

static void object_to_v2(const void *source, void *target, struct arena *arena UNUSED)
{
	const struct autoscaling_v1_object_metric_source *v1 = source;
	struct autoscaling_v2_object_metric_source *v2 = target;

	set_type(&v2->target, !v1->average_value, "Value");
	/* Version 1 cannot leave the value out. */
	if (v1->average_value && quantity_sign(&v1->target_value) == 0)
		v2->target.value = NULL;
}

const struct conversion conversion_horizontalpodautoscaler_metric_object = {
	PAIR(object_metric_source), RENAMED(object_names), .to_b = object_to_v2};

static const struct renamed_member pods_names[] = {
	{"metricName", "metric.name"},
	{"selector", "metric.selector"},
	{"targetAverageValue", "target.averageValue"},
};

static void pods_to_v2(const void *source UNUSED, void *target, struct arena *arena UNUSED)
{
	set_type(&((struct autoscaling_v2_pods_metric_source *)target)->target, false, NULL);
}

const struct conversion conversion_horizontalpodautoscaler_metric_pods = {PAIR(pods_metric_source), RENAMED(pods_names),
									  .to_b = pods_to_v2};

static const struct renamed_member resource_names[] = {
	{"targetAverageUtilization", "target.averageUtilization"},
	{"targetAverageValue", "target.averageValue"},
};

static void resource_to_v2(const void *source UNUSED, void *target, struct arena *arena UNUSED)
{
	struct autoscaling_v2_metric_target *it = &((struct autoscaling_v2_resource_metric_source *)target)->target;

	set_type(it, it->average_utilization, "Utilization");
}

const struct conversion conversion_horizontalpodautoscaler_metric_resource = {
	PAIR(resource_metric_source), RENAMED(resource_names), .to_b = resource_to_v2};

static void container_to_v2(const void *source UNUSED, void *target, struct arena *arena UNUSED)
{
	struct autoscaling_v2_metric_target *it =
		&((struct autoscaling_v2_container_resource_metric_source *)target)->target;

	set_type(it, it->average_utilization, "Utilization");
}

const struct conversion conversion_horizontalpodautoscaler_metric_container = {
	PAIR(container_resource_metric_source), RENAMED(resource_names), .to_b = container_to_v2};

static const struct renamed_member external_names[] = {
	{"metricName", "metric.name"},
	{"metricSelector", "metric.selector"},
	{"targetValue", "target.value"},
	{"targetAverageValue", "target.averageValue"},
};

static void external_to_v2(const void *source UNUSED, void *target, struct arena *arena UNUSED)
{
	struct autoscaling_v2_metric_target *it = &((struct autoscaling_v2_external_metric_source *)target)->target;

	set_type(it, it->value, "Value");
}

const struct conversion conversion_horizontalpodautoscaler_metric_external = {
	PAIR(external_metric_source), RENAMED(external_names), .to_b = external_to_v2};

static const struct renamed_member current_object_names[] = {
	{"target", "describedObject"},	   {"metricName", "metric.name"},
	{"selector", "metric.selector"},   {"averageValue", "current.averageValue"},
	{"currentValue", "current.value"},
};

const struct conversion conversion_horizontalpodautoscaler_current_object = {PAIR(object_metric_status),
									     RENAMED(current_object_names)};

static const struct renamed_member current_pods_names[] = {
	{"metricName", "metric.name"},
	{"selector", "metric.selector"},
	{"currentAverageValue", "current.averageValue"},
};

const struct conversion conversion_horizontalpodautoscaler_current_pods = {PAIR(pods_metric_status),
									   RENAMED(current_pods_names)};

static const struct renamed_member current_resource_names[] = {
	{"currentAverageUtilization", "current.averageUtilization"},
	{"currentAverageValue", "current.averageValue"},
};

const struct conversion conversion_horizontalpodautoscaler_current_resource = {PAIR(resource_metric_status),
									       RENAMED(current_resource_names)};

const struct conversion conversion_horizontalpodautoscaler_current_container = {PAIR(container_resource_metric_status),
										RENAMED(current_resource_names)};

static const struct renamed_member current_external_names[] = {
	{"metricName", "metric.name"},
	{"metricSelector", "metric.selector"},
	{"currentValue", "current.value"},
	{"currentAverageValue", "current.averageValue"},
};

const struct conversion conversion_horizontalpodautoscaler_current_external = {PAIR(external_metric_status),
									       RENAMED(current_external_names)};
