/* ReplicaSets and ReplicationControllers: how many pods are made or deleted, which go first, whose they are, and what
 * is told of them. */
#include "unit.h"

#include "base/clock.h"
#include "controllers/pod_control.h"
#include "controllers/replicaset.h"
#include "plans.h"

#define NOW	    (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */
#define OWN	    ", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: rs, controller: true}]"
#define READY(time) ", conditions: [{type: Ready, status: 'True', lastTransitionTime: '" time "'}]"

struct fixture {
	struct planned planned;
	struct replicaset_inputs inputs;
	VEC_OF(struct object *) pods;
};

static void setup(struct fixture *f, const char *spec, const char *rest)
{
	*f = (struct fixture){0};
	f->inputs.kind = &replica_kind_set;
	f->inputs.sets = client_resource("apps", "v1", "replicasets");
	f->inputs.pods = client_resource("", "v1", "pods");
	f->inputs.object = planned_objectf(
		&f->planned, "apps", "replicasets",
		"{metadata: {name: web, namespace: ns, uid: rs, generation: 2}, spec: {selector: {matchLabels: {app: "
		"web}},"
		" template: {metadata: {labels: {app: web, tier: front}}, spec: {containers: [{name: c}]}}, %s}%s}",
		spec, rest);
}

/* @meta, @spec, @status: members, with a comma first. */
static void add_pod(struct fixture *f, const char *name, const char *meta, const char *spec, const char *status)
{
	struct object *pod = planned_objectf(&f->planned, "", "pods",
					     "{metadata: {name: %s, namespace: ns, uid: u-%s, labels: {app: web}%s},"
					     " spec: {restartPolicy: Always%s}, status: {phase: Running%s}}",
					     name, name, meta, spec, status);

	vec_push(&f->planned.arena, &f->pods, pod);
}

static const char *run(struct fixture *f)
{
	f->inputs.candidates = (struct object_slice){f->pods.items, f->pods.len};
	replicaset_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
	return planned_outline(&f->planned, "pods");
}

static void test_sizes(void **state UNUSED)
{
	static const struct {
		const char *spec;
		size_t pods;
		const char *wanted;
	} cases[] = {
		{"replicas: 2", 0, "create pods ns/web-\ncreate pods ns/web-\n"},
		{"replicas: 2", 1, "create pods ns/web-\n"},
		{"replicas: 2", 2, ""},
		{"replicas: 1", 3, "delete pods ns/p0\ndelete pods ns/p1\n"},
		{"replicas: 0", 1, "delete pods ns/p0\n"},
		{"minReadySeconds: 0", 0, "create pods ns/web-\n"}, /* one unless it says */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec, "");
		for (size_t j = 0; j < cases[i].pods; j++)
			add_pod(&f, (char[]){'p', (char)('0' + j), '\0'}, OWN, "", "");
		assert_string_equal(run(&f), cases[i].wanted);
		planned_release(&f.planned);
	}
}

/* Not more than 500 at once, and the first that is refused ends the others. */
static void test_bursts(void **state UNUSED)
{
	struct fixture f;
	size_t creates = 0;

	setup(&f, "replicas: 1000", "");
	run(&f);
	SLICE_FOREACH (change, f.planned.plan.changes) {
		if (change->request.operation != API_CREATE)
			continue;
		creates++;
		assert_false(change->independent);
	}
	assert_int_equal(creates, 500);
	planned_release(&f.planned);
}

