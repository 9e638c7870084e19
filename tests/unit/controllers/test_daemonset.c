/* DaemonSets: on which nodes they want pods, which of several stay, how they roll, and what is told of them. */
#include "unit.h"

#include "base/clock.h"
#include "controllers/daemonset.h"
#include "plans.h"

#define NOW	 (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */
#define OWN	 "ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: log, uid: ds, controller: true}]"
#define TEMPLATE "{metadata: {labels: {app: log}}, spec: {containers: [{name: c}]}}"
#define READY	 "phase: Running, conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-01-01T00:01:50Z'}]"
#define UNREADY	 "phase: Running"
#define ROLLING	 ", updateStrategy: {type: RollingUpdate, rollingUpdate: "

struct fixture {
	struct planned planned;
	struct daemonset_inputs inputs;
	VEC_OF(struct object *) nodes, pods, revisions;
	VEC_OF(struct daemon_failure) failures;
};

/* @spec, @rest: members, with a comma first. */
static void setup_template(struct fixture *f, const char *template, const char *spec, const char *rest)
{
	*f = (struct fixture){0};
	f->inputs.daemonsets = client_resource("apps", "v1", "daemonsets");
	f->inputs.pods = client_resource("", "v1", "pods");
	f->inputs.history.revisions = client_resource("apps", "v1", "controllerrevisions");
	f->inputs.object = planned_objectf(
		&f->planned, "apps", "daemonsets",
		"{metadata: {name: log, namespace: ns, uid: ds, generation: 2, annotations: "
		"{deprecated.daemonset.template.generation: '2'}%s}, spec: {selector: {matchLabels: {app: log}},"
		" revisionHistoryLimit: 1, template: %s%s}}",
		rest, template, spec);
}

/* A revision of the number as its hash; @image empty: of the present template. */
static void add_revision(struct fixture *f, int number, const char *image)
{
	struct object *revision = planned_objectf(
		&f->planned, "apps", "controllerrevisions",
		"{metadata: {name: log-h%d, namespace: ns, uid: r%d, labels: {app: log, controller-revision-hash: h%d},"
		" " OWN "}, revision: %d, data: {spec: {template: {$patch: replace, metadata: {labels: {app: log}},"
		" spec: {containers: [{name: c%s%s}]}}}}}",
		number, number, number, number, *image ? ", image: " : "", image);

	vec_push(&f->planned.arena, &f->revisions, revision);
}

/* The usual: the present template has revision 2, the one before it 1. */
static void setup(struct fixture *f, const char *spec)
{
	setup_template(f, TEMPLATE, spec, "");
	add_revision(f, 1, "former");
	add_revision(f, 2, "");
}

/* @spec: members of the node's spec. */
static void add_node(struct fixture *f, const char *name, const char *spec)
{
	struct object *node = planned_objectf(
		&f->planned, "", "nodes", "{metadata: {name: %s, labels: {name: %s}}, spec: {%s}}", name, name, spec);

	vec_push(&f->planned.arena, &f->nodes, node);
}

/* A pod on @node of revision @number; @meta: members of the metadata, with a comma first. */
static struct object *add_pod(struct fixture *f, const char *name, const char *node, int number, const char *meta,
			      const char *status)
{
	struct object *pod =
		planned_objectf(&f->planned, "", "pods",
				"{metadata: {name: %s, namespace: ns, uid: u-%s, labels: {app: log, "
				"controller-revision-hash: h%d}, " OWN "%s}, spec: {nodeName: %s}, status: {%s}}",
				name, name, number, meta, node, status);

	vec_push(&f->planned.arena, &f->pods, pod);
	return pod;
}

static const char *run(struct fixture *f, const char *plural)
{
	f->inputs.nodes = (struct object_slice){f->nodes.items, f->nodes.len};
	f->inputs.candidates = (struct object_slice){f->pods.items, f->pods.len};
	f->inputs.history.candidates = f->inputs.history.named =
		(struct object_slice){f->revisions.items, f->revisions.len};
	f->inputs.failures.items = f->failures.items;
	f->inputs.failures.len = f->failures.len;
	daemonset_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
	return planned_outline(&f->planned, plural);
}

static void expect(struct fixture *f, const char *what, const char *wanted)
{
	const char *text = run(f, "pods");

	if (strcmp(text, wanted) != 0)
		fail_msg("%s: %s instead of %s", what, text, wanted);
	planned_release(&f->planned);
}

