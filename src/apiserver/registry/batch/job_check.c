/* Validation of jobs; see job_check.h. */
#include "apiserver/registry/batch/job_check.h"

#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/rule.h"

#define MANAGED_BY_MAX		   63
#define PARALLELISM_MAX		   100000 /* of indexed jobs */
#define FAILED_INDEXES_MAX	   100000
#define COMPLETIONS_SOFT	   100000 /* with more, and a limit for each index, */
#define PARALLELISM_OF_MANY	   10000  /* these are the most */
#define FAILED_INDEXES_OF_MANY	   10000
#define FAILURE_RULES_MAX	   20
#define FAILURE_CODES_MAX	   255
#define FAILURE_CONDITIONS_MAX	   20
#define SUCCESS_RULES_MAX	   20
#define SUCCEEDED_INDEXES_SIZE_MAX 65536

static bool is_indexed(const struct batch_v1_job_spec *spec)
{
	return spec->completion_mode && str_eq_c(*spec->completion_mode, "Indexed");
}

static void check_managed_by(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str name = *(const struct str *)value;

	check_domain_path(errors, path, name);
	if (name.len > MANAGED_BY_MAX)
		field_too_long(errors, path, MANAGED_BY_MAX);
}

static void check_at_most(struct field_errors *errors, const struct path *path, const int32_t *value, int32_t max,
			  const char *when)
{
	if (value && *value > max)
		field_invalid(errors, path, VALUE(*value), "must be less than or equal to %d%s", max, when);
}

/* What follows from each completion having an index of its own. */
static void check_indexed(struct field_errors *errors, const struct path *path, const struct batch_v1_job_spec *spec)
{
	static const char when_many[] = " when completions are above 100000 and used with backoff limit per index";

	if (!spec->completions)
		field_required(errors, FIELD(path, "completions"), "when completion mode is Indexed");
	check_at_most(errors, FIELD(path, "parallelism"), spec->parallelism, PARALLELISM_MAX,
		      " when completion mode is Indexed");
	if (spec->completions && spec->max_failed_indexes && *spec->max_failed_indexes > *spec->completions)
		field_invalid(errors, FIELD(path, "maxFailedIndexes"), VALUE(*spec->max_failed_indexes),
			      "must be less than or equal to completions");
	check_at_most(errors, FIELD(path, "maxFailedIndexes"), spec->max_failed_indexes, FAILED_INDEXES_MAX, "");
	if (!spec->completions || *spec->completions <= COMPLETIONS_SOFT || !spec->backoff_limit_per_index)
		return;
	if (!spec->max_failed_indexes)
		field_required(errors, FIELD(path, "maxFailedIndexes"),
			       "must be specified when completions is above 100000");
	check_at_most(errors, FIELD(path, "parallelism"), spec->parallelism, PARALLELISM_OF_MANY, when_many);
	check_at_most(errors, FIELD(path, "maxFailedIndexes"), spec->max_failed_indexes, FAILED_INDEXES_OF_MANY,
		      when_many);
}

static void check_mode(struct field_errors *errors, const struct path *path, const struct batch_v1_job_spec *spec)
{
	const struct str *mode = spec->completion_mode;

	if (mode && !is_one_of(*mode, "NonIndexed", "Indexed", NULL))
		field_not_supported_c(errors, FIELD(path, "completionMode"), VALUE(*mode), "NonIndexed", "Indexed",
				      NULL);
	if (is_indexed(spec))
		check_indexed(errors, path, spec);
	if (mode && !str_eq_c(*mode, "NonIndexed"))
		return;
	if (spec->backoff_limit_per_index)
		field_invalid(errors, FIELD(path, "backoffLimitPerIndex"), VALUE(*spec->backoff_limit_per_index),
			      "requires indexed completion mode");
	if (spec->max_failed_indexes)
		field_invalid(errors, FIELD(path, "maxFailedIndexes"), VALUE(*spec->max_failed_indexes),
			      "requires indexed completion mode");
}

static bool has_container(const struct core_v1_pod_spec *spec, struct str name)
{
	SLICE_FOREACH (container, spec->containers)
		if (str_eq(container->name, name))
			return true;
	SLICE_FOREACH (container, spec->init_containers)
		if (str_eq(container->name, name))
			return true;
	return false;
}

