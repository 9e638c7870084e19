/* Decisions: each plugin's filter by its words, scores by who wins, preemption by its victims. */
#include "unit.h"

#include "fixture.h"

#define NO_VICTIMS                                                                                                     \
	" no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for "        \
	"incoming pod."
#define NOT_HELPFUL                                                                                                    \
	" no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for "          \
	"scheduling."
#define AFFINITY(op, values)                                                                                           \
	"\"spec\":{\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":"                \
	"{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"size\",\"operator\":\"" op "\",\"values\":[" values \
	"]}]}]}}}}"
#define PORT(text) "\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[{" text "}]}]}"

/* Near to, or away from, pods named so, where nodes share the label. */
#define NEAR(kind, name, label)                                                                                        \
	"\"spec\":{\"affinity\":{\"" kind "\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":"  \
	"\"" label "\",\"labelSelector\":{\"matchLabels\":{\"app\":\"" name "\"}}}]}}}"

/* One node "n", another pod "q" on it, and the pod in question. */
struct row {
	const char *about, *node, *other, *pod;
	const char *reason; /* NULL: it fits; else after "0/1 nodes are available: " */
};

static const struct row rows[] = {
	{"an empty pod", "", "", "", NULL},
	{"cordoned", "\"spec\":{\"unschedulable\":true}", "", "", "1 node(s) were unschedulable." NOT_HELPFUL},
	{"cordon tolerated", "\"spec\":{\"unschedulable\":true}", "",
	 "\"spec\":{\"tolerations\":[{\"key\":\"node.kubernetes.io/unschedulable\",\"operator\":\"Exists\"}]}", NULL},
	{"another node's name", "", "", "\"spec\":{\"nodeName\":\"m\"}",
	 "1 node(s) didn't match the requested node name." NOT_HELPFUL},
	{"taint", "\"spec\":{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]}", "", "",
	 "1 node(s) had untolerated taint(s)." NOT_HELPFUL},
	{"taint of another value tolerated",
	 "\"spec\":{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]}", "",
	 "\"spec\":{\"tolerations\":[{\"key\":\"k\",\"value\":\"w\"}]}",
	 "1 node(s) had untolerated taint(s)." NOT_HELPFUL},
	{"all tolerated", "\"spec\":{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]}", "",
	 "\"spec\":{\"tolerations\":[{\"operator\":\"Exists\"}]}", NULL},
	{"an advice is no ban", "\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]}", "", "",
	 NULL},
	{"selector", "", "", "\"spec\":{\"nodeSelector\":{\"disk\":\"n\"}}", NULL},
	{"selector of nothing", "", "", "\"spec\":{\"nodeSelector\":{\"disk\":\"m\"}}",
	 "1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL},
	{"In", "", "", AFFINITY("In", "\"5\""), NULL},
	{"NotIn", "", "", AFFINITY("NotIn", "\"5\""),
	 "1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL},
	{"Exists", "", "", AFFINITY("Exists", ""), NULL},
	{"DoesNotExist", "", "", AFFINITY("DoesNotExist", ""),
	 "1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL},
	{"Gt", "", "", AFFINITY("Gt", "\"4\""), NULL},
	{"Gt of the same", "", "", AFFINITY("Gt", "\"5\""),
	 "1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL},
	{"Lt of no number", "", "", AFFINITY("Lt", "\"x\""),
	 "1 node(s) didn't match Pod's node affinity/selector." NOT_HELPFUL},
	{"port taken", "", PORT("\"containerPort\":1,\"hostPort\":80"), PORT("\"containerPort\":2,\"hostPort\":80"),
	 "1 node(s) didn't have free ports for the requested pod ports." NO_VICTIMS},
	{"port of another protocol", "", PORT("\"hostPort\":80"), PORT("\"hostPort\":80,\"protocol\":\"UDP\""), NULL},
	{"port of other addresses", "", PORT("\"hostPort\":80,\"hostIP\":\"10.0.0.1\""),
	 PORT("\"hostPort\":80,\"hostIP\":\"10.0.0.2\""), NULL},
	{"port of one and of all addresses", "", PORT("\"hostPort\":80,\"hostIP\":\"10.0.0.1\""),
	 PORT("\"hostPort\":80"), "1 node(s) didn't have free ports for the requested pod ports." NO_VICTIMS},
	{"as much as there is", "", "", REQUESTS("\"cpu\":\"4\",\"memory\":\"8Gi\""), NULL},
	{"more than there is", "", "", REQUESTS("\"cpu\":\"4001m\""), "1 Insufficient cpu." NOT_HELPFUL},
	{"more than is left", "", REQUESTS("\"cpu\":\"3\""), REQUESTS("\"cpu\":\"2\""),
	 "1 Insufficient cpu." NO_VICTIMS},
	{"two reasons", "", "", REQUESTS("\"cpu\":\"9\",\"memory\":\"9Gi\""),
	 "1 Insufficient cpu, 1 Insufficient memory." NOT_HELPFUL},
	{"unknown extended resource", "", "", REQUESTS("\"example.com/gpu\":\"1\""),
	 "1 Insufficient example.com/gpu." NOT_HELPFUL},
	{"extended resource", "\"status\":{\"allocatable\":{\"cpu\":\"4\",\"pods\":\"9\",\"example.com/gpu\":\"2\"}}",
	 REQUESTS("\"example.com/gpu\":\"1\""), REQUESTS("\"example.com/gpu\":\"1\""), NULL},
	{"too many pods", "\"status\":{\"allocatable\":{\"pods\":\"1\"}}", REQUESTS(""), "",
	 "1 Too many pods." NO_VICTIMS},
	{"away from another", "", REQUESTS(""), NEAR("podAntiAffinity", "q", "disk"),
	 "1 node(s) didn't match pod anti-affinity rules." NO_VICTIMS},
	{"away from nobody there", "", REQUESTS(""), NEAR("podAntiAffinity", "r", "disk"), NULL},
	{"another keeps it away", "", NEAR("podAntiAffinity", "p", "disk"), REQUESTS(""),
	 "1 node(s) didn't satisfy existing pods anti-affinity rules." NO_VICTIMS},
	{"near to another", "", REQUESTS(""), NEAR("podAffinity", "q", "disk"), NULL},
	{"near to nobody there", "", REQUESTS(""), NEAR("podAffinity", "r", "disk"),
	 "1 node(s) didn't match pod affinity rules." NOT_HELPFUL},
	{"near to its own kind, the first", "", "", NEAR("podAffinity", "p", "disk"), NULL},
	{"near, on a node without the label", "", REQUESTS(""), NEAR("podAffinity", "q", "rack"),
	 "1 node(s) didn't match pod affinity rules." NOT_HELPFUL},
	{"no place may be taken", "", REQUESTS("\"cpu\":\"3\""),
	 "\"spec\":{\"priority\":5,\"preemptionPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"resources\":{"
	 "\"requests\":{"
	 "\"cpu\":\"3\"}}}]}",
	 "1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never."},
};

static void filters(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena cleanup_arena arena = {0};
		struct fixture f;
		struct decision decision;
		struct str expected =
			arena_printf(&arena, "0/1 nodes are available: %s", rows[i].reason ? rows[i].reason : "");

		fixture_init(&f);
		fixture_node(&f, "n", rows[i].node);
		if (rows[i].other[0])
			fixture_pod(&f, "q", "n", rows[i].other);
		decide(&f.decider, fixture_pod(&f, "p", "", rows[i].pod), &decision);
		if ((decision.slot != NODE_NONE) != !rows[i].reason ||
		    (rows[i].reason && !str_eq(decision.message, expected)))
			fail_msg("%s: " STR_FMT, rows[i].about, STR_ARG(decision.message));
		decision_release(&decision);
		fixture_release(&f);
	}
}

static void assert_message(struct fixture *f, const char *pod, const char *message)
{
	struct decision decision;

	decide(&f->decider, fixture_pod(f, "p", "", pod), &decision);
	assert_str_equal(decision.message, message);
	decision_release(&decision);
}

static void words_for_several_nodes(void **state UNUSED)
{
	struct fixture f;

	fixture_init(&f);
	assert_message(&f, "", "no nodes available to schedule pods");
	fixture_node(&f, "a", "\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}");
	fixture_node(&f, "b", "");
	fixture_node(&f, "c", "\"spec\":{\"unschedulable\":true}");
	assert_message(
		&f, REQUESTS("\"cpu\":\"50\""),
		"0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were "
		"unschedulable. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is "
		"not helpful for scheduling.");
	/* A daemon set's pod looks at its own node alone. */
	assert_message(
		&f,
		"\"spec\":{\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"
		"\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":"
		"[\"c\"]}]}]}}}}",
		"0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) "
		"[NodeAffinity]. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is "
		"not helpful for scheduling.");
	fixture_release(&f);
}

/* Two nodes, a pod; "b" must win however chance falls. */
static const struct {
	const char *about, *a, *b, *on_a, *pod;
} scores[] = {
	{"least allocated", "", "", REQUESTS("\"cpu\":\"2\""), REQUESTS("\"cpu\":\"1\"")},
	{"least allocated counts pods that ask for nothing", "", "", REQUESTS(""), REQUESTS("")},
	{"an advice against", "\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]}", "", "", ""},
	{"preferred", "", "", "",
	 "\"spec\":{\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":"
	 "100,"
	 "\"preference\":{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"In\",\"values\":[\"b\"]}]}}]}}}"},
	{"rather spread", "", "", "\"spec\":{\"containers\":[{\"name\":\"c\"}]}",
	 "\"spec\":{\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"disk\",\"whenUnsatisfiable\":"
	 "\"ScheduleAnyway\",\"labelSelector\":{}}]}"},
	{"the image is there", "",
	 "\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"images\":[{\"names\":["
	 "\"app:latest\"],"
	 "\"sizeBytes\":900000000}]}",
	 "", "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"app\"}]}"},
};

static void winners(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(scores); i++)
		for (uint64_t seed = 1; seed < 9; seed++) {
			struct fixture f;
			struct decision decision;

			fixture_init(&f);
			f.decider.random.state = seed;
			fixture_node(&f, "a", scores[i].a);
			fixture_node(&f, "b", scores[i].b);
			if (scores[i].on_a[0])
				fixture_pod(&f, "q", "a", scores[i].on_a);
			decide(&f.decider, fixture_pod(&f, "p", "", scores[i].pod), &decision);
			if (decision.slot == NODE_NONE || !str_eq_c(f.cache.rows[decision.slot].name, "b"))
				fail_msg("%s", scores[i].about);
			decision_release(&decision);
			fixture_release(&f);
		}
}

static void equals_get_their_turn(void **state UNUSED)
{
	struct fixture f;
	size_t chosen[2] = {0};
	struct sched_pod *pod;

	fixture_init(&f);
	fixture_node(&f, "a", "");
	fixture_node(&f, "b", "");
	pod = fixture_pod(&f, "p", "", "");
	for (size_t i = 0; i < 200; i++) {
		struct decision decision;

		decide(&f.decider, pod, &decision);
		chosen[decision.slot]++;
		decision_release(&decision);
	}
	assert_in_range(chosen[0], 60, 140);
	fixture_release(&f);
}

#define OF_PRIORITY(priority, cpu)                                                                                     \
	"\"spec\":{\"priority\":" priority                                                                             \
	",\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}]}"

static void preemption_takes_the_least(void **state UNUSED)
{
	struct fixture f;
	struct decision decision;
	struct sched_pod *least, *pod;

	fixture_init(&f);
	fixture_node(&f, "a", "");
	fixture_node(&f, "b", "");
	fixture_pod(&f, "high", "a", OF_PRIORITY("500", "3"));
	fixture_pod(&f, "kept", "b", OF_PRIORITY("400", "1"));
	least = fixture_pod(&f, "low", "b", OF_PRIORITY("10", "3"));
	pod = fixture_pod(&f, "p", "", OF_PRIORITY("1000", "3"));
	decide(&f.decider, pod, &decision);
	assert_int_equal(decision.slot, NODE_NONE);
	assert_str_equal(decision.message, "0/2 nodes are available: 2 Insufficient cpu.");
	assert_str_equal(decision.nominated, "b");
	assert_int_equal(decision.cycle.victims_len, 1);
	assert_ptr_equal(decision.cycle.victims[0], least);
	decision_release(&decision);

	/* Once it is promised the node, a lesser pod cannot slip in. */
	cache_nominate(&f.cache, pod, STR("b"));
	cache_remove_pod(&f.cache, least);
	decide(&f.decider, fixture_pod(&f, "late", "", OF_PRIORITY("10", "3")), &decision);
	assert_int_equal(decision.slot, NODE_NONE);
	decision_release(&decision);
	decide(&f.decider, pod, &decision);
	assert_int_equal(decision.slot, cache_node(&f.cache, STR("b"))->slot);
	decision_release(&decision);
	fixture_release(&f);
}

#define SPREAD(label, more)                                                                                            \
	"\"spec\":{\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"" label                             \
	"\",\"whenUnsatisfiable\":\"DoNotSchedule\",\"labelSelector\":{}" more "}]}"

static void spreading(void **state UNUSED)
{
	struct fixture f;
	struct decision decision;

	fixture_init(&f);
	fixture_node(&f, "a", "");
	fixture_pod(&f, "q", "a", "");
	fixture_node(&f, "b", "");
	decide(&f.decider, fixture_pod(&f, "p", "", SPREAD("disk", "")), &decision);
	assert_int_equal(decision.slot, cache_node(&f.cache, STR("b"))->slot);
	decision_release(&decision);
	/* The cordoned node counts as empty, so the other one is too full. */
	fixture_node(&f, "b", "\"spec\":{\"unschedulable\":true}");
	assert_message(
		&f, SPREAD("disk", ""),
		"0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were "
		"unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption "
		"victims found for incoming pod, 1 Preemption is not helpful for scheduling.");
	assert_message(
		&f, SPREAD("rack", ""),
		"0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required "
		"label), 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are "
		"available: 2 Preemption is not helpful for scheduling.");
	/* Both nodes share this one. */
	decide(&f.decider, fixture_pod(&f, "s", "", SPREAD("size", "")), &decision);
	assert_int_equal(decision.slot, cache_node(&f.cache, STR("a"))->slot);
	decision_release(&decision);
	/* One domain where there should be two. */
	decide(&f.decider, fixture_pod(&f, "t", "", SPREAD("size", ",\"minDomains\":2")), &decision);
	assert_int_equal(decision.slot, NODE_NONE);
	decision_release(&decision);
	fixture_release(&f);
}

/* Taking the pod that is in the way off also takes off what was counted of it. */
static void preemption_makes_distance(void **state UNUSED)
{
	struct fixture f;
	struct decision decision;

	fixture_init(&f);
	fixture_node(&f, "n", "");
	fixture_pod(&f, "q", "n", "");
	decide(&f.decider,
	       fixture_pod(&f, "p", "",
			   "\"spec\":{\"priority\":9,\"affinity\":{\"podAntiAffinity\":{"
			   "\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"disk\","
			   "\"labelSelector\":{\"matchLabels\":{\"app\":\"q\"}}}]}}}"),
	       &decision);
	assert_str_equal(decision.nominated, "n");
	assert_int_equal(decision.cycle.victims_len, 1);
	decision_release(&decision);
	fixture_release(&f);
}

static void rows_are_sums(void **state UNUSED)
{
	struct fixture f;
	struct node_row *row;
	struct sched_pod *pod;

	fixture_init(&f);
	fixture_node(&f, "n", "");
	pod = fixture_pod(&f, "p", "n", REQUESTS("\"cpu\":\"1\",\"example.com/gpu\":\"2\""));
	fixture_pod(&f, "q", "n", REQUESTS("\"cpu\":\"500m\""));
	row = cache_node(&f.cache, STR("n"));
	assert_int_equal(row->requested[SCHED_CPU], 1500);
	assert_int_equal(node_row_requested(row, SCHED_BASE_MAX), 2);
	assert_int_equal(row->load[SCHED_MEMORY], 2 * 209715200);
	cache_remove_pod(&f.cache, pod);
	assert_int_equal(row->requested[SCHED_CPU], 500);
	/* A node that goes is remembered while pods are on it, and comes back with them counted. */
	cache_remove_node(&f.cache, STR("n"));
	assert_null(cache_node(&f.cache, STR("n")));
	fixture_node(&f, "n", "");
	assert_int_equal(cache_node(&f.cache, STR("n"))->requested[SCHED_CPU], 500);
	fixture_release(&f);
}

static void enough(void **state UNUSED)
{
	assert_int_equal(decide_enough(99), 99);
	assert_int_equal(decide_enough(100), 100);
	assert_int_equal(decide_enough(1000), 420);
	assert_int_equal(decide_enough(5000), 500);
	assert_int_equal(decide_enough(10000), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters),
		cmocka_unit_test(words_for_several_nodes),
		cmocka_unit_test(winners),
		cmocka_unit_test(equals_get_their_turn),
		cmocka_unit_test(preemption_takes_the_least),
		cmocka_unit_test(spreading),
		cmocka_unit_test(preemption_makes_distance),
		cmocka_unit_test(rows_are_sums),
		cmocka_unit_test(enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
