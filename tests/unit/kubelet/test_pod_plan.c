/* What is done next about a pod: a table of pods, what exists of them, and the plan, each as upstream decides. */
#include "unit.h"

#include "base/clock.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_scene.h"

#define PROBES	",\"livenessProbe\":{\"terminationGracePeriodSeconds\":7},\"startupProbe\":{}"
#define A	"{\"name\":\"a\",\"image\":\"i\"" PROBES "}"
#define B	"{\"name\":\"b\",\"image\":\"i\"}"
#define ALWAYS	"\"restartPolicy\":\"Always\","
#define FAILURE "\"restartPolicy\":\"OnFailure\","
#define NEVER	"\"restartPolicy\":\"Never\","
#define ONE	"\"containers\":[" A "]"
#define TWO	"\"containers\":[" A "," B "]"
#define OWN(s)	"\"containers\":[{\"name\":\"a\",\"image\":\"i\"," s "}]"
#define INIT	"\"initContainers\":[{\"name\":\"x\",\"image\":\"i\"},{\"name\":\"y\",\"image\":\"i\"}],"
#define SIDECAR "\"initContainers\":[{\"name\":\"x\",\"image\":\"i\",\"restartPolicy\":\"Always\"" PROBES "},"
#define THEN	SIDECAR "{\"name\":\"y\",\"image\":\"i\"},{\"name\":\"z\",\"image\":\"i\"}],"
#define ALONE	SIDECAR "{\"name\":\"y\",\"image\":\"i\"}],"
#define DEBUG	"\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"i\"}],"
#define RULE(action, operator, code)                                                                                   \
	"\"restartPolicyRules\":[{\"action\":\"" action "\",\"exitCodes\":{\"operator\":\""                            \
	operator"\",\"values\":[" code "]}}]"
#define IN(code)  RULE("Restart", "In", code)
#define NOT(code) RULE("Restart", "NotIn", code)
#define RESET                                                                                                          \
	"\"containers\":[{\"name\":\"a\",\"image\":\"i\"," NEVER RULE("RestartAllContainers", "In", "88") "}," B "]"

/*
 * A plan as text: "done" and "done+" (it has succeeded) first, "stop" and "new" of the sandbox, "-a" is killed, "a" is
 * started, "(a)" waits for its back-off.
 */
