/* What is told of a pod: a table of pods, what exists of them, and their status, each as upstream tells it. */
#include "unit.h"

#include "base/clock.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_scene.h"
#include "kubelet/pod_status.h"

#define A	"{\"name\":\"a\",\"image\":\"i\"}"
#define B	"{\"name\":\"b\",\"image\":\"i\"}"
#define ALWAYS	"\"restartPolicy\":\"Always\","
#define FAILURE "\"restartPolicy\":\"OnFailure\","
#define NEVER	"\"restartPolicy\":\"Never\","
#define ONE	"\"containers\":[" A "]"
#define TWO	"\"containers\":[" A "," B "]"
#define INIT	"\"initContainers\":[{\"name\":\"x\",\"image\":\"i\"},{\"name\":\"y\",\"image\":\"i\"}],"
#define SIDECAR "\"initContainers\":[{\"name\":\"x\",\"image\":\"i\",\"restartPolicy\":\"Always\"}],"
#define GATES	"\"readinessGates\":[{\"conditionType\":\"g.io/a\"},{\"conditionType\":\"g.io/b\"}],"
#define RESET                                                                                                          \
	"\"containers\":[{\"name\":\"a\",\"image\":\"i\"," NEVER                                                       \
	"\"restartPolicyRules\":[{\"action\":\"RestartAllContainers\",\"exitCodes\":{\"operator\":\"In\","             \
	"\"values\":[88]}}]}," B "]"

#define UNREADY(names)	  "ContainersNotReady: containers with unready status: [" names "]"
#define INCOMPLETE(names) "ContainersNotInitialized: containers with incomplete status: [" names "]"

static const struct {
	const char *about, *spec, *status, *exists;
	const char *phase;
	/*
	 * A word for each container: its state (run, exit code, or what it waits for), "/" and the code of its last
	 * state, "*" and how often it was restarted, "+" ready, "." not started.
	 */
	const char *containers;
	const char *initialized, *ready; /* "": True; else reason and message */
} rows[] = {
	{"nothing yet", ALWAYS TWO, "", "", "Pending", "a:ContainerCreating. b:ContainerCreating.", "", UNREADY("a b")},
	{"a sandbox", ALWAYS ONE, "", "S", "Pending", "a:ContainerCreating.", "", UNREADY("a")},
	{"it runs", ALWAYS ONE, "", "S a", "Running", "a:run+", "", ""},
	{"it has not started", ALWAYS ONE, "", "S a~", "Running", "a:run.", "", UNREADY("a")},
	{"it is not ready", ALWAYS ONE, "", "S a-", "Running", "a:run", "", UNREADY("a")},
	{"one of two is made", ALWAYS TWO, "", "S a", "Pending", "a:run+ b:ContainerCreating.", "", UNREADY("b")},
	{"one of two has ended", NEVER TWO, "", "S a=0 b", "Running", "a:0. b:run+", "", UNREADY("a")},
	{"restarted", ALWAYS ONE, "", "S a=1 a", "Running", "a:run/1*1+", "", ""},
	{"to be restarted at once", ALWAYS ONE, "", "S a=1", "Running", "a:1.", "", UNREADY("a")},
	{"to be restarted twice", ALWAYS ONE, "", "S a=1 a=2", "Running", "a:2/1*1.", "", UNREADY("a")},
	{"well", NEVER ONE, "", "S a=0", "Succeeded", "a:0.", "PodCompleted", "PodCompleted"},
	{"badly", NEVER ONE, "", "S a=1", "Failed", "a:1.", "", "PodFailed"},
	{"one well, one badly", NEVER TWO, "", "S a=0 b=1", "Failed", "a:0. b:1.", "", "PodFailed"},
	{"OnFailure, badly", FAILURE TWO, "", "S a=0 b=1", "Running", "a:0. b:1.", "", UNREADY("a b")},
	{"it was lost with its sandbox", ALWAYS ONE, "", "s a=137 S", "Running", "a:137.", "", UNREADY("a")},
	{"never begun", NEVER ONE, "", "S a:created", "Pending", "a:ContainerCreating.", "", UNREADY("a")},

	{"init containers: none made", ALWAYS INIT ONE, "", "S", "Pending",
	 "x:PodInitializing. y:PodInitializing. a:PodInitializing.", INCOMPLETE("x y"), UNREADY("a")},
	{"init containers: the first runs", ALWAYS INIT ONE, "", "S x", "Pending",
	 "x:run y:PodInitializing. a:PodInitializing.", INCOMPLETE("x y"), UNREADY("a")},
	{"init containers: the second runs", ALWAYS INIT ONE, "", "S x=0 y", "Pending",
	 "x:0.+ y:run a:PodInitializing.", INCOMPLETE("y"), UNREADY("a")},
	{"init containers: it failed", ALWAYS INIT ONE, "", "S x=1", "Pending",
	 "x:1. y:PodInitializing. a:PodInitializing.", INCOMPLETE("x y"), UNREADY("a")},
	{"init containers: it failed for good", NEVER INIT ONE, "", "S x=1", "Failed",
	 "x:1. y:PodInitializing. a:PodInitializing.", INCOMPLETE("x y"), "PodFailed"},
	{"init containers: all through", ALWAYS INIT ONE, "", "S x=0 y=0", "Pending", "x:0.+ y:0.+ a:PodInitializing.",
	 "", UNREADY("a")},
	{"init containers: past", ALWAYS INIT ONE, "", "S x=0 y=0 a", "Running", "x:0.+ y:0.+ a:run+", "", ""},
	{"init containers: again in a new sandbox", ALWAYS INIT ONE, "", "s x=0 y=0 a=137 S x", "Pending",
	 "x:run/0*1 y:PodInitializing/0. a:137.", "", UNREADY("a")},

	{"a sidecar has not started", ALWAYS SIDECAR ONE, "", "S x~", "Pending", "x:run. a:PodInitializing.",
	 INCOMPLETE("x"), UNREADY("x a")},
	{"a sidecar is not ready", ALWAYS SIDECAR ONE, "", "S x-", "Pending", "x:run a:PodInitializing.", "",
	 UNREADY("x a")},
	{"a sidecar is not ready beside containers", ALWAYS SIDECAR ONE, "", "S x- a", "Running", "x:run a:run+", "",
	 UNREADY("x")},
	{"a sidecar ended beside containers", ALWAYS SIDECAR ONE, "", "S x=1 a", "Running", "x:1. a:run+", "",
	 UNREADY("x")},
	{"a sidecar's end is not the pod's", NEVER SIDECAR ONE, "", "S x=1 a=0", "Succeeded", "x:1. a:0.",
	 "PodCompleted", "PodCompleted"},

	{"gates", ALWAYS GATES ONE, "\"conditions\":[{\"type\":\"g.io/a\",\"status\":\"False\"}]", "S a", "Running",
	 "a:run+", "",
	 "ReadinessGatesNotReady: the status of pod readiness gate \"g.io/a\" is not \"True\", but False, "
	 "corresponding condition of pod readiness gate \"g.io/b\" does not exist."},
	{"gates after containers", ALWAYS GATES ONE, "", "S a-", "Running", "a:run", "", UNREADY("a")},

	{"what ended stays so", ALWAYS ONE, "\"phase\":\"Failed\"", "S a", "Failed", "a:run+", "", "PodFailed"},
	{"once initialized", ALWAYS INIT ONE, "\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\"}]", "S x",
	 "Pending", "x:run y:PodInitializing. a:PodInitializing.", "", UNREADY("a")},
	{"all begin anew", NEVER RESET, "", "S b=0 a=88", "Running", "a:ContainerCreating/88. b:ContainerCreating/0.",
	 "", UNREADY("a b")},
};

