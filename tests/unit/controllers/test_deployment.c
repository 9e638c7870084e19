/* Rollouts: from the sizes that are to those that are wanted, and what is told of it. */
#include "unit.h"

#include "base/clock.h"
#include "controllers/deployment.h"
#include "controllers/template_hash.h"
#include "plans.h"

#define NOW   (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */
#define SETS  4
#define HASH  "pod-template-hash"
#define QUOTE "\""

/* A ReplicaSet as it is; its template is the present one when its name begins with "new". */
struct set {
	const char *name;
	int size, replicas, available;
	int desired, max; /* annotations; 0: without */
	const char *more; /* of its metadata, may be NULL */
};

struct fixture {
	struct planned planned;
	struct deployment_inputs inputs;
	VEC_OF(struct object *) sets;
};

/* @spec: members of the spec beside selector and template; @rest: further members of the object, with a comma first. */
static void setup(struct fixture *f, const char *spec, const char *rest)
{
	*f = (struct fixture){0};
	f->inputs.deployments = client_resource("apps", "v1", "deployments");
	f->inputs.replicasets = client_resource("apps", "v1", "replicasets");
	f->inputs.object = planned_objectf(
		&f->planned, "apps", "deployments",
		"{metadata: {name: web, namespace: ns, uid: dep, generation: 2}, spec: {selector: {matchLabels: {app: "
		"web}},"
		" template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: new}]}}, %s}%s}",
		spec, rest);
}

static void add_set(struct fixture *f, const struct set *set)
{
	const char *image = strncmp(set->name, "new", 3) == 0 ? "new" : set->name;
	struct str numbers = STR_EMPTY;
	struct object *object;

	if (set->desired)
		numbers = arena_printf(&f->planned.arena,
				       "deployment.kubernetes.io/desired-replicas: '%d', "
				       "deployment.kubernetes.io/max-replicas: '%d', ",
				       set->desired, set->max);
	object = planned_objectf(
		&f->planned, "apps", "replicasets",
		"{metadata: {name: %s, namespace: ns, uid: %s, generation: 1, creationTimestamp: "
		"'2026-01-01T00:00:%02zuZ',"
		" labels: {app: web, " HASH ": %s}, annotations: {%sdeployment.kubernetes.io/revision: '%zu'}%s},"
		" spec: {replicas: %d, selector: {matchLabels: {app: web, " HASH
		": %s}}, template: {metadata: {labels: {app: web,"
		" " HASH ": %s}}, spec: {containers: [{name: c, image: %s}]}}},"
		" status: {replicas: %d, readyReplicas: %d, availableReplicas: %d, observedGeneration: 1}}",
		set->name, set->name, f->sets.len + 1, set->name, str_c(numbers), f->sets.len + 1,
		set->more ? set->more
			  : ", ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: dep, "
			    "controller: true}]",
		set->size, set->name, set->name, image, set->replicas, set->available, set->available);
	vec_push(&f->planned.arena, &f->sets, object);
}

static void add_sets(struct fixture *f, const struct set *sets)
{
	for (size_t i = 0; i < SETS && sets[i].name; i++)
		add_set(f, &sets[i]);
}

static const char *run(struct fixture *f)
{
	f->inputs.sets = (struct object_slice){f->sets.items, f->sets.len};
	deployment_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
	return planned_text(&f->planned);
}

/* What becomes of sizes: "old=8 new=5 +3", in the order of the changes; "+3" is a set that is made. */
static const char *sizes(struct fixture *f)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (change, f->planned.plan.changes) {
		const struct api_request *request = &change->request;
		const char *at = request->patch.data ? strstr(request->patch.data, "\"spec\":{\"replicas\":") : NULL;
		const char *gap = text.len ? " " : "";

		if (request->resource != f->inputs.replicasets)
			continue;
		if (request->operation == API_CREATE)
			text = arena_printf(&f->planned.arena, STR_FMT "%s+%d", STR_ARG(text), gap,
					    *((const struct apps_v1_replica_set *)request->body)->spec.replicas);
		else if (at)
			text = arena_printf(&f->planned.arena, STR_FMT "%s" STR_FMT "=%.*s", STR_ARG(text), gap,
					    STR_ARG(request->name), (int)strspn(at + 19, "0123456789"), at + 19);
	}
	return str_c(text);
}