static const struct {
	const char *about, *spec, *exists, *plan;
} rows[] = {
	{"nothing yet", ALWAYS ONE, "", "new"},
	{"a sandbox: all at once", ALWAYS TWO, "S", "a b"},
	{"all runs", ALWAYS TWO, "S a b", ""},
	{"the sandbox is over", ALWAYS TWO, "s a=137 b=137", "stop new"},
	{"a new sandbox", ALWAYS TWO, "s a=137 b=137 S", "a b"},

	{"Always: well", ALWAYS ONE, "S a=0", "a"},
	{"Always: badly", ALWAYS ONE, "S a=1", "a"},
	{"OnFailure: well", FAILURE ONE, "S a=0", "done+ stop"},
	{"OnFailure: badly", FAILURE ONE, "S a=1", "a"},
	{"Never: well", NEVER ONE, "S a=0", "done+ stop"},
	{"Never: badly", NEVER ONE, "S a=1", "done stop"},
	{"Never: one badly, the other runs", NEVER TWO, "S a=1 b", ""},
	{"Never: one well, the other badly", NEVER TWO, "S a=0 b=3", "done stop"},
	{"Never: the sandbox is over", NEVER TWO, "s a=0 b=137", "done"},
	{"OnFailure: what ended well in an older sandbox stays so", FAILURE TWO, "s a=0 b=137 S", "b"},
	{"OnFailure: a sandbox for the other", FAILURE TWO, "s a=0 b=137", "stop new"},
	{"OnFailure: no sandbox for nobody", FAILURE TWO, "s a=0 b=0", "done+"},
	{"Never: made and never begun", NEVER ONE, "S a:created", "a"},
	{"Never: nobody can tell", NEVER ONE, "S a:unknown", "-a"},

	{"its own policy: Never", ALWAYS OWN("\"restartPolicy\":\"Never\""), "S a=1", "done stop"},
	{"its own policy: Always", NEVER OWN("\"restartPolicy\":\"Always\""), "S a=0", "a"},
	{"its own policy: OnFailure, well", ALWAYS OWN("\"restartPolicy\":\"OnFailure\""), "S a=0", "done+ stop"},
	{"its own policy: OnFailure, badly", NEVER OWN("\"restartPolicy\":\"OnFailure\""), "S a=1", "a"},
	{"a rule", NEVER OWN(NEVER IN("42")), "S a=42", "a"},
	{"a rule of several", NEVER OWN(NEVER IN("1,42")), "S a=42", "a"},
	{"a rule that does not match", NEVER OWN(NEVER IN("42")), "S a=1", "done stop"},
	{"a rule with NotIn", NEVER OWN(NEVER NOT("42")), "S a=1", "a"},
	{"a rule with NotIn that does not match", NEVER OWN(NEVER NOT("42")), "S a=42", "done stop"},
	{"a rule without a policy of its own", NEVER OWN(IN("42")), "S a=42", "done stop"},
	{"a rule beside OnFailure", NEVER OWN(FAILURE IN("0")), "S a=0", "a"},

	{"the first init container", ALWAYS INIT ONE, "S", "x"},
	{"it runs", ALWAYS INIT ONE, "S x", ""},
	{"the next", ALWAYS INIT ONE, "S x=0", "y"},
	{"the last runs", ALWAYS INIT ONE, "S x=0 y", ""},
	{"all through", ALWAYS INIT ONE, "S x=0 y=0", "a"},
	{"the earlier one is gone", ALWAYS INIT ONE, "S y=0", "a"},
	{"all are gone", ALWAYS INIT ONE, "S a", ""},
	{"it failed", ALWAYS INIT ONE, "S x=1", "x"},
	{"it failed under OnFailure", FAILURE INIT ONE, "S x=0 y=1", "y"},
	{"it failed under Never", NEVER INIT ONE, "S x=1", "done stop"},
	{"a new sandbox begins anew", FAILURE INIT ONE, "s x=0 y=0 a=137 S", "x"},
	{"killed with the sandbox under Never", NEVER INIT ONE, "s x=137", "done"},
	{"never begun", NEVER INIT ONE, "S x:created", "x"},
	{"of an init container nobody can tell", NEVER INIT ONE, "S x:unknown", "-x"},

	{"a sidecar comes first", ALWAYS ALONE ONE, "S", "x"},
	{"a sidecar has not started", ALWAYS ALONE ONE, "S x~", ""},
	{"a sidecar has started", ALWAYS ALONE ONE, "S x", "y"},
	{"a sidecar need not be ready", ALWAYS ALONE ONE, "S x-", "y"},
	{"a sidecar ended before its next", ALWAYS ALONE ONE, "S x=0", "x"},
	{"a sidecar ended beside its next", ALWAYS THEN ONE, "S x=1 y=0", "x z"},
	{"a sidecar ended beside the next that runs", ALWAYS THEN ONE, "S x=1 y", "x"},
	{"a sidecar ended beside the containers", NEVER ALONE ONE, "S x=1 y=0 a", "x"},
	{"a sidecar is gone", NEVER ALONE ONE, "S y=0 a", "x"},
	{"a sidecar is not what a pod waits for", NEVER ALONE ONE, "S x y=0 a=0", "done+ stop -x"},
	{"a sidecar's startup fails", ALWAYS ALONE ONE, "S x?", "-x"},
	{"a sidecar's liveness fails", ALWAYS ALONE ONE, "S x! y=0 a", "-x"},
	{"a sidecar is another now", ALWAYS ALONE ONE, "S x# y=0 a", "-x"},

	{"liveness", ALWAYS TWO, "S a! b", "-a"},
	{"liveness under Never", NEVER TWO, "S a! b", "-a"},
	{"startup", ALWAYS TWO, "S a? b", "-a"},
	{"liveness under Never: the last one", NEVER TWO, "S a! b=0", "-a"},
	{"liveness under Never: no sidecar stays for it", NEVER ALONE ONE, "S x y=0 a!", "-a -x"},
	{"another image", ALWAYS TWO, "S a# b", "-a"},

	{"beside init containers", ALWAYS INIT DEBUG ONE, "S x", "e"},
	{"beside containers", ALWAYS DEBUG ONE, "S a", "e"},
	{"it ended", ALWAYS DEBUG ONE, "S a e=1", ""},
	{"it ended with another sandbox", ALWAYS DEBUG ONE, "s a=1 e=1 S a", ""},
	{"not without a sandbox", ALWAYS DEBUG ONE, "s", "stop new"},
	{"a pod does not wait for it", NEVER DEBUG ONE, "S a=0 e", "done+ stop -e"},

	{"all begin anew: the others go", NEVER RESET, "S b a=88", "-b"},
	{"all begin anew", NEVER RESET, "S b=0 a=88", "a b"},
	{"some have begun anew", NEVER RESET, "S b=0 a=88 a", "b"},
	{"all have begun anew", NEVER RESET, "S b=0 a=88 a b", ""},
	{"all have begun anew and ended", NEVER RESET, "S b=0 a=88 a=0 b=0", "done+ stop"},
	{"not for another code", NEVER RESET, "S b a=1", ""},
	{"init containers too", NEVER INIT RESET, "S x=0 y=0 b=0 a=88", "x"},
};

