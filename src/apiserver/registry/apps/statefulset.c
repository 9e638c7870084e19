/* Stateful sets. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/core/volume_check.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/apps_v1.h"

/* rollingUpdate is made only where the type was left out; the type said in full leaves it absent. */
static void default_object(struct strategy_context *context, void *object)
{
	struct apps_v1_stateful_set *set = object;
	struct apps_v1_stateful_set_update_strategy *strategy = &set->spec.update_strategy;

	if (!strategy->type.len) {
		strategy->type = STR("RollingUpdate");
		if (!strategy->rolling_update)
			strategy->rolling_update =
				ARENA_NEW(context->arena, struct apps_v1_rolling_update_stateful_set_strategy);
	}
	default_pod_spec(context->arena, &set->spec.template.spec);
}

/* Updates that leave several pods out at once are behind a gate that is off: what asks for them is dropped. */
static void drop_max_unavailable(struct apps_v1_stateful_set *set)
{
	const struct apps_v1_rolling_update_stateful_set_strategy *rolling = set->spec.update_strategy.rolling_update;

	if (rolling)
		EDIT(struct apps_v1_rolling_update_stateful_set_strategy, rolling)->max_unavailable = NULL;
}

static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	drop_max_unavailable(object);
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	const struct apps_v1_rolling_update_stateful_set_strategy *rolling =
		((const struct apps_v1_stateful_set *)old)->spec.update_strategy.rolling_update;

	if (!rolling || !rolling->max_unavailable)
		drop_max_unavailable(object);
}

/* Shown as Go has it; the pointer's members are those of the type. */
static struct field_value strategy_value(const struct apps_v1_stateful_set_update_strategy *strategy,
					 struct arena *arena)
{
	const struct apps_v1_rolling_update_stateful_set_strategy *rolling = strategy->rolling_update;
	struct str type = quote_go(strategy->type, arena), text = STR("null");

	if (rolling)
		text = arena_printf(arena, "{\"Partition\":%d,\"MaxUnavailable\":null}",
				    rolling->partition ? *rolling->partition : 0);
	return field_value_json(arena_printf(arena, "{\"Type\":" STR_FMT ",\"RollingUpdate\":" STR_FMT "}",
					     STR_ARG(type), STR_ARG(text)));
}

static void check_max_unavailable(struct field_errors *errors, const struct path *path, const void *value)
{
	check_int_or_percent(errors, path, value);
	if (is_zero_int_or_percent(value))
		field_invalid(errors, path, field_value_int_or_string(value, errors->arena), "cannot be 0");
	check_not_over_100_percent(errors, path, value);
}

static const struct rule rolling_rules[] = {
	RULE_NOT_NEGATIVE("partition"),
	RULE_CHECK("maxUnavailable", check_max_unavailable),
};

static void check_strategy(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct apps_v1_stateful_set_update_strategy *strategy = value;

	if (!strategy->type.len) {
		field_required(errors, path, NULL);
	} else if (str_eq_c(strategy->type, "OnDelete")) {
		if (strategy->rolling_update)
			field_invalid(errors, FIELD(path, "rollingUpdate"),
				      field_value_struct(&schema_apps_v1_rolling_update_stateful_set_strategy,
							 strategy->rolling_update, errors->arena),
				      "only allowed for updateStrategy 'RollingUpdate'");
	} else if (!str_eq_c(strategy->type, "RollingUpdate")) {
		field_invalid(errors, path, strategy_value(strategy, errors->arena),
			      "must be 'RollingUpdate' or 'OnDelete'");
	} else if (strategy->rolling_update) {
		CHECK_RULES(errors, FIELD(path, "rollingUpdate"), &schema_apps_v1_rolling_update_stateful_set_strategy,
			    strategy->rolling_update, rolling_rules);
	}
}

static void check_management(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str policy = *(const struct str *)value;

	if (!policy.len)
		field_required(errors, path, NULL);
	else if (!is_one_of(policy, "OrderedReady", "Parallel", NULL))
		field_invalid(errors, path, VALUE(policy), "must be 'OrderedReady' or 'Parallel'");
}

static void check_claims(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_persistent_volume_claim_slice *claims = value;

	for (size_t i = 0; i < claims->len; i++)
		check_claim_spec(errors, FIELD(INDEX(path, i), "spec"), &claims->items[i].spec);
}

static const struct rule retention_rules[] = {
	RULE_STRICT_ONE_OF("whenDeleted", "Retain", "Delete"),
	RULE_STRICT_ONE_OF("whenScaled", "Retain", "Delete"),
};
static const struct rule first_rules[] = {
	RULE_CHECK("podManagementPolicy", check_management),
	RULE_CHECK("updateStrategy", check_strategy),
	RULE_OF("persistentVolumeClaimRetentionPolicy", retention_rules),
};
static const struct rule create_rules[] = {RULE_CHECK("volumeClaimTemplates", check_claims)};
static const struct rule ordinals_rules[] = {RULE_NOT_NEGATIVE("start")};
static const struct rule count_rules[] = {
	RULE_NOT_NEGATIVE("replicas"),
	RULE_NOT_NEGATIVE("minReadySeconds"),
	RULE_OF("ordinals", ordinals_rules),
};
static const struct rule name_rules[] = {RULE_NAME("serviceName", name_is_dns_label)};

