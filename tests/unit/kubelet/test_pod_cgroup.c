/*
 * The cgroups of pods: which limits a pod's has, and that they come to be in the files of either version, in trees of
 * ordinary files.
 */
#include "unit.h"

#include <fcntl.h>

#include "kubelet/node.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/qos_cgroups.h"
#include "sys/path.h"

#define RESOURCES(requests, limits) "\"resources\":{\"requests\":{" requests "},\"limits\":{" limits "}}"
#define C(name, ...)		    "{\"name\":\"" name "\"," __VA_ARGS__ "}"
#define SIDECAR(...)		    C("s", "\"restartPolicy\":\"Always\"," __VA_ARGS__)
#define BOTH(cpu, memory)	    "\"cpu\":\"" cpu "\",\"memory\":\"" memory "\""
#define ONE(cpu)		    "\"cpu\":\"" cpu "\""
#define SPEC(...)		    "\"spec\":{" __VA_ARGS__ "}"

static const struct {
	const char *about, *qos_class, *pod; /* members of the pod */
	int64_t max_pids;
	int64_t shares, quota, memory, pids;
} rows[] = {
	{"nothing asked for", "BestEffort", SPEC("\"containers\":[{\"name\":\"a\"}]"), -1, 2, 0, 0, 0},
	{"the node's limit of processes", "BestEffort", SPEC("\"containers\":[{\"name\":\"a\"}]"), 50, 2, 0, 0, 50},
	{"guaranteed", "Guaranteed",
	 SPEC("\"containers\":[" C("a", RESOURCES(BOTH("1", "1Ki"), BOTH("1", "1Ki"))) "," C(
		 "b", RESOURCES(BOTH("500m", "2Ki"), BOTH("500m", "2Ki"))) "]"),
	 0, 1536, 150000, 3072, 0},
	{"requests alone", "Burstable", SPEC("\"containers\":[" C("a", RESOURCES(BOTH("250m", "1Ki"), "")) "]"), 0, 256,
	 0, 0, 0},
	{"limits of some containers bound nothing", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("1", "1Ki"))) "," C("b", RESOURCES("", "")) "]"), 0,
	 102, 0, 0, 0},
	{"each container's processor, one's memory", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("1", "1Ki"))) "," C(
		 "b", RESOURCES(ONE("100m"), ONE("2"))) "]"),
	 0, 204, 300000, 0, 0},
	{"an init container without a limit", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("1", "1Ki"))) "],\"initContainers\":[" C(
		 "i", RESOURCES("", "")) "]"),
	 0, 102, 0, 0, 0},
	{"an init container that needs more", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("1", "1Ki"))) "],\"initContainers\":[" C(
		 "i", RESOURCES(ONE("500m"), BOTH("4", "8Ki"))) "]"),
	 0, 512, 400000, 8192, 0},
	{"a sidecar beside the container", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("1", "1Ki"))) "],\"initContainers\":[" SIDECAR(
		 RESOURCES(ONE("200m"), BOTH("500m", "1Ki"))) "]"),
	 0, 307, 150000, 2048, 0},
	{"overhead", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), ONE("1"))) "],\"overhead\":{" BOTH("250m", "1Ki") "}"),
	 0, 358, 125000, 0, 0},
	{"limits at pod level, none below", "Burstable",
	 SPEC("\"containers\":[{\"name\":\"a\"}]," RESOURCES(ONE("100m"), BOTH("2", "4Ki"))), 0, 102, 200000, 4096, 0},
	{"a quota of at least a millisecond", "Burstable",
	 SPEC("\"containers\":[" C("a", RESOURCES(ONE("1m"), ONE("1m"))) "]"), 0, 2, 1000, 0, 0},
};

static struct test_node node;

static int setup(void **state UNUSED)
{
	test_node_init(&node);
	node.config.cgroup_root = STR("/w");
	return 0;
}

static int teardown(void **state UNUSED)
{
	test_node_release(&node);
	return 0;
}

static const struct core_v1_pod *make_pod(const char *uid, const char *qos_class, const char *members)
{
	return test_node_pod(&node, str_c(arena_printf(&node.arena,
						       "{\"metadata\":{\"uid\":\"%s\"},"
						       "\"status\":{\"qosClass\":\"%s\"},%s}",
						       uid, qos_class, members)));
}

static void table(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct core_v1_pod *pod = make_pod("u", rows[i].qos_class, rows[i].pod);
		struct cgroup_limits got;

		node.config.pod_max_pids = rows[i].max_pids;
		got = pod_cgroup_limits(&node.config, pod, &node.arena);
		if (got.cpu_shares != rows[i].shares || got.cpu_quota != rows[i].quota ||
		    got.memory_limit != rows[i].memory || got.pids_limit != rows[i].pids ||
		    (got.cpu_period != 0) != (rows[i].quota != 0))
			fail_msg("%s: shares %lld quota %lld memory %lld pids %lld", rows[i].about,
				 (long long)got.cpu_shares, (long long)got.cpu_quota, (long long)got.memory_limit,
				 (long long)got.pids_limit);
	}
}

/* --- In files ----------------------------------------------------------------------------------------------------- */

#define MOUNT(name, type, options) "30 1 0:30 / /" name " rw - " type " " type " rw," options "\n"

static const char v1_mounts[] =
	MOUNT("cpu", "cgroup", "cpu,cpuacct") MOUNT("memory", "cgroup", "memory") MOUNT("pids", "cgroup", "pids");
