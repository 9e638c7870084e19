/*
 * Jobs: how many pods are made, what their ends mean, what is told, and that each is counted once.
 *
 * The last tests run whole jobs in a small world that carries out plans, or the beginning of one: that is what it looks
 * like when the controller dies between two writes.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/random.h"
#include "controllers/finalizer.h"
#include "controllers/job.h"
#include "controllers/ttl_after_finished.h"
#include "plans.h"
#include "types/selector.h"

#define NOW	 (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */
#define OWN	 ", ownerReferences: [{apiVersion: batch/v1, kind: Job, name: j, uid: job, controller: true}]"
#define TRACKED	 ", finalizers: [batch.kubernetes.io/job-tracking]" OWN
#define GOING	 ", deletionTimestamp: '2026-01-01T00:01:30Z', deletionGracePeriodSeconds: 30"
#define INDEX(i) ", annotations: {batch.kubernetes.io/job-completion-index: '" i "'}"
#define INDEX_FAILED(i, n)                                                                                             \
	", annotations: {batch.kubernetes.io/job-completion-index: '" i                                                \
	"', batch.kubernetes.io/job-index-failure-count: '" n "'}"
#define ENDED(code, time)                                                                                              \
	", containerStatuses: [{name: c, restartCount: 0, state: {terminated: {exitCode: " code ", finishedAt: '" time \
	"'}}}]"
#define STARTED ", status: {startTime: '2026-01-01T00:00:00Z'}"

struct fixture {
	struct planned planned;
	struct job_inputs inputs;
	VEC_OF(struct object *) pods;
};

static void setup(struct fixture *f, const char *spec, const char *rest)
{
	*f = (struct fixture){0};
	f->inputs.jobs = client_resource("batch", "v1", "jobs");
	f->inputs.pods = client_resource("", "v1", "pods");
	f->inputs.object = planned_objectf(&f->planned, "batch", "jobs",
					   "{metadata: {name: j, namespace: ns, uid: job, resourceVersion: '7'}, spec: "
					   "{selector: {matchLabels: {app: a}},"
					   " template: {metadata: {labels: {app: a}}, spec: {restartPolicy: Never, "
					   "containers: [{name: c}]}}, %s}%s}",
					   spec, rest);
}

static void add_pod(struct fixture *f, const char *name, const char *meta, const char *status)
{
	vec_push(&f->planned.arena, &f->pods,
		 planned_objectf(&f->planned, "", "pods",
				 "{metadata: {name: %s, namespace: ns, uid: u-%s, labels: {app: a}%s}, status: {%s}}",
				 name, name, meta, status));
}

static void run(struct fixture *f)
{
	f->inputs.candidates = (struct object_slice){f->pods.items, f->pods.len};
	job_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
}

/* The status a plan writes; that of the job when it writes none. */
static const struct batch_v1_job_status *status_of(const struct fixture *f)
{
	SLICE_FOREACH (change, f->planned.plan.changes)
		if (str_eq_c(change->request.subresource, "status"))
			return &((const struct batch_v1_job *)change->request.body)->status;
	return &OBJECT_AS(batch_v1_job, f->inputs.object)->status;
}

static bool has(const struct batch_v1_job_status *status, const char *type)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, type))
			return str_eq_c(condition->status, "True");
	return false;
}

static const char *reason_of(const struct batch_v1_job_status *status, const char *type)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, type))
			return str_c(condition->reason);
	return "";
}

/* --- How many pods --------------------------------------------------------------------------------------------- */