static struct str add(struct arena *arena, struct str text, const char *before, struct str what, const char *after)
{
	return arena_printf(arena, STR_FMT "%s%s" STR_FMT "%s", STR_ARG(text), text.len ? " " : "", before,
			    STR_ARG(what), after);
}

static struct str plan_text(const struct pod_plan *plan, struct arena *arena)
{
	struct str text = STR_EMPTY;

	if (plan->finished)
		text = add(arena, text, "", plan->succeeded ? STR("done+") : STR("done"), "");
	if (plan->kill_sandbox)
		text = add(arena, text, "", STR("stop"), "");
	if (plan->create_sandbox)
		text = add(arena, text, "", STR("new"), "");
	for (size_t i = 0; i < plan->kills.len; i++)
		text = add(arena, text, "-", plan->kills.items[i].container->spec->name, "");
	for (size_t i = 0; i < plan->starts.len; i++)
		text = add(arena, text, "", plan->starts.items[i]->spec->name, "");
	for (size_t i = 0; i < plan->held.len; i++)
		text = add(arena, text, "(", plan->held.items[i]->spec->name, ")");
	return text;
}

static void make_plan(struct test_node *node, struct pod_scene *scene, int64_t now, struct pod_plan *ret)
{
	*ret = (struct pod_plan){0};
	pod_plan(&scene->view, &scene->memory, now, &node->arena, ret);
}

static void scene_of(struct test_node *node, struct pod_scene *scene, const char *spec, const char *exists)
{
	const char *pod = str_c(arena_printf(
		&node->arena, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{%s}}", spec));

	pod_scene_init(scene, node, pod, exists);
}

static void table(void **state UNUSED)
{
	struct test_node node;

	test_node_init(&node);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pod_scene scene;
		struct pod_plan plan;
		struct str text;

		scene_of(&node, &scene, rows[i].spec, rows[i].exists);
		make_plan(&node, &scene, SCENE_NOW, &plan);
		text = plan_text(&plan, &node.arena);
		if (!str_eq_c(text, rows[i].plan))
			fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].about, str_c(text), rows[i].plan);
		assert_int_equal(plan.wake_at, 0);
		pod_scene_release(&scene);
	}
	test_node_release(&node);
}

/* What the event of a kill says, and how long it may take. */
static void kills(void **state UNUSED)
{
	static const struct {
		const char *spec, *exists, *message;
		int64_t grace; /* -1: the pod's */
	} cases[] = {
		{ALWAYS TWO, "S a! b", "Container a failed liveness probe, will be restarted", 7},
		{NEVER TWO, "S a! b", "Container a failed liveness probe", 7},
		{NEVER TWO, "S a! b=0", "Stopping container a", -1},
		{ALWAYS TWO, "S a? b", "Container a failed startup probe, will be restarted", -1},
		{ALWAYS TWO, "S a# b", "Container a definition changed, will be restarted", -1},
		{NEVER TWO, "S a# b", "Container a definition changed, will be restarted", -1},
		{ALWAYS ALONE ONE, "S x?", "Init container x failed startup probe", -1},
		{ALWAYS ALONE ONE, "S x! y=0 a", "Init container x failed liveness probe", 7},
		{ALWAYS ALONE ONE, "S x# y=0 a", "Init container x definition changed", -1},
		{NEVER ALONE ONE, "S x y=0 a=0", "Stopping container x", -1},
		{NEVER ONE, "S a:unknown", "Container is in \"unknown\" state, try killing it before restart", -1},
		{NEVER RESET, "S b a=88", "killing", 0},
	};
	struct test_node node;

	test_node_init(&node);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pod_scene scene;
		struct pod_plan plan;

		scene_of(&node, &scene, cases[i].spec, cases[i].exists);
		make_plan(&node, &scene, SCENE_NOW, &plan);
		assert_int_equal(plan.kills.len, 1);
		assert_string_equal(str_c(plan.kills.items[0].message), cases[i].message);
		assert_int_equal(plan.kills.items[0].grace ? *plan.kills.items[0].grace : -1, cases[i].grace);
		pod_scene_release(&scene);
	}
	test_node_release(&node);
}