/* The template as its pods will be: a volume of each claim, and names that the controller gives. */
static struct core_v1_pod_template_spec template_of(const struct apps_v1_stateful_set_spec *spec, struct arena *arena)
{
	struct core_v1_pod_template_spec template = spec->template;
	const struct core_v1_persistent_volume_claim_slice *claims = &spec->volume_claim_templates;
	struct core_v1_volume *volumes =
		ARENA_NEW_N(arena, struct core_v1_volume, claims->len + template.spec.volumes.len);
	size_t len = 0;

	template.spec.subdomain = template.spec.hostname = STR_EMPTY;
	for (size_t i = 0; i < claims->len; i++) {
		struct core_v1_persistent_volume_claim_volume_source *source =
			ARENA_NEW(arena, struct core_v1_persistent_volume_claim_volume_source);

		source->claim_name = volumes[len].name = claims->items[i].metadata.name;
		volumes[len++].volume_source.persistent_volume_claim = source;
	}
	SLICE_FOREACH (volume, template.spec.volumes) {
		bool taken = false;

		for (size_t i = 0; i < claims->len && !taken; i++)
			taken = str_eq(volumes[i].name, volume->name);
		if (!taken)
			volumes[len++] = *volume;
	}
	template.spec.volumes = (struct core_v1_volume_slice){volumes, len};
	return template;
}

/* What cannot change (claims, the service's name) is taken as it is when @creating is false. */
static void check_spec(struct field_errors *errors, const struct path *path,
		       const struct apps_v1_stateful_set_spec *spec, bool creating, bool with_template)
{
	const struct schema *schema = &schema_apps_v1_stateful_set_spec;
	struct core_v1_pod_template_spec template = template_of(spec, errors->arena);

	CHECK_RULES(errors, path, schema, spec, first_rules);
	if (creating)
		CHECK_RULES(errors, path, schema, spec, create_rules);
	CHECK_RULES(errors, path, schema, spec, count_rules);
	if (creating)
		CHECK_RULES(errors, path, schema, spec, name_rules);
	check_selector_and_template(errors, path, spec->selector, with_template ? &template : NULL,
				    "empty selector is invalid for statefulset", "StatefulSet");
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_spec(errors, SPEC, &((const struct apps_v1_stateful_set *)object)->spec, true, true);
}

/* The spec with all that may change taken from the old one. */
static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_stateful_set *before = old;
	struct apps_v1_stateful_set_spec spec = ((const struct apps_v1_stateful_set *)object)->spec;
	struct field_errors old_errors = {.arena = errors->arena};

	/* An old template that would not pass today does not keep the set from being changed. */
	check_spec(&old_errors, SPEC, &before->spec, false, true);
	check_spec(errors, SPEC, &spec, false, old_errors.len == 0);
	spec.replicas = before->spec.replicas;
	spec.template = before->spec.template;
	spec.update_strategy = before->spec.update_strategy;
	spec.min_ready_seconds = before->spec.min_ready_seconds;
	spec.ordinals = before->spec.ordinals;
	spec.revision_history_limit = before->spec.revision_history_limit;
	spec.persistent_volume_claim_retention_policy = before->spec.persistent_volume_claim_retention_policy;
	if (!equal_struct(&schema_apps_v1_stateful_set_spec, &spec, &before->spec))
		field_forbidden(errors, SPEC,
				"updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
				"'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
				"'minReadySeconds' are forbidden");
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_stateful_set *set = object;

	table_cell_str(row, set->metadata.name);
	cell_printf(row, "%d/%d", set->status.ready_replicas, set->spec.replicas ? *set->spec.replicas : 0);
	table_cell_age(row, set->metadata.creation_timestamp);
	cell_containers(row, &set->spec.template.spec.containers);
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct apps_v1_stateful_set *now = object, *before = old;

	warn_changed_template(context, FIELD(NULL, "spec.template"), &now->spec.template, &now->metadata,
			      before ? &before->metadata : NULL);
	for (size_t i = 0; i < now->spec.volume_claim_templates.len; i++)
		warn_claim_spec(context, INDEX(FIELD(NULL, "spec.volumeClaimTemplates"), i),
				&now->spec.volume_claim_templates.items[i].spec);
	if (now->spec.revision_history_limit && *now->spec.revision_history_limit < 0)
		warn(context, FIELD(NULL, "spec.revisionHistoryLimit"),
		     "a negative value retains all historical revisions; a value >= 0 is recommended");
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Ready", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
};

const struct strategy strategy_apps_statefulsets = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("statefulsets"),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.validate_name = name_is_dns_label,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
