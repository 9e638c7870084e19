/* Pod disruption budgets. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/rule.h"
#include "types/gen/policy_v1.h"

static void cell_number(struct table_row *row, const struct int_or_string *value)
{
	if (!value)
		table_cell_str(row, STR("N/A"));
	else if (value->is_string)
		table_cell_str(row, value->string);
	else
		cell_printf(row, "%d", value->number);
}

static void check_amount(struct field_errors *errors, const struct path *path, const void *value)
{
	check_int_or_percent(errors, path, value);
	check_not_over_100_percent(errors, path, value);
}

static const struct rule rules[] = {
	RULE_CHECK("minAvailable", check_amount),
	RULE_CHECK("maxUnavailable", check_amount),
	RULE_SELECTOR("selector"),
	RULE_ONE_OF("unhealthyPodEvictionPolicy", "AlwaysAllow", "IfHealthyBudget"),
};

/* The spec as Go shows its internal type. */
static struct field_value spec_value(const struct policy_v1_pod_disruption_budget_spec *spec, struct arena *arena)
{
	struct field_value min = field_value_int_or_string(spec->min_available, arena);
	struct field_value max = field_value_int_or_string(spec->max_unavailable, arena);
	struct field_value selector = field_value_struct(&schema_meta_v1_label_selector, spec->selector, arena);
	struct str policy = spec->unhealthy_pod_eviction_policy ? quote_go(*spec->unhealthy_pod_eviction_policy, arena)
								: STR("null");
	struct str texts[] = {min.text, max.text};
	int64_t numbers[] = {min.number, max.number};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!texts[i].data)
			texts[i] = arena_printf(arena, "%lld", (long long)numbers[i]);
	return field_value_json(
		arena_printf(arena,
			     "{\"MinAvailable\":" STR_FMT ",\"Selector\":" STR_FMT ",\"MaxUnavailable\":" STR_FMT
			     ",\"UnhealthyPodEvictionPolicy\":" STR_FMT "}",
			     STR_ARG(texts[0]), STR_ARG(selector.text), STR_ARG(texts[1]), STR_ARG(policy)));
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct policy_v1_pod_disruption_budget_spec *spec =
		&((const struct policy_v1_pod_disruption_budget *)object)->spec;

	if (spec->min_available && spec->max_unavailable)
		field_invalid(errors, SPEC, spec_value(spec, errors->arena),
			      "minAvailable and maxUnavailable cannot be both set");
	CHECK_RULES(errors, SPEC, &schema_policy_v1_pod_disruption_budget_spec, spec, rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

/* Upstream judges no more than the spec: what it lets in need not be a name. */
static struct name_problems validate_name(struct str name UNUSED)
{
	return (struct name_problems){.len = 0};
}

static const struct rule status_rules[] = {
	RULE_NOT_NEGATIVE("disruptionsAllowed"),
	RULE_NOT_NEGATIVE("currentHealthy"),
	RULE_NOT_NEGATIVE("desiredHealthy"),
	RULE_NOT_NEGATIVE("expectedPods"),
};

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct policy_v1_pod_disruption_budget_status *status =
		&((const struct policy_v1_pod_disruption_budget *)object)->status;

	check_conditions(errors, FIELD(NULL, "status.conditions"), &status->conditions);
	CHECK_RULES(errors, FIELD(NULL, "status"), &schema_policy_v1_pod_disruption_budget_status, status,
		    status_rules);
}

static void cells(struct table_row *row, const void *object)
{
	const struct policy_v1_pod_disruption_budget *budget = object;

	table_cell_str(row, budget->metadata.name);
	cell_number(row, budget->spec.min_available);
	cell_number(row, budget->spec.max_unavailable);
	table_cell_int(row, budget->status.disruptions_allowed);
	table_cell_age(row, budget->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Min Available", "string", 0),
	COLUMN("Max Unavailable", "string", 0),
	COLUMN("Allowed Disruptions", "integer", 0),
	COLUMN_AGE,
};

const struct strategy strategy_policy_poddisruptionbudgets = {
	.group = STR_INIT("policy"),
	.plural = STR_INIT("poddisruptionbudgets"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	.validate_name = validate_name,
	COLUMNS(columns),
	.cells = cells,
};
