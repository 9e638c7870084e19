/* Resource quotas. */
#include "apiserver/registry/core/pod_check.h"
#include "base/map.h"

static bool is_compute(struct str name)
{
	return is_one_of(name, "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory", NULL);
}

static bool is_quota_name(struct str name)
{
	return is_compute(name) || is_huge_page(name) || str_has_prefix(name, STR("requests.hugepages-")) ||
	       is_one_of(name, "ephemeral-storage", "requests.storage", "requests.ephemeral-storage",
			 "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers",
			 "secrets", "persistentvolumeclaims", "configmaps", "services.nodeports",
			 "services.loadbalancers", NULL);
}

static void check_amounts(struct field_errors *errors, const struct path *path, const struct quantity_map *amounts)
{
	SLICE_FOREACH (pair, *amounts) {
		const struct path *at = KEY(path, pair->key);

		check_resource_name(errors, at, pair->key);
		if (str_index(pair->key, '/') < 0 && !is_quota_name(pair->key))
			field_invalid(errors, at, VALUE(pair->key), "must be a standard resource for quota");
		check_resource_quantity(errors, at, pair->key, &pair->value);
	}
}

/* Those that select pods by how they are; only PriorityClass and VolumeAttributesClass have values. */
static bool is_plain_scope(struct str scope)
{
	return is_one_of(scope, "Terminating", "NotTerminating", "BestEffort", "NotBestEffort",
			 "CrossNamespacePodAffinity", NULL);
}

static bool is_scope(struct str scope)
{
	return is_plain_scope(scope) || is_one_of(scope, "PriorityClass", "VolumeAttributesClass", NULL);
}

/* Can what @scope selects use the resource? */
static bool scope_fits(struct str scope, struct str name)
{
	if (!is_scope(scope))
		return true;
	if (str_eq_c(scope, "VolumeAttributesClass"))
		return is_one_of(name, "persistentvolumeclaims", "requests.storage", NULL);
	if (str_eq_c(scope, "BestEffort"))
		return str_eq_c(name, "pods");
	return str_eq_c(name, "pods") || is_compute(name);
}

static void check_fit(struct field_errors *errors, const struct path *path, struct str scope,
		      const struct core_v1_resource_quota_spec *spec, struct field_value value)
{
	SLICE_FOREACH (pair, spec->hard)
		if (is_quota_name(pair->key) && !scope_fits(scope, pair->key))
			field_invalid(errors, path, value, "unsupported scope applied to resource");
}

struct scope_set {
	bool best_effort, not_best_effort, terminating, not_terminating;
};

static void add_scope(struct scope_set *set, struct str scope)
{
	set->best_effort = set->best_effort || str_eq_c(scope, "BestEffort");
	set->not_best_effort = set->not_best_effort || str_eq_c(scope, "NotBestEffort");
	set->terminating = set->terminating || str_eq_c(scope, "Terminating");
	set->not_terminating = set->not_terminating || str_eq_c(scope, "NotTerminating");
}

static void check_conflicts(struct field_errors *errors, const struct path *path, const struct scope_set *set,
			    const struct core_v1_resource_quota_spec *spec)
{
	if (set->best_effort && set->not_best_effort)
		field_invalid(errors, path, field_value_list(&spec->scopes, errors->arena), "conflicting scopes");
	if (set->terminating && set->not_terminating)
		field_invalid(errors, path, field_value_list(&spec->scopes, errors->arena), "conflicting scopes");
}

static void check_scopes(struct field_errors *errors, const struct path *path,
			 const struct core_v1_resource_quota_spec *spec)
{
	struct field_value value = field_value_list(&spec->scopes, errors->arena);
	const bool *repeated = REPEATED(&spec->scopes, errors->arena);
	struct scope_set set = {0};

	for (size_t i = 0; i < spec->scopes.len; i++) {
		struct str scope = spec->scopes.items[i];

		if (!is_scope(scope))
			field_invalid(errors, path, value, "unsupported scope");
		if (!repeated[i])
			check_fit(errors, path, scope, spec, value);
		add_scope(&set, scope);
	}
	check_conflicts(errors, path, &set, spec);
}