#define ROLLING(surge, unavailable)                                                                                    \
	"replicas: 10, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: " surge                               \
	", maxUnavailable: " unavailable "}}"

static void test_sizes(void **state UNUSED)
{
	static const struct {
		const char *what, *spec;
		struct set sets[SETS];
		const char *wanted;
	} cases[] = {
		{"the first set", ROLLING("3", "2"), {{0}}, "+10"},
		{"a new template grows by the surge",
		 ROLLING("3", "2"),
		 {{"old", 10, 10, 10, 10, 13, NULL}},
		 "+3 old=8"},
		{"percents round up and down", ROLLING("25%", "25%"), {{"old", 10, 10, 10, 10, 13, NULL}}, "+3 old=8"},
		{"no surge shrinks first", ROLLING("0", "1"), {{"old", 10, 10, 10, 10, 10, NULL}}, "+0 old=9"},
		{"no room before pods have come",
		 ROLLING("3", "2"),
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 5, 5, 0, 10, 13, NULL}},
		 ""},
		{"growing comes before shrinking",
		 ROLLING("3", "2"),
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 3, 3, 3, 10, 13, NULL}},
		 "new=5"},
		{"then the old shrink",
		 ROLLING("3", "2"),
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 5, 5, 5, 10, 13, NULL}},
		 "old=3"},
		{"what is broken goes first, oldest set first",
		 ROLLING("3", "2"),
		 {{"a", 4, 4, 1, 10, 13, NULL}, {"b", 4, 4, 4, 10, 13, NULL}, {"new", 5, 5, 3, 10, 13, NULL}},
		 "a=1"},
		{"both zero would never end",
		 ROLLING("0", "0%"),
		 {{"old", 10, 10, 10, 10, 10, NULL}, {"new", 0, 0, 0, 10, 10, NULL}},
		 "old=9"},
		{"a new set that is too big shrinks", ROLLING("3", "2"), {{"new", 12, 12, 12, 10, 13, NULL}}, "new=10"},
		{"done", ROLLING("3", "2"), {{"old", 0, 0, 0, 10, 13, NULL}, {"new", 10, 10, 10, 10, 13, NULL}}, ""},
		{"one active set is scaled to the whole",
		 "replicas: 15",
		 {{"new", 10, 10, 10, 10, 13, NULL}},
		 "new=15"},
		{"down too", "replicas: 4", {{"new", 10, 10, 10, 10, 13, NULL}}, "new=4"},
		{"scaling does not begin a rollout", "replicas: 15", {{"old", 10, 10, 10, 10, 10, NULL}}, "old=15"},
		{"growing in proportion, the bigger first",
		 "replicas: 15, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}",
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 5, 5, 5, 10, 13, NULL}},
		 "new=7 old=11"},
		{"shrinking in proportion",
		 "replicas: 5, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}",
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 5, 5, 5, 10, 13, NULL}},
		 "new=3 old=5"},
		{"to nothing, whatever the surge",
		 "replicas: 0, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}",
		 {{"old", 8, 8, 8, 10, 13, NULL}, {"new", 5, 5, 5, 10, 13, NULL}},
		 "new=0 old=0"},
		{"without annotations nothing scales",
		 ROLLING("3", "2"),
		 {{"old", 8, 8, 8, 0, 0, NULL}, {"new", 5, 5, 0, 0, 0, NULL}},
		 ""},
		{"paused: sized alone", "paused: true, replicas: 7", {{"old", 5, 5, 5, 5, 5, NULL}}, "old=7"},
		{"paused, nothing active: the newest",
		 "paused: true, replicas: 7",
		 {{"a", 0, 0, 0, 5, 5, NULL}, {"b", 0, 0, 0, 5, 5, NULL}},
		 "b=7"},
		{"recreate: all old go first",
		 "replicas: 3, strategy: {type: Recreate}",
		 {{"a", 1, 1, 1, 3, 3, NULL}, {"b", 2, 2, 2, 3, 3, NULL}},
		 "a=0 b=0"},
		{"recreate waits for their pods",
		 "replicas: 3, strategy: {type: Recreate}",
		 {{"a", 0, 0, 0, 3, 3, NULL}},
		 "+3"},
		{"recreate scales what there is",
		 "replicas: 3, strategy: {type: Recreate}",
		 {{"a", 0, 0, 0, 3, 3, NULL}, {"new", 0, 0, 0, 3, 3, NULL}},
		 "new=3"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec, "");
		add_sets(&f, cases[i].sets);
		run(&f);
		if (strcmp(sizes(&f), cases[i].wanted) != 0)
			fail_msg("%s: \"%s\" and not \"%s\"", cases[i].what, sizes(&f), cases[i].wanted);
		planned_release(&f.planned);
	}
}

