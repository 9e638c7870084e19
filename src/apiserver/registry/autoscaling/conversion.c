/*
 * Autoscalers of version 1, which are kept as those of version 2.
 *
 * Version 1 has a target for CPU alone.  All else that version 2 says stands in annotations there, as upstream writes
 * them: metrics and conditions as JSON of version 1, the behaviour as JSON of Go's own struct.
 */
#include "apiserver/registry/conversions.h"
#include "base/limits.h"
#include "codec/json.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/gen/autoscaling_v1.h"
#include "types/gen/autoscaling_v2.h"
#include "types/object.h"
#include "types/selector.h"

#define METRICS		"autoscaling.alpha.kubernetes.io/metrics"
#define CURRENT_METRICS "autoscaling.alpha.kubernetes.io/current-metrics"
#define CONDITIONS	"autoscaling.alpha.kubernetes.io/conditions"
#define BEHAVIOR	"autoscaling.alpha.kubernetes.io/behavior"

/* A list of messages in both versions. */
struct list_kind {
	const struct schema *v1, *v2;
};
static const struct list_kind metric_kind = {&schema_autoscaling_v1_metric_spec, &schema_autoscaling_v2_metric_spec};
static const struct list_kind current_kind = {&schema_autoscaling_v1_metric_status,
					      &schema_autoscaling_v2_metric_status};
static const struct list_kind condition_kind = {&schema_autoscaling_v1_horizontal_pod_autoscaler_condition,
						&schema_autoscaling_v2_horizontal_pod_autoscaler_condition};

static bool is_cpu_share(const struct autoscaling_v2_metric_spec *metric)
{
	return str_eq_c(metric->type, "Resource") && metric->resource && str_eq_c(metric->resource->name, "cpu") &&
	       metric->resource->target.average_utilization;
}

static struct str_map without_annotations(const struct str_map *map, struct arena *arena)
{
	static const char *const names[] = {METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR};
	struct str_pair *items = map->items ? ARENA_NEW_N(arena, struct str_pair, map->len + 1) : NULL;
	size_t len = 0;

	SLICE_FOREACH (pair, *map) {
		bool ours = false;

		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			ours = ours || str_eq_c(pair->key, names[i]);
		if (!ours)
			items[len++] = *pair;
	}
	return (struct str_map){items, len};
}

/* The JSON of a list of version 1, of items of version 2. */
static void annotate_list(struct str_map *annotations, const char *name, const struct list_kind *kind,
			  const struct any_slice *list, struct arena *arena)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	if (!list->len)
		return;
	for (size_t i = 0; i < list->len; i++) {
		const char *item = (const char *)list->items + i * kind->v2->size;

		buf_char(&text, i ? ',' : '[');
		encode_json(kind->v1, convert_struct(kind->v2, kind->v1, item, arena), 0, &text);
	}
	buf_char(&text, ']');
	*annotations = str_map_set(annotations, str_from(name), arena_str(arena, buf_view(&text)), arena);
}

/* The list of version 2 that an annotation holds; what cannot be read is none.  @spare: room for that many more. */
static bool read_list(const struct str_map *annotations, const char *name, const struct list_kind *kind, size_t spare,
		      struct any_slice *ret, struct arena *arena)
{
	const struct str *text = str_map_get(annotations, str_from(name));
	struct error ignored = {0};
	struct value *list;
	char *items;

	if (!text || json_parse(*text, arena, NULL, &list, &ignored) < 0 || list->kind != VALUE_ARRAY)
		return false;
	items = arena_zalloc(arena, (list->array.len + spare + 1) * kind->v2->size);
	for (size_t i = 0; i < list->array.len; i++) {
		void *item;

		if (decode_value(kind->v1, list->array.items[i], arena, NULL, &item, &ignored) < 0)
			return false;
		memcpy(items + i * kind->v2->size, convert_struct(kind->v1, kind->v2, item, arena), kind->v2->size);
	}
	*ret = (struct any_slice){items, list->array.len};
	return true;
}

/* Go reads member names in any case; ours begin with a small letter. */
static void lower_names(struct value *value, struct arena *arena)
{
	for (size_t i = 0; value->kind == VALUE_ARRAY && i < value->array.len; i++)
		lower_names(value->array.items[i], arena);
	for (size_t i = 0; value->kind == VALUE_OBJECT && i < value->object.len; i++) {
		struct value_member *member = &value->object.members[i];
		char *name = arena_memdup(arena, member->key.data, member->key.len + 1);

		if (member->key.len && name[0] >= 'A' && name[0] <= 'Z')
			name[0] = (char)(name[0] - 'A' + 'a');
		member->key.data = name;
		lower_names(member->value, arena);
	}
}

static void read_behavior(const struct str_map *annotations,
			  const struct autoscaling_v2_horizontal_pod_autoscaler_behavior **ret, struct arena *arena)
{
	const struct schema *schema = &schema_autoscaling_v2_horizontal_pod_autoscaler_behavior;
	const struct str *text = str_map_get(annotations, STR(BEHAVIOR));
	struct error ignored = {0};
	struct value *tree;
	void *behavior;

	if (!text || json_parse(*text, arena, NULL, &tree, &ignored) < 0)
		return;
	lower_names(tree, arena);
	if (decode_value(schema, tree, arena, NULL, &behavior, &ignored) == 0 && !empty_struct(schema, behavior))
		*ret = behavior;
}

