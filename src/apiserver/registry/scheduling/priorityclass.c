/* Priority classes: nothing but the description and the default flag changes. */
#include "apiserver/registry/common.h"
#include "types/gen/scheduling_v1.h"

#define USER_PRIORITY_MAX 1000000000

/* The classes the system has itself. */
static const struct {
	const char *name;
	int32_t value;
} system_classes[] = {
	{"system-node-critical", 2000001000},
	{"system-cluster-critical", 2000000000},
};

static void check_system(struct field_errors *errors, const struct scheduling_v1_priority_class *class)
{
	for (size_t i = 0; i < ARRAY_LEN(system_classes); i++) {
		if (!str_eq_c(class->metadata.name, system_classes[i].name))
			continue;
		if (class->value != system_classes[i].value)
			field_forbidden(
				errors, FIELD(NULL, "metadata.name"),
				"priority class names with 'system-' prefix are reserved for system use only. error: "
				"value of %s PriorityClass must be %d",
				system_classes[i].name, system_classes[i].value);
		return;
	}
	field_forbidden(errors, FIELD(NULL, "metadata.name"),
			"priority class names with 'system-' prefix are reserved for system use only. error: " STR_FMT
			" is not a known system priority class",
			STR_ARG(class->metadata.name));
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct scheduling_v1_priority_class *class = object;

	if (str_has_prefix(class->metadata.name, STR("system-")))
		check_system(errors, class);
	else if (class->value > USER_PRIORITY_MAX)
		field_forbidden(errors, FIELD(NULL, "value"), "maximum allowed value of a user defined priority is %d",
				USER_PRIORITY_MAX);
	if (class->preemption_policy && !is_one_of(*class->preemption_policy, "PreemptLowerPriority", "Never", NULL))
		field_not_supported_c(errors, FIELD(NULL, "preemptionPolicy"), VALUE(*class->preemption_policy),
				      "PreemptLowerPriority", "Never", NULL);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct scheduling_v1_priority_class *class = object, *before = old;

	if (class->value != before->value)
		field_forbidden(errors, FIELD(NULL, "value"), "may not be changed in an update.");
	if (class->preemption_policy && before->preemption_policy)
		check_immutable_str(errors, FIELD(NULL, "preemptionPolicy"), *class->preemption_policy,
				    *before->preemption_policy);
}

static void cells(struct table_row *row, const void *object)
{
	const struct scheduling_v1_priority_class *class = object;

	table_cell_str(row, class->metadata.name);
	table_cell_int(row, class->value);
	table_cell_bool(row, class->global_default);
	table_cell_age(row, class->metadata.creation_timestamp);
	table_cell_str(row, class->preemption_policy ? *class->preemption_policy : STR_EMPTY);
}

static const struct table_column columns[] = {
	COLUMN_NAME, COLUMN("Value", "integer", 0),	      COLUMN("Global-Default", "boolean", 0),
	COLUMN_AGE,  COLUMN("PreemptionPolicy", "string", 0),
};

const struct strategy strategy_scheduling_priorityclasses = {
	.group = STR_INIT("scheduling.k8s.io"),
	.plural = STR_INIT("priorityclasses"),
	.generation = GENERATION_CONSTANT,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