/* A changed container comes back whatever its policy, and without a back-off. */
static void renewed(void **state UNUSED)
{
	struct pod_scene before, after;
	struct test_node node;
	struct pod_plan plan;

	test_node_init(&node);
	scene_of(&node, &before, NEVER ONE, "S a#");
	make_plan(&node, &before, SCENE_NOW, &plan);
	scene_of(&node, &after, NEVER ONE, "S a=137");
	after.memory = before.memory;
	pod_memory_of(&after.memory, STR("a"))->restart =
		(struct backoff){.delay_ns = BACKOFF_MAX_NS, .updated_at = SCENE_NOW};
	make_plan(&node, &after, 151 * NS_PER_SEC, &plan);
	assert_string_equal(str_c(plan_text(&plan, &node.arena)), "a");
	pod_scene_release(&after);
	test_node_release(&node);
}

/* "a" ended at 150 s; its last attempt was noted at 101 s. */
static void backs_off(void **state UNUSED)
{
	static const struct {
		int64_t delay, updated, now; /* seconds */
		const char *plan;
		int64_t wake_at;
	} cases[] = {
		{0, 0, 151, "a", 0},	     {10, 101, 151, "(a)", 160}, {10, 101, 160, "a", 0},
		{300, 101, 440, "(a)", 450}, {300, -500, 440, "a", 0},	 {300, -450, 440, "(a)", 450},
		{300, 101, 449, "(a)", 450}, {300, 101, 10000, "a", 0},
	};
	struct test_node node;

	test_node_init(&node);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pod_scene scene;
		struct container_memory *memory;
		struct pod_plan plan;

		scene_of(&node, &scene, ALWAYS ONE, "S a=1");
		memory = pod_memory_of(&scene.memory, STR("a"));
		memory->restart = (struct backoff){cases[i].delay * NS_PER_SEC, cases[i].updated * NS_PER_SEC};
		make_plan(&node, &scene, cases[i].now * NS_PER_SEC, &plan);
		assert_string_equal(str_c(plan_text(&plan, &node.arena)), cases[i].plan);
		assert_int_equal(plan.wake_at, cases[i].wake_at * NS_PER_SEC);
		if (plan.held.len) {
			assert_string_equal(memory->reason, "CrashLoopBackOff");
			assert_non_null(strstr(memory->message, "restarting failed container=a pod=p_n(u)"));
		}
		pod_scene_release(&scene);
	}
	test_node_release(&node);
}

/* Delays double up to five minutes; ten minutes without an end forget them, however long the back-off was. */
static void delays(void **state UNUSED)
{
	static const int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300};
	struct backoff backoff = {0};
	int64_t now = 0;

	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		backoff_next(&backoff, now, now);
		assert_int_equal(backoff.delay_ns, seconds[i] * NS_PER_SEC);
		now += backoff.delay_ns;
	}
	now = backoff.updated_at + BACKOFF_RESET_NS;
	backoff_next(&backoff, now - 1, now + BACKOFF_MAX_NS);
	assert_int_equal(backoff.delay_ns, BACKOFF_MAX_NS);
	now = backoff.updated_at + BACKOFF_RESET_NS + 1;
	assert_int_equal(backoff_left(&backoff, now, now), 0);
	backoff_next(&backoff, now, now);
	assert_int_equal(backoff.delay_ns, BACKOFF_BASE_NS);
}

/* What the API calls ended; a deadline. */
static void ended(void **state UNUSED)
{
	static const struct {
		const char *more, *exists;
		int64_t now;
		const char *plan, *reason;
		int64_t wake_at;
	} cases[] = {
		{"\"spec\":{" ALWAYS ONE "},\"status\":{\"phase\":\"Failed\"}", "S a", 9999, "done stop -a", NULL, 0},
		{"\"spec\":{" ALWAYS ONE "},\"status\":{\"phase\":\"Succeeded\"}", "", 9999, "done+", NULL, 0},
		{"\"spec\":{\"activeDeadlineSeconds\":60," ALWAYS ONE
		 "},\"status\":{\"startTime\":\"1970-01-01T00:01:40Z\"}",
		 "S a", 159, "", NULL, 160},
		{"\"spec\":{\"activeDeadlineSeconds\":60," ALWAYS ONE
		 "},\"status\":{\"startTime\":\"1970-01-01T00:01:40Z\"}",
		 "S a", 160, "done stop -a", "DeadlineExceeded", 0},
		{"\"spec\":{\"activeDeadlineSeconds\":60," NEVER ONE
		 "},\"status\":{\"startTime\":\"1970-01-01T00:01:40Z\"}",
		 "S a=0", 159, "done+ stop", NULL, 0},
		{"\"spec\":{\"activeDeadlineSeconds\":60," ALWAYS ONE "}", "S a", 9999, "", NULL, 0},
		{"\"spec\":{\"activeDeadlineSeconds\":9223372036854775807," ALWAYS ONE
		 "},\"status\":{\"startTime\":\"1970-01-01T00:01:40Z\"}",
		 "S a", 9999, "", NULL, 0},
	};
	struct test_node node;

	test_node_init(&node);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pod_scene scene;
		struct pod_plan plan;

		pod_scene_init(&scene, &node, str_c(arena_printf(&node.arena, "{%s}", cases[i].more)), cases[i].exists);
		make_plan(&node, &scene, cases[i].now * NS_PER_SEC, &plan);
		assert_string_equal(str_c(plan_text(&plan, &node.arena)), cases[i].plan);
		assert_int_equal(plan.wake_at, cases[i].wake_at * NS_PER_SEC);
		assert_true(!plan.reason == !cases[i].reason);
		if (plan.reason)
			assert_string_equal(plan.reason, cases[i].reason);
		pod_scene_release(&scene);
	}
	test_node_release(&node);
}

