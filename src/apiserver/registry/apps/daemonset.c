/* Daemon sets. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/warnings.h"

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

/* An old counter of template changes that clients still see, and may not set. */
static void set_template_generation(struct arena *arena, struct apps_v1_daemon_set *set, int64_t generation)
{
	struct str text = arena_printf(arena, "%lld", (long long)generation);

	set->metadata.annotations = str_map_set(&set->metadata.annotations, STR(TEMPLATE_GENERATION), text, arena);
}

static void default_object(struct strategy_context *context, void *object)
{
	struct apps_v1_daemon_set *set = object;
	struct apps_v1_daemon_set_update_strategy *strategy = &set->spec.update_strategy;

	if (!strategy->rolling_update && (!strategy->type.len || str_eq_c(strategy->type, "RollingUpdate")))
		strategy->rolling_update = ARENA_NEW(context->arena, struct apps_v1_rolling_update_daemon_set);
	default_pod_spec(context->arena, &set->spec.template.spec);
	/* So that the client counts as its manager, though what it says does not count. */
	if (!str_map_get(&set->metadata.annotations, STR(TEMPLATE_GENERATION)))
		set_template_generation(context->arena, set, 0);
}

static int64_t template_generation(const struct apps_v1_daemon_set *set)
{
	const struct str *text = str_map_get(&set->metadata.annotations, STR(TEMPLATE_GENERATION));
	int64_t generation = 1;

	return text && str_parse_int64(*text, &generation) < 0 ? 1 : generation;
}

static void prepare_create(struct strategy_context *context, void *object)
{
	set_template_generation(context->arena, object, 1);
}

static void prepare_update(struct strategy_context *context, void *object, const void *old)
{
	struct apps_v1_daemon_set *set = object;
	const struct apps_v1_daemon_set *before = old;
	int64_t generation = template_generation(before);

	generation += !equal_struct(&schema_core_v1_pod_template_spec, &set->spec.template, &before->spec.template);
	set_template_generation(context->arena, set, generation);
}

static void prepare_status(struct strategy_context *context, void *object, const void *old)
{
	set_template_generation(context->arena, object, template_generation(old));
}

/* One of the two must be more than nothing, and only one. */
static void check_rolling(struct field_errors *errors, const struct path *path,
			  const struct apps_v1_rolling_update_daemon_set *rolling)
{
	static const struct int_or_string none = {.number = 0}, one = {.number = 1};
	const struct int_or_string *unavailable = rolling->max_unavailable ? rolling->max_unavailable : &one;
	const struct int_or_string *surge = rolling->max_surge ? rolling->max_surge : &none;
	bool has_unavailable = !is_zero_int_or_percent(unavailable), has_surge = !is_zero_int_or_percent(surge);

	check_int_or_percent(errors, FIELD(path, "maxUnavailable"), unavailable);
	check_int_or_percent(errors, FIELD(path, "maxSurge"), surge);
	check_not_over_100_percent(errors, FIELD(path, "maxUnavailable"), unavailable);
	check_not_over_100_percent(errors, FIELD(path, "maxSurge"), surge);
	if (has_unavailable && has_surge)
		field_invalid(errors, FIELD(path, "maxSurge"), field_value_int_or_string(surge, errors->arena),
			      "may not be set when maxUnavailable is non-zero");
	else if (!has_unavailable && !has_surge)
		field_required(errors, FIELD(path, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
}

static void check_strategy(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct apps_v1_daemon_set_update_strategy *strategy = value;
	struct str type = quote_go(strategy->type, errors->arena);

	if (str_eq_c(strategy->type, "OnDelete"))
		return;
	if (!str_eq_c(strategy->type, "RollingUpdate"))
		field_not_supported_c(
			errors, path,
			field_value_json(arena_printf(errors->arena, "{\"Type\":" STR_FMT ",\"RollingUpdate\":null}",
						      STR_ARG(type))),
			"RollingUpdate", "OnDelete", NULL);
	else if (!strategy->rolling_update)
		field_required(errors, FIELD(path, "rollingUpdate"), NULL);
	else
		check_rolling(errors, FIELD(path, "rollingUpdate"), strategy->rolling_update);
}

static const struct rule rules[] = {
	RULE_NOT_NEGATIVE("minReadySeconds"),
	RULE_CHECK("updateStrategy", check_strategy),
	RULE_NOT_NEGATIVE("revisionHistoryLimit"),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apps_v1_daemon_set_spec *spec = &((const struct apps_v1_daemon_set *)object)->spec;
	struct selector selector;
	struct error err = {0};

	check_label_selector(errors, FIELD(SPEC, "selector"), spec->selector);
	if (selector_from_label_selector(spec->selector, errors->arena, &selector, &err) == 0 &&
	    !selector_matches(&selector, &spec->template.metadata.labels))
		field_invalid(errors, FIELD(SPEC, "template.metadata.labels"),
			      field_value_map(&spec->template.metadata.labels, errors->arena),
			      "`selector` does not match template `labels`");
	if (spec->selector && !(spec->selector->match_labels.len + spec->selector->match_expressions.len))
		field_invalid(errors, FIELD(SPEC, "selector"),
			      field_value_struct(&schema_meta_v1_label_selector, spec->selector, errors->arena),
			      "empty selector is invalid for daemonset");
	check_pod_template(errors, FIELD(SPEC, "template"), &spec->template);
	if (!str_eq_c(spec->template.spec.restart_policy, "Always"))
		field_not_supported_c(errors, FIELD(SPEC, "template.spec.restartPolicy"),
				      VALUE(spec->template.spec.restart_policy), "Always", NULL);
	if (spec->template.spec.active_deadline_seconds)
		field_forbidden(errors, FIELD(SPEC, "template.spec.activeDeadlineSeconds"),
				"activeDeadlineSeconds in DaemonSet is not Supported");
	CHECK_RULES(errors, SPEC, &schema_apps_v1_daemon_set_spec, spec, rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_daemon_set *set = object, *before = old;

	validate_create(context, object, errors);
	check_immutable(errors, FIELD(SPEC, "selector"), &schema_meta_v1_label_selector, set->spec.selector,
			before->spec.selector);
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_daemon_set *set = object;

	table_cell_str(row, set->metadata.name);
	table_cell_int(row, set->status.desired_number_scheduled);
	table_cell_int(row, set->status.current_number_scheduled);
	table_cell_int(row, set->status.number_ready);
	table_cell_int(row, set->status.updated_number_scheduled);
	table_cell_int(row, set->status.number_available);
	table_cell_labels(row, &set->spec.template.spec.node_selector);
	table_cell_age(row, set->metadata.creation_timestamp);
	cell_containers(row, &set->spec.template.spec.containers);
	cell_selector(row, set->spec.selector, "<none>");
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct apps_v1_daemon_set *now = object, *before = old;

	warn_changed_template(context, FIELD(NULL, "spec.template"), &now->spec.template, &now->metadata,
			      before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Desired", "integer", 0),
	COLUMN("Current", "integer", 0),
	COLUMN("Ready", "integer", 0),
	COLUMN("Up-to-date", "integer", 0),
	COLUMN("Available", "integer", 0),
	COLUMN("Node Selector", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_apps_daemonsets = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("daemonsets"),
	.whole_annotation = STR_INIT(TEMPLATE_GENERATION),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.prepare_status = prepare_status,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