static void test_sizes(void **state UNUSED)
{
	static const struct {
		const char *what, *spec, *rest;
		struct {
			const char *meta, *status;
		} pods[4];
		const char *wanted;
	} cases[] = {
		{"first", "parallelism: 2, completions: 3", "", {{0}}, "create pods ns/j-\ncreate pods ns/j-\n"},
		{"not more than are still to succeed",
		 "parallelism: 3, completions: 3",
		 ", status: {startTime: '2026-01-01T00:00:00Z', succeeded: 2}",
		 {{0}},
		 "create pods ns/j-\n"},
		{"enough run", "parallelism: 1, completions: 3", STARTED, {{TRACKED, "phase: Running"}}, ""},
		{"too many run",
		 "parallelism: 1, completions: 3",
		 STARTED,
		 {{TRACKED, "phase: Running"}, {TRACKED, "phase: Pending"}},
		 "patch pods ns/p1\ndelete pods ns/p1\n"},
		{"a succeeded one is noted and let go",
		 "parallelism: 1, completions: 2",
		 STARTED,
		 {{TRACKED, "phase: Succeeded"}},
		 "patch pods ns/p0\ncreate pods ns/j-\n"},
		{"without completions one success ends it",
		 "parallelism: 2",
		 STARTED,
		 {{TRACKED, "phase: Succeeded"}, {TRACKED, "phase: Running"}},
		 "patch pods ns/p0\n"},
		{"suspended",
		 "parallelism: 1, completions: 1, suspend: true",
		 STARTED,
		 {{TRACKED, "phase: Running"}},
		 "patch pods ns/p0\ndelete pods ns/p0\n"},
		{"an orphan is adopted",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{"", "phase: Running"}},
		 "patch pods ns/p0\n"},
		{"one of other labels is let go",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{", labels: {app: b}" TRACKED, "phase: Running"}},
		 "patch pods ns/p0\ncreate pods ns/j-\n"},
		{"one that goes is replaced",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{OWN GOING, "phase: Running"}},
		 "create pods ns/j-\n"},
		{"but not before it is gone, where it says so",
		 "parallelism: 1, completions: 1, podReplacementPolicy: Failed",
		 STARTED,
		 {{TRACKED GOING, "phase: Running"}},
		 ""},
		{"a failed one is not replaced at once",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{TRACKED, "phase: Failed" ENDED("1", "2026-01-01T00:01:55Z")}},
		 "patch pods ns/p0\n"},
		{"but after ten seconds",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{TRACKED, "phase: Failed" ENDED("1", "2026-01-01T00:01:50Z")}},
		 "patch pods ns/p0\ncreate pods ns/j-\n"},
		{"the third waits forty",
		 "parallelism: 1, completions: 1",
		 STARTED,
		 {{TRACKED, "phase: Failed" ENDED("1", "2026-01-01T00:00:50Z")},
		  {OWN, "phase: Failed" ENDED("1", "2026-01-01T00:01:10Z")},
		  {OWN, "phase: Failed" ENDED("1", "2026-01-01T00:01:21Z")}},
		 "patch pods ns/p0\n"},
		{"a success between makes it the first again",
		 "parallelism: 1, completions: 2",
		 STARTED,
		 {{OWN, "phase: Failed" ENDED("1", "2026-01-01T00:00:50Z")},
		  {OWN, "phase: Succeeded" ENDED("0", "2026-01-01T00:01:10Z")},
		  {OWN, "phase: Failed" ENDED("1", "2026-01-01T00:01:50Z")}},
		 "create pods ns/j-\n"},
		{"managed by another", "parallelism: 1, completions: 1, managedBy: example.com/x", "", {{0}}, ""},
		{"indexes that are missing",
		 "parallelism: 3, completions: 4, completionMode: Indexed",
		 ", status: {startTime: '2026-01-01T00:00:00Z', succeeded: 1, completedIndexes: '1'}",
		 {{TRACKED INDEX("2"), "phase: Running"}},
		 "create pods ns/j-0-\ncreate pods ns/j-3-\n"},
		{"an index twice",
		 "parallelism: 3, completions: 3, completionMode: Indexed",
		 STARTED,
		 {{TRACKED INDEX("0"), "phase: Running"}, {TRACKED INDEX("0"), "phase: Pending"}},
		 "patch pods ns/p1\ndelete pods ns/p1\n"},
		{"an index that is none",
		 "parallelism: 1, completions: 2, completionMode: Indexed",
		 STARTED,
		 {{TRACKED INDEX("2"), "phase: Running"}},
		 "patch pods ns/p0\ndelete pods ns/p0\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec, cases[i].rest);
		for (size_t j = 0; j < ARRAY_LEN(cases[i].pods) && cases[i].pods[j].meta; j++)
			add_pod(&f, (char[]){'p', (char)('0' + j), '\0'}, cases[i].pods[j].meta,
				cases[i].pods[j].status);
		run(&f);
		if (strcmp(planned_outline(&f.planned, "pods"), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, planned_outline(&f.planned, "pods"));
		planned_release(&f.planned);
	}
}