/* --- Whatever there is: seeded scenes ---------------------------------------------------------------------------- */

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static const char *random_words(struct test_node *node, uint32_t *seed)
{
	static const char *const names[] = {"a", "b", "x", "y", "z", "e"};
	static const char *const marks[] = {"",	  "~",	"-",  "!",   "?",	 "#",
					    "=0", "=1", "=7", "=88", ":created", ":unknown"};
	struct str text = next(seed) % 4 ? STR("S") : STR("s");

	for (size_t left = next(seed) % 10; left; left--) {
		if (next(seed) % 8 == 0)
			text = arena_printf(&node->arena, STR_FMT " S", STR_ARG(text));
		else
			text = arena_printf(&node->arena, STR_FMT " %s%s", STR_ARG(text), names[next(seed) % 6],
					    marks[next(seed) % ARRAY_LEN(marks)]);
	}
	return str_c(text);
}

static void check(const struct pod_scene *scene, const struct pod_plan *plan, int64_t now)
{
	assert_true(!plan->wake_at || plan->wake_at > now);
	if (plan->finished) {
		assert_int_equal(plan->starts.len + plan->held.len, 0);
		assert_false(plan->create_sandbox);
		assert_int_equal(plan->wake_at, 0);
	}
	assert_true(!plan->starts.len || pod_view_has_sandbox(&scene->view));
	for (size_t i = 0; i < plan->starts.len; i++) {
		assert_false(container_runs(plan->starts.items[i]));
		for (size_t k = 0; k < plan->kills.len; k++)
			assert_ptr_not_equal(plan->kills.items[k].container, plan->starts.items[i]);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(plan->starts.items[k], plan->starts.items[i]);
	}
	for (size_t k = 0; k < plan->kills.len; k++)
		assert_non_null(plan->kills.items[k].container->latest);
}

static void properties(void **state UNUSED)
{
	static const char *const specs[] = {ALWAYS TWO,
					    FAILURE TWO,
					    NEVER TWO,
					    ALWAYS INIT TWO,
					    NEVER INIT TWO,
					    FAILURE THEN TWO,
					    NEVER THEN TWO,
					    NEVER INIT RESET,
					    ALWAYS ALONE RESET,
					    NEVER DEBUG ONE,
					    NEVER OWN(NEVER IN("7"))};
	uint32_t seed = 20261125;

	for (int round = 0; round < 4000; round++) {
		const char *spec = specs[next(&seed) % ARRAY_LEN(specs)];
		int64_t now = (int64_t)(next(&seed) % 2000) * NS_PER_SEC;
		struct pod_scene scene;
		struct test_node node = {0};
		struct pod_plan plan;

		scene_of(&node, &scene, spec, random_words(&node, &seed));
		if (next(&seed) % 2)
			pod_memory_of(&scene.memory, STR("a"))->restart =
				(struct backoff){(int64_t)(next(&seed) % 300) * NS_PER_SEC, now};
		make_plan(&node, &scene, now, &plan);
		check(&scene, &plan, now);
		pod_scene_release(&scene);
		arena_release(&node.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(kills),	cmocka_unit_test(renewed),
		cmocka_unit_test(backs_off),  cmocka_unit_test(delays), cmocka_unit_test(ended),
		cmocka_unit_test(properties),
	};

	return cmocka_run_group_tests_name("pod_plan", tests, NULL, NULL);
}