static void test_recreate_waits_for_pods(void **state UNUSED)
{
	static const struct set old = {"a", 0, 0, 0, 3, 3, NULL};
	struct fixture f;

	setup(&f, "replicas: 3, strategy: {type: Recreate}", "");
	add_set(&f, &old);
	f.inputs.old_pods_running = true;
	run(&f);
	assert_string_equal(planned_outline(&f.planned, "replicasets"), "");
	planned_release(&f.planned);
}

/* Conditions of one look: what is said afterwards, as "type=status/reason" found in the status that is written. */
static void test_progress(void **state UNUSED)
{
#define SINCE(reason, status)                                                                                          \
	", status: {observedGeneration: 2, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2,"   \
	" conditions: [{type: Progressing, status: '" status "', reason: " reason                                      \
	", message: m, lastUpdateTime: '2026-01-01T00:01:00Z', lastTransitionTime: '2026-01-01T00:00:30Z'}]}"
	static const char spec[] = "replicas: 3, progressDeadlineSeconds: 60";
	static const struct {
		const char *what, *spec, *rest;
		struct set sets[SETS];
		const char *says, *not_says;
		int64_t again; /* seconds */
	} cases[] = {
		{"a set is made", spec, "", {{0}}, "\"reason\":\"NewReplicaSetCreated\"", NULL, 0},
		{"nothing is said without a deadline",
		 "replicas: 3",
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 3, 3, 1, 3, 4, NULL}},
		 "\"conditions\":[{\"type\":\"Available\"",
		 "Progressing",
		 0},
		{"progress moves the time, also when it was said",
		 spec,
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 3, 3, 2, 3, 4, NULL}},
		 "\"type\":\"Progressing\",\"status\":\"True\",\"lastUpdateTime\":\"2026-01-01T00:02:00Z\","
		 "\"lastTransitionTime\":\"2026-01-01T00:00:30Z\",\"reason\":\"ReplicaSetUpdated\"",
		 NULL,
		 61},
		{"none within the deadline",
		 "replicas: 3, progressDeadlineSeconds: 100",
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 1, 1, 0, 3, 4, NULL}, {"old", 2, 2, 2, 3, 4, NULL}},
		 "\"reason\":\"ReplicaSetUpdated\"",
		 "Exceeded",
		 41},
		{"none in time",
		 spec,
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 1, 1, 0, 3, 4, NULL}, {"old", 2, 2, 2, 3, 4, NULL}},
		 "\"reason\":\"ProgressDeadlineExceeded\"",
		 NULL,
		 0},
		{"complete",
		 spec,
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 3, 3, 3, 3, 4, NULL}},
		 "\"reason\":\"NewReplicaSetAvailable\"",
		 NULL,
		 0},
		{"pods that come and go later are no progress",
		 spec,
		 SINCE("NewReplicaSetAvailable", "True"),
		 {{"new", 3, 3, 2, 3, 4, NULL}},
		 "\"reason\":\"NewReplicaSetAvailable\"",
		 "ReplicaSetUpdated",
		 0},
		{"paused",
		 "replicas: 3, paused: true, progressDeadlineSeconds: 60",
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 3, 3, 3, 3, 4, NULL}},
		 "\"status\":\"Unknown\"",
		 "NewReplicaSetAvailable",
		 0},
		{"paused too late",
		 "replicas: 3, paused: true, progressDeadlineSeconds: 60",
		 SINCE("ProgressDeadlineExceeded", "False"),
		 {{"new", 3, 3, 3, 3, 4, NULL}},
		 "\"reason\":\"ProgressDeadlineExceeded\"",
		 "DeploymentPaused",
		 0},
		{"resumed",
		 spec,
		 SINCE("DeploymentPaused", "Unknown"),
		 {{"new", 1, 1, 0, 3, 4, NULL}, {"old", 2, 2, 2, 3, 4, NULL}},
		 "\"reason\":\"DeploymentResumed\"",
		 NULL,
		 61},
		{"scaling is no progress",
		 "replicas: 5, progressDeadlineSeconds: 60",
		 SINCE("ReplicaSetUpdated", "True"),
		 {{"new", 3, 3, 3, 3, 4, NULL}},
		 "\"lastUpdateTime\":\"2026-01-01T00:01:00Z\"",
		 "NewReplicaSetAvailable",
		 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *text;

		setup(&f, cases[i].spec, cases[i].rest);
		add_sets(&f, cases[i].sets);
		text = strstr(run(&f), "patch deployments/status");
		if (!text || !strstr(text, cases[i].says))
			fail_msg("%s: %s", cases[i].what, text);
		if (cases[i].not_says && strstr(text, cases[i].not_says))
			fail_msg("%s: has %s: %s", cases[i].what, cases[i].not_says, text);
		if (f.planned.plan.requeue_after_ns != cases[i].again * NS_PER_SEC)
			fail_msg("%s: again in %lld s", cases[i].what,
				 (long long)(f.planned.plan.requeue_after_ns / NS_PER_SEC));
		planned_release(&f.planned);
	}
}

