/* CronJobs: when a job is made, what becomes of those there are, and what is told. */
#include "unit.h"

#include "base/clock.h"
#include "base/random.h"
#include "controllers/cronjob.h"
#include "plans.h"
#include "types/selector.h"
#include "types/timestamp.h"

#define NOON	   INT64_C(1767268800) /* 2026-01-01T12:00:00Z */
#define MINUTE	   "29454480"	       /* noon in minutes */
#define OWN	   ", ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: c, uid: cron, controller: true}]"
#define MADE(time) ", annotations: {batch.kubernetes.io/cronjob-scheduled-timestamp: '" time "'}"
#define ENDED(how, time)                                                                                               \
	"startTime: '" time "', completionTime: '" time "', conditions: [{type: " how ", status: 'True'}]"
#define ACTIVE(name) "{kind: Job, apiVersion: batch/v1, namespace: ns, name: " name ", uid: u-" name "}"

struct fixture {
	struct planned planned;
	struct cronjob_inputs inputs;
	VEC_OF(struct object *) jobs;
};

static void setup(struct fixture *f, const char *created, const char *spec, const char *status)
{
	*f = (struct fixture){0};
	f->inputs.cronjobs = client_resource("batch", "v1", "cronjobs");
	f->inputs.jobs = client_resource("batch", "v1", "jobs");
	f->inputs.object = planned_objectf(&f->planned, "batch", "cronjobs",
					   "{metadata: {name: c, namespace: ns, uid: cron, creationTimestamp: '%s'}, "
					   "spec: {jobTemplate: {metadata: "
					   "{labels: {a: b}}, spec: {completions: 5}}, %s}, status: {%s}}",
					   created, spec, status);
}

static void add_job(struct fixture *f, const char *name, const char *meta, const char *status)
{
	vec_push(&f->planned.arena, &f->jobs,
		 planned_objectf(&f->planned, "batch", "jobs",
				 "{metadata: {name: %s, namespace: ns, uid: u-%s" OWN "%s}, status: {%s}}", name, name,
				 meta, status));
}

static const char *run(struct fixture *f, int64_t now)
{
	f->inputs.owned = (struct object_slice){f->jobs.items, f->jobs.len};
	cronjob_plan(NULL, &f->inputs, now, planned_begin(&f->planned));
	return planned_outline(&f->planned, NULL);
}

static const struct batch_v1_cron_job_status *status_of(const struct fixture *f)
{
	SLICE_FOREACH (change, f->planned.plan.changes)
		if (str_eq_c(change->request.subresource, "status"))
			return &((const struct batch_v1_cron_job *)change->request.body)->status;
	return &OBJECT_AS(batch_v1_cron_job, f->inputs.object)->status;
}