static void test_which_nodes(void **state UNUSED)
{
	static const struct {
		const char *what, *template_spec, *node;
		bool runs, stays;
	} cases[] = {
		{"any", "", "", true, true},
		{"the one named", "nodeName: a, ", "", true, true},
		{"another named", "nodeName: b, ", "", false, false},
		{"of its labels", "nodeSelector: {name: a}, ", "", true, true},
		{"of other labels", "nodeSelector: {name: b}, ", "", false, false},
		{"of another affinity",
		 "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
		 "[{matchExpressions: [{key: name, operator: In, values: [b]}]}]}}}, ",
		 "", false, false},
		{"cordoned", "", "taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]", true, true},
		{"not ready", "", "taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]", true, true},
		{"without network", "", "taints: [{key: node.kubernetes.io/network-unavailable, effect: NoSchedule}]",
		 false, true},
		{"without network, in the host's", "hostNetwork: true, ",
		 "taints: [{key: node.kubernetes.io/network-unavailable, effect: NoSchedule}]", true, true},
		{"kept for others", "", "taints: [{key: k, value: v, effect: NoSchedule}]", false, true},
		{"better left to others", "", "taints: [{key: k, value: v, effect: PreferNoSchedule}]", true, true},
		{"cleared", "", "taints: [{key: k, value: v, effect: NoExecute}]", false, false},
		{"cleared, but tolerated", "tolerations: [{key: k, operator: Exists}], ",
		 "taints: [{key: k, value: v, effect: NoExecute}]", true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int there = 0; there < 2; there++) {
			struct fixture f;
			char template[512];

			snprintf(template, sizeof(template),
				 "{metadata: {labels: {app: log}}, spec: {%scontainers: [{name: c}]}}",
				 cases[i].template_spec);
			setup_template(&f, template, "", "");
			add_node(&f, "a", cases[i].node);
			if (there)
				add_pod(&f, "p", "a", 2, "", READY);
			expect(&f, cases[i].what,
			       there ? (cases[i].stays ? "" : "delete pods ns/p\n")
				     : (cases[i].runs ? "create pods ns/log-\n" : ""));
		}
}

/* Which of a node's pods stay. */
static void test_pods_of_a_node(void **state UNUSED)
{
	static const struct {
		const char *what, *meta, *status, *wanted;
	} cases[] = {
		{"the older one", ", creationTimestamp: '2026-01-01T00:00:01Z'", READY, "delete pods ns/p\n"},
		{"one that goes is none", ", deletionTimestamp: '2026-01-01T00:00:01Z'", READY, ""},
		{"one that has ended", "", "phase: Succeeded", "delete pods ns/p\n"},
		{"one that has failed", "", "phase: Failed", "delete pods ns/p\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, "");
		add_node(&f, "a", "");
		add_pod(&f, "p", "a", 2, cases[i].meta, cases[i].status);
		add_pod(&f, "first", "a", 2, "", READY);
		expect(&f, cases[i].what, cases[i].wanted);
	}
}

static void test_lost_nodes(void **state UNUSED)
{
	struct fixture f;
	struct object *waiting;

	setup(&f, "");
	add_pod(&f, "bound", "gone", 2, "", READY);
	waiting = planned_object(
		&f.planned, "", "pods",
		"{metadata: {name: waiting, namespace: ns, uid: u, labels: {app: log}, " OWN
		"}, spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
		"{nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [gone]}]}]}}}}}");
	vec_push(&f.planned.arena, &f.pods, waiting);
	expect(&f, "pods of a node that is gone", "delete pods ns/waiting\n");
}

static void test_failed_pods_wait(void **state UNUSED)
{
	struct fixture f;
	struct object *pod;
	const char *text;

	setup(&f, "");
	add_node(&f, "a", "");
	pod = add_pod(&f, "p", "a", 2, "", "phase: Failed");
	vec_push(&f.planned.arena, &f.failures, (struct daemon_failure){pod, 3 * NS_PER_SEC});
	assert_string_equal(run(&f, "pods"), "");
	assert_int_equal(f.planned.plan.requeue_after_ns, 3 * NS_PER_SEC);
	f.failures.items[0].wait_ns = 0;
	assert_string_equal(run(&f, "pods"), "delete pods ns/p\n");
	text = planned_text(&f.planned);
	assert_non_null(strstr(text,
			       "event Warning FailedDaemonPod Found failed daemon pod ns/p on node a, will try to "
			       "kill it\n"));
	planned_release(&f.planned);
}

static void test_backoff(void **state UNUSED)
{
	struct daemon_backoff backoff = {0};
	int64_t now = 100 * NS_PER_SEC, wait = NS_PER_SEC;

	assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now), 0);
	assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now), NS_PER_SEC);
	assert_int_equal(daemon_backoff_take(&backoff, STR("b"), now), 0);
	for (int i = 0; i < 20; i++) {
		now += wait;
		assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now), 0);
		wait = MIN(2 * wait, 15 * 60 * NS_PER_SEC);
		assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now + 1), wait - 1);
	}
	now += 31 * 60 * NS_PER_SEC;
	assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now), 0);
	assert_int_equal(daemon_backoff_take(&backoff, STR("a"), now), NS_PER_SEC);
	assert_int_equal(backoff.entries.len, 1); /* b is forgotten */
	daemon_backoff_release(&backoff);
}

