/*
 * Judging: what a failed pod means, how long the next one waits, and whether the job is over.
 *
 * Back-off has no memory of its own: it is reckoned from the pods there are, so that it is the same after a restart.
 */
#include "controllers/job.h"

#include "base/clock.h"
#include "logic/job.h"
#include "logic/pod.h"
#include "types/selector.h"

#define BACKOFF_FIRST_NS (10 * NS_PER_SEC)
#define BACKOFF_MAX_NS	 (600 * NS_PER_SEC)

/* --- Failure policy -------------------------------------------------------------------------------------------- */

static bool has_code(const struct batch_v1_pod_failure_policy_on_exit_codes_requirement *want, int32_t code)
{
	SLICE_FOREACH (value, want->values)
		if (*value == code)
			return true;
	return false;
}

static const struct core_v1_container_status *find_exit(
	const struct batch_v1_pod_failure_policy_on_exit_codes_requirement *want,
	struct core_v1_container_status_slice statuses)
{
	bool in = str_eq_c(want->operator, "In");

	SLICE_FOREACH (status, statuses) {
		const struct core_v1_container_state_terminated *end = status->state.terminated;

		if (end && end->exit_code && (!want->container_name || str_eq(*want->container_name, status->name)) &&
		    has_code(want, end->exit_code) == in)
			return status;
	}
	return NULL;
}

static const struct core_v1_pod_condition *find_condition(const struct batch_v1_pod_failure_policy_rule *rule,
							  const struct core_v1_pod *pod)
{
	SLICE_FOREACH (condition, pod->status.conditions)
		SLICE_FOREACH (pattern, rule->on_pod_conditions)
			if (str_eq(condition->type, pattern->type) && str_eq(condition->status, pattern->status))
				return condition;
	return NULL;
}

struct match {
	const struct batch_v1_pod_failure_policy_rule *rule; /* NULL: none matches */
	size_t index;
	const struct core_v1_container_status *container; /* what it matched by: this */
	const struct core_v1_pod_condition *condition;	  /* or this */
};

static bool matches(const struct batch_v1_pod_failure_policy_rule *rule, const struct core_v1_pod *pod,
		    struct match *match)
{
	match->container = NULL;
	match->condition = NULL;
	if (rule->on_exit_codes) {
		match->container = find_exit(rule->on_exit_codes, pod->status.container_statuses);
		if (!match->container)
			match->container = find_exit(rule->on_exit_codes, pod->status.init_container_statuses);
	} else {
		match->condition = find_condition(rule, pod);
	}
	return match->container || match->condition;
}

static struct match match_policy(const struct batch_v1_job *job, const struct core_v1_pod *pod)
{
	struct match match = {0};

	for (size_t i = 0; job->spec.pod_failure_policy && i < job->spec.pod_failure_policy->rules.len; i++) {
		const struct batch_v1_pod_failure_policy_rule *rule = &job->spec.pod_failure_policy->rules.items[i];

		if (!matches(rule, pod, &match))
			continue;
		match.rule = rule;
		match.index = i;
		break;
	}
	return match;
}

void job_judge_pod(const struct job_round *round, struct job_pod *pod)
{
	struct match match = match_policy(round->job, pod->pod);

	pod->counts = !match.rule || !str_eq_c(match.rule->action, "Ignore");
	pod->ends_index = match.rule && str_eq_c(match.rule->action, "FailIndex");
}

/* Why this failed pod fails the job; empty: it does not. */
static struct str failed_job(const struct job_round *round, const struct core_v1_pod *pod)
{
	struct match match = match_policy(round->job, pod);

	if (!match.rule || !str_eq_c(match.rule->action, "FailJob"))
		return STR_EMPTY;
	if (match.container)
		return arena_printf(round->plan->arena,
				    "Container " STR_FMT " for pod " STR_FMT "/" STR_FMT
				    " failed with exit code %d matching FailJob rule at index %zu",
				    STR_ARG(match.container->name), STR_ARG(pod->metadata.namespace),
				    STR_ARG(pod->metadata.name), match.container->state.terminated->exit_code,
				    match.index);
	return arena_printf(round->plan->arena,
			    "Pod " STR_FMT "/" STR_FMT " has condition " STR_FMT " matching FailJob rule at index %zu",
			    STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name),
			    STR_ARG(match.condition->type), match.index);
}

