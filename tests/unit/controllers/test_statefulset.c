/* StatefulSets: in what order pods come, go and are replaced, what they and their claims are, and what is told. */
#include "unit.h"

#include "base/clock.h"
#include "controllers/statefulset.h"
#include "plans.h"

#define NOW   (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */
#define OWN   "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: sts, controller: true}]"
#define CLAIM ", volumeClaimTemplates: [{metadata: {name: data, labels: {v: w}}}]"
#define ORDER ", updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: "
#define READY "phase: Running, conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-01-01T00:01:50Z'}]"

struct fixture {
	struct planned planned;
	struct statefulset_inputs inputs;
	VEC_OF(struct object *) pods, claims, revisions;
};

static void add_revision(struct fixture *f, int number, const char *image)
{
	struct object *revision = planned_objectf(
		&f->planned, "apps", "controllerrevisions",
		"{metadata: {name: db-h%d, namespace: ns, uid: r%d, labels: {app: db, "
		"controller.kubernetes.io/hash: h%d}, " OWN "}, revision: %d, data: {spec: {template: {$patch: replace,"
		" metadata: {labels: {app: db}}, spec: {containers: [{name: c%s%s}]}}}}}",
		number, number, number, number, *image ? ", image: " : "", image);

	vec_push(&f->planned.arena, &f->revisions, revision);
}

/* @spec, @meta: members, with a comma first.  Pods are of revision 1 and are to be of 2. */
static void setup(struct fixture *f, int replicas, const char *spec, const char *meta)
{
	*f = (struct fixture){0};
	f->inputs.statefulsets = client_resource("apps", "v1", "statefulsets");
	f->inputs.pods = client_resource("", "v1", "pods");
	f->inputs.claims = client_resource("", "v1", "persistentvolumeclaims");
	f->inputs.history.revisions = client_resource("apps", "v1", "controllerrevisions");
	f->inputs.object = planned_objectf(
		&f->planned, "apps", "statefulsets",
		"{metadata: {name: db, namespace: ns, uid: sts, generation: 2%s}, spec: {replicas: %d, serviceName: "
		"svc,"
		" selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: "
		"[{name: c}]}}%s}, status: {currentRevision: db-h1}}",
		meta, replicas, spec);
	add_revision(f, 1, "former");
	add_revision(f, 2, "");
}

/* @meta: members, with a comma first. */
static struct object *add_pod(struct fixture *f, const char *name, int revision, const char *meta, const char *status)
{
	struct object *pod = planned_objectf(
		&f->planned, "", "pods",
		"{metadata: {name: %s, namespace: ns, uid: u-%s, labels: {app: db, controller-revision-hash: db-h%d,"
		" statefulset.kubernetes.io/pod-name: %s}, " OWN "%s}, status: {%s}}",
		name, name, revision, name, meta, status);

	vec_push(&f->planned.arena, &f->pods, pod);
	return pod;
}

static void add_claim(struct fixture *f, const char *meta)
{
	struct object *claim = planned_objectf(&f->planned, "", "persistentvolumeclaims",
					       "{metadata: {name: data-db-0, namespace: ns, uid: c%s}}", meta);

	vec_push(&f->planned.arena, &f->claims, claim);
}

static const char *run(struct fixture *f, const char *plural)
{
	f->inputs.candidates = (struct object_slice){f->pods.items, f->pods.len};
	f->inputs.stored_claims = (struct object_slice){f->claims.items, f->claims.len};
	f->inputs.history.candidates = f->inputs.history.named =
		(struct object_slice){f->revisions.items, f->revisions.len};
	statefulset_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
	return planned_outline(&f->planned, plural);
}

/*
 * A pod for each letter, from ordinal 0: o former and available, x former and not ready, n present and available, w
 * present and not ready, g going, f failed, - none.
 */
static void add_pods(struct fixture *f, const char *pods)
{
	for (size_t i = 0; pods[i]; i++) {
		char name[] = {'d', 'b', '-', (char)('0' + i), '\0'};
		bool going = pods[i] == 'g', ready = strchr("ong", pods[i]);

		if (pods[i] != '-')
			add_pod(f, name, strchr("ox", pods[i]) ? 1 : 2,
				going ? ", deletionTimestamp: '2026-01-01T00:01:59Z'" : "",
				ready		 ? READY
				: pods[i] == 'f' ? "phase: Failed"
						 : "phase: Running");
	}
}