static void test_starts(void **state UNUSED)
{
#define EVERY  "schedule: '* * * * *', concurrencyPolicy: "
#define BEFORE "2026-01-01T11:59:30Z"
	static const struct {
		const char *what, *created, *spec, *status, *job; /* its name; NULL: none there */
		int64_t after;					  /* noon, in milliseconds */
		const char *wanted;
		int64_t wait; /* milliseconds */
	} cases[] = {
		{"not yet", BEFORE, EVERY "Allow", "", NULL, -1000, "", 1100},
		{"now", BEFORE, EVERY "Allow", "", NULL, 100, "create jobs ns/c-" MINUTE "\n", 60000},
		{"done", BEFORE, EVERY "Allow", "lastScheduleTime: '2026-01-01T12:00:00Z'", NULL, 100, "", 60000},
		{"suspended", BEFORE, EVERY "Allow, suspend: true", "", NULL, 100, "", 0},
		{"too late", BEFORE, EVERY "Allow, startingDeadlineSeconds: 10", "", NULL, 20000, "", 40100},
		{"just in time", BEFORE, EVERY "Allow, startingDeadlineSeconds: 30", "", NULL, 20000,
		 "create jobs ns/c-" MINUTE "\n", 40100},
		{"of many missed the last", "2026-01-01T09:00:00Z", EVERY "Allow", "", NULL, 100,
		 "create jobs ns/c-" MINUTE
		 "\nevent Warning TooManyMissedTimes too many missed start times. Set or decrease "
		 ".spec.startingDeadlineSeconds or check clock skew\n",
		 60000},
		{"of some missed the last", "2026-01-01T11:00:00Z", EVERY "Allow", "", NULL, 100,
		 "create jobs ns/c-" MINUTE "\n", 60000},
		{"one runs", BEFORE, EVERY "Allow", "active: [" ACTIVE("x") "]", "x", 100,
		 "create jobs ns/c-" MINUTE "\n", 60000},
		{"one runs and forbids", BEFORE, EVERY "Forbid", "active: [" ACTIVE("x") "]", "x", 100,
		 "event Normal JobAlreadyActive Not starting job because prior execution is running and concurrency "
		 "policy is Forbid\n",
		 60000},
		{"one runs and is replaced", BEFORE, EVERY "Replace", "active: [" ACTIVE("x") "]", "x", 100,
		 "delete jobs ns/x\nupdate cronjobs/status ns/c\ncreate jobs ns/c-" MINUTE "\n", 60000},
		{"never", BEFORE, "schedule: '0 0 31 2 *'", "", NULL, 100,
		 "event Warning InvalidSchedule invalid schedule: 0 0 31 2 * : time difference between two schedules "
		 "is less "
		 "than 1 second\n",
		 0},
		{"no schedule", BEFORE, "schedule: x", "", NULL, 100,
		 "event Warning UnparseableSchedule unparseable schedule: \"x\" : expected exactly 5 fields, found 1: "
		 "[x]\n",
		 0},
		{"every so often since it was made", "2026-01-01T11:58:29Z", "schedule: '@every 90s'", "", NULL, 100,
		 "create jobs ns/c-29454479\n", 89000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *got;

		setup(&f, cases[i].created, cases[i].spec, cases[i].status);
		if (cases[i].job)
			add_job(&f, cases[i].job, MADE("2026-01-01T11:59:00Z"), "");
		got = run(&f, NOON * NS_PER_SEC + cases[i].after * NS_PER_MS);
		if (strcmp(got, cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, got);
		if (f.planned.plan.requeue_after_ns != cases[i].wait * NS_PER_MS)
			fail_msg("%s: waits %lld", cases[i].what, (long long)f.planned.plan.requeue_after_ns);
		planned_release(&f.planned);
	}
}

static void test_job(void **state UNUSED)
{
	static const struct time_zone east = {.first = 19800};
	static const struct {
		const struct time_zone *zone;
		const char *time;
	} cases[] = {{NULL, "2026-01-01T12:00:00Z"}, {&east, "2026-01-01T17:30:00+05:30"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct batch_v1_job *job;
		struct fixture f;

		setup(&f, "2026-01-01T11:59:30Z", "schedule: '* * * * *'", "");
		f.inputs.zone = cases[i].zone;
		run(&f, NOON * NS_PER_SEC);
		job = f.planned.plan.changes.items[0].request.body;
		assert_string_equal(str_c(*str_map_get(&job->metadata.annotations, STR(CRONJOB_SCHEDULED))),
				    cases[i].time);
		assert_string_equal(str_c(*str_map_get(&job->metadata.labels, STR("a"))), "b");
		assert_string_equal(str_c(job->metadata.owner_references.items[0].uid), "cron");
		assert_int_equal(*job->spec.completions, 5);
		planned_release(&f.planned);
	}
}

static void test_unknown_zone(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "2026-01-01T11:59:30Z", "schedule: '* * * * *', timeZone: Moon/Sea", "");
	f.inputs.zone_unknown = true;
	assert_string_equal(
		run(&f, NOON * NS_PER_SEC),
		"event Warning UnknownTimeZone invalid timeZone: \"Moon/Sea\": unknown time zone Moon/Sea\n");
	planned_release(&f.planned);
}

/* What there is leads to what the status says, whatever it said before. */
static void test_status(void **state UNUSED)
{
	static const struct {
		const char *what, *status, *meta, *job;
		const char *active, *scheduled, *succeeded, *event;
	} cases[] = {
		{"one that was made", "", MADE("2026-01-01T11:59:00Z"), "", "j", "2026-01-01T11:59:00Z", "", ""},
		{"in another zone", "", MADE("2026-01-01T12:59:00+01:00"), "", "j", "2026-01-01T11:59:00Z", "", ""},
		{"one that ended before it was seen", "", MADE("2026-01-01T11:59:00Z"),
		 ENDED("Complete", "2026-01-01T11:59:30Z"), "", "2026-01-01T11:59:00Z", "2026-01-01T11:59:30Z", ""},
		{"one that succeeded", "lastScheduleTime: '2026-01-01T11:59:00Z', active: [" ACTIVE("j") "]",
		 MADE("2026-01-01T11:59:00Z"), ENDED("Complete", "2026-01-01T11:59:30Z"), "", "2026-01-01T11:59:00Z",
		 "2026-01-01T11:59:30Z", "event Normal SawCompletedJob Saw completed job: j, condition: Complete\n"},
		{"one that failed", "lastScheduleTime: '2026-01-01T11:59:00Z', active: [" ACTIVE("j") "]",
		 MADE("2026-01-01T11:59:00Z"), ENDED("Failed", "2026-01-01T11:59:30Z"), "", "2026-01-01T11:59:00Z", "",
		 "event Normal SawCompletedJob Saw completed job: j, condition: Failed\n"},
		{"one that is gone", "lastScheduleTime: '2026-01-01T11:59:00Z', active: [" ACTIVE("j") "]", NULL, "",
		 "", "2026-01-01T11:59:00Z", "", "event Normal MissingJob Active job went missing: j\n"},
		{"another's", "", "", "", "", "", "",
		 "event Warning UnexpectedJob Saw a job that the controller did not create or forgot: j\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct batch_v1_cron_job_status *status;
		char text[2][TIMESTAMP_TEXT_SIZE] = {"", ""};
		struct fixture f;
		const char *event;

		setup(&f, "2026-01-01T11:58:30Z", "schedule: '* * * * *', suspend: true", cases[i].status);
		if (cases[i].meta)
			add_job(&f, "j", cases[i].meta, cases[i].job);
		run(&f, NOON * NS_PER_SEC - 1);
		status = status_of(&f);
		if (status->last_schedule_time)
			timestamp_format(*status->last_schedule_time, text[0]);
		if (status->last_successful_time)
			timestamp_format(*status->last_successful_time, text[1]);
		event = strstr(planned_text(&f.planned), "event ");
		if (status->active.len != (*cases[i].active != '\0') || strcmp(text[0], cases[i].scheduled) != 0 ||
		    strcmp(text[1], cases[i].succeeded) != 0 || strcmp(event ? event : "", cases[i].event) != 0)
			fail_msg("%s: %s", cases[i].what, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

static void test_history(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "2026-01-01T11:58:30Z",
	      "schedule: '* * * * *', suspend: true, successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0", "");
	add_job(&f, "a", "", ENDED("Complete", "2026-01-01T11:03:00Z"));
	add_job(&f, "b", "", ENDED("Complete", "2026-01-01T11:01:00Z"));
	add_job(&f, "c", "", ENDED("Complete", "2026-01-01T11:02:00Z"));
	add_job(&f, "d", "", ENDED("Failed", "2026-01-01T11:02:00Z"));
	add_job(&f, "e", MADE("2026-01-01T11:59:00Z"), "");
	assert_string_equal(run(&f, NOON * NS_PER_SEC),
			    "delete jobs ns/b\ndelete jobs ns/c\ndelete jobs ns/d\nupdate cronjobs/status ns/c\n");
	planned_release(&f.planned);
}

#define JOBS_MAX 64

struct world {
	struct random_source random;
	struct arena arena; /* of all below */
	struct batch_v1_cron_job_status status;
	struct {
		struct str name, scheduled;
	} jobs[JOBS_MAX];
	size_t jobs_len;
};

static void keep_status(struct world *w, const struct batch_v1_cron_job_status *status)
{
	struct batch_v1_cron_job cron = {.status = *status};
	struct object *copy = object_publish(&schema_batch_v1_cron_job, &cron);

	reconciler_hold(&w->arena, copy);
	w->status = OBJECT_AS(batch_v1_cron_job, copy)->status;
	object_unref(copy);
}

static void carry_out(struct world *w, const struct change *change)
{
	const struct batch_v1_job *job = change->request.body;

	if (change->request.operation == API_UPDATE) {
		keep_status(w, &((const struct batch_v1_cron_job *)change->request.body)->status);
		return;
	}
	assert_int_equal(change->request.operation, API_CREATE);
	assert_true(w->jobs_len < JOBS_MAX);
	for (size_t i = 0; i < w->jobs_len; i++)
		assert_false(str_eq(job->metadata.name, w->jobs[i].name));
	w->jobs[w->jobs_len].name = arena_str(&w->arena, job->metadata.name);
	w->jobs[w->jobs_len++].scheduled =
		arena_str(&w->arena, *str_map_get(&job->metadata.annotations, STR(CRONJOB_SCHEDULED)));
}

static void turn(struct world *w, int64_t now, bool whole)
{
	struct batch_v1_cron_job cron;
	struct object *object;
	struct fixture f;
	size_t count;

	setup(&f, "2026-01-01T11:59:30Z", "schedule: '*/2 * * * *'", "");
	for (size_t i = 0; i < w->jobs_len; i++)
		add_job(&f, str_c(w->jobs[i].name),
			str_c(arena_printf(&f.planned.arena, MADE(STR_FMT), STR_ARG(w->jobs[i].scheduled))), "");
	cron = *OBJECT_AS(batch_v1_cron_job, f.inputs.object);
	cron.status = w->status;
	object = object_publish(&schema_batch_v1_cron_job, &cron);
	f.inputs.object = reconciler_hold(&f.planned.arena, object);
	object_unref(object);
	run(&f, now);
	count = f.planned.plan.changes.len;
	if (!whole)
		count = random_source_below(&w->random, count + 1);
	for (size_t i = 0; i < count; i++)
		carry_out(w, &f.planned.plan.changes.items[i]);
	planned_release(&f.planned);
}

/*
 * Plans of which some are carried out in part, or not at all, as when the controller dies: each time has one job at
 * most, and in the end the status knows them all.
 */
static void test_once(void **state UNUSED)
{
	for (unsigned seed = 0; seed < 30; seed++) {
		struct world w = {.random = {seed}};

		for (int step = 0; step < 120; step++)
			turn(&w, (NOON + step * 20) * NS_PER_SEC, random_source_below(&w.random, 2));
		turn(&w, (NOON + 2390) * NS_PER_SEC, true);
		assert_in_range(w.jobs_len, 15, 20);
		assert_int_equal(w.status.active.len, w.jobs_len);
		arena_release(&w.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts), cmocka_unit_test(test_job),     cmocka_unit_test(test_unknown_zone),
		cmocka_unit_test(test_status), cmocka_unit_test(test_history), cmocka_unit_test(test_once),
	};

	return cmocka_run_group_tests_name("cronjob", tests, NULL, NULL);
}
