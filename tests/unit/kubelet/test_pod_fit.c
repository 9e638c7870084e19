/* What a node has no room for, by amounts, labels and taints, beside the pods it has let in. */
#include "unit.h"

#include "kubelet/node.h"
#include "kubelet/pod_fit.h"
#include "types/codec.h"

#define REQUESTS(list) "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{" list "}}}]"
#define CPU(amount)    REQUESTS("\"cpu\":\"" amount "\"")

#define NODE                                                                                                           \
	"{\"metadata\":{\"name\":\"n\",\"labels\":{\"disk\":\"ssd\"}},"                                                \
	"\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"},{\"key\":\"l\",\"effect\":\"NoSchedule\"}]},"  \
	"\"status\":{\"allocatable\":{\"cpu\":\"2\",\"memory\":\"1Gi\",\"pods\":\"3\",\"hugepages-2Mi\":\"0\","        \
	"\"example.com/gpu\":\"1\"}}}"
#define TOLERANT "\"tolerations\":[{\"operator\":\"Exists\"}],"

static const struct {
	const char *about, *neighbours, *spec, *reason, *message; /* no reason: let in */
} rows[] = {
	{"nothing asked for", "", TOLERANT REQUESTS(""), NULL, NULL},
	{"all there is", "", TOLERANT CPU("2"), NULL, NULL},
	{"more than there is", "", TOLERANT CPU("2001m"), "OutOfcpu",
	 "Node didn't have enough resource: cpu, requested: 2001, used: 0, capacity: 2000"},
	{"what is left", "1500m", TOLERANT CPU("500m"), NULL, NULL},
	{"more than is left", "1500m", TOLERANT CPU("501m"), "OutOfcpu",
	 "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000"},
	{"nothing of what is gone", "2", TOLERANT REQUESTS("\"memory\":\"1Gi\""), NULL, NULL},
	{"memory", "", TOLERANT REQUESTS("\"memory\":\"2Gi\""), "OutOfmemory",
	 "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824"},
	{"the processor is told of first", "", TOLERANT REQUESTS("\"memory\":\"2Gi\",\"cpu\":\"3\""), "OutOfcpu",
	 "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"},
	{"a disk nobody told of", "", TOLERANT REQUESTS("\"ephemeral-storage\":\"1\""), "OutOfephemeral-storage",
	 "Node didn't have enough resource: ephemeral-storage, requested: 1, used: 0, capacity: 0"},
	{"large pages", "", TOLERANT REQUESTS("\"hugepages-2Mi\":\"2Mi\""), "OutOfhugepages-2Mi",
	 "Node didn't have enough resource: hugepages-2Mi, requested: 2097152, used: 0, capacity: 0"},
	{"a device", "", TOLERANT REQUESTS("\"example.com/gpu\":\"1\""), NULL, NULL},
	{"more devices", "", TOLERANT REQUESTS("\"example.com/gpu\":\"2\""), "OutOfexample.com/gpu",
	 "Node didn't have enough resource: example.com/gpu, requested: 2, used: 0, capacity: 1"},
	{"what is not of nodes", "", TOLERANT REQUESTS("\"example.com/licence\":\"2\""), NULL, NULL},
	{"the last pod", "0 0", TOLERANT REQUESTS(""), NULL, NULL},
	{"one pod more", "0 0 0", TOLERANT REQUESTS(""), "OutOfpods",
	 "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"},
	{"its label", "", TOLERANT "\"nodeSelector\":{\"disk\":\"ssd\"}", NULL, NULL},
	{"another label", "", TOLERANT "\"nodeSelector\":{\"disk\":\"tape\"}", "NodeAffinity",
	 "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"},
	{"room comes before labels", "", "\"nodeSelector\":{\"disk\":\"tape\"}," CPU("3"), "OutOfcpu",
	 "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"},
	{"a taint that evicts", "", REQUESTS(""), "TaintToleration",
	 "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"},
	{"one that only keeps the scheduler away", "", "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]",
	 NULL, NULL},
};

/* "1500m 2": two pods that ask for so much processor. */
static size_t read_neighbours(struct test_node *node, const char *text, const struct core_v1_pod **ret)
{
	struct str rest = str_from(text), one;
	size_t len = 0;

	while (rest.len) {
		struct str after = STR_EMPTY;

		if (!str_cut(rest, ' ', &one, &after))
			one = rest;
		rest = after;
		ret[len++] = test_node_pod(
			node, str_c(arena_printf(&node->arena,
						 "{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{"
						 "\"requests\":{\"cpu\":\"" STR_FMT "\"}}}]}}",
						 STR_ARG(one))));
	}
	return len;
}

static void table(void **state UNUSED)
{
	struct test_node node;
	struct error err = {0};
	void *api;

	test_node_init(&node);
	assert_int_equal(decode_json(&schema_core_v1_node, STR(NODE), &node.arena, NULL, &api, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *json = str_c(arena_printf(&node.arena, "{\"spec\":{%s}}", rows[i].spec));
		const struct core_v1_pod *pods[4];
		struct pod_neighbours neighbours = {api, pods, read_neighbours(&node, rows[i].neighbours, pods)};
		struct pod_rejection rejection = {0};

		if (pod_fits(&neighbours, test_node_pod(&node, json), &node.arena, &rejection) != !rows[i].reason)
			fail_msg("%s: %s", rows[i].about, rejection.reason ? rejection.reason : "let in");
		if (!rows[i].reason)
			continue;
		assert_string_equal(rejection.reason, rows[i].reason);
		assert_string_equal(str_c(rejection.message), rows[i].message);
	}
	test_node_release(&node);
}

/* Before the API has told of the node nothing is refused for its sake. */
static void unknown_node(void **state UNUSED)
{
	const struct pod_neighbours neighbours = {0};
	struct pod_rejection rejection;
	struct test_node node;

	test_node_init(&node);
	assert_true(
		pod_fits(&neighbours, test_node_pod(&node, "{\"spec\":{" CPU("9000") "}}"), &node.arena, &rejection));
	test_node_release(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(unknown_node)};

	return cmocka_run_group_tests_name("pod_fit", tests, NULL, NULL);
}
