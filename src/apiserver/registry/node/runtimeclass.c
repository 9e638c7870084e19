/* Runtime classes: the handler never changes. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/node_v1.h"

/* The key of an entry is all of it but its seconds. */
static bool same_toleration(const struct core_v1_toleration *a, const struct core_v1_toleration *b)
{
	return str_eq(a->key, b->key) && str_eq(a->operator, b->operator) && str_eq(a->value, b->value) &&
	       str_eq(a->effect, b->effect);
}

static void check_class_tolerations(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_toleration_slice *list = value;

	check_tolerations(errors, path, list);
	for (size_t i = 0; i < list->len; i++)
		for (size_t j = 0; j < i; j++)
			if (same_toleration(&list->items[i], &list->items[j])) {
				field_duplicate(
					errors, INDEX(path, i),
					field_value_struct(&schema_core_v1_toleration, &list->items[i], errors->arena));
				break;
			}
}

static void check_overhead(struct field_errors *errors, const struct path *path, const void *value)
{
	struct core_v1_resource_requirements needs = {.limits = ((const struct node_v1_overhead *)value)->pod_fixed};

	check_container_resources(errors, path, &needs, NULL);
}

static const struct rule rules[] = {
	RULE_REQUIRED_NAME("handler", name_is_dns_label),
	RULE_CHECK("overhead", check_overhead),
};
static const struct rule scheduling_rules[] = {
	RULE_LABELS("nodeSelector"),
	RULE_CHECK("tolerations", check_class_tolerations),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct node_v1_runtime_class *class = object;

	CHECK_RULES(errors, NULL, &schema_node_v1_runtime_class, class, rules);
	if (class->scheduling)
		CHECK_RULES(errors, FIELD(NULL, "scheduling"), &schema_node_v1_scheduling, class->scheduling,
			    scheduling_rules);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct node_v1_runtime_class *class = object, *before = old;

	check_immutable_str(errors, FIELD(NULL, "handler"), class->handler, before->handler);
}

static void cells(struct table_row *row, const void *object)
{
	const struct node_v1_runtime_class *class = object;

	table_cell_str(row, class->metadata.name);
	table_cell_str(row, class->handler);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	const struct node_v1_runtime_class *class = object;

	if (!class->scheduling)
		return;
	SLICE_FOREACH (pair, class->scheduling->node_selector) {
		const char *message = deprecated_node_label(pair->key);

		if (message)
			warn(context, FIELD(NULL, "scheduling.nodeSelector"), "%s", message);
	}
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Handler", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_node_runtimeclasses = {
	.group = STR_INIT("node.k8s.io"),
	.plural = STR_INIT("runtimeclasses"),
	.allow_create_on_update = true,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
