/* The status of a job: finished pods are counted once (job.h tells how), and conditions tell where it stands. */
#include "base/clock.h"
#include "controllers/job.h"
#include "logic/pod.h"
#include "types/timestamp.h"

struct notes {
	VEC_OF(struct str) succeeded, failed;  /* UIDs */
	VEC_OF(const struct object *) leaving; /* pods to let go once the status is written */
	size_t indexes;			       /* succeeded ones that are new in the status */
	bool full;
};

static struct timestamp now_of(const struct job_round *round)
{
	return timestamp_make(round->now / NS_PER_SEC, 0);
}

/* --- Counting -------------------------------------------------------------------------------------------------- */

static bool is_tracked(const struct job_round *round, struct str uid)
{
	for (size_t i = 0; i < round->pods_len; i++)
		if (str_eq(round->pods[i].pod->metadata.uid, uid))
			return round->pods[i].tracked;
	return false;
}

/* Those of the list whose pods have been let go are counted, the others stay on it. */
static void settle(struct job_round *round, struct notes *notes)
{
	const struct batch_v1_uncounted_terminated_pods *noted = round->job->status.uncounted_terminated_pods;
	struct arena *arena = round->plan->arena;

	if (!noted)
		return;
	SLICE_FOREACH (uid, noted->succeeded) {
		if (is_tracked(round, *uid))
			vec_push(arena, &notes->succeeded, *uid);
		else
			round->status.succeeded++;
	}
	SLICE_FOREACH (uid, noted->failed) {
		if (is_tracked(round, *uid))
			vec_push(arena, &notes->failed, *uid);
		else
			round->status.failed++;
	}
}

static bool may_leave(const struct job_round *round, const struct job_pod *pod)
{
	if (!pod->tracked)
		return false;
	if (round->job->metadata.deletion_timestamp || round->verdict.reached ||
	    str_eq_c(pod->pod->status.phase, "Succeeded"))
		return true;
	return pod->failed && !pod->kept;
}

static void note(struct job_round *round, const struct job_pod *pod, struct notes *notes)
{
	struct arena *arena = round->plan->arena;
	struct str uid = pod->pod->metadata.uid;
	bool its = !round->indexed || pod->index >= 0;
	/* When the job has failed, so have all that run. */
	bool failed = pod->failed || (round->verdict.reached && !round->verdict.success);

	if (!its || pod->noted_failed)
		return;
	if (str_eq_c(pod->pod->status.phase, "Succeeded")) {
		if (round->indexed)
			notes->indexes += !index_set_has(round->counted_indexes, pod->index);
		else if (!pod->noted_succeeded)
			vec_push(arena, &notes->succeeded, uid);
	} else if (failed && pod->counts) {
		vec_push(arena, &notes->failed, uid);
	}
}

static void note_all(struct job_round *round, struct notes *notes)
{
	for (size_t i = 0; i < round->pods_len && !notes->full; i++) {
		const struct job_pod *pod = &round->pods[i];

		if (!may_leave(round, pod))
			continue;
		note(round, pod, notes);
		vec_push(round->plan->arena, &notes->leaving, pod->object);
		notes->full = notes->succeeded.len + notes->failed.len + notes->indexes >= JOB_UNCOUNTED_MAX;
	}
}

static void count(struct job_round *round, struct notes *notes)
{
	struct batch_v1_uncounted_terminated_pods *noted =
		ARENA_NEW(round->plan->arena, struct batch_v1_uncounted_terminated_pods);
	struct batch_v1_job_status *status = &round->status;
	struct arena *arena = round->plan->arena;
	struct str failed_indexes;

	settle(round, notes);
	note_all(round, notes);
	noted->succeeded = (struct str_slice){notes->succeeded.items, notes->succeeded.len};
	noted->failed = (struct str_slice){notes->failed.items, notes->failed.len};
	status->uncounted_terminated_pods = noted;
	status->active = round->active;
	status->ready = ARENA_DUP(arena, int32_t, &round->ready);
	status->terminating = ARENA_DUP(arena, int32_t, &round->terminating);
	if (!round->indexed)
		return;
	status->succeeded = (int32_t)index_set_len(round->succeeded_indexes);
	status->completed_indexes = index_set_text(round->succeeded_indexes, arena);
	failed_indexes = index_set_text(round->failed_indexes, arena);
	status->failed_indexes = round->per_index ? ARENA_DUP(arena, struct str, &failed_indexes) : NULL;
}

