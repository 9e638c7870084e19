/*
 * Control groups: hierarchies read from mountinfo, and limits written to trees of ordinary files, so that both versions
 * are judged on any machine.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>

#include "sys/cgroup.h"
#include "sys/path.h"

static char folder[64];
static int folder_fd = -1;

static int setup(void **state UNUSED)
{
	snprintf(folder, sizeof(folder), "/tmp/wherry-test-cgroup.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
	close_fd(folder_fd);
	return path_remove_tree(AT_FDCWD, folder);
}

static void put(const char *path, const char *text)
{
	int fd = openat(folder_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(path_write_all(fd, text, strlen(text)), 0);
	close_fd(fd);
}

/* A real control file is replaced by a write; an ordinary one keeps the tail, so the tests start from empty ones. */
static void expect(const char *path, const char *text)
{
	char got[256];

	assert_true(path_read_small(folder_fd, path, got, sizeof(got)) >= 0);
	assert_string_equal(got, text);
}

static const char v1_mounts[] = "25 1 0:24 / /sys rw - sysfs sysfs rw\n"
				"33 25 0:29 / /cg/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
				"34 25 0:30 / /cg/memory rw,relatime shared:3 - cgroup cgroup rw,memory\n"
				"35 25 0:31 / /cg/pids rw,relatime shared:3 master:1 - cgroup cgroup rw,pids\n"
				"36 25 0:32 / /cg/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
				"37 25 0:33 / /cg/unified rw,relatime - cgroup2 cgroup2 rw\n"
				"38 25 0:30 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory\n";
static const char v2_mounts[] = "33 25 0:29 / /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static void detect(const char *mounts, struct cgroup_host *ret)
{
	struct error err = {0};

	assert_int_equal(cgroup_detect_from(str_from(mounts), folder, ret, &err), 0);
}

static void test_detect(void **state UNUSED)
{
	struct cgroup_host host;
	struct error err = {0};

	detect(v1_mounts, &host);
	assert_int_equal(host.len, 5);
	assert_true(host.hybrid);
	assert_false(cgroup_is_unified(&host));
	assert_int_equal(host.items[0].controllers, (1U << CGROUP_CPU) | (1U << CGROUP_CPUACCT));
	assert_int_equal(host.unified, 4);
	detect(v2_mounts, &host);
	assert_int_equal(host.len, 1);
	assert_true(cgroup_is_unified(&host));
	assert_true(cgroup_detect_from(STR("1 2 0:3 / / rw - ext4 /dev/vda rw\n"), "", &host, &err) < 0);
}

static void test_v1_limits(void **state UNUSED)
{
	struct cgroup_limits limits = {.cpu_shares = 512,
				       .cpu_quota = 50000,
				       .cpu_period = 100000,
				       .memory_limit = 1 << 20,
				       .pids_limit = -1,
				       .cpuset_cpus = STR("0-1")};
	struct cgroup_host host;
	struct error err = {0};

	assert_int_equal(path_make_dirs(folder_fd, "cg/cpuset", 0755), 0);
	put("cg/cpuset/cpuset.cpus", "0-3");
	put("cg/cpuset/cpuset.mems", "0");
	for (size_t i = 0; i < 4; i++) {
		static const char *const dirs[] = {"cg/cpu", "cg/memory", "cg/pids", "cg/unified"};

		assert_int_equal(path_make_dirs(folder_fd, dirs[i], 0755), 0);
	}
	assert_int_equal(path_make_dirs(folder_fd, "cg/cpuset/w/pod", 0755), 0);
	put("cg/cpuset/w/cpuset.cpus", "");
	put("cg/cpuset/w/cpuset.mems", "");
	put("cg/cpuset/w/pod/cpuset.cpus", "");
	put("cg/cpuset/w/pod/cpuset.mems", "");
	detect(v1_mounts, &host);
	assert_int_equal(cgroup_create(&host, STR("/w/pod"), &err), 0);
	expect("cg/cpuset/w/cpuset.cpus", "0-3");
	expect("cg/cpuset/w/pod/cpuset.mems", "0");
	put("cg/cpu/w/pod/cpu.shares", "");
	put("cg/cpu/w/pod/cpu.cfs_quota_us", "");
	put("cg/cpu/w/pod/cpu.cfs_period_us", "");
	put("cg/memory/w/pod/memory.limit_in_bytes", "");
	put("cg/pids/w/pod/pids.max", "");
	assert_int_equal(cgroup_set(&host, STR("/w/pod"), &limits, &err), 0);
	expect("cg/cpu/w/pod/cpu.shares", "512");
	expect("cg/cpu/w/pod/cpu.cfs_quota_us", "50000");
	expect("cg/memory/w/pod/memory.limit_in_bytes", "1048576");
	expect("cg/pids/w/pod/pids.max", "max");
	limits.pids_limit = 7;
	assert_int_equal(path_remove_tree(folder_fd, "cg/pids/w/pod/pids.max"), 0);
	assert_true(cgroup_set(&host, STR("/w/pod"), &limits, &err) < 0);
	assert_int_equal(err.os_errno, ENOENT);
}