/* --- Back-off -------------------------------------------------------------------------------------------------- */

static bool is_sidecar(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (container, pod->spec.init_containers)
		if (str_eq(container->name, name))
			return container->restart_policy && str_eq_c(*container->restart_policy, "Always");
	return false;
}

/* The latest end of these containers, if all have one, and of those before; false: one has none. */
static bool take_ends(const struct core_v1_pod *pod, struct core_v1_container_status_slice statuses, bool sidecars,
		      int64_t *end)
{
	SLICE_FOREACH (status, statuses) {
		if (sidecars && !is_sidecar(pod, status->name))
			continue;
		if (!status->state.terminated || !status->state.terminated->finished_at.is_set)
			return false;
		*end = MAX(*end, status->state.terminated->finished_at.seconds);
	}
	return true;
}

int64_t job_pod_end(const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));
	const int64_t *grace = pod->metadata.deletion_grace_period_seconds;
	int64_t end = 0;

	if (take_ends(pod, pod->status.container_statuses, false, &end) &&
	    take_ends(pod, pod->status.init_container_statuses, true, &end) && end)
		return end;
	if (ready && str_eq_c(ready->status, "False") && ready->last_transition_time.is_set)
		return ready->last_transition_time.seconds;
	if (pod->metadata.deletion_timestamp)
		return pod->metadata.deletion_timestamp->seconds - (grace ? *grace : 0);
	return pod->metadata.creation_timestamp.seconds;
}

int64_t job_backoff_left(int64_t failures, int64_t last, int64_t now)
{
	int64_t wait = BACKOFF_FIRST_NS;

	if (failures <= 0)
		return 0;
	for (int64_t i = 1; i < failures && wait < BACKOFF_MAX_NS; i++)
		wait *= 2;
	return MAX(MIN(wait, BACKOFF_MAX_NS) - (now - last * NS_PER_SEC), INT64_C(0));
}

int64_t job_backoff_of_all(const struct job_round *round)
{
	int64_t success = INT64_MIN, last = INT64_MIN, failures = 0;

	for (size_t i = 0; i < round->pods_len; i++)
		if (str_eq_c(round->pods[i].pod->status.phase, "Succeeded"))
			success = MAX(success, job_pod_end(round->pods[i].pod));
	for (size_t i = 0; i < round->pods_len; i++) {
		const struct job_pod *pod = &round->pods[i];
		int64_t end = job_pod_end(pod->pod);

		/* One that merely goes away and is not tracked was taken away by us. */
		if (!pod->failed || (!pod->tracked && !pod_is_finished(pod->pod)) || end <= success)
			continue;
		failures++;
		last = MAX(last, end);
	}
	return job_backoff_left(failures, last, round->now);
}

int64_t job_pod_count(const struct core_v1_pod *pod, const char *annotation)
{
	const struct str *text = str_map_get(&pod->metadata.annotations, str_from(annotation));
	int64_t count;

	return text && str_parse_int64(*text, &count) == 0 && count >= 0 && count <= INT32_MAX ? count : 0;
}

/* --- Is it over? ----------------------------------------------------------------------------------------------- */

void job_verdict_set(struct job_round *round, bool success, const char *reason, struct str message)
{
	round->verdict = (struct job_verdict){
		.reached = true, .success = success, .reason = str_from(reason), .message = message};
}

static void judge_recorded(struct job_round *round)
{
	const struct batch_v1_job_condition *success = job_condition(round->job, "SuccessCriteriaMet");
	const struct batch_v1_job_condition *condition = success ? success : job_condition(round->job, "FailureTarget");

	if (!condition)
		return;
	round->verdict = (struct job_verdict){.reached = true,
					      .success = success,
					      .recorded = true,
					      .reason = condition->reason,
					      .message = condition->message};
}