/* The status is written before a pod is let go, and a plan that finds nothing to do writes nothing. */
static void test_order(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "parallelism: 2, completions: 3", STARTED);
	add_pod(&f, "p0", TRACKED, "phase: Succeeded");
	add_pod(&f, "p1", TRACKED, "phase: Running");
	run(&f);
	assert_string_equal(planned_outline(&f.planned, NULL),
			    "update jobs/status ns/j\npatch pods ns/p0\ncreate pods ns/j-\n");
	assert_int_equal(status_of(&f)->uncounted_terminated_pods->succeeded.len, 1);
	assert_int_equal(status_of(&f)->succeeded, 0);
	planned_release(&f.planned);

	setup(&f, "parallelism: 1, completions: 3",
	      ", status: {startTime: '2026-01-01T00:00:00Z', active: 1, ready: 0, terminating: 0, "
	      "uncountedTerminatedPods: {}}");
	add_pod(&f, "p1", TRACKED, "phase: Running");
	run(&f);
	assert_string_equal(planned_text(&f.planned), "");
	planned_release(&f.planned);
}

/* --- When it is over ------------------------------------------------------------------------------------------- */

static void test_verdicts(void **state UNUSED)
{
#define POLICY(rule) "parallelism: 1, completions: 1, podFailurePolicy: {rules: [" rule "]}"
	static const struct {
		const char *what, *spec, *meta, *status;
		const char *type, *reason;
		int failed; /* noted */
	} cases[] = {
		{"one failure is not enough", "backoffLimit: 1", TRACKED, "phase: Failed", "", "", 1},
		{"one is", "backoffLimit: 0", TRACKED, "phase: Failed", "FailureTarget", "BackoffLimitExceeded", 1},
		{"deadline", "activeDeadlineSeconds: 120", TRACKED, "phase: Running", "FailureTarget",
		 "DeadlineExceeded", 1},
		{"not yet", "activeDeadlineSeconds: 121", TRACKED, "phase: Running", "", "", 0},
		{"success", "completions: 1", TRACKED, "phase: Succeeded", "SuccessCriteriaMet", "CompletionsReached",
		 0},
		{"a code that fails it", POLICY("{action: FailJob, onExitCodes: {operator: In, values: [3]}}"), TRACKED,
		 "phase: Failed" ENDED("3", "2026-01-01T00:00:00Z"), "FailureTarget", "PodFailurePolicy", 1},
		{"another code", POLICY("{action: FailJob, onExitCodes: {operator: NotIn, values: [3]}}"), TRACKED,
		 "phase: Failed" ENDED("3", "2026-01-01T00:00:00Z"), "", "", 1},
		{"another container",
		 POLICY("{action: FailJob, onExitCodes: {containerName: x, operator: In, values: [3]}}"), TRACKED,
		 "phase: Failed" ENDED("3", "2026-01-01T00:00:00Z"), "", "", 1},
		{"a condition that does not count",
		 POLICY("{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: 'True'}]}") ", "
													 "backoffLimit:"
													 " 0",
		 TRACKED, "phase: Failed, conditions: [{type: DisruptionTarget, status: 'True'}]", "", "", 0},
		{"the first rule that matches",
		 POLICY("{action: Count, onExitCodes: {operator: In, values: [3]}}, {action: FailJob, onExitCodes: "
			"{operator: "
			"In, values: [3]}}"),
		 TRACKED, "phase: Failed" ENDED("3", "2026-01-01T00:00:00Z"), "", "", 1},
		{"success policy",
		 "completionMode: Indexed, parallelism: 3, completions: 3, successPolicy: {rules: [{succeededIndexes: "
		 "'0,2', succeededCount: 1}]}",
		 TRACKED INDEX("2"), "phase: Succeeded", "SuccessCriteriaMet", "SuccessPolicy", 0},
		{"success policy of more",
		 "completionMode: Indexed, parallelism: 3, completions: 3, successPolicy: {rules: [{succeededIndexes: "
		 "'0,2'}]}",
		 TRACKED INDEX("2"), "phase: Succeeded", "", "", 0},
		{"too many indexes",
		 "completionMode: Indexed, parallelism: 1, completions: 3, backoffLimitPerIndex: 1, maxFailedIndexes: "
		 "0, "
		 "backoffLimit: 99",
		 TRACKED INDEX_FAILED("0", "1"), "phase: Failed", "FailureTarget", "MaxFailedIndexesExceeded", 1},
		{"an index may fail again",
		 "completionMode: Indexed, parallelism: 1, completions: 3, backoffLimitPerIndex: 2, maxFailedIndexes: "
		 "0, "
		 "backoffLimit: 99",
		 TRACKED INDEX_FAILED("0", "1"), "phase: Failed", "", "", 0},
		{"the last index has failed",
		 "completionMode: Indexed, parallelism: 1, completions: 1, backoffLimitPerIndex: 0, backoffLimit: 99",
		 TRACKED INDEX("0"), "phase: Failed", "FailureTarget", "FailedIndexes", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct batch_v1_job_status *status;
		struct fixture f;

		setup(&f, cases[i].spec, STARTED);
		add_pod(&f, "p", cases[i].meta, cases[i].status);
		run(&f);
		status = status_of(&f);
		if (*cases[i].type ? strcmp(reason_of(status, cases[i].type), cases[i].reason) != 0
				   : has(status, "FailureTarget") || has(status, "SuccessCriteriaMet"))
			fail_msg("%s: %s", cases[i].what, planned_text(&f.planned));
		if ((int)status->uncounted_terminated_pods->failed.len != cases[i].failed)
			fail_msg("%s: noted %zu", cases[i].what, status->uncounted_terminated_pods->failed.len);
		assert_false(has(status, "Complete") || has(status, "Failed"));
		planned_release(&f.planned);
	}
}

/* What was decided is carried to its end, and told, only when no pod is left. */
static void test_end(void **state UNUSED)
{
#define DECIDED(type)                                                                                                  \
	", status: {startTime: '2026-01-01T00:00:00Z', conditions: [{type: " type                                      \
	", status: 'True', reason: R, message: m}]}"
	static const struct {
		const char *rest, *meta, *status, *end, *event;
	} cases[] = {
		{DECIDED("FailureTarget"), OWN, "phase: Failed", "Failed", "event Warning R m\n"},
		{DECIDED("FailureTarget"), TRACKED, "phase: Failed", "", ""},
		{DECIDED("FailureTarget"), OWN GOING, "phase: Running", "", ""},
		{DECIDED("FailureTarget"), OWN, "phase: Running", "", ""},
		{DECIDED("SuccessCriteriaMet"), OWN, "phase: Succeeded", "Complete",
		 "event Normal Completed Job completed\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *event;
		struct fixture f;

		setup(&f, "completions: 1", cases[i].rest);
		add_pod(&f, "p", cases[i].meta, cases[i].status);
		run(&f);
		assert_int_equal(*cases[i].end != '\0', has(status_of(&f), "Complete") || has(status_of(&f), "Failed"));
		if (*cases[i].end)
			assert_true(has(status_of(&f), cases[i].end));
		assert_int_equal(status_of(&f)->completion_time != NULL, strcmp(cases[i].end, "Complete") == 0);
		event = strstr(planned_text(&f.planned), "event ");
		assert_string_equal(event ? event : "", cases[i].event);
		planned_release(&f.planned);
	}
}

/* Suspending forgets when it began, so that its deadline begins anew. */
static void test_suspension(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "completions: 1, suspend: true, activeDeadlineSeconds: 1", STARTED);
	run(&f);
	assert_true(has(status_of(&f), "Suspended") && !status_of(&f)->start_time);
	assert_string_equal(f.planned.plan.changes.items[0].on_success.reason, "Suspended");
	planned_release(&f.planned);

	setup(&f, "completions: 1, activeDeadlineSeconds: 1",
	      ", status: {conditions: [{type: Suspended, status: 'True', reason: JobSuspended, message: Job "
	      "suspended}]}");
	run(&f);
	assert_string_equal(reason_of(status_of(&f), "Suspended"), "JobResumed");
	assert_int_equal(status_of(&f)->start_time->seconds, NOW / NS_PER_SEC);
	assert_string_equal(planned_outline(&f.planned, "pods"), "create pods ns/j-\n");
	planned_release(&f.planned);
}

static void test_strays(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "completions: 1", "");
	add_pod(&f, "p", TRACKED, "phase: Running");
	f.inputs.object = NULL;
	f.inputs.strays = (struct object_slice){f.pods.items, f.pods.len};
	job_plan(NULL, &f.inputs, NOW, planned_begin(&f.planned));
	assert_string_equal(planned_text(&f.planned),
			    "patch pods ns/p {\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":"
			    "[\"batch.kubernetes.io/job-tracking\"],\"uid\":\"u-p\"}}\n");
	planned_release(&f.planned);
}

