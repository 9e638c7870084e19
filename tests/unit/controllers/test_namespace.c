/* What is done about a namespace that is being deleted, from what is left in it. */
#include "unit.h"

#include "base/clock.h"
#include "controllers/namespace.h"
#include "plans.h"

#define NOW (INT64_C(1767225720) * NS_PER_SEC) /* 2026-01-01T00:02:00Z */

struct fixture {
	struct planned planned;
	struct namespace_inputs inputs;
};

/* A namespace deleted at second @second of 00:01, with these conditions (YAML, may be "") and finalizers. */
static void setup(struct fixture *f, int second, const char *conditions, const char *finalizers)
{
	*f = (struct fixture){0};
	f->inputs.namespaces = client_resource("", "v1", "namespaces");
	f->inputs.pods = client_resource("", "v1", "pods");
	f->inputs.object = planned_objectf(&f->planned, "", "namespaces",
					   "{metadata: {name: ns, uid: u, deletionTimestamp: '2026-01-01T00:01:%02dZ'},"
					   " spec: {finalizers: [%s]}, status: {phase: Terminating, conditions: [%s]}}",
					   second, finalizers, conditions);
}

static void remain(struct fixture *f, const char *group, const char *plural, size_t count, const char *finalizer,
		   size_t finalizers)
{
	vec_push(&f->planned.arena, &f->inputs.remaining,
		 (struct namespace_remaining){client_resource(group, "v1", plural), count, 0, finalizers});
	for (size_t i = 0; i < finalizers; i++)
		vec_push(&f->planned.arena, &f->inputs.finalizers, str_from(finalizer));
}

static const char *run(struct fixture *f)
{
	namespace_plan(NULL, &f->inputs, NOW, planned_begin(&f->planned));
	return planned_text(&f->planned);
}

/* Conditions that were told before, so that this is not the first look. */
#define TOLD                                                                                                           \
	"{type: NamespaceDeletionDiscoveryFailure, status: 'False', lastTransitionTime: '2026-01-01T00:01:00Z',"       \
	" reason: ResourcesDiscovered, message: All resources successfully discovered}"

static void test_empty_is_told_and_let_go(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup(&f, 50, "", "other, kubernetes");
	text = run(&f);
	assert_non_null(strstr(text, "patch namespaces/status ns {"));
	assert_non_null(strstr(text, "\"message\":\"All content-preserving finalizers finished\""));
	assert_non_null(strstr(text, "update namespaces/finalize ns {"));
	assert_non_null(strstr(text, "\"finalizers\":[\"other\"]"));
	assert_null(strstr(text, "\"status\":\"True\""));
	planned_release(&f.planned);
}

static void test_nothing_for_one_let_go(void **state UNUSED)
{
	struct fixture f;

	setup(&f, 50, "", "");
	assert_string_equal(run(&f), "");
	planned_release(&f.planned);
}

/* The first look deletes and looks again soon; the status tells what is left then. */
static void test_first_look_only_deletes(void **state UNUSED)
{
	struct fixture f;

	setup(&f, 50, "", "kubernetes");
	remain(&f, "", "configmaps", 1, "", 0);
	f.inputs.remaining.items[0].untouched = 1;
	assert_string_equal(run(&f), "delete configmaps ns/\n");
	assert_int_equal(f.planned.plan.requeue_after_ns, 10 * NS_PER_MS);
	assert_true(f.planned.plan.changes.items[0].independent);
	assert_str_equal(f.planned.plan.changes.items[0].request.propagation_policy, "Background");
	planned_release(&f.planned);
}

static void test_tells_what_remains(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	setup(&f, 50, TOLD, "kubernetes");
	remain(&f, "", "secrets", 2, "b/two", 1);
	remain(&f, "apps", "deployments", 12, "a/one", 3);
	text = run(&f);
	assert_non_null(strstr(text,
			       "\"reason\":\"SomeResourcesRemain\",\"message\":\"Some resources are remaining: "
			       "deployments.apps has 12 resource instances, secrets. has 2 resource instances\""));
	assert_non_null(strstr(text,
			       "\"reason\":\"SomeFinalizersRemain\",\"message\":\"Some content in the namespace has "
			       "finalizers remaining: a/one in 3 resource instances, b/two in 1 resource instances\""));
	assert_non_null(strstr(text, "\"lastTransitionTime\":\"2026-01-01T00:01:00Z\"")); /* kept */
	assert_non_null(strstr(text, "\"reason\":\"ContentDeleted\""));
	assert_non_null(strstr(text, "delete secrets ns/\ndelete deployments ns/\n"));
	assert_int_equal(f.planned.plan.requeue_after_ns, 8 * NS_PER_SEC); /* half of 15 s and one more */
	planned_release(&f.planned);
}

static void test_pods_have_their_time(void **state UNUSED)
{
	static const struct {
		int deleted, grace;
		size_t finalizers;
		const char *says;
		int64_t again;
	} cases[] = {
		{50, 30, 0, "\"reason\":\"ContentDeleted\"", 16},
		{50, 120, 1, "\"reason\":\"ContentDeleted\"", 61},
		{20, 30, 1, "\"reason\":\"ContentDeleted\"", 8},
		{20, 30, 0,
		 "\"reason\":\"ContentDeletionFailed\",\"message\":\"Failed to delete all resource types, 1 remaining: "
		 "unexpected items still remain in namespace: ns for gvr: /v1, Resource=pods\"",
		 8},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const char *text;

		setup(&f, cases[i].deleted, TOLD, "kubernetes");
		remain(&f, "", "pods", 1, "x/y", cases[i].finalizers);
		f.inputs.pod_grace_seconds = cases[i].grace;
		text = run(&f);
		assert_non_null(strstr(text, cases[i].says));
		assert_non_null(strstr(text, "\"reason\":\"ContentRemoved\"")); /* as upstream, while there are pods */
		assert_int_equal(f.planned.plan.requeue_after_ns, cases[i].again * NS_PER_SEC);
		planned_release(&f.planned);
	}
}

static void test_tells_what_was_refused(void **state UNUSED)
{
	static const struct change_failure failures[] = {
		{NULL, API_DELETE, STR_INIT("secrets refused")},
		{NULL, API_PATCH, STR_INIT("no matter")},
		{NULL, API_DELETE, STR_INIT("pods refused")},
	};
	struct fixture f;
	struct plan *plan;

	setup(&f, 50, "", "kubernetes");
	remain(&f, "", "secrets", 1, "", 0);
	f.inputs.remaining.items[0].untouched = 1;
	plan = planned_begin(&f.planned);
	plan->failures.items = failures;
	plan->failures.len = ARRAY_LEN(failures);
	namespace_plan(NULL, &f.inputs, NOW, plan);
	assert_non_null(strstr(planned_text(&f.planned),
			       "\"reason\":\"ContentDeletionFailed\",\"message\":\"Failed to delete "
			       "all resource types, 2 remaining: pods refused, secrets refused\""));
	planned_release(&f.planned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_told_and_let_go), cmocka_unit_test(test_nothing_for_one_let_go),
		cmocka_unit_test(test_first_look_only_deletes),	 cmocka_unit_test(test_tells_what_remains),
		cmocka_unit_test(test_pods_have_their_time),	 cmocka_unit_test(test_tells_what_was_refused),
	};

	return cmocka_run_group_tests_name("namespace", tests, NULL, NULL);
}