/* Pods as letters, one node each: o former and available, x former and not, n present and available, w present and not,
 * a capital former with one of the present template beside it, which is N available or W not. */
static void test_rolling(void **state UNUSED)
{
	static const struct {
		const char *spec, *nodes, *wanted;
	} cases[] = {
		{ROLLING "{maxUnavailable: 1}}", "ooo", "delete pods ns/old0\n"},
		{ROLLING "{maxUnavailable: 2}}", "ooo", "delete pods ns/old0\ndelete pods ns/old1\n"},
		{ROLLING "{maxUnavailable: 50%}}", "ooo", "delete pods ns/old0\ndelete pods ns/old1\n"},
		{ROLLING "{maxUnavailable: 1}}", "wooo", ""},
		{ROLLING "{maxUnavailable: 1}}", "nooo", "delete pods ns/old1\n"},
		{ROLLING "{maxUnavailable: 1}}", "oxxo", "delete pods ns/old1\ndelete pods ns/old2\n"},
		{ROLLING "{maxUnavailable: 0}}", "oo", "delete pods ns/old0\n"},
		{", updateStrategy: {type: OnDelete}", "oxo", ""},
		{ROLLING "{maxUnavailable: 0, maxSurge: 1}}", "ooo", "create pods ns/log-\n"},
		{ROLLING "{maxUnavailable: 0, maxSurge: 50%}}", "ooo", "create pods ns/log-\ncreate pods ns/log-\n"},
		{ROLLING "{maxUnavailable: 0, maxSurge: 1}}", "Woo", ""},
		{ROLLING "{maxUnavailable: 0, maxSurge: 1}}", "Noo", "delete pods ns/old0\n"},
		{ROLLING "{maxUnavailable: 0, maxSurge: 1}}", "xoo", "create pods ns/log-\ncreate pods ns/log-\n"},
		{ROLLING "{maxUnavailable: 0, maxSurge: 1}}", "nnn", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec);
		for (size_t j = 0; cases[i].nodes[j]; j++) {
			char kind = cases[i].nodes[j], node[] = {'a', (char)('0' + j), '\0'};
			char old[] = {'o', 'l', 'd', (char)('0' + j), '\0'};
			char new_[] = {'n', 'e', 'w', (char)('0' + j), '\0'};

			add_node(&f, node, "");
			if (strchr("oxNW", kind))
				add_pod(&f, old, node, 1, "", kind == 'x' ? UNREADY : READY);
			if (strchr("nwNW", kind))
				add_pod(&f, new_, node, 2, "", strchr("nN", kind) ? READY : UNREADY);
		}
		expect(&f, arena_printf(&f.planned.arena, "%zu: %s", i, cases[i].nodes).data, cases[i].wanted);
	}
}

