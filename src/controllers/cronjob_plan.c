/* What is to become of a CronJob and its jobs; see cronjob.h. */
#include "controllers/cronjob.h"

#include "base/clock.h"
#include "logic/cron_schedule.h"
#include "logic/job.h"
#include "logic/owner.h"
#include "types/selector.h"
#include "types/timestamp.h"

#define MANY_MISSED   100
#define NEXT_DELTA_NS (100 * NS_PER_MS) /* clocks of two hosts differ */

struct owned_job {
	struct object *object;
	const struct batch_v1_job *job;
	const struct batch_v1_job_condition *end; /* NULL: it has not ended */
	bool going;
};

struct round {
	struct plan *plan;
	const struct cronjob_inputs *inputs;
	const struct batch_v1_cron_job *cron;
	int64_t now, now_seconds;
	struct owned_job *jobs;
	size_t jobs_len;
	struct batch_v1_cron_job_status status;
	struct cron_schedule schedule;
};

/* --- Jobs that there are --------------------------------------------------------------------------------------- */

static bool is_listed(const struct round *round, struct str uid)
{
	SLICE_FOREACH (reference, round->status.active)
		if (str_eq(reference->uid, uid))
			return true;
	return false;
}

static void list(struct round *round, const struct object *job)
{
	VEC_OF(struct core_v1_object_reference) active = {0};
	struct core_v1_object_reference reference = {.kind = job->schema->kind,
						     .api_version = job->schema->api_version,
						     .namespace = job->meta->namespace,
						     .name = job->meta->name,
						     .uid = job->meta->uid,
						     .resource_version = job->meta->resource_version};

	SLICE_FOREACH (other, round->status.active)
		vec_push(round->plan->arena, &active, *other);
	vec_push(round->plan->arena, &active, reference);
	round->status.active = (struct core_v1_object_reference_slice){active.items, active.len};
}

static void unlist(struct round *round, struct str uid)
{
	VEC_OF(struct core_v1_object_reference) active = {0};

	SLICE_FOREACH (other, round->status.active)
		if (!str_eq(other->uid, uid))
			vec_push(round->plan->arena, &active, *other);
	round->status.active = (struct core_v1_object_reference_slice){active.items, active.len};
}

/* The time a job of ours was made for; false: somebody else made it. */
static bool scheduled_for(const struct owned_job *job, struct timestamp *ret)
{
	const struct str *text = str_map_get(&job->job->metadata.annotations, STR(CRONJOB_SCHEDULED));
	struct error ignored = {0};

	return text && timestamp_parse(*text, ret, &ignored) == 0;
}

static void note_success(struct round *round, const struct owned_job *job)
{
	const struct timestamp *end = job->job->status.completion_time, *last = round->status.last_successful_time;

	if (end && str_eq_c(job->end->type, "Complete") && (!last || timestamp_cmp(*end, *last) > 0))
		round->status.last_successful_time = end;
}

static void look_at(struct round *round, const struct owned_job *job)
{
	bool listed = is_listed(round, job->job->metadata.uid), ours;
	const struct timestamp *last = round->status.last_schedule_time;
	struct str name = job->job->metadata.name;
	struct timestamp scheduled;

	ours = scheduled_for(job, &scheduled);
	if (ours && !listed && (!last || timestamp_cmp(scheduled, *last) > 0))
		round->status.last_schedule_time = ARENA_DUP(round->plan->arena, struct timestamp, &scheduled);
	if (job->end) {
		note_success(round, job);
		if (!listed)
			return;
		unlist(round, job->job->metadata.uid);
		plan_event(round->plan, "Normal", "SawCompletedJob",
			   "Saw completed job: " STR_FMT ", condition: " STR_FMT, STR_ARG(name),
			   STR_ARG(job->end->type));
	} else if (!listed && !job->going && ours) {
		list(round, job->object);
	} else if (!listed && !job->going) {
		plan_event(round->plan, "Warning", "UnexpectedJob",
			   "Saw a job that the controller did not create or forgot: " STR_FMT, STR_ARG(name));
	}
}