static void test_indexed_pod(void **state UNUSED)
{
	const struct core_v1_pod *pod;
	struct fixture f;

	setup(&f, "completionMode: Indexed, parallelism: 1, completions: 2, backoffLimitPerIndex: 3, backoffLimit: 99",
	      ", status: {startTime: '2026-01-01T00:00:00Z', completedIndexes: '0'}");
	add_pod(&f, "p", TRACKED INDEX_FAILED("1", "1"), "phase: Failed" ENDED("1", "2026-01-01T00:01:40Z"));
	run(&f);
	/* The failed one stays until the new one, which carries on its count, is there. */
	assert_string_equal(planned_outline(&f.planned, "pods"), "create pods ns/j-1-\n");
	pod = f.planned.plan.changes.items[1].request.body;
	assert_string_equal(str_c(pod->spec.hostname), "j-1");
	assert_string_equal(str_c(*str_map_get(&pod->metadata.labels, STR(JOB_INDEX))), "1");
	assert_string_equal(str_c(*str_map_get(&pod->metadata.annotations, STR(JOB_FAILURES))), "2");
	assert_string_equal(str_c(pod->spec.containers.items[0].env.items[0].name), "JOB_COMPLETION_INDEX");
	assert_true(has_finalizer(&pod->metadata, JOB_TRACKING));
	planned_release(&f.planned);
}