static void test_v1_usage(void **state UNUSED)
{
	struct cgroup_usage usage;
	struct cgroup_host host;
	struct error err = {0};
	char file[256];

	detect(v1_mounts, &host);
	assert_int_equal(cgroup_usage(&host, STR("/c"), &usage, &err), -ERR_NOT_FOUND);
	error_clear(&err);
	assert_int_equal(path_make_dirs(folder_fd, "cg/cpu/c", 0755), 0);
	assert_int_equal(path_make_dirs(folder_fd, "cg/memory/c", 0755), 0);
	put("cg/cpu/c/cpuacct.usage", "123456\n");
	put("cg/memory/c/memory.usage_in_bytes", "5000\n");
	put("cg/memory/c/memory.stat", "cache 1\ntotal_rss 3000\ntotal_inactive_file 1500\n");
	put("cg/memory/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	assert_int_equal(cgroup_usage(&host, STR("/c"), &usage, &err), 0);
	assert_int_equal(usage.cpu_usage_ns, 123456);
	assert_int_equal(usage.memory_working_set, 3500);
	assert_int_equal(usage.memory_rss, 3000);
	assert_int_equal(usage.oom_kills, 2);
	assert_int_equal(cgroup_oom_file(&host, STR("/c"), file, sizeof(file)), 0);
	assert_non_null(strstr(file, "/cg/memory/c/memory.oom_control"));
}

static void test_v2(void **state UNUSED)
{
	struct cgroup_limits limits = {
		.cpu_shares = 1024, .cpu_quota = -1, .memory_limit = 1 << 20, .memory_swap = 3 << 20, .pids_limit = 10};
	struct cgroup_usage usage;
	struct cgroup_host host;
	struct error err = {0};

	assert_int_equal(path_make_dirs(folder_fd, "cg/w", 0755), 0);
	put("cg/cgroup.controllers", "cpu memory pids\n");
	put("cg/cgroup.subtree_control", "");
	put("cg/w/cgroup.controllers", "pids\n");
	put("cg/w/cgroup.subtree_control", "");
	detect(v2_mounts, &host);
	assert_int_equal(cgroup_create(&host, STR("/w/c"), &err), 0);
	expect("cg/cgroup.subtree_control", "+pidsry"); /* three writes over each other: +cpu, +memory, +pids */
	expect("cg/w/cgroup.subtree_control", "+pids");
	put("cg/w/c/cpu.weight", "");
	put("cg/w/c/cpu.max", "");
	put("cg/w/c/memory.max", "");
	put("cg/w/c/memory.swap.max", "");
	put("cg/w/c/pids.max", "");
	assert_int_equal(cgroup_set(&host, STR("/w/c"), &limits, &err), 0);
	expect("cg/w/c/cpu.weight", "39");
	expect("cg/w/c/cpu.max", "max 100000");
	expect("cg/w/c/memory.max", "1048576");
	expect("cg/w/c/memory.swap.max", "2097152");
	expect("cg/w/c/pids.max", "10");
	put("cg/w/c/cpu.stat", "usage_usec 77\nuser_usec 1\n");
	put("cg/w/c/memory.current", "900\n");
	put("cg/w/c/memory.stat", "anon 500\ninactive_file 1000\n");
	put("cg/w/c/memory.events", "low 0\noom 1\noom_kill 1\n");
	put("cg/w/c/pids.current", "3\n");
	assert_int_equal(cgroup_usage(&host, STR("/w/c"), &usage, &err), 0);
	assert_int_equal(usage.cpu_usage_ns, 77000);
	assert_int_equal(usage.memory_working_set, 0);
	assert_int_equal(usage.memory_rss, 500);
	assert_int_equal(usage.oom_kills, 1);
	assert_int_equal(usage.pids, 3);
}

static void test_names(void **state UNUSED)
{
	static const char *const bad[] = {"", "/", "relative", "/a/../b", "/.."};
	struct cgroup_host host;

	detect(v2_mounts, &host);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = {0};

		assert_true(cgroup_create(&host, str_from(bad[i]), &err) < 0);
	}
}

static void test_weight(void **state UNUSED)
{
	static const struct {
		int64_t shares, weight;
	} cases[] = {{0, 1}, {2, 1}, {100, 4}, {1024, 39}, {262144, 10000}, {999999, 10000}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cgroup_weight_from_shares(cases[i].shares), cases[i].weight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_detect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v1_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v1_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_weight),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