static bool is_there(const struct round *round, struct str uid)
{
	for (size_t i = 0; i < round->jobs_len; i++)
		if (str_eq(round->jobs[i].job->metadata.uid, uid))
			return true;
	return false;
}

static void drop_missing(struct round *round)
{
	struct core_v1_object_reference_slice listed = round->status.active;

	SLICE_FOREACH (reference, listed) {
		if (is_there(round, reference->uid))
			continue;
		plan_event(round->plan, "Normal", "MissingJob", "Active job went missing: " STR_FMT,
			   STR_ARG(reference->name));
		unlist(round, reference->uid);
	}
}

static void plan_deletion(struct round *round, struct object *job)
{
	struct change *change = plan_delete(round->plan, round->inputs->jobs, job->meta);

	change->request.propagation_policy = STR("Background");
	change->on_success = (struct change_event){"SuccessfulDelete", "Deleted job %s"};
	change->on_failure = (struct change_event){"FailedDelete", "Deleted job: %s"};
	unlist(round, job->meta->uid);
}

/* --- History --------------------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct batch_v1_job *x = ((const struct owned_job *)a)->job, *y = ((const struct owned_job *)b)->job;
	const struct timestamp *start = x->status.start_time, *other = y->status.start_time;
	int order = start && other ? timestamp_cmp(*start, *other) : !start - !other;

	return order ? order : str_cmp(x->metadata.name, y->metadata.name);
}

/* Of the jobs that ended in @type, sorted by their start, the first go until @limit are left. */
static void clean_up(struct round *round, const char *type, const int32_t *limit)
{
	size_t ended = 0;

	for (size_t i = 0; i < round->jobs_len; i++)
		ended += round->jobs[i].end && !round->jobs[i].going && str_eq_c(round->jobs[i].end->type, type);
	for (size_t i = 0; limit && i < round->jobs_len && ended > (size_t)*limit; i++) {
		if (!round->jobs[i].end || round->jobs[i].going || !str_eq_c(round->jobs[i].end->type, type))
			continue;
		plan_deletion(round, round->jobs[i].object);
		ended--;
	}
}

/* --- Times ----------------------------------------------------------------------------------------------------- */

struct due {
	int64_t since;	/* the last time that is done with */
	bool found;	/* one is due: */
	int64_t latest; /* the last before now */
	int64_t missed; /* about how many since */
};

static bool next(const struct round *round, int64_t after, int64_t *ret)
{
	return cron_schedule_next(&round->schedule, round->inputs->zone, after, ret);
}

/* False: the schedule never comes.  How many were missed is reckoned from the distance of the first two, as upstream.
 */
static bool find_due(const struct round *round, bool within_deadline, struct due *ret)
{
	const struct timestamp *last = round->status.last_schedule_time;
	const int64_t *deadline = round->cron->spec.starting_deadline_seconds;
	struct due due = {.since = last ? last->seconds : round->cron->metadata.creation_timestamp.seconds};
	int64_t first, second, time;

	/* What began before the deadline starts no more. */
	if (within_deadline && deadline)
		due.since = MAX(due.since, round->now_seconds - *deadline);
	if (!next(round, due.since, &first) || !next(round, first, &second))
		return false;
	if (first <= round->now_seconds) {
		due.missed = (round->now_seconds - first) / (second - first) + 1;
		time = first + (due.missed - 2) * (second - first);
		while (next(round, time, &time) && time <= round->now_seconds) {
			due.found = true;
			due.latest = time;
		}
	}
	*ret = due;
	return true;
}