static void test_availability(void **state UNUSED)
{
	static const struct {
		const char *spec;
		int available;
		const char *says;
	} cases[] = {
		{ROLLING("3", "2"), 8,
		 "\"status\":\"True\",\"lastUpdateTime\":\"2026-01-01T00:02:00Z\",\"lastTransitionTime\":"
		 "\"2026-01-01T00:02:00Z\",\"reason\":\"MinimumReplicasAvailable\""},
		{ROLLING("3", "2"), 7, "\"reason\":\"MinimumReplicasUnavailable\""},
		{ROLLING("25%", "25%"), 8, "\"reason\":\"MinimumReplicasAvailable\""},
		{"replicas: 10, strategy: {type: Recreate}", 9, "\"reason\":\"MinimumReplicasUnavailable\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct set set = {"new", 10, 10, cases[i].available, 10, 13, NULL};
		struct fixture f;

		setup(&f, cases[i].spec, "");
		add_set(&f, &set);
		assert_non_null(strstr(run(&f), cases[i].says));
		planned_release(&f.planned);
	}
}

static void test_revisions(void **state UNUSED)
{
	static const struct set back[] = {{"new", 0, 0, 0, 3, 4, NULL}, {"b", 3, 3, 3, 3, 4, NULL}};
	struct fixture f;
	const char *text;

	/* Rolled back to the first: it gets the next number, and what it had goes to its history. */
	setup(&f, "replicas: 3", "");
	add_sets(&f, (const struct set[SETS]){back[0], back[1]});
	text = run(&f);
	assert_non_null(strstr(text, "\"deployment.kubernetes.io/revision\":\"3\",\"deployment.kubernetes.io/"
				     "revision-history\":\"1\""));
	assert_non_null(strstr(
		text, "patch deployments/status ns/web {\"metadata\":{\"annotations\":{\"deployment.kubernetes.io/"
		      "revision\":\"3\"}}}"));
	planned_release(&f.planned);
}

static void test_history_is_limited(void **state UNUSED)
{
	static const struct set sets[SETS] = {{"a", 1, 1, 1, 3, 4, NULL},
					      {"b", 0, 0, 0, 3, 4, NULL},
					      {"c", 0, 0, 0, 3, 4, NULL},
					      {"new", 2, 2, 2, 3, 4, NULL}};
	static const struct {
		const char *spec, *status;
		const char *wanted;
	} cases[] = {
		/* Two of three may stay; the oldest still has a pod, so none of the others goes in its place. */
		{"replicas: 3, revisionHistoryLimit: 2, paused: true", "", ""},
		{"replicas: 3, revisionHistoryLimit: 1, paused: true", "", "delete replicasets ns/b\n"},
		{"replicas: 3, revisionHistoryLimit: 0, paused: true", "",
		 "delete replicasets ns/b\ndelete replicasets ns/c\n"},
		{"replicas: 3, revisionHistoryLimit: 0", "", ""}, /* not complete */
		{"replicas: 3, paused: true", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *outline;

		setup(&f, cases[i].spec, cases[i].status);
		add_sets(&f, sets);
		run(&f);
		outline = strstr(planned_outline(&f.planned, "replicasets"), "delete");
		assert_string_equal(outline ? outline : "", cases[i].wanted);
		planned_release(&f.planned);
	}
}

static void test_adoption_and_release(void **state UNUSED)
{
	static const struct set orphan = {"new", 3, 3, 3, 3, 4, ""};
	static const struct set other = {
		"b",
		1,
		1,
		1,
		3,
		4,
		", ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: x, controller: true}]"};
	struct fixture f;
	const char *text;

	setup(&f, "replicas: 3", "");
	add_set(&f, &orphan);
	add_set(&f, &other);
	text = run(&f);
	assert_non_null(strstr(text, "patch replicasets ns/new {\"metadata\":{\"ownerReferences\":[{\"apiVersion\":"
				     "\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\",\"uid\":\"dep\""));
	assert_null(strstr(text, "ns/b"));
	assert_null(strstr(text, "create"));
	planned_release(&f.planned);

	setup(&f, "replicas: 3, selector: {matchLabels: {app: other}}", "");
	add_set(&f, &(struct set){"old", 1, 1, 1, 3, 4, NULL});
	assert_non_null(
		strstr(run(&f), "patch replicasets ns/old {\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\""));
	planned_release(&f.planned);
}

/* The name is taken by a stranger: another hash, and the count of it in the status. */
static void test_collision(void **state UNUSED)
{
	struct fixture f;
	struct str hash;
	const char *text;

	setup(&f, "replicas: 1", "");
	hash = template_hash(&OBJECT_AS(apps_v1_deployment, f.inputs.object)->spec.template, 0, &f.planned.arena);
	add_set(&f, &(struct set){str_c(arena_printf(&f.planned.arena, "web-" STR_FMT, STR_ARG(hash))), 1, 1, 1, 0, 0,
				  NULL});
	text = run(&f);
	assert_non_null(strstr(text, "\"collisionCount\":1"));
	assert_non_null(strstr(text, "create replicasets ns/web-"));
	assert_null(strstr(
		text, str_c(arena_printf(&f.planned.arena, "create replicasets ns/web-" STR_FMT " ", STR_ARG(hash)))));
	planned_release(&f.planned);
}

static void test_failures_are_told_first(void **state UNUSED)
{
	struct fixture f;
	struct change_failure failure = {NULL, API_CREATE, STR("quota")};
	struct plan *plan;

	setup(&f, "replicas: 1, progressDeadlineSeconds: 60", "");
	failure.resource = f.inputs.replicasets;
	plan = planned_begin(&f.planned);
	plan->failures.items = &failure;
	plan->failures.len = 1;
	deployment_plan(NULL, &f.inputs, NOW, plan);
	assert_non_null(strstr(planned_text(&f.planned), "\"reason\":\"ReplicaSetCreateError\""));
	assert_true(strncmp(planned_outline(&f.planned, NULL), "patch deployments/status", 24) == 0);
	planned_release(&f.planned);
}

static void test_a_deployment_that_goes_is_counted_alone(void **state UNUSED)
{
	struct fixture f;

	setup(&f, "replicas: 3", "");
	f.inputs.object =
		planned_object(&f.planned, "apps", "deployments",
			       "{metadata: {name: web, namespace: ns, uid: dep, deletionTimestamp: "
			       "'2026-01-01T00:01:00Z'}, spec: {replicas: 3, selector: {matchLabels: {app: web}}}}");
	run(&f);
	assert_string_equal(planned_outline(&f.planned, NULL), "patch deployments/status ns/web\n");
	planned_release(&f.planned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_recreate_waits_for_pods),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_availability),
		cmocka_unit_test(test_revisions),
		cmocka_unit_test(test_history_is_limited),
		cmocka_unit_test(test_adoption_and_release),
		cmocka_unit_test(test_collision),
		cmocka_unit_test(test_failures_are_told_first),
		cmocka_unit_test(test_a_deployment_that_goes_is_counted_alone),
	};

	return cmocka_run_group_tests_name("deployment", tests, NULL, NULL);
}
