/* What pods ask of nodes: containers, init containers, sidecars, overhead, pod level, resizes. */
#include "unit.h"

#include "logic/pod_requests.h"
#include "types/codec.h"

#define CPU(n)	     "\"resources\":{\"requests\":{\"cpu\":\"" n "\"}}"
#define LIMIT(n)     "\"resources\":{\"limits\":{\"cpu\":\"" n "\"}}"
#define C(name, ...) "{\"name\":\"" name "\"," __VA_ARGS__ "}"

static const struct {
	const char *about, *pod; /* members of the pod */
	int64_t cpu, memory;
} rows[] = {
	{"nothing", "\"spec\":{\"containers\":[{\"name\":\"a\"}]}", 0, 0},
	{"the sum of containers", "\"spec\":{\"containers\":[" C("a", CPU("1")) "," C("b", CPU("500m")) "]}", 1500, 0},
	{"the largest init container",
	 "\"spec\":{\"containers\":[" C("a", CPU("1")) "],\"initContainers\":[" C("i", CPU("3")) "," C("j",
												       CPU("2")) "]}",
	 3000, 0},
	{"a sidecar adds up",
	 "\"spec\":{\"containers\":[" C("a", CPU("3")) "],\"initContainers\":[" C(
		 "s", "\"restartPolicy\":\"Always\"," CPU("2")) "]}",
	 5000, 0},
	{"an init container beside the sidecars before it",
	 "\"spec\":{\"containers\":[" C("a", CPU("1")) "],\"initContainers\":[" C(
		 "s", "\"restartPolicy\":\"Always\"," CPU("2")) "," C("i", CPU("4")) "]}",
	 6000, 0},
	{"an init container before the sidecars",
	 "\"spec\":{\"containers\":[" C("a", CPU("1")) "],\"initContainers\":[" C("i", CPU("4")) "," C(
		 "s", "\"restartPolicy\":\"Always\"," CPU("2")) "]}",
	 4000, 0},
	{"overhead on top",
	 "\"spec\":{\"containers\":[" C("a", CPU("1")) "],\"overhead\":{\"cpu\":\"250m\",\"memory\":\"1Ki\"}}", 1250,
	 1024},
	{"the pod's own in place of the sum", "\"spec\":{\"containers\":[" C("a", CPU("1")) "]," CPU("7") "}", 7000, 0},
	{"being resized: the most of all",
	 "\"spec\":{\"containers\":[" C("a", CPU("1")) "]},\"status\":{\"containerStatuses\":[{\"name\":\"a\"," CPU(
		 "2") ",\"allocatedResources\":{\"cpu\":\"3\"}}]}",
	 3000, 0},
	{"a resize that cannot be does not count",
	 "\"spec\":{\"containers\":[" C(
		 "a",
		 CPU("9")) "]},\"status\":{\"conditions\":[{\"type\":\"PodResizePending\",\"reason\":\"Infeasible\"}],"
			   "\"containerStatuses\":[{\"name\":\"a\"," CPU("2") "}]}",
	 2000, 0},
};

static struct core_v1_pod *decode(const char *members, struct arena *arena)
{
	struct str json = arena_printf(arena, "{%s}", members);
	struct error err = {0};
	void *pod;

	if (decode_json(&schema_core_v1_pod, json, arena, NULL, &pod, &err) < 0)
		fail_msg("%s: " STR_FMT, err.message, STR_ARG(json));
	return pod;
}

static void table(void **state UNUSED)
{
	static const struct pod_requests_options options = {.use_status = true};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena cleanup_arena arena = {0};
		struct resource_amounts amounts;

		pod_requests(decode(rows[i].pod, &arena), &options, &arena, &amounts);
		if (resource_amounts_get(&amounts, STR("cpu")) != rows[i].cpu ||
		    resource_amounts_get(&amounts, STR("memory")) != rows[i].memory)
			fail_msg("%s: %lld", rows[i].about, (long long)resource_amounts_get(&amounts, STR("cpu")));
	}
}

/* Each container that asks for nothing is given the default; one that asks for 0 asks for 0. */
static void defaults(void **state UNUSED)
{
	static const struct pod_requests_options options = {.default_cpu = 100, .default_memory = 200};
	struct arena cleanup_arena arena = {0};
	struct resource_amounts amounts;

	pod_requests(decode("\"spec\":{\"containers\":[{\"name\":\"a\"}," C("b", CPU("0")) "]}", &arena), &options,
		     &arena, &amounts);
	assert_int_equal(resource_amounts_get(&amounts, STR("cpu")), 100);
	assert_int_equal(resource_amounts_get(&amounts, STR("memory")), 400);
}

/* Limits: the same sums, and overhead only on top of what is limited. */
static void limits(void **state UNUSED)
{
	static const struct {
		const char *about, *pod;
		int64_t cpu, memory;
	} cases[] = {
		{"none, for all the overhead",
		 "\"spec\":{\"containers\":[" C("a", CPU("1")) "],\"overhead\":{\"cpu\":\"1\"}}", 0, 0},
		{"the sum, and overhead of the one there is",
		 "\"spec\":{\"containers\":[" C("a", LIMIT("1")) "," C(
			 "b", LIMIT("2")) "],\"overhead\":{\"cpu\":\"250m\",\"memory\":\"1Ki\"}}",
		 3250, 0},
		{"an init container beside a sidecar",
		 "\"spec\":{\"containers\":[" C("a", LIMIT("1")) "],\"initContainers\":[" C(
			 "s", "\"restartPolicy\":\"Always\"," LIMIT("2")) "," C("i", LIMIT("4")) "]}",
		 6000, 0},
		{"the pod's own in place of the sum",
		 "\"spec\":{\"containers\":[" C("a", LIMIT("1")) "],\"resources\":{\"limits\":{\"memory\":\"8Ki\"}}}",
		 1000, 8192},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct resource_amounts amounts;

		pod_limits(decode(cases[i].pod, &arena), &arena, &amounts);
		if (resource_amounts_get(&amounts, STR("cpu")) != cases[i].cpu ||
		    resource_amounts_get(&amounts, STR("memory")) != cases[i].memory)
			fail_msg("%s: %lld", cases[i].about, (long long)resource_amounts_get(&amounts, STR("cpu")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(defaults),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