struct telling {
	struct test_node node;
	struct runtime_ops ops;
	struct runtime runtime;
};

static void telling_init(struct telling *telling)
{
	test_node_init(&telling->node);
	telling->ops = (struct runtime_ops){.name = "test"};
	telling->runtime.ops = &telling->ops;
	telling->node.context.runtime = &telling->runtime;
}

static struct core_v1_pod_status tell(struct telling *telling, struct pod_scene *scene, int64_t now)
{
	struct arena *arena = &telling->node.arena;
	struct pod_plan plan = {0};
	struct pod_status_inputs inputs = {.view = &scene->view, .memory = &scene->memory, .now = now};

	pod_plan(&scene->view, &scene->memory, now, arena, &plan);
	inputs.finished = plan.finished;
	inputs.succeeded = plan.succeeded;
	inputs.reason = plan.reason;
	inputs.message = plan.message;
	return pod_status(&telling->node.context, &inputs, arena);
}

static void scene_of(struct telling *telling, struct pod_scene *scene, const char *spec, const char *status,
		     const char *exists)
{
	const char *pod = str_c(arena_printf(&telling->node.arena,
					     "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\","
					     "\"generation\":3},\"spec\":{%s},\"status\":{%s}}",
					     spec, status));

	pod_scene_init(scene, &telling->node, pod, exists);
}

static struct str container_text(const struct core_v1_container_status *one, struct arena *arena)
{
	struct str text = arena_printf(arena, STR_FMT ":", STR_ARG(one->name));