static void test_pod_that_is_made(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup_template(&f,
		       "{metadata: {labels: {app: log}}, spec: {tolerations: [{key: node.kubernetes.io/not-ready, "
		       "operator: Exists, effect: NoExecute, tolerationSeconds: 5}], affinity: {nodeAffinity: "
		       "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: "
		       "[{key: name, operator: Exists}]}]}}}}}",
		       "", "");
	add_node(&f, "a", "");
	run(&f, "pods");
	text = planned_text(&f.planned);
	assert_non_null(strstr(text,
			       "\"matchExpressions\":[{\"key\":\"name\",\"operator\":\"Exists\"}],\"matchFields\":["
			       "{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":[\"a\"]}]"));
	assert_non_null(strstr(text, "\"pod-template-generation\":\"2\""));
	assert_non_null(strstr(text, "{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":"
				     "\"NoExecute\"},{\"key\":\"node.kubernetes.io/unreachable\""));
	assert_null(strstr(text, "network-unavailable"));
	planned_release(&f.planned);
}

/* A new template gets a revision, one that comes back gets its own again. */
static void test_revisions(void **state UNUSED)
{
	struct fixture f;

	setup_template(&f, TEMPLATE, "", "");
	assert_non_null(strstr(run(&f, "controllerrevisions"), "create controllerrevisions ns/log-"));
	assert_non_null(strstr(planned_text(&f.planned),
			       "\"data\":{\"spec\":{\"template\":{\"$patch\":\"replace\",\"metadata\":{\"labels\":{"
			       "\"app\":\"log\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{}}]}}}},"
			       "\"revision\":1"));
	planned_release(&f.planned);

	setup_template(&f, TEMPLATE, "", "");
	add_revision(&f, 1, "");
	add_revision(&f, 2, "former");
	run(&f, NULL);
	assert_non_null(strstr(planned_text(&f.planned), "patch controllerrevisions ns/log-h1 {\"revision\":3}\n"));
	planned_release(&f.planned);
}

/* The name of the revision is somebody else's. */
static void test_collision(void **state UNUSED)
{
	struct fixture f;
	struct object *made;
	const char *text;
	struct str name = {0};

	setup_template(&f, TEMPLATE, "", "");
	run(&f, NULL);
	SLICE_FOREACH (change, f.planned.plan.changes)
		if (change->request.resource == f.inputs.history.revisions)
			name = object_meta_of(change->request.body_schema, change->request.body)->name;
	made = planned_objectf(&f.planned, "apps", "controllerrevisions",
			       "{metadata: {name: " STR_FMT
			       ", namespace: ns, uid: other, ownerReferences: [{apiVersion: v1, "
			       "kind: X, name: x, uid: x, controller: true}]}, revision: 1}",
			       STR_ARG(name));
	vec_push(&f.planned.arena, &f.revisions, made);
	run(&f, NULL);
	text = planned_text(&f.planned);
	assert_non_null(strstr(text, "create controllerrevisions ns/log-"));
	assert_null(strstr(
		text,
		arena_printf(&f.planned.arena, "create controllerrevisions ns/" STR_FMT " ", STR_ARG(name)).data));
	assert_non_null(strstr(text, "\"collisionCount\":1"));
	planned_release(&f.planned);
}

static void test_history_limit(void **state UNUSED)
{
	static const char *const wanted[] = {"delete controllerrevisions ns/log-h1\ndelete controllerrevisions "
					     "ns/log-h2\n",
					     "delete controllerrevisions ns/log-h2\ndelete controllerrevisions "
					     "ns/log-h3\n"};

	for (int live = 0; live < 2; live++) {
		struct fixture f;

		setup_template(&f, TEMPLATE, ", updateStrategy: {type: OnDelete}", "");
		add_revision(&f, 1, "a");
		add_revision(&f, 2, "b");
		add_revision(&f, 3, "c");
		add_revision(&f, 4, "");
		add_node(&f, "a", "");
		if (live)
			add_pod(&f, "p", "a", 1, "", READY);
		assert_string_equal(run(&f, "controllerrevisions"), wanted[live]);
		planned_release(&f.planned);
	}
}

static void test_status(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup(&f, ", minReadySeconds: 15, updateStrategy: {type: OnDelete}");
	add_node(&f, "a", "");
	add_node(&f, "b", "");
	add_node(&f, "c", "");
	add_node(&f, "d", "taints: [{key: k, effect: NoSchedule}]");
	add_pod(&f, "lately", "a", 2, "", READY);
	add_pod(&f, "former", "b", 1, "", UNREADY);
	add_pod(&f, "astray", "d", 2, "", READY);
	run(&f, "pods");
	text = planned_text(&f.planned);
	assert_non_null(strstr(text,
			       "patch daemonsets/status ns/log {\"status\":{\"currentNumberScheduled\":2,"
			       "\"numberMisscheduled\":1,\"desiredNumberScheduled\":3,\"numberReady\":1,"
			       "\"observedGeneration\":2,\"updatedNumberScheduled\":1,\"numberUnavailable\":3}}\n"));
	assert_int_equal(f.planned.plan.requeue_after_ns, 5 * NS_PER_SEC);
	planned_release(&f.planned);
}

static void test_one_that_does_nothing(void **state UNUSED)
{
	struct fixture f;

	setup_template(&f, TEMPLATE, "", ", deletionTimestamp: '2026-01-01T00:01:00Z'");
	add_node(&f, "a", "");
	assert_string_equal(run(&f, NULL), "");
	planned_release(&f.planned);

	setup(&f, "");
	add_node(&f, "a", "");
	f.inputs.object = planned_object(&f.planned, "apps", "daemonsets",
					 "{metadata: {name: log, namespace: ns, uid: ds}, spec: {selector: {}}}");
	assert_string_equal(run(&f, NULL), "event Warning SelectingAll This daemon set is selecting all pods. A "
					   "non-empty selector is required.\n");
	planned_release(&f.planned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which_nodes),	 cmocka_unit_test(test_pods_of_a_node),
		cmocka_unit_test(test_lost_nodes),	 cmocka_unit_test(test_failed_pods_wait),
		cmocka_unit_test(test_backoff),		 cmocka_unit_test(test_rolling),
		cmocka_unit_test(test_pod_that_is_made), cmocka_unit_test(test_revisions),
		cmocka_unit_test(test_collision),	 cmocka_unit_test(test_history_limit),
		cmocka_unit_test(test_status),		 cmocka_unit_test(test_one_that_does_nothing),
	};

	return cmocka_run_group_tests_name("daemonset", tests, NULL, NULL);
}