static void test_index_sets(void **state UNUSED)
{
	static const struct {
		const char *a, *b, *both;
		int overlap;
	} cases[] = {
		{"", "", "", 0},
		{"1,3-5,7", "", "1,3-5,7", 0},
		{"1", "2", "1,2", 0},
		{"1-3", "4", "1-4", 0},
		{"0,2,4", "1,3", "0-4", 0},
		{"0-9", "3-5,8", "0-9", 4},
		{"x,2", "1-x,3", "2,3", 0},
		{"98-200", "", "98,99", 0},
	};
	struct arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct index_set a = index_set_parse(str_from(cases[i].a), 100, &arena);
		struct index_set b = index_set_parse(str_from(cases[i].b), 100, &arena);
		struct index_set both = index_set_union(a, b, &arena);

		assert_string_equal(str_c(index_set_text(both, &arena)), cases[i].both);
		assert_int_equal(index_set_overlap(a, b), cases[i].overlap);
		for (int64_t index = 0; index < 100; index++)
			assert_int_equal(index_set_has(both, index),
					 index_set_has(a, index) || index_set_has(b, index));
	}
	arena_release(&arena);
}

/* --- Whole jobs ------------------------------------------------------------------------------------------------ */

#define PODS_MAX 400

struct world_pod {
	char name[16];
	const char *phase;
	long long index, failures; /* -1: none */
	bool tracked, going, gone;
};

struct world {
	struct random_source random;
	const char *spec;
	struct batch_v1_job_status status;
	struct arena arena; /* of the status */
	struct world_pod pods[PODS_MAX];
	size_t pods_len;
	int parallelism;
	int made_succeeded, made_failed; /* pods that have ended so */
	int64_t now;
};