static void test_order(void **state UNUSED)
{
	static const char parallel[] = ", podManagementPolicy: Parallel";
	static const struct {
		int replicas;
		const char *spec, *pods, *wanted;
	} cases[] = {
		{2, "", "", "create pods ns/db-0\n"},
		{2, "", "w", ""},
		{2, "", "n", "create pods ns/db-1\n"},
		{3, "", "n-n", "create pods ns/db-1\n"},
		{2, "", "f", "delete pods ns/db-0\n"},
		{2, "", "g", ""},
		{2, ", minReadySeconds: 60", "n", ""},
		{2, parallel, "", "create pods ns/db-0\ncreate pods ns/db-1\n"},
		{3, parallel, "wg", "create pods ns/db-2\n"},
		{2, parallel, "fw", "delete pods ns/db-0\n"},
		/* fewer */
		{1, "", "nnn", "delete pods ns/db-2\n"},
		{1, "", "nng", ""},
		{1, "", "nwn", "delete pods ns/db-2\n"},
		{1, "", "nww", ""},
		{1, "", "nnw", "delete pods ns/db-2\n"},
		{1, "", "wnn", ""},
		{1, parallel, "wnn", "delete pods ns/db-2\ndelete pods ns/db-1\n"},
		{0, "", "n", "delete pods ns/db-0\n"},
		/* others */
		{3, "", "ooo", ""},
		{3, ORDER "0}}", "ooo", "delete pods ns/db-2\n"},
		{3, ORDER "0}}", "oow", ""},
		{3, ORDER "0}}", "oon", "delete pods ns/db-1\n"},
		{3, ORDER "2}}", "oon", ""},
		{3, ORDER "9}}", "ooo", ""},
		{3, ORDER "0}}", "oox", ""}, /* a broken one holds up what would mend it */
		{3, ORDER "0}}, podManagementPolicy: Parallel", "xoo", "delete pods ns/db-2\n"},
		{3, ORDER "0}}, podManagementPolicy: Parallel", "oox", "delete pods ns/db-2\n"},
		{3, ORDER "0}}, podManagementPolicy: Parallel", "oof", "delete pods ns/db-2\n"},
		{4, ORDER "0, maxUnavailable: 50%}}", "oooo", "delete pods ns/db-3\ndelete pods ns/db-2\n"},
		{4, ORDER "0, maxUnavailable: 2}}, podManagementPolicy: Parallel", "ooow", "delete pods ns/db-2\n"},
		{4, ORDER "0, maxUnavailable: 10%}}", "oooo", "delete pods ns/db-3\n"},
		{3, ", updateStrategy: {type: OnDelete}", "ooo", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *text;

		setup(&f, cases[i].replicas, *cases[i].spec ? cases[i].spec : ", updateStrategy: {type: OnDelete}", "");
		add_pods(&f, cases[i].pods);
		text = run(&f, "pods");
		if (strcmp(text, cases[i].wanted) != 0)
			fail_msg("%zu: %d of %s: %s", i, cases[i].replicas, cases[i].pods, text);
		planned_release(&f.planned);
	}
}

static void test_ordinals(void **state UNUSED)
{
	static const struct {
		const char *name;
		int64_t ordinal;
	} cases[] = {{"db-0", 0},   {"db-12", 12},  {"db-", -1},     {"db", -1},	   {"db-x", -1},
		     {"db-01", -1}, {"db-1-2", -1}, {"other-1", -1}, {"db-2147483648", -1}};
	struct fixture f;

	setup(&f, 2, ", ordinals: {start: 5}", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			statefulset_ordinal(OBJECT_AS(apps_v1_stateful_set, f.inputs.object), str_from(cases[i].name)),
			cases[i].ordinal);
	assert_string_equal(run(&f, "pods"), "create pods ns/db-5\n");
	planned_release(&f.planned);
}

static void test_pod_that_is_made(void **state UNUSED)
{
	static const struct {
		const char *spec, *says;
	} cases[] = {
		{ORDER "1}}", "\"controller-revision-hash\":\"db-h1\""},
		{ORDER "1}}", "\"image\":\"former\""},
		{ORDER "0}}", "\"controller-revision-hash\":\"db-h2\""},
		{"", "\"hostname\":\"db-0\",\"subdomain\":\"svc\""},
		{"", "\"apps.kubernetes.io/pod-index\":\"0\""},
		{"", "\"statefulset.kubernetes.io/pod-name\":\"db-0\""},
		{CLAIM, "\"volumes\":[{\"name\":\"data\",\"persistentVolumeClaim\":{\"claimName\":\"data-db-0\"}}]"},
		{CLAIM,
		 "create persistentvolumeclaims ns/data-db-0 {\"metadata\":{\"name\":\"data-db-0\",\"namespace\":"
		 "\"ns\",\"labels\":{\"app\":\"db\",\"v\":\"w\"}}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, 1, cases[i].spec, "");
		run(&f, NULL);
		if (!strstr(planned_text(&f.planned), cases[i].says))
			fail_msg("%s in %s", cases[i].says, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

/* Whose the claim of pod 0 is, by policy; the pod is there, and one of the set's unless @replicas is 0. */
static void test_retention(void **state UNUSED)
{
#define POLICY(deleted, scaled)                                                                                        \
	CLAIM ", persistentVolumeClaimRetentionPolicy: {whenDeleted: " deleted ", whenScaled: " scaled "}"
#define OF_SET "{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: sts, controller: true}"
#define OF_POD "{apiVersion: v1, kind: Pod, name: db-0, uid: u-db-0, controller: true}"
#define PATCH  "patch persistentvolumeclaims ns/data-db-0 {\"metadata\":{\"ownerReferences\":"
	static const struct {
		int replicas;
		const char *spec, *owners, *wanted; /* the patch's beginning; NULL: none */
		const char *owner;
	} cases[] = {
		{1, CLAIM, "", NULL, NULL},
		{1, POLICY("Retain", "Retain"), "", NULL, NULL},
		{1, POLICY("Retain", "Retain"), OF_SET, PATCH "null}}", NULL},
		{1, POLICY("Delete", "Retain"), "", PATCH "[", "\"uid\":\"sts\""},
		{1, POLICY("Delete", "Retain"), OF_SET, NULL, NULL},
		{1, POLICY("Delete", "Retain"), "{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: sts}",
		 PATCH "[", "\"controller\":true"},
		{0, POLICY("Delete", "Retain"), OF_SET, NULL, NULL},
		{1, POLICY("Retain", "Delete"), "", NULL, NULL},
		{0, POLICY("Retain", "Delete"), "", PATCH "[", "\"uid\":\"u-db-0\""},
		{1, POLICY("Retain", "Delete"), OF_POD, PATCH "null}}", NULL},
		{1, POLICY("Delete", "Delete"), "", PATCH "[", "\"uid\":\"sts\""},
		{0, POLICY("Delete", "Delete"), OF_SET, PATCH "[", "\"uid\":\"u-db-0\""},
		{1, POLICY("Delete", "Retain"), "{apiVersion: v1, kind: Pod, name: db-0, uid: before}", NULL, NULL},
		{1, POLICY("Delete", "Retain"), "{apiVersion: v1, kind: X, name: x, uid: x, controller: true}", NULL,
		 NULL},
		{1, POLICY("Delete", "Retain"), OF_SET ", {apiVersion: v1, kind: X, name: x, uid: x, controller: true}",
		 PATCH "[", "\"uid\":\"x\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *text, *found;

		setup(&f, cases[i].replicas, cases[i].spec, "");
		add_pods(&f, "n");
		add_claim(&f, str_c(arena_printf(&f.planned.arena, ", ownerReferences: [%s]", cases[i].owners)));
		run(&f, NULL);
		text = planned_text(&f.planned);
		found = strstr(text, "patch persistentvolumeclaims");
		if (!found != !cases[i].wanted ||
		    (found && (strncmp(found, cases[i].wanted, strlen(cases[i].wanted)) != 0 ||
			       (cases[i].owner && !strstr(found, cases[i].owner)))))
			fail_msg("%zu: %s", i, text);
		planned_release(&f.planned);
	}
}

static void test_claims_in_the_way(void **state UNUSED)
{
	struct fixture f;

	setup(&f, 1, CLAIM, "");
	add_claim(&f, ", deletionTimestamp: '2026-01-01T00:01:59Z'");
	assert_string_equal(run(&f, "pods"), "");
	assert_non_null(strstr(planned_text(&f.planned), "event Warning FailedCreate Create Pod db-0 in StatefulSet db "
							 "failed error: pvc data-db-0 is being deleted\n"));
	planned_release(&f.planned);

	/* It will go with the pod before. */
	setup(&f, 1, POLICY("Retain", "Delete"), "");
	add_claim(&f, ", ownerReferences: [{apiVersion: v1, kind: Pod, name: db-0, uid: before}]");
	assert_string_equal(run(&f, "pods"), "");
	planned_release(&f.planned);
}

static void test_identity_and_ownership(void **state UNUSED)
{
	static const struct {
		const char *what, *name, *labels, *owner, *wanted;
	} cases[] = {
		{"own", "db-0", "statefulset.kubernetes.io/pod-name: db-0, app: db", OWN, ""},
		{"own, but does not say its name", "db-0", "app: db", OWN, "patch pods ns/db-0\n"},
		{"an orphan of its name", "db-0", "statefulset.kubernetes.io/pod-name: db-0, app: db", "",
		 "patch pods ns/db-0\n"},
		{"an orphan of another name", "x", "app: db", "", "create pods ns/db-0\n"},
		{"own of another name", "x", "app: db", OWN, "patch pods ns/x\ncreate pods ns/db-0\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		struct object *pod;

		setup(&f, 1, ", updateStrategy: {type: OnDelete}", "");
		pod = planned_objectf(&f.planned, "", "pods",
				      "{metadata: {name: %s, namespace: ns, uid: u, labels: {%s}%s%s}, status: {%s}}",
				      cases[i].name, cases[i].labels, *cases[i].owner ? ", " : "", cases[i].owner,
				      READY);
		vec_push(&f.planned.arena, &f.pods, pod);
		if (strcmp(run(&f, "pods"), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, planned_outline(&f.planned, "pods"));
		planned_release(&f.planned);
	}
}

static void test_status(void **state UNUSED)
{
	static const struct {
		const char *spec, *pods, *says;
	} cases[] = {
		{ORDER "0}}", "oxng",
		 "\"observedGeneration\":2,\"replicas\":4,\"readyReplicas\":3,\"currentReplicas\":2,"
		 "\"updatedReplicas\":1,"
		 "\"updateRevision\":\"db-h2\",\"collisionCount\":0,\"availableReplicas\":3"},
		{ORDER "0}}, minReadySeconds: 15", "nnnn",
		 "\"observedGeneration\":2,\"replicas\":4,\"readyReplicas\":4,\"currentReplicas\":4,"
		 "\"updatedReplicas\":4,"
		 "\"currentRevision\":\"db-h2\",\"updateRevision\":\"db-h2\",\"collisionCount\":0"},
		{", updateStrategy: {type: OnDelete}", "nnnn",
		 "\"updatedReplicas\":4,\"updateRevision\":\"db-h2\",\"collisionCount\":0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, 4, cases[i].spec, "");
		add_pods(&f, cases[i].pods);
		run(&f, NULL);
		if (!strstr(planned_text(&f.planned), cases[i].says))
			fail_msg("%zu: %s", i, planned_text(&f.planned));
		assert_int_equal(f.planned.plan.requeue_after_ns, i == 1 ? 5 * NS_PER_SEC : 0);
		planned_release(&f.planned);
	}
}

static void test_history_limit(void **state UNUSED)
{
	struct fixture f;

	setup(&f, 1, ", revisionHistoryLimit: 1, updateStrategy: {type: OnDelete}", "");
	for (int i = 3; i <= 6; i++)
		add_revision(&f, i, str_c(arena_printf(&f.planned.arena, "i%d", i)));
	add_pod(&f, "db-0", 3, "", READY);
	/* 1 is the current one, 2 comes back as the highest, 3 is the pod's, of 4 to 6 one stays. */
	assert_string_equal(run(&f, "controllerrevisions"), "patch controllerrevisions ns/db-h2\n"
							    "delete controllerrevisions ns/db-h4\n"
							    "delete controllerrevisions ns/db-h5\n");
	planned_release(&f.planned);
}

static void test_one_that_goes_is_counted_alone(void **state UNUSED)
{
	struct fixture f;

	setup(&f, 2, "", ", deletionTimestamp: '2026-01-01T00:01:59Z'");
	add_pods(&f, "n");
	assert_string_equal(run(&f, NULL), "patch statefulsets/status ns/db\n");
	planned_release(&f.planned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_ordinals),
		cmocka_unit_test(test_pod_that_is_made),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_claims_in_the_way),
		cmocka_unit_test(test_identity_and_ownership),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_history_limit),
		cmocka_unit_test(test_one_that_goes_is_counted_alone),
	};

	return cmocka_run_group_tests_name("statefulset", tests, NULL, NULL);
}