static const char v2_mounts[] = MOUNT("one", "cgroup2", "nsdelegate");

struct file {
	const char *path, *text;
};

#define V1_POD(top) top "/w/kubepods/burstable/podu-1/"
static const struct file v1_files[] = {
	{V1_POD("cpu") "cpu.shares", "102"},	     {V1_POD("cpu") "cpu.cfs_period_us", "100000"},
	{V1_POD("cpu") "cpu.cfs_quota_us", "50000"}, {V1_POD("memory") "memory.limit_in_bytes", "65536"},
	{V1_POD("pids") "pids.max", "20"},
};
static const struct file v2_files[] = {
	{V1_POD("one") "cpu.weight", "4"},
	{V1_POD("one") "cpu.max", "50000 100000"},
	{V1_POD("one") "memory.max", "65536"},
	{V1_POD("one") "pids.max", "20"},
};

static struct str in_folder(const char *path)
{
	return arena_printf(&node.arena, "%s/%s", node.folder, path);
}

static void make_file(const char *path)
{
	struct str name = in_folder(path), dir = str_sub(name, 0, (size_t)str_last_index(name, '/'));
	int fd;

	assert_int_equal(path_make_dirs(AT_FDCWD, str_c(arena_str(&node.arena, dir)), 0755), 0);
	fd = open(str_c(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close_fd(fd);
}

static void detect(const char *mounts)
{
	struct error err = {0};

	assert_int_equal(cgroup_detect_from(str_from(mounts), node.folder, &node.context.cgroups, &err), 0);
}

static void check_files(const char *mounts, const char *top, const struct file *files, size_t len)
{
	const struct core_v1_pod *pod = make_pod(
		"u-1", "Burstable", SPEC("\"containers\":[" C("a", RESOURCES(ONE("100m"), BOTH("500m", "64Ki"))) "]"));
	struct error err = {0};
	char got[64];

	assert_int_equal(path_make_dirs(AT_FDCWD, str_c(in_folder(top)), 0755), 0);
	detect(mounts);
	node.config.pod_max_pids = 20;
	/* Nothing there takes a limit: said, not passed over. */
	assert_true(pod_cgroup_ensure(&node.context, pod, &err) < 0);
	assert_int_equal(err.os_errno, ENOENT);
	error_clear(&err);
	for (size_t i = 0; i < len; i++)
		make_file(files[i].path);
	assert_int_equal(pod_cgroup_ensure(&node.context, pod, &err), 0);
	for (size_t i = 0; i < len; i++) {
		assert_true(path_read_small(AT_FDCWD, str_c(in_folder(files[i].path)), got, sizeof(got)) >= 0);
		assert_string_equal(got, files[i].text);
	}
}

static void version_1(void **state UNUSED)
{
	check_files(v1_mounts, "cpu", v1_files, ARRAY_LEN(v1_files));
}

static void version_2(void **state UNUSED)
{
	check_files(v2_mounts, "one", v2_files, ARRAY_LEN(v2_files));
}

/* Found in every tier and every hierarchy, and removed with what is below. */
static void list_and_remove(void **state UNUSED)
{
	static const char *const groups[] = {"cpu/w/kubepods/podg/c", "memory/w/kubepods/besteffort/podb",
					     "pids/w/kubepods/besteffort/podb", "cpu/w/kubepods/burstable/other"};
	struct runtime_strs uids;
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		assert_int_equal(path_make_dirs(AT_FDCWD, str_c(in_folder(groups[i])), 0755), 0);
	detect(v1_mounts);
	assert_int_equal(pod_cgroup_list(&node.context, &node.arena, &uids, &err), 0);
	assert_int_equal(uids.len, 2);
	assert_true(str_eq(uids.items[0], STR("g")) && str_eq(uids.items[1], STR("b")));
	SLICE_FOREACH (uid, uids)
		assert_int_equal(pod_cgroup_remove(&node.context, *uid, &err), 0);
	assert_int_equal(pod_cgroup_remove(&node.context, STR("g"), &err), 0);
	assert_int_equal(pod_cgroup_list(&node.context, &node.arena, &uids, &err), 0);
	assert_int_equal(uids.len, 0);
	assert_int_equal(access(str_c(in_folder("cpu/w/kubepods/burstable/other")), F_OK), 0);
}

static void burstable_shares(void **state UNUSED)
{
	const char *spec = SPEC("\"containers\":[" C("a", RESOURCES(ONE("500m"), "")) "]");
	const struct core_v1_pod *pods[] = {
		make_pod("1", "Burstable", spec),
		make_pod("2", "Guaranteed", spec),
		make_pod("3", "Burstable", spec),
		test_node_pod(
			&node,
			"{\"spec\":{\"containers\":[" C(
				"a", RESOURCES(ONE("4"),
					       "")) "]},"
						    "\"status\":{\"qosClass\":\"Burstable\",\"phase\":\"Succeeded\"}}"),
	};

	assert_int_equal(qos_burstable_shares(pods, 0), 2);
	assert_int_equal(qos_burstable_shares(pods, 1), 512);
	assert_int_equal(qos_burstable_shares(pods, ARRAY_LEN(pods)), 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(table, setup, teardown),
		cmocka_unit_test_setup_teardown(version_1, setup, teardown),
		cmocka_unit_test_setup_teardown(version_2, setup, teardown),
		cmocka_unit_test_setup_teardown(list_and_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(burstable_shares, setup, teardown),
	};

	return cmocka_run_group_tests_name("pod_cgroup", tests, NULL, NULL);
}