static void draw(struct world *w, struct fixture *f)
{
	struct batch_v1_job job;

	setup(f, w->spec, "");
	job = *OBJECT_AS(batch_v1_job, f->inputs.object);
	job.status = w->status;
	f->inputs.object = reconciler_hold(&f->planned.arena, object_publish(&schema_batch_v1_job, &job));
	object_unref(f->inputs.object);
	for (size_t i = 0; i < w->pods_len; i++) {
		const struct world_pod *pod = &w->pods[i];
		char meta[400] = "", index[200] = "";

		if (pod->gone)
			continue;
		if (pod->index >= 0)
			snprintf(index, sizeof(index),
				 ", annotations: {" JOB_INDEX ": '%lld', " JOB_FAILURES ": '%lld'}", pod->index,
				 pod->failures);
		snprintf(meta, sizeof(meta), "%s%s%s", pod->tracked ? TRACKED : OWN, pod->going ? GOING : "", index);
		add_pod(f, pod->name, meta, arena_printf(&f->planned.arena, "phase: %s", pod->phase).data);
	}
}

static struct world_pod *find(struct world *w, struct str name)
{
	for (size_t i = 0; i < w->pods_len; i++)
		if (str_eq_c(name, w->pods[i].name))
			return &w->pods[i];
	fail_msg("no pod " STR_FMT, STR_ARG(name));
	return NULL;
}

static void make(struct world *w, const struct core_v1_pod *pod)
{
	struct world_pod *made = &w->pods[w->pods_len];
	const struct str *index = str_map_get(&pod->metadata.annotations, STR(JOB_INDEX));
	int64_t number = -1;

	assert_true(w->pods_len < PODS_MAX);
	if (index)
		assert_int_equal(str_parse_int64(*index, &number), 0);
	*made = (struct world_pod){.phase = "Pending",
				   .index = number,
				   .failures = job_pod_count(pod, JOB_FAILURES),
				   .tracked = has_finalizer(&pod->metadata, JOB_TRACKING)};
	snprintf(made->name, sizeof(made->name), "p%zu", w->pods_len++);
	assert_true(made->tracked);
}

static void write_status(struct world *w, const struct batch_v1_job_status *next)
{
	struct batch_v1_job job = {.status = *next};
	struct object *copy = object_publish(&schema_batch_v1_job, &job);

	assert_true(next->succeeded >= w->status.succeeded && next->failed >= w->status.failed);
	object_unref(copy);
	copy = reconciler_hold(&w->arena, object_publish(&schema_batch_v1_job, &job));
	object_unref(copy);
	w->status = OBJECT_AS(batch_v1_job, copy)->status;
}

static void carry_out(struct world *w, const struct change *change)
{
	const struct api_request *request = &change->request;
	struct world_pod *pod;

	if (str_eq_c(request->resource->plural, "jobs")) {
		write_status(w, &((const struct batch_v1_job *)request->body)->status);
		return;
	}
	if (request->operation == API_CREATE) {
		make(w, request->body);
		return;
	}
	pod = find(w, request->name);
	if (request->operation == API_DELETE)
		pod->going = true;
	else
		pod->tracked = false;
	pod->gone = pod->going && !pod->tracked;
}

static bool runs(const struct world_pod *pod)
{
	return !pod->gone && !pod->going && (strcmp(pod->phase, "Pending") == 0 || strcmp(pod->phase, "Running") == 0);
}

/* One plan, of which all or the first few changes are carried out. */
static void turn(struct world *w, bool whole)
{
	struct fixture f;
	size_t count;
	int running = 0;

	draw(w, &f);
	f.inputs.candidates = (struct object_slice){f.pods.items, f.pods.len};
	job_plan(NULL, &f.inputs, w->now, planned_begin(&f.planned));
	count = f.planned.plan.changes.len;
	if (!whole && count)
		count = random_source_below(&w->random, count + 1);
	for (size_t i = 0; i < count; i++)
		carry_out(w, &f.planned.plan.changes.items[i]);
	for (size_t i = 0; i < w->pods_len; i++)
		running += runs(&w->pods[i]);
	assert_true(running <= w->parallelism);
	planned_release(&f.planned);
}