/* --- Conditions ------------------------------------------------------------------------------------------------ */

/* Returns whether it was not so before; that something never was is not said. */
static bool set_condition(struct job_round *round, const char *type, bool holds, struct str reason, struct str message)
{
	VEC_OF(struct batch_v1_job_condition) conditions = {0};
	struct batch_v1_job_condition next = {.type = str_from(type),
					      .status = holds ? STR("True") : STR("False"),
					      .last_probe_time = now_of(round),
					      .last_transition_time = now_of(round),
					      .reason = reason,
					      .message = message};
	bool found = false, changed = false;

	SLICE_FOREACH (condition, round->status.conditions) {
		bool same = str_eq(condition->type, next.type);

		found = found || same;
		changed = changed ||
			  (same && !(str_eq(condition->status, next.status) && str_eq(condition->reason, reason) &&
				     str_eq(condition->message, message)));
		vec_push(round->plan->arena, &conditions, same && changed ? next : *condition);
	}
	if (!found && holds) {
		vec_push(round->plan->arena, &conditions, next);
		changed = true;
	}
	round->status.conditions = (struct batch_v1_job_condition_slice){conditions.items, conditions.len};
	return changed;
}

static void tell_end(struct job_round *round)
{
	const int32_t *completions = round->job->spec.completions;
	const struct job_verdict *verdict = &round->verdict;

	if (!verdict->success) {
		plan_event(round->plan, "Warning", str_c(verdict->reason), STR_FMT, STR_ARG(verdict->message));
		return;
	}
	if (completions && round->status.succeeded > *completions)
		plan_event(round->plan, "Warning", "TooManySucceededPods",
			   "Too many succeeded pods running after completion count reached");
	plan_event(round->plan, "Normal", "Completed", "Job completed");
}

/* First what it will come to; the end itself once no pod is left to run or to be counted. */
static void conclude(struct job_round *round, const struct notes *notes)
{
	const struct job_verdict *verdict = &round->verdict;
	struct timestamp now = now_of(round);

	if (!verdict->recorded) {
		set_condition(round, verdict->success ? "SuccessCriteriaMet" : "FailureTarget", true, verdict->reason,
			      verdict->message);
		plan_requeue_within(round->plan, 1);
		return;
	}
	if (notes->leaving.len || notes->succeeded.len || notes->failed.len || round->active || round->terminating)
		return;
	set_condition(round, verdict->success ? "Complete" : "Failed", true, verdict->reason, verdict->message);
	if (verdict->success)
		round->status.completion_time = ARENA_DUP(round->plan->arena, struct timestamp, &now);
	tell_end(round);
}

static struct change_event set_suspended(struct job_round *round)
{
	struct timestamp now = now_of(round);

	if (round->suspended) {
		if (!set_condition(round, "Suspended", true, STR("JobSuspended"), STR("Job suspended")))
			return (struct change_event){0};
		round->status.start_time = NULL;
		return (struct change_event){"Suspended", "Job suspended"};
	}
	if (!set_condition(round, "Suspended", false, STR("JobResumed"), STR("Job resumed")))
		return (struct change_event){0};
	round->status.start_time = ARENA_DUP(round->plan->arena, struct timestamp, &now);
	return (struct change_event){"Resumed", "Job resumed"};
}

static void plan_write(struct job_round *round, struct change_event told)
{
	struct batch_v1_job *next = ARENA_DUP(round->plan->arena, struct batch_v1_job, round->job);
	const struct resource *jobs = round->inputs->jobs;

	next->status = round->status;
	if (client_diff(jobs->schema, round->job, next, "status", round->plan->arena).len)
		plan_update(round->plan, jobs, "status", next)->on_success = told;
}

void job_plan_status(struct job_round *round)
{
	struct change_event told = {0};
	struct notes notes = {0};

	count(round, &notes);
	if (round->verdict.reached)
		conclude(round, &notes);
	else if (!round->job->metadata.deletion_timestamp)
		told = set_suspended(round);
	plan_write(round, told);
	SLICE_FOREACH (pod, notes.leaving)
		job_untrack(round->plan, round->inputs->pods, *pod);
	/* They are counted when they are gone from the list. */
	if (notes.leaving.len)
		plan_requeue_within(round->plan, 1);
}