static struct field_value codes_value(const struct int32_slice *codes, struct arena *arena)
{
	struct str text = STR("[");

	if (!codes->items)
		return VALUE_NULL;
	for (size_t i = 0; i < codes->len; i++)
		text = arena_printf(arena, STR_FMT "%s%d", STR_ARG(text), i ? "," : "", codes->items[i]);
	return field_value_json(arena_printf(arena, STR_FMT "]", STR_ARG(text)));
}

static void check_codes(struct field_errors *errors, const struct path *path, const struct int32_slice *codes,
			bool positive)
{
	bool ordered = true;

	if (!codes->len)
		field_invalid(errors, path, codes_value(codes, errors->arena), "at least one value is required");
	if (codes->len > FAILURE_CODES_MAX)
		field_too_many(errors, path, codes->len, FAILURE_CODES_MAX);
	for (size_t i = 0; i < codes->len && i <= FAILURE_CODES_MAX; i++) {
		bool seen = false;

		if (positive && codes->items[i] == 0)
			field_invalid(errors, INDEX(path, i), VALUE(codes->items[i]),
				      "must not be 0 for the In operator");
		for (size_t j = 0; j < i; j++)
			seen = seen || codes->items[j] == codes->items[i];
		if (seen)
			field_duplicate(errors, INDEX(path, i), VALUE(codes->items[i]));
		ordered = ordered && (i == 0 || codes->items[i - 1] <= codes->items[i]);
	}
	if (!ordered)
		field_invalid(errors, path, codes_value(codes, errors->arena), "must be ordered");
}

static void check_exit_codes(struct field_errors *errors, const struct path *path, const struct batch_v1_job_spec *spec,
			     const struct batch_v1_pod_failure_policy_on_exit_codes_requirement *codes)
{
	if (!codes->operator.len)
		field_required(errors, FIELD(path, "operator"), "valid values: [\"In\" \"NotIn\"]");
	else if (!is_one_of(codes->operator, "In", "NotIn", NULL))
		field_not_supported_c(errors, FIELD(path, "operator"), VALUE(codes->operator), "In", "NotIn", NULL);
	if (codes->container_name && !has_container(&spec->template.spec, *codes->container_name))
		field_invalid(errors, FIELD(path, "containerName"), VALUE(*codes->container_name),
			      "must be one of the container or initContainer names in the pod template");
	check_codes(errors, FIELD(path, "values"), &codes->values, str_eq_c(codes->operator, "In"));
}

static void check_conditions_pattern(struct field_errors *errors, const struct path *path,
				     const struct batch_v1_pod_failure_policy_on_pod_conditions_pattern_slice *patterns)
{
	if (patterns->len > FAILURE_CONDITIONS_MAX)
		field_too_many(errors, path, patterns->len, FAILURE_CONDITIONS_MAX);
	for (size_t i = 0; i < patterns->len; i++) {
		struct str type = patterns->items[i].type, status = patterns->items[i].status;

		check_name(errors, FIELD(INDEX(path, i), "type"), type, name_is_qualified(type));
		if (!status.len)
			field_required(errors, FIELD(INDEX(path, i), "status"),
				       "valid values: [\"False\" \"True\" \"Unknown\"]");
		else if (!is_one_of(status, "False", "True", "Unknown", NULL))
			field_not_supported_c(errors, FIELD(INDEX(path, i), "status"), VALUE(status), "False", "True",
					      "Unknown", NULL);
	}
}