static void check_scope_operator(struct field_errors *errors, const struct path *path,
				 const struct core_v1_scoped_resource_selector_requirement *requirement)
{
	struct str operator= requirement->operator;

	if (is_plain_scope(requirement->scope_name) && !str_eq_c(operator, "Exists"))
		field_invalid(errors, FIELD(path, "operator"), VALUE(operator),
			      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
			      "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
			      "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
	if (is_one_of(operator, "In", "NotIn", NULL)) {
		if (!requirement->values.len)
			field_required(errors, FIELD(path, "values"),
				       "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
				       "selector");
	} else if (!is_one_of(operator, "Exists", "DoesNotExist", NULL)) {
		field_invalid(errors, FIELD(path, "operator"), VALUE(operator), "not a valid selector operator");
	} else if (requirement->values.len) {
		field_invalid(errors, FIELD(path, "values"), field_value_list(&requirement->values, errors->arena),
			      "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
	}
}

/* The paths have no index. */
static void check_scope_selector(struct field_errors *errors, const struct path *path,
				 const struct core_v1_resource_quota_spec *spec)
{
	struct field_value value =
		field_value_struct(&schema_core_v1_scope_selector, spec->scope_selector, errors->arena);
	const struct core_v1_scoped_resource_selector_requirement_slice *list =
		&spec->scope_selector->match_expressions;
	const bool *repeated = REPEATED_BY(list, scope_name, errors->arena);
	struct scope_set set = {0};

	SLICE_FOREACH (requirement, *list) {
		if (!is_scope(requirement->scope_name))
			field_invalid(errors, FIELD(path, "scopeName"), VALUE(requirement->scope_name),
				      "unsupported scope");
		if (!repeated[requirement - list->items])
			check_fit(errors, path, requirement->scope_name, spec, value);
		check_scope_operator(errors, path, requirement);
		add_scope(&set, requirement->scope_name);
	}
	check_conflicts(errors, path, &set, spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_resource_quota_spec *spec = &((const struct core_v1_resource_quota *)object)->spec;

	check_amounts(errors, FIELD(SPEC, "hard"), &spec->hard);
	check_scopes(errors, FIELD(SPEC, "scopes"), spec);
	if (spec->scope_selector)
		check_scope_selector(errors, FIELD(SPEC, "scopeSelector.matchExpressions"), spec);
}

/* Is each of @part among @whole? */
static bool has_all(const struct str_slice *whole, const struct str_slice *part)
{
	struct map known = {0};
	bool all = true;

	SLICE_FOREACH (scope, *whole)
		map_set(&known, *scope, &known);
	SLICE_FOREACH (scope, *part)
		all = all && map_get(&known, *scope);
	map_release(&known);
	return all;
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_resource_quota *quota = object, *before = old;

	validate_create(context, object, errors);
	if (!has_all(&quota->spec.scopes, &before->spec.scopes) || !has_all(&before->spec.scopes, &quota->spec.scopes))
		field_invalid(errors, FIELD(SPEC, "scopes"), field_value_list(&quota->spec.scopes, errors->arena),
			      "field is immutable");
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct core_v1_resource_quota_status *status = &((const struct core_v1_resource_quota *)object)->status;

	check_amounts(errors, FIELD(NULL, "status.hard"), &status->hard);
	check_amounts(errors, FIELD(NULL, "status.used"), &status->used);
}

/* "pods: 1/10, services: 0/5"; limits are the keys that begin so. */
static void cell_used(struct table_row *row, const struct core_v1_resource_quota_status *status, bool limits)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (hard, status->hard) {
		const struct quantity *used = quantity_map_get(&status->used, hard->key);
		struct str of = quantity_format(&hard->value, row->arena);
		struct str amount = used ? quantity_format(used, row->arena) : STR("0");

		if (str_has_prefix(hard->key, STR("limits.")) == limits)
			text = arena_printf(row->arena, STR_FMT "%s" STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(text),
					    text.len ? ", " : "", STR_ARG(hard->key), STR_ARG(amount), STR_ARG(of));
	}
	table_cell_str(row, text);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_resource_quota *quota = object;

	table_cell_str(row, quota->metadata.name);
	cell_used(row, &quota->status, false);
	cell_used(row, &quota->status, true);
	table_cell_age(row, quota->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Request", "string", 0),
	COLUMN("Limit", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_core_resourcequotas = {
	.group = STR_INIT(""),
	.plural = STR_INIT("resourcequotas"),
	.delete_returns_object = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	COLUMNS(columns),
	.cells = cells,
};