static void test_ownership(void **state UNUSED)
{
	static const struct {
		const char *what, *meta, *status, *rest, *wanted;
	} cases[] = {
		{"own", OWN, "", "", ""},
		{"an orphan is adopted", "", "", "", "patch pods ns/p\n"},
		{"another's is not",
		 ", ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: x, controller: true}]", "", "",
		 "create pods ns/web-\n"},
		{"own of other labels is let go", ", labels: {app: other}" OWN, "", "",
		 "patch pods ns/p\ncreate pods ns/web-\n"},
		{"an orphan of other labels is nobody's", ", labels: {app: other}", "", "", "create pods ns/web-\n"},
		{"own that has ended is replaced", OWN, ", phase: Failed", "", "create pods ns/web-\n"},
		{"an orphan that has ended is left", "", ", phase: Succeeded", "", "create pods ns/web-\n"},
		{"own that goes is replaced", ", deletionTimestamp: '2026-01-01T00:01:00Z'" OWN, "", "",
		 "create pods ns/web-\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, "replicas: 1", cases[i].rest);
		add_pod(&f, "p", cases[i].meta, "", cases[i].status);
		if (strcmp(run(&f), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, planned_outline(&f.planned, "pods"));
		planned_release(&f.planned);
	}
}

/* The first of two goes, by one rule after another; each case differs in its rule and is against it in the later ones.
 */
static void test_ranking(void **state UNUSED)
{
	static const struct pod {
		const char *meta, *spec, *status;
	} cases[][2] = {
		{{"", "", READY("2026-01-01T00:00:00Z")}, {"", ", nodeName: free", ", phase: Pending"}},
		{{"", ", nodeName: free", ", phase: Pending" READY("2026-01-01T00:00:00Z")},
		 {"", ", nodeName: free", ""}},
		{{"", ", nodeName: free", ", phase: Pending"}, {"", ", nodeName: free", ", phase: Unknown"}},
		{{"", ", nodeName: free", ""}, {"", ", nodeName: free", READY("2026-01-01T00:01:59Z")}},
		{{", annotations: {controller.kubernetes.io/pod-deletion-cost: '-5'}", ", nodeName: free",
		  READY("2026-01-01T00:00:00Z")},
		 {"", ", nodeName: crowded", READY("2026-01-01T00:01:59Z")}},
		{{"", ", nodeName: crowded", READY("2026-01-01T00:00:00Z")},
		 {"", ", nodeName: free", READY("2026-01-01T00:01:59Z")}},
		{{"", ", nodeName: free", READY("2026-01-01T00:01:59Z")},
		 {"", ", nodeName: free",
		  READY("2026-01-01T00:00:00Z") ", containerStatuses: [{name: c, restartCount: 9}]"}},
		{{"", ", nodeName: free", ", containerStatuses: [{name: c, restartCount: 2}]"},
		 {", creationTimestamp: '2026-01-01T00:01:59Z'", ", nodeName: free",
		  ", containerStatuses: [{name: c, restartCount: 1}]"}},
		{{", creationTimestamp: '2026-01-01T00:00:00Z'",
		  ", nodeName: free, initContainers: [{name: s, restartPolicy: Always}]",
		  ", initContainerStatuses: [{name: s, restartCount: 2}]"},
		 {", creationTimestamp: '2026-01-01T00:01:59Z'", ", nodeName: free, initContainers: [{name: s}]",
		  ", initContainerStatuses: [{name: s, restartCount: 3}]"}},
		{{", creationTimestamp: '2026-01-01T00:01:59Z'", ", nodeName: free", ""},
		 {", creationTimestamp: '2026-01-01T00:00:00Z'", ", nodeName: free", ""}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int turned = 0; turned < 2; turned++) {
			struct fixture f;
			const struct pod *first = &cases[i][0], *second = &cases[i][1];

			setup(&f, "replicas: 1", "");
			add_pod(&f, "z", "", ", nodeName: crowded", "");
			add_pod(&f, "x", "", ", nodeName: crowded", "");
			f.inputs.related = (struct object_slice){f.pods.items, f.pods.len};
			f.pods.items = NULL;
			f.pods.len = f.pods.cap = 0;
			/* The name, which decides at the end, is against it too. */
			if (turned)
				add_pod(&f, "a",
					str_c(arena_concat(&f.planned.arena, str_from(second->meta), STR(OWN))),
					second->spec, second->status);
			add_pod(&f, "b", str_c(arena_concat(&f.planned.arena, str_from(first->meta), STR(OWN))),
				first->spec, first->status);
			if (!turned)
				add_pod(&f, "a",
					str_c(arena_concat(&f.planned.arena, str_from(second->meta), STR(OWN))),
					second->spec, second->status);
			if (strcmp(run(&f), "delete pods ns/b\n") != 0)
				fail_msg("rule %zu: %s", i + 1, planned_outline(&f.planned, "pods"));
			planned_release(&f.planned);
		}
}

/* Ages of the same order of magnitude are the same: the UID decides, not the second. */
static void test_ages_by_magnitude(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "replicas: 1", "");
	add_pod(&f, "b", ", creationTimestamp: '2026-01-01T00:00:30Z'" OWN, ", nodeName: free", "");
	add_pod(&f, "a", ", creationTimestamp: '2026-01-01T00:00:20Z'" OWN, ", nodeName: free", "");
	assert_string_equal(run(&f), "delete pods ns/a\n");
	planned_release(&f.planned);
}

static void test_status(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup(&f, "replicas: 4, minReadySeconds: 30", "");
	add_pod(&f, "long", OWN, "", READY("2026-01-01T00:01:00Z"));
	add_pod(&f, "lately", OWN, "", READY("2026-01-01T00:01:50Z"));
	add_pod(&f, "full", ", labels: {app: web, tier: front}" OWN, "", "");
	add_pod(&f, "unready", OWN, "", "");
	add_pod(&f, "going", ", deletionTimestamp: '2026-01-01T00:01:00Z'" OWN, "", "");
	run(&f);
	text = planned_text(&f.planned);
	assert_non_null(strstr(text, "\"availableReplicas\":1"));
	assert_non_null(strstr(text, "\"fullyLabeledReplicas\":1"));
	assert_non_null(strstr(text, "\"readyReplicas\":2"));
	assert_non_null(strstr(text, "\"terminatingReplicas\":1"));
	assert_non_null(strstr(text, "\"replicas\":4"));
	assert_non_null(strstr(text, "\"observedGeneration\":2"));
	assert_int_equal(f.planned.plan.requeue_after_ns, 20 * NS_PER_SEC);
	planned_release(&f.planned);
}

static void test_failures_are_told(void **state UNUSED)
{
	static const char failed[] = ", status: {conditions: [{type: ReplicaFailure, status: 'True', reason: "
				     "FailedCreate, message: before}]}";
	static const struct {
		const char *rest;
		bool fails;
		const char *says;
	} cases[] = {
		{"", true, "\"reason\":\"FailedCreate\",\"message\":\"quota\""},
		{failed, true, NULL}, /* said already */
		{failed, false, "\"conditions\":null"},
		{"", false, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		struct change_failure failure = {.operation = API_CREATE, .message = STR("quota")};
		struct plan *plan;

		setup(&f, "replicas: 1", cases[i].rest);
		failure.resource = f.inputs.pods;
		plan = planned_begin(&f.planned);
		plan->failures.items = &failure;
		plan->failures.len = cases[i].fails;
		replicaset_plan(NULL, &f.inputs, NOW, plan);
		if (cases[i].says && !strstr(planned_text(&f.planned), cases[i].says))
			fail_msg("%zu: %s", i, planned_text(&f.planned));
		if (!cases[i].says && strstr(planned_text(&f.planned), "conditions"))
			fail_msg("%zu: %s", i, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

static void test_one_that_goes_makes_nothing(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "replicas: 1", "");
	f.inputs.object = planned_object(
		&f.planned, "apps", "replicasets",
		"{metadata: {name: web, namespace: ns, uid: rs, deletionTimestamp: '2026-01-01T00:01:00Z'},"
		" spec: {replicas: 1, selector: {matchLabels: {app: web}}}}");
	add_pod(&f, "orphan", "", "", "");
	assert_string_equal(run(&f), "");
	planned_release(&f.planned);
}

/* Its elder: another selector, a template by pointer, and a status of the same names but one. */
static void test_replication_controller(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup(&f, "replicas: 1", "");
	f.inputs.kind = &replica_kind_controller;
	f.inputs.sets = client_resource("", "v1", "replicationcontrollers");
	f.inputs.object = planned_object(
		&f.planned, "", "replicationcontrollers",
		"{metadata: {name: web, namespace: ns, uid: rs, generation: 3}, spec: {replicas: 3, minReadySeconds: "
		"30,"
		" selector: {app: web}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}},"
		" status: {replicas: 1, conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, "
		"message: before}]}}");
	add_pod(&f, "own", OWN, "", READY("2026-01-01T00:01:50Z"));
	add_pod(&f, "orphan", "", "", "");
	add_pod(&f, "strange", ", labels: {app: other}" OWN, "", "");
	assert_string_equal(run(&f), "patch pods ns/orphan\npatch pods ns/strange\ncreate pods ns/web-\n");
	text = planned_text(&f.planned);
	assert_non_null(strstr(text, "patch replicationcontrollers/status ns/web "
				     "{\"status\":{\"replicas\":2,\"fullyLabeledReplicas\":2,\"readyReplicas\":1,"
				     "\"observedGeneration\":3,\"conditions\":null}}\n"));
	assert_non_null(strstr(text, "\"kind\":\"ReplicationController\""));
	planned_release(&f.planned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_ownership),
		cmocka_unit_test(test_ranking),
		cmocka_unit_test(test_ages_by_magnitude),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_one_that_goes_makes_nothing),
		cmocka_unit_test(test_replication_controller),
	};

	return cmocka_run_group_tests_name("replicaset", tests, NULL, NULL);
}