static void check_failure_rule(struct field_errors *errors, const struct path *path,
			       const struct batch_v1_job_spec *spec,
			       const struct batch_v1_pod_failure_policy_rule *rule)
{
	static const struct field_value nothing = {.kind = FIELD_VALUE_OMITTED};

	if (!rule->action.len)
		field_required(errors, FIELD(path, "action"),
			       "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
	else if (!is_one_of(rule->action, "Count", "FailIndex", "FailJob", "Ignore", NULL))
		field_not_supported_c(errors, FIELD(path, "action"), VALUE(rule->action), "Count", "FailIndex",
				      "FailJob", "Ignore", NULL);
	else if (str_eq_c(rule->action, "FailIndex") && !spec->backoff_limit_per_index)
		field_invalid(errors, FIELD(path, "action"), VALUE(rule->action),
			      "requires the backoffLimitPerIndex to be set");
	if (rule->on_exit_codes)
		check_exit_codes(errors, FIELD(path, "onExitCodes"), spec, rule->on_exit_codes);
	check_conditions_pattern(errors, FIELD(path, "onPodConditions"), &rule->on_pod_conditions);
	if (rule->on_exit_codes && rule->on_pod_conditions.len)
		field_invalid(errors, path, nothing,
			      "specifying both OnExitCodes and OnPodConditions is not supported");
	if (!rule->on_exit_codes && !rule->on_pod_conditions.len)
		field_invalid(errors, path, nothing, "specifying one of OnExitCodes and OnPodConditions is required");
}

static void check_failure_policy(struct field_errors *errors, const struct path *path,
				 const struct batch_v1_job_spec *spec)
{
	const struct batch_v1_pod_failure_policy_rule_slice *rules = &spec->pod_failure_policy->rules;

	if (rules->len > FAILURE_RULES_MAX)
		field_too_many(errors, FIELD(path, "rules"), rules->len, FAILURE_RULES_MAX);
	for (size_t i = 0; i < rules->len; i++)
		check_failure_rule(errors, INDEX(FIELD(path, "rules"), i), spec, &rules->items[i]);
}

/* One end of an interval of indexes: below @completions, else *@ret_why says what it is not. */
static bool parse_index(struct str text, int32_t completions, int64_t *ret, struct arena *arena, struct str *ret_why)
{
	struct str quoted = quote_go(text, arena);

	if (str_parse_int64(text, ret) < 0)
		*ret_why = arena_printf(arena, "cannot convert string to integer for index: " STR_FMT, STR_ARG(quoted));
	else if (*ret >= completions)
		*ret_why = arena_printf(arena, "too large index: " STR_FMT, STR_ARG(quoted));
	else
		return true;
	return false;
}

/* "1,3-5": ascending and below @completions.  How many they are, or -1 and why not. */
static int64_t count_indexes(struct str text, int32_t completions, struct arena *arena, struct str *ret_why)
{
	static const char order[] = "non-increasing order, previous: %lld, current: %lld";
	int64_t total = 0, last = -1;
	struct str interval;

	for (bool more = text.len; more;) {
		struct str low, high, rest;
		int64_t x, y;
		bool wide;

		more = str_cut(text, ',', &interval, &text);
		wide = str_cut(interval, '-', &low, &high);
		if (str_cut(high, '-', &high, &rest)) {
			struct str quoted = quote_go(interval, arena);

			*ret_why = arena_printf(arena,
						"the fragment " STR_FMT " violates the requirement that an index "
						"interval can have at most two parts separated by '-'",
						STR_ARG(quoted));
			return -1;
		}
		if (!parse_index(low, completions, &x, arena, ret_why))
			return -1;
		y = x;
		if (wide && !parse_index(high, completions, &y, arena, ret_why))
			return -1;
		if (wide && x >= y) {
			*ret_why = arena_printf(arena, order, (long long)x, (long long)y);
			return -1;
		}
		if (total && last >= x) {
			*ret_why = arena_printf(arena, order, (long long)last, (long long)x);
			return -1;
		}
		total += y - x + 1;
		last = y;
	}
	return total;
}

static void check_success_rule(struct field_errors *errors, const struct path *path, int32_t completions,
			       const struct batch_v1_success_policy_rule *rule)
{
	struct str why = STR_EMPTY;
	int64_t indexes = 0;

	if (!rule->succeeded_count && !rule->succeeded_indexes)
		field_required(errors, path, "at least one of succeededCount or succeededIndexes must be specified");
	if (rule->succeeded_indexes) {
		if (rule->succeeded_indexes->len > SUCCEEDED_INDEXES_SIZE_MAX)
			field_too_long(errors, FIELD(path, "succeededIndexes"), SUCCEEDED_INDEXES_SIZE_MAX);
		indexes = count_indexes(*rule->succeeded_indexes, completions, errors->arena, &why);
		if (indexes < 0)
			field_invalid(errors, FIELD(path, "succeededIndexes"), VALUE(*rule->succeeded_indexes),
				      "error parsing succeededIndexes: " STR_FMT, STR_ARG(why));
	}
	if (!rule->succeeded_count)
		return;
	check_not_negative(errors, FIELD(path, "succeededCount"), *rule->succeeded_count);
	check_at_most(errors, FIELD(path, "succeededCount"), rule->succeeded_count, completions,
		      " (the number of specified completions)");
	if (rule->succeeded_indexes)
		check_at_most(errors, FIELD(path, "succeededCount"), rule->succeeded_count, (int32_t)MAX(indexes, 0),
			      " (the number of indexes in the specified succeededIndexes field)");
}

static void check_success_policy(struct field_errors *errors, const struct path *path,
				 const struct batch_v1_job_spec *spec)
{
	const struct batch_v1_success_policy_rule_slice *rules = &spec->success_policy->rules;
	const struct path *at = FIELD(path, "rules");

	if (!is_indexed(spec)) {
		field_invalid(errors, path,
			      field_value_struct(&schema_batch_v1_success_policy, spec->success_policy, errors->arena),
			      "requires indexed completion mode");
		return;
	}
	if (!rules->len)
		field_required(errors, at, "at least one rules must be specified when the successPolicy is specified");
	if (rules->len > SUCCESS_RULES_MAX)
		field_too_many(errors, at, rules->len, SUCCESS_RULES_MAX);
	for (size_t i = 0; spec->completions && i < rules->len; i++)
		check_success_rule(errors, INDEX(at, i), *spec->completions, &rules->items[i]);
}

/* With a failure policy pods are replaced when they have failed, and not before. */
static void check_replacement(struct field_errors *errors, const struct path *path,
			      const struct batch_v1_job_spec *spec)
{
	const struct str *policy = spec->pod_replacement_policy;

	if (!policy || str_eq_c(*policy, "Failed"))
		return;
	if (spec->pod_failure_policy)
		field_not_supported_c(errors, path, VALUE(*policy), "Failed", NULL);
	else if (!str_eq_c(*policy, "TerminatingOrFailed"))
		field_not_supported_c(errors, path, VALUE(*policy), "Failed", "TerminatingOrFailed", NULL);
}

static void check_restart_policy(struct field_errors *errors, const struct path *path,
				 const struct batch_v1_job_spec *spec)
{
	struct str policy = spec->template.spec.restart_policy;

	if (!policy.len || str_eq_c(policy, "Always"))
		field_required(errors, path, "valid values: \"OnFailure\", \"Never\"");
	else if (!is_one_of(policy, "OnFailure", "Never", NULL))
		field_not_supported_c(errors, path, VALUE(policy), "OnFailure", "Never", NULL);
	else if (spec->pod_failure_policy && !str_eq_c(policy, "Never"))
		field_invalid(errors, path, VALUE(policy),
			      "only \"Never\" is supported when podFailurePolicy is specified");
}

static const struct rule rules[] = {
	RULE_NOT_NEGATIVE("parallelism"),
	RULE_NOT_NEGATIVE("completions"),
	RULE_NOT_NEGATIVE("activeDeadlineSeconds"),
	RULE_NOT_NEGATIVE("backoffLimit"),
	RULE_NOT_NEGATIVE("ttlSecondsAfterFinished"),
	RULE_NOT_NEGATIVE("backoffLimitPerIndex"),
	RULE_NOT_NEGATIVE("maxFailedIndexes"),
};
static const struct rule managed_rules[] = {RULE_CHECK("managedBy", check_managed_by)};

void check_job_template_spec(struct field_errors *errors, const struct path *path, const struct batch_v1_job_spec *spec)
{
	CHECK_RULES(errors, path, &schema_batch_v1_job_spec, spec, rules);
	if (spec->max_failed_indexes && !spec->backoff_limit_per_index)
		field_required(errors, FIELD(path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified");
	CHECK_RULES(errors, path, &schema_batch_v1_job_spec, spec, managed_rules);
	check_mode(errors, path, spec);
	if (spec->pod_failure_policy)
		check_failure_policy(errors, FIELD(path, "podFailurePolicy"), spec);
	if (spec->success_policy)
		check_success_policy(errors, FIELD(path, "successPolicy"), spec);
	check_replacement(errors, FIELD(path, "podReplacementPolicy"), spec);
	check_pod_template(errors, FIELD(path, "template"), &spec->template);
	check_restart_policy(errors, FIELD(path, "template.spec.restartPolicy"), spec);
}

static void check_spec(struct field_errors *errors, const struct path *path, const struct batch_v1_job_spec *spec)
{
	struct selector selector;
	struct error err = {0};

	check_job_template_spec(errors, path, spec);
	if (!spec->selector)
		field_required(errors, FIELD(path, "selector"), NULL);
	else
		check_label_selector(errors, FIELD(path, "selector"), spec->selector);
	if (selector_from_label_selector(spec->selector, errors->arena, &selector, &err) == 0 &&
	    !selector_matches(&selector, &spec->template.metadata.labels))
		field_invalid(errors, FIELD(path, "template.metadata.labels"),
			      field_value_map(&spec->template.metadata.labels, errors->arena),
			      "`selector` does not match template `labels`");
}

static void check_has_label(struct field_errors *errors, const struct str_map *labels, const char *key, struct str want)
{
	const struct path *path = FIELD(SPEC, "template.metadata.labels");
	const struct str *value = str_map_get(labels, str_from(key));

	if (!value)
		field_required(errors, KEY(path, str_from(key)), NULL);
	else if (!str_eq(*value, want))
		field_invalid(errors, KEY(path, str_from(key)), field_value_map(labels, errors->arena),
			      "must be '" STR_FMT "'", STR_ARG(want));
}

/* A selector that the server made matches what its labels say, and clients may not have put others in their place. */
static void check_generated_selector(struct field_errors *errors, const struct batch_v1_job *job)
{
	const struct str_map *labels = &job->spec.template.metadata.labels;
	struct str_map expected = {0};
	struct selector selector;
	struct error err = {0};

	if ((job->spec.manual_selector && *job->spec.manual_selector) || !job->spec.selector)
		return;
	check_has_label(errors, labels, "controller-uid", job->metadata.uid);
	check_has_label(errors, labels, "job-name", job->metadata.name);
	check_has_label(errors, labels, "batch.kubernetes.io/controller-uid", job->metadata.uid);
	check_has_label(errors, labels, "batch.kubernetes.io/job-name", job->metadata.name);
	expected = str_map_set(&expected, STR("batch.kubernetes.io/controller-uid"), job->metadata.uid, errors->arena);
	expected = str_map_set(&expected, STR("batch.kubernetes.io/job-name"), job->metadata.name, errors->arena);
	expected = str_map_set(&expected, STR("controller-uid"), job->metadata.uid, errors->arena);
	expected = str_map_set(&expected, STR("job-name"), job->metadata.name, errors->arena);
	if (selector_from_label_selector(job->spec.selector, errors->arena, &selector, &err) == 0 &&
	    !selector_matches(&selector, &expected))
		field_invalid(errors, FIELD(SPEC, "selector"),
			      field_value_struct(&schema_meta_v1_label_selector, job->spec.selector, errors->arena),
			      "`selector` not auto-generated");
}

void check_job(struct field_errors *errors, const struct batch_v1_job *job)
{
	struct str host;

	check_generated_selector(errors, job);
	check_spec(errors, SPEC, &job->spec);
	if (!is_indexed(&job->spec) || !job->spec.completions || *job->spec.completions <= 0)
		return;
	/* The longest name a pod of it gets. */
	host = arena_printf(errors->arena, STR_FMT "-%d", STR_ARG(job->metadata.name), *job->spec.completions - 1);
	if (!name_ok(name_is_dns_label(host)))
		field_invalid(errors, FIELD(NULL, "metadata.name"), VALUE(job->metadata.name),
			      "will not able to create pod with invalid DNS label: " STR_FMT, STR_ARG(host));
}

/* Where pods may run can still change while the job is suspended and has not begun. */
static bool may_redirect(const struct batch_v1_job *old)
{
	return old->spec.suspend && *old->spec.suspend && !old->status.start_time;
}

static void take_containers(struct core_v1_container_slice *to, const struct core_v1_container_slice *from,
			    struct arena *arena)
{
	struct core_v1_container *containers;

	if (to->len != from->len)
		return;
	containers = arena_memdup(arena, to->items, to->len * sizeof(*containers));
	for (size_t i = 0; i < to->len; i++)
		if (str_eq(containers[i].name, from->items[i].name))
			containers[i].resources = from->items[i].resources;
	to->items = containers;
}

/* The old template with all that may change taken from the new one. */
static struct core_v1_pod_template_spec allowed_template(const struct batch_v1_job *job, const struct batch_v1_job *old,
							 struct arena *arena)
{
	struct core_v1_pod_template_spec template = old->spec.template;
	const struct core_v1_pod_template_spec *now = &job->spec.template;
	struct core_v1_affinity *affinity;

	if (!may_redirect(old))
		return template;
	if (now->spec.affinity || template.spec.affinity) {
		affinity = ARENA_NEW(arena, struct core_v1_affinity);
		if (template.spec.affinity)
			*affinity = *template.spec.affinity;
		affinity->node_affinity = now->spec.affinity ? now->spec.affinity->node_affinity : NULL;
		template.spec.affinity = affinity;
		if (!now->spec.affinity && !affinity->pod_affinity && !affinity->pod_anti_affinity)
			template.spec.affinity = NULL;
	}
	template.spec.node_selector = now->spec.node_selector;
	template.spec.tolerations = now->spec.tolerations;
	template.spec.scheduling_gates = now->spec.scheduling_gates;
	template.metadata.annotations = now->metadata.annotations;
	template.metadata.labels = now->metadata.labels;
	take_containers(&template.spec.containers, &now->spec.containers, arena);
	take_containers(&template.spec.init_containers, &now->spec.init_containers, arena);
	return template;
}

static const struct rule completions_rules[] = {RULE_IMMUTABLE("completions")};
static const struct rule selector_rules[] = {RULE_IMMUTABLE("selector")};
static const struct rule update_rules[] = {
	RULE_IMMUTABLE("completionMode"), RULE_IMMUTABLE("podFailurePolicy"), RULE_IMMUTABLE("backoffLimitPerIndex"),
	RULE_IMMUTABLE("managedBy"),	  RULE_IMMUTABLE("successPolicy"),
};

static bool same_number(const int32_t *a, const int32_t *b)
{
	return a && b ? *a == *b : a == b;
}

/* Indexed jobs grow and shrink, all their indexes at once. */
static void check_completions(struct field_errors *errors, const struct batch_v1_job_spec *spec,
			      const struct batch_v1_job_spec *old)
{
	if (!is_indexed(spec))
		CHECK_UPDATE_RULES(errors, SPEC, &schema_batch_v1_job_spec, spec, old, completions_rules);
	else if (spec->completions && !same_number(spec->completions, old->completions) &&
		 !same_number(spec->completions, spec->parallelism))
		field_invalid(errors, FIELD(SPEC, "completions"), VALUE(*spec->completions),
			      "can only be modified in tandem with spec.parallelism");
}

void check_job_update(struct field_errors *errors, const struct batch_v1_job *job, const struct batch_v1_job *old)
{
	struct core_v1_pod_template_spec template = allowed_template(job, old, errors->arena);
	const struct schema *schema = &schema_batch_v1_job_spec;

	check_spec(errors, SPEC, &job->spec);
	check_completions(errors, &job->spec, &old->spec);
	CHECK_UPDATE_RULES(errors, SPEC, schema, &job->spec, &old->spec, selector_rules);
	check_immutable(errors, FIELD(SPEC, "template"), &schema_core_v1_pod_template_spec, &job->spec.template,
			&template);
	CHECK_UPDATE_RULES(errors, SPEC, schema, &job->spec, &old->spec, update_rules);
}