/* How long until the schedule comes next; 0: it does not. */
static int64_t time_to_next(const struct round *round)
{
	int64_t from = round->now_seconds, time;
	struct due due;

	if (find_due(round, false, &due) && (due.found || !due.missed))
		from = due.found ? due.latest : due.since;
	if (!next(round, from, &time))
		return 0;
	return MAX(time * NS_PER_SEC - round->now, INT64_C(0)) + NEXT_DELTA_NS;
}

/* The time a job is due for; false: none is. */
static bool is_due(struct round *round, int64_t *ret)
{
	struct due due;

	if (!find_due(round, true, &due)) {
		plan_event(round->plan, "Warning", "InvalidSchedule",
			   "invalid schedule: " STR_FMT
			   " : time difference between two schedules is less than 1 second",
			   STR_ARG(round->cron->spec.schedule));
		return false;
	}
	if (!due.found)
		return false;
	if (due.missed > MANY_MISSED)
		plan_event(round->plan, "Warning", "TooManyMissedTimes",
			   "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock "
			   "skew");
	*ret = due.latest;
	return true;
}

/* --- Making ---------------------------------------------------------------------------------------------------- */

static struct str job_name(const struct round *round, int64_t time)
{
	return arena_printf(round->plan->arena, STR_FMT "-%lld", STR_ARG(round->cron->metadata.name),
			    (long long)(time / 60));
}

/* "2026-03-29T12:00:00+02:00" */
static struct str local_time(const struct round *round, int64_t time)
{
	int32_t offset = time_zone_at(round->inputs->zone, time).offset, minutes = offset / 60;
	char text[TIMESTAMP_TEXT_SIZE];
	size_t len = timestamp_format(timestamp_make(time + offset, 0), text);

	if (!offset)
		return arena_str(round->plan->arena, (struct str){text, len});
	return arena_printf(round->plan->arena, STR_FMT "%c%02d:%02d", STR_ARG(((struct str){text, len - 1})),
			    minutes < 0 ? '-' : '+', abs(minutes) / 60, abs(minutes) % 60);
}

static void plan_creation(struct round *round, int64_t time)
{
	const struct batch_v1_job_template_spec *template = &round->cron->spec.job_template;
	struct arena *arena = round->plan->arena;
	struct meta_v1_owner_reference *owner = ARENA_NEW(arena, struct meta_v1_owner_reference);
	struct batch_v1_job *job = ARENA_NEW(arena, struct batch_v1_job);
	struct change *change;

	*owner = owner_reference(round->inputs->object);
	job->metadata.name = job_name(round, time);
	job->metadata.namespace = round->cron->metadata.namespace;
	job->metadata.labels = template->metadata.labels;
	job->metadata.annotations =
		str_map_set(&template->metadata.annotations, STR(CRONJOB_SCHEDULED), local_time(round, time), arena);
	job->metadata.owner_references = (struct meta_v1_owner_reference_slice){owner, 1};
	job->spec = template->spec;
	change = plan_create(round->plan, round->inputs->jobs, job);
	change->tolerate_existing = true;
	change->on_success = (struct change_event){"SuccessfulCreate", "Created job %s"};
	change->on_failure = (struct change_event){"FailedCreate", "Error creating job: %s"};
}

static bool is_done(const struct round *round, int64_t time)
{
	const struct timestamp *last = round->status.last_schedule_time;
	struct str name = job_name(round, time);

	SLICE_FOREACH (reference, round->status.active)
		if (str_eq(reference->name, name))
			return true;
	return last && last->seconds == time;
}

static void replace_active(struct round *round)
{
	for (size_t i = 0; i < round->jobs_len; i++)
		if (is_listed(round, round->jobs[i].job->metadata.uid))
			plan_deletion(round, round->jobs[i].object);
}