static void judge_failure_policy(struct job_round *round)
{
	for (size_t i = 0; i < round->pods_len && !round->verdict.reached; i++) {
		struct str message = round->pods[i].failed ? failed_job(round, round->pods[i].pod) : STR_EMPTY;

		if (message.len)
			job_verdict_set(round, false, "PodFailurePolicy", message);
	}
}

static int64_t restarts_in(struct core_v1_container_status_slice statuses)
{
	int64_t restarts = 0;

	SLICE_FOREACH (status, statuses)
		restarts += status->restart_count;
	return restarts;
}

/* Pods that restart in place: their restarts are the failures. */
static bool restarts_exceed(const struct job_round *round, int64_t limit)
{
	int64_t restarts = 0;

	if (!str_eq_c(round->job->spec.template.spec.restart_policy, "OnFailure"))
		return false;
	for (size_t i = 0; i < round->pods_len; i++) {
		const struct core_v1_pod_status *status = &round->pods[i].pod->status;

		if (str_eq_c(status->phase, "Running") || str_eq_c(status->phase, "Pending"))
			restarts +=
				restarts_in(status->init_container_statuses) + restarts_in(status->container_statuses);
	}
	return limit ? restarts >= limit : restarts > 0;
}

static void judge_limits(struct job_round *round)
{
	const struct batch_v1_job_spec *spec = &round->job->spec;
	int64_t limit = spec->backoff_limit ? *spec->backoff_limit : 6, left;

	if (round->failed > limit || restarts_exceed(round, limit)) {
		job_verdict_set(round, false, "BackoffLimitExceeded",
				STR("Job has reached the specified backoff limit"));
		return;
	}
	if (!spec->active_deadline_seconds || round->suspended || !round->status.start_time)
		return;
	left = (round->status.start_time->seconds + *spec->active_deadline_seconds) * NS_PER_SEC - round->now;
	if (left <= 0)
		job_verdict_set(round, false, "DeadlineExceeded", STR("Job was active longer than specified deadline"));
	else
		plan_requeue_within(round->plan, left);
}

static void judge_failed_indexes(struct job_round *round)
{
	const int32_t *max = round->job->spec.max_failed_indexes;
	int64_t failed = index_set_len(round->failed_indexes);

	if (max && failed > *max)
		job_verdict_set(round, false, "MaxFailedIndexesExceeded",
				STR("Job has exceeded the specified maximal number of failed indexes"));
	else if (failed && failed + round->succeeded >= *round->job->spec.completions)
		job_verdict_set(round, false, "FailedIndexes", STR("Job has failed indexes"));
}

static bool rule_met(const struct job_round *round, const struct batch_v1_success_policy_rule *rule)
{
	struct index_set wanted;
	int64_t met;

	if (!rule->succeeded_indexes)
		return rule->succeeded_count && round->succeeded >= *rule->succeeded_count;
	wanted = index_set_parse(*rule->succeeded_indexes, *round->job->spec.completions, round->plan->arena);
	met = index_set_overlap(wanted, round->succeeded_indexes);
	return wanted.len && (met == index_set_len(wanted) || (rule->succeeded_count && met >= *rule->succeeded_count));
}

static void judge_success_policy(struct job_round *round)
{
	const struct batch_v1_success_policy *policy = round->job->spec.success_policy;

	for (size_t i = 0; policy && round->succeeded && i < policy->rules.len; i++) {
		if (!rule_met(round, &policy->rules.items[i]))
			continue;
		job_verdict_set(round, true, "SuccessPolicy",
				arena_printf(round->plan->arena, "Matched rules at index %zu", i));
		return;
	}
}

/* In upstream's order: what is decided stands; then failures; then successes. */
void job_judge(struct job_round *round)
{
	judge_recorded(round);
	if (!round->verdict.reached)
		judge_failure_policy(round);
	if (!round->verdict.reached)
		judge_limits(round);
	if (!round->verdict.reached && round->per_index)
		judge_failed_indexes(round);
	if (!round->verdict.reached && round->indexed)
		judge_success_policy(round);
}