static const struct autoscaling_v2_metric_spec *cpu_metric(const int32_t *percent, struct arena *arena)
{
	struct autoscaling_v2_metric_spec *metric = ARENA_NEW(arena, struct autoscaling_v2_metric_spec);
	struct autoscaling_v2_resource_metric_source *resource =
		ARENA_NEW(arena, struct autoscaling_v2_resource_metric_source);

	resource->name = STR("cpu");
	resource->target.type = STR("Utilization");
	resource->target.average_utilization = percent;
	metric->type = STR("Resource");
	metric->resource = resource;
	return metric;
}

static struct autoscaling_v2_metric_status_slice cpu_status(const int32_t *percent, struct arena *arena)
{
	struct autoscaling_v2_metric_status *metric = ARENA_NEW(arena, struct autoscaling_v2_metric_status);
	struct autoscaling_v2_resource_metric_status *resource =
		ARENA_NEW(arena, struct autoscaling_v2_resource_metric_status);

	resource->name = STR("cpu");
	resource->current.average_utilization = percent;
	metric->type = STR("Resource");
	metric->resource = resource;
	return (struct autoscaling_v2_metric_status_slice){metric, 1};
}

static void to_v2(const void *source, void *target, struct arena *arena)
{
	const struct autoscaling_v1_horizontal_pod_autoscaler *v1 = source;
	struct autoscaling_v2_horizontal_pod_autoscaler *v2 = target;
	const struct str_map *annotations = &v1->metadata.annotations;
	const int32_t *cpu = v1->spec.target_cpu_utilization_percentage;
	struct any_slice list = {0};

	if (read_list(annotations, METRICS, &metric_kind, 1, &list, arena))
		v2->spec.metrics = (struct autoscaling_v2_metric_spec_slice){list.items, list.len};
	if (cpu && !v2->spec.metrics.len)
		v2->spec.metrics = (struct autoscaling_v2_metric_spec_slice){cpu_metric(cpu, arena), 1};
	else if (cpu)
		EDIT(struct autoscaling_v2_metric_spec, v2->spec.metrics.items)
	[v2->spec.metrics.len++] = *cpu_metric(cpu, arena);
	read_behavior(annotations, &v2->spec.behavior, arena);
	if (v1->status.current_cpu_utilization_percentage)
		v2->status.current_metrics = cpu_status(v1->status.current_cpu_utilization_percentage, arena);
	if (read_list(annotations, CURRENT_METRICS, &current_kind, 0, &list, arena))
		v2->status.current_metrics = (struct autoscaling_v2_metric_status_slice){list.items, list.len};
	if (read_list(annotations, CONDITIONS, &condition_kind, 0, &list, arena))
		v2->status.conditions =
			(struct autoscaling_v2_horizontal_pod_autoscaler_condition_slice){list.items, list.len};
	v2->metadata.annotations = without_annotations(annotations, arena);
}

static void to_v1(const void *source, void *target, struct arena *arena)
{
	const struct autoscaling_v2_horizontal_pod_autoscaler *v2 = source;
	struct autoscaling_v1_horizontal_pod_autoscaler *v1 = target;
	struct str_map annotations = without_annotations(&v2->metadata.annotations, arena);
	VEC_OF(struct autoscaling_v2_metric_spec) others = {0};
	struct buf cleanup_buf behavior;

	buf_init(&behavior, LIMIT_OBJECT);
	SLICE_FOREACH (metric, v2->spec.metrics) {
		if (!is_cpu_share(metric))
			vec_push(arena, &others, *metric);
		else if (!v1->spec.target_cpu_utilization_percentage)
			v1->spec.target_cpu_utilization_percentage = metric->resource->target.average_utilization;
	}
	SLICE_FOREACH (metric, v2->status.current_metrics)
		if (metric->resource && str_eq_c(metric->resource->name, "cpu") &&
		    metric->resource->current.average_utilization)
			v1->status.current_cpu_utilization_percentage = metric->resource->current.average_utilization;
	annotate_list(&annotations, METRICS, &metric_kind, &(struct any_slice){others.items, others.len}, arena);
	annotate_list(&annotations, CURRENT_METRICS, &current_kind,
		      &(struct any_slice){v2->status.current_metrics.items, v2->status.current_metrics.len}, arena);
	annotate_list(&annotations, CONDITIONS, &condition_kind,
		      &(struct any_slice){v2->status.conditions.items, v2->status.conditions.len}, arena);
	if (v2->spec.behavior) {
		encode_json(&schema_autoscaling_v2_horizontal_pod_autoscaler_behavior, v2->spec.behavior,
			    ENCODE_UNTAGGED, &behavior);
		annotations = str_map_set(&annotations, STR(BEHAVIOR), arena_str(arena, buf_view(&behavior)), arena);
	}
	v1->metadata.annotations = annotations;
}

const struct conversion conversion_horizontalpodautoscalers = {
	.a = &schema_autoscaling_v1_horizontal_pod_autoscaler,
	.b = &schema_autoscaling_v2_horizontal_pod_autoscaler,
	.to_a = to_v1,
	.to_b = to_v2,
};