	if (one->state.running)
		text = arena_concat(arena, text, STR("run"));
	if (one->state.terminated)
		text = arena_printf(arena, STR_FMT "%d", STR_ARG(text), one->state.terminated->exit_code);
	if (one->state.waiting)
		text = arena_concat(arena, text, one->state.waiting->reason);
	if (one->last_state.terminated)
		text = arena_printf(arena, STR_FMT "/%d", STR_ARG(text), one->last_state.terminated->exit_code);
	if (one->restart_count)
		text = arena_printf(arena, STR_FMT "*%d", STR_ARG(text), one->restart_count);
	return arena_printf(arena, STR_FMT "%s%s", STR_ARG(text), one->started && *one->started ? "" : ".",
			    one->ready ? "+" : "");
}

static struct str containers_text(const struct core_v1_pod_status *status, struct arena *arena)
{
	const struct core_v1_container_status_slice *lists[] = {&status->init_container_statuses,
								&status->container_statuses};
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		SLICE_FOREACH (one, *lists[i])
			text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), text.len ? " " : "",
					    STR_ARG(container_text(one, arena)));
	return text;
}

static const struct core_v1_pod_condition *find(const struct core_v1_pod_status *status, const char *type)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, type))
			return condition;
	fail_msg("no condition %s", type);
	return NULL;
}

static const char *condition_text(const struct core_v1_pod_status *status, const char *type, struct arena *arena)
{
	const struct core_v1_pod_condition *condition = find(status, type);

	/* A True one has a reason only for a pod that has ended well. */
	assert_true(str_eq(condition->status, STR("False")) == (condition->reason.len > 0) ||
		    str_eq(condition->reason, STR("PodCompleted")));
	return str_c(arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(condition->reason),
				  condition->message.len ? ": " : "", STR_ARG(condition->message)));
}

static void check(const char *about, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s: \"%s\" instead of \"%s\"", about, what, got, want);
}

static void table(void **state UNUSED)
{
	struct telling telling;
	struct arena *arena = &telling.node.arena;

	telling_init(&telling);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct core_v1_pod_status status;
		struct pod_scene scene;

		scene_of(&telling, &scene, rows[i].spec, rows[i].status, rows[i].exists);
		status = tell(&telling, &scene, SCENE_NOW);
		check(rows[i].about, "phase", str_c(status.phase), rows[i].phase);
		check(rows[i].about, "containers", str_c(containers_text(&status, arena)), rows[i].containers);
		check(rows[i].about, "Initialized", condition_text(&status, "Initialized", arena), rows[i].initialized);
		check(rows[i].about, "Ready", condition_text(&status, "Ready", arena), rows[i].ready);
		assert_int_equal(status.observed_generation, 3);
		pod_scene_release(&scene);
	}
	test_node_release(&telling.node);
}

/* In back-off it waits, and what it ended with is the last state. */
static void backs_off(void **state UNUSED)
{
	struct core_v1_pod_status status;
	struct telling telling;
	struct pod_scene scene;

	telling_init(&telling);
	scene_of(&telling, &scene, ALWAYS ONE, "", "S a=7");
	pod_memory_of(&scene.memory, STR("a"))->restart = (struct backoff){BACKOFF_BASE_NS, 101 * NS_PER_SEC};
	status = tell(&telling, &scene, 151 * NS_PER_SEC);
	assert_string_equal(str_c(containers_text(&status, &telling.node.arena)), "a:CrashLoopBackOff/7.");
	assert_string_equal(str_c(status.container_statuses.items[0].state.waiting->message),
			    "back-off 10s restarting failed container=a pod=p_n(u)");
	assert_string_equal(str_c(status.phase), "Running");
	pod_scene_release(&scene);
	test_node_release(&telling.node);
}

/* Others' conditions come first and as they are; a time stays where the status does; a start is told once. */
static void conditions(void **state UNUSED)
{
	static const char *const order[] = {"g.io/x", "PodReadyToStartContainers", "Initialized",
					    "Ready",  "ContainersReady",	   "PodScheduled"};
	struct core_v1_pod_status status;
	struct telling telling;
	struct pod_scene scene;

	telling_init(&telling);
	scene_of(&telling, &scene, ALWAYS ONE,
		 "\"startTime\":\"1970-01-01T00:00:09Z\",\"conditions\":["
		 "{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:10Z\"},"
		 "{\"type\":\"Initialized\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:11Z\"},"
		 "{\"type\":\"g.io/x\",\"status\":\"True\",\"reason\":\"Theirs\"}]",
		 "S a-");
	status = tell(&telling, &scene, SCENE_NOW);
	assert_int_equal(status.conditions.len, ARRAY_LEN(order));
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		assert_string_equal(str_c(status.conditions.items[i].type), order[i]);
	assert_string_equal(str_c(status.conditions.items[0].reason), "Theirs");
	assert_int_equal(find(&status, "Initialized")->last_transition_time.seconds, 11);
	assert_int_equal(find(&status, "Ready")->last_transition_time.seconds, SCENE_NOW / NS_PER_SEC);
	assert_int_equal(status.start_time->seconds, 9);
	pod_scene_release(&scene);
	test_node_release(&telling.node);
}