/* May a job start now?  Also makes room for it. */
static bool may_start(struct round *round, int64_t time)
{
	struct str policy = round->cron->spec.concurrency_policy;

	if (is_done(round, time))
		return false;
	if (str_eq_c(policy, "Forbid") && round->status.active.len) {
		plan_event(round->plan, "Normal", "JobAlreadyActive",
			   "Not starting job because prior execution is running and concurrency policy is Forbid");
		return false;
	}
	if (str_eq_c(policy, "Replace"))
		replace_active(round);
	return true;
}

/* --- Plan ------------------------------------------------------------------------------------------------------ */

static void plan_status(struct round *round)
{
	struct batch_v1_cron_job *changed = ARENA_DUP(round->plan->arena, struct batch_v1_cron_job, round->cron);
	const struct resource *cronjobs = round->inputs->cronjobs;

	changed->status = round->status;
	if (client_diff(cronjobs->schema, round->cron, changed, "status", round->plan->arena).len)
		plan_update(round->plan, cronjobs, "status", changed);
}

/* Reads the schedule; false, with the events that tell why: nothing is to be started by it. */
static bool may_schedule(struct round *round)
{
	const struct batch_v1_cron_job_spec *spec = &round->cron->spec;
	struct error err = {0};

	if (round->cron->metadata.deletion_timestamp)
		return false;
	if (round->inputs->zone_unknown) {
		plan_event(round->plan, "Warning", "UnknownTimeZone",
			   "invalid timeZone: \"" STR_FMT "\": unknown time zone " STR_FMT, STR_ARG(*spec->time_zone),
			   STR_ARG(*spec->time_zone));
		return false;
	}
	if (spec->suspend && *spec->suspend)
		return false;
	if (cron_schedule_parse(spec->schedule, &round->schedule, &err) < 0) {
		plan_event(round->plan, "Warning", "UnparseableSchedule", "unparseable schedule: \"" STR_FMT "\" : %s",
			   STR_ARG(spec->schedule), err.message);
		return false;
	}
	return true;
}

static void take_jobs(struct round *round)
{
	struct object_slice owned = round->inputs->owned;

	round->jobs = ARENA_NEW_N(round->plan->arena, struct owned_job, owned.len + 1);
	round->jobs_len = owned.len;
	for (size_t i = 0; i < owned.len; i++) {
		const struct batch_v1_job *job = OBJECT_AS(batch_v1_job, owned.items[i]);

		round->jobs[i] =
			(struct owned_job){owned.items[i], job, job_end(job), job->metadata.deletion_timestamp};
	}
	qsort(round->jobs, round->jobs_len, sizeof(*round->jobs), by_start);
}

static struct round begin(const struct cronjob_inputs *inputs, int64_t now, struct plan *plan)
{
	const struct batch_v1_cron_job *cron = OBJECT_AS(batch_v1_cron_job, inputs->object);

	plan->involved = inputs->object;
	return (struct round){.plan = plan,
			      .inputs = inputs,
			      .cron = cron,
			      .now = now,
			      .now_seconds = now / NS_PER_SEC,
			      .status = cron->status};
}

int64_t cronjob_time_to_next(const struct cronjob_inputs *inputs, int64_t now, struct arena *arena)
{
	struct plan unused = {.arena = arena};
	struct round round = begin(inputs, now, &unused);

	return may_schedule(&round) ? time_to_next(&round) : 0;
}

void cronjob_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct cronjob_inputs *inputs = data;
	struct round round = begin(inputs, now, plan);
	int64_t time = 0;
	bool start = false;

	take_jobs(&round);
	for (size_t i = 0; i < round.jobs_len; i++)
		look_at(&round, &round.jobs[i]);
	drop_missing(&round);
	clean_up(&round, "Complete", round.cron->spec.successful_jobs_history_limit);
	clean_up(&round, "Failed", round.cron->spec.failed_jobs_history_limit);
	if (may_schedule(&round)) {
		start = is_due(&round, &time) && may_start(&round, time);
		plan_requeue_within(plan, time_to_next(&round));
	}
	plan_status(&round);
	if (start)
		plan_creation(&round, time);
}