/* Something happens to a pod that runs. */
static void happen(struct world *w, unsigned failing)
{
	for (size_t i = 0; i < w->pods_len; i++) {
		struct world_pod *pod = &w->pods[i];

		if (!runs(pod) || random_source_below(&w->random, 3))
			continue;
		if (strcmp(pod->phase, "Pending") == 0) {
			pod->phase = "Running";
			continue;
		}
		pod->phase = random_source_below(&w->random, 100) < failing ? "Failed" : "Succeeded";
		w->made_failed += strcmp(pod->phase, "Failed") == 0;
		w->made_succeeded += strcmp(pod->phase, "Succeeded") == 0;
	}
}

static bool over(const struct world *w)
{
	return has(&w->status, "Complete") || has(&w->status, "Failed");
}

static void test_counted_once(void **state UNUSED)
{
	static const struct {
		const char *spec;
		int parallelism;
		unsigned failing;
		const char *end;
		int succeeded;
	} cases[] = {
		{"parallelism: 3, completions: 10, backoffLimit: 1000", 3, 20, "Complete", 10},
		{"parallelism: 7, completions: 7, completionMode: Indexed, backoffLimit: 1000", 7, 40, "Complete", 7},
		{"parallelism: 2, completions: 9, completionMode: Indexed, backoffLimitPerIndex: 40, backoffLimit: "
		 "1000",
		 2, 30, "Complete", 9},
	};

	for (unsigned seed = 0; seed < 20; seed++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct world *w = XNEW(struct world);

			w->random.state = seed * 10 + i;
			w->spec = cases[i].spec;
			w->parallelism = cases[i].parallelism;
			for (int step = 0; step < 400 && !over(w); step++) {
				w->now = NOW + step * INT64_C(1000) * NS_PER_SEC;
				turn(w, random_source_below(&w->random, 3));
				happen(w, cases[i].failing);
			}
			assert_true(has(&w->status, cases[i].end));
			assert_int_equal(w->status.succeeded, cases[i].succeeded);
			assert_int_equal(w->made_succeeded, cases[i].succeeded);
			assert_int_equal(w->status.failed, w->made_failed);
			arena_release(&w->arena);
			free(w);
		}
	}
}

/* --- Time to live ---------------------------------------------------------------------------------------------- */

static void test_time_to_live(void **state UNUSED)
{
#define OVER(time) ", status: {conditions: [{type: Failed, status: 'True', lastTransitionTime: '" time "'}]}"
	static const struct {
		const char *spec, *rest;
		bool asked;
		const char *wanted;
		int64_t wait;
	} cases[] = {
		{"ttlSecondsAfterFinished: 60", OVER("2026-01-01T00:01:00Z"), true, "delete jobs ns/j\n", 0},
		{"ttlSecondsAfterFinished: 60", OVER("2026-01-01T00:01:01Z"), true, "", NS_PER_SEC},
		{"ttlSecondsAfterFinished: 60", OVER("2026-01-01T00:01:00Z"), false, "", NS_PER_MS},
		{"ttlSecondsAfterFinished: 0", "", true, "", 0},
		{"completions: 1", OVER("2026-01-01T00:01:00Z"), true, "", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ttl_inputs inputs = {.asked = cases[i].asked};
		struct fixture f;

		setup(&f, cases[i].spec, cases[i].rest);
		inputs.jobs = f.inputs.jobs;
		inputs.object = inputs.fresh = f.inputs.object;
		ttl_plan(NULL, &inputs, NOW, planned_begin(&f.planned));
		assert_string_equal(planned_text(&f.planned), cases[i].wanted);
		assert_int_equal(f.planned.plan.requeue_after_ns, cases[i].wait);
		if (*cases[i].wanted)
			assert_true(str_eq_c(f.planned.plan.changes.items[0].request.propagation_policy, "Foreground"));
		planned_release(&f.planned);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	     cmocka_unit_test(test_order),
		cmocka_unit_test(test_verdicts),     cmocka_unit_test(test_end),
		cmocka_unit_test(test_suspension),   cmocka_unit_test(test_strays),
		cmocka_unit_test(test_indexed_pod),  cmocka_unit_test(test_index_sets),
		cmocka_unit_test(test_counted_once), cmocka_unit_test(test_time_to_live),
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