static void restarting(void **state UNUSED)
{
	static const struct {
		const char *exists, *status, *reason;
	} cases[] = {
		{"S b a", "False", ""},
		{"S b a=88", "True", "RestartAllContainersStarted"},
		{"S b=0 a=88 a b", "False", ""},
		{"S b=0 a=0", "False", "PodCompleted"},
		{"S b=1 a=0", "False", "PodFailed"},
	};
	struct telling telling;

	telling_init(&telling);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct core_v1_pod_condition *condition;
		struct core_v1_pod_status status;
		struct pod_scene scene;

		scene_of(&telling, &scene, NEVER RESET, "", cases[i].exists);
		status = tell(&telling, &scene, SCENE_NOW);
		condition = find(&status, "AllContainersRestarting");
		assert_string_equal(str_c(condition->status), cases[i].status);
		assert_string_equal(str_c(condition->reason), cases[i].reason);
		assert_int_equal(condition->observed_generation, 0);
		pod_scene_release(&scene);
	}
	test_node_release(&telling.node);
}

/* A reason goes with its phase; a deadline gives one. */
static void reasons(void **state UNUSED)
{
	static const struct {
		const char *spec, *status, *exists, *phase, *reason;
	} cases[] = {
		{ALWAYS ONE, "\"phase\":\"Pending\",\"reason\":\"R\"", "S", "Pending", "R"},
		{ALWAYS ONE, "\"phase\":\"Pending\",\"reason\":\"R\"", "S a", "Running", ""},
		{ALWAYS ONE, "\"phase\":\"Failed\",\"reason\":\"Evicted\"", "S a=0", "Failed", "Evicted"},
		{"\"activeDeadlineSeconds\":1," ALWAYS ONE,
		 "\"phase\":\"Running\",\"startTime\":\"1970-01-01T00:00:09Z\"", "S a=137", "Failed",
		 "DeadlineExceeded"},
	};
	struct telling telling;

	telling_init(&telling);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct core_v1_pod_status status;
		struct pod_scene scene;

		scene_of(&telling, &scene, cases[i].spec, cases[i].status, cases[i].exists);
		status = tell(&telling, &scene, SCENE_NOW);
		assert_string_equal(str_c(status.phase), cases[i].phase);
		assert_string_equal(str_c(status.reason), cases[i].reason);
		pod_scene_release(&scene);
	}
	test_node_release(&telling.node);
}

/* The sandbox's addresses, the node's with the host's network; those of a pod that has ended stay. */
static void addresses(void **state UNUSED)
{
	static const struct {
		const char *spec, *status, *exists, *ip;
	} cases[] = {
		{ALWAYS ONE, "", "", ""},
		{ALWAYS ONE, "", "S", "10.0.0.7"},
		{"\"hostNetwork\":true," ALWAYS ONE, "", "", ""},
		{"\"hostNetwork\":true," ALWAYS ONE, "", "S", "192.0.2.1"},
		{ALWAYS ONE, "\"phase\":\"Failed\",\"podIP\":\"10.0.0.6\",\"podIPs\":[{\"ip\":\"10.0.0.6\"}]", "",
		 "10.0.0.6"},
	};
	struct ip_address node_ip, pod_ip;
	struct telling telling;

	telling_init(&telling);
	assert_int_equal(ip_parse(STR("192.0.2.1"), &node_ip), 0);
	assert_int_equal(ip_parse(STR("10.0.0.7"), &pod_ip), 0);
	telling.node.config.node_ips = (struct runtime_ips){&node_ip, 1};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct core_v1_pod_status status;
		struct pod_scene scene;

		scene_of(&telling, &scene, cases[i].spec, cases[i].status, cases[i].exists);
		if (scene.view.all_sandboxes.len)
			scene.view.all_sandboxes.items[0].ips = (struct runtime_ips){&pod_ip, 1};
		status = tell(&telling, &scene, SCENE_NOW);
		assert_string_equal(status.pod_ip.len ? str_c(status.pod_ip) : "", cases[i].ip);
		assert_int_equal(status.pod_ips.len, status.pod_ip.len ? 1 : 0);
		pod_scene_release(&scene);
	}
	test_node_release(&telling.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(backs_off), cmocka_unit_test(conditions),
		cmocka_unit_test(restarting), cmocka_unit_test(reasons),   cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests_name("pod_status", tests, NULL, NULL);
}
