/* Pinned namespaces, mounts and control groups of this machine: needs root, skipped without it. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "sys/cgroup.h"
#include "sys/mounts.h"
#include "sys/namespace.h"
#include "sys/path.h"
#include "sys/process.h"

static char folder[64];

static int setup(void **state UNUSED)
{
	struct error err = {0};

	if (geteuid() != 0)
		return 0;
	snprintf(folder, sizeof(folder), "/tmp/wherry-test-kernel.XXXXXX");
	/* Mounts stay in a namespace of the test's own. */
	if (!mkdtemp(folder) || unshare(CLONE_NEWNS) < 0)
		return -1;
	return mount_set_propagation("/", MS_REC | MS_PRIVATE, &err);
}

static int teardown(void **state UNUSED)
{
	struct error err = {0};

	if (geteuid() != 0)
		return 0;
	return mount_remove_below(folder, &err) < 0 ? -1 : path_remove_tree(AT_FDCWD, folder);
}

static int read_hostname(void *data)
{
	return gethostname(data, 64) < 0 ? -errno : 0;
}

static void test_namespaces(void **state UNUSED)
{
	struct namespace_sysctl sysctl = {"net.ipv4.ip_unprivileged_port_start", "7"};
	char net[128], uts[128], name[64] = "";
	struct error err = {0};
	struct namespace_spec spec = {
		.net = net, .uts = uts, .hostname = "one-pod", .sysctls = &sysctl, .sysctls_len = 1};
	int fd;

	if (geteuid() != 0)
		skip();
	snprintf(net, sizeof(net), "%s/net", folder);
	snprintf(uts, sizeof(uts), "%s/uts", folder);
	assert_int_equal(namespace_pin(&spec, &err), 0);
	assert_true(namespace_pinned(net));
	fd = open(uts, O_RDONLY | O_CLOEXEC);
	assert_int_equal(namespace_call(fd, read_hostname, name), 0);
	close_fd(fd);
	assert_string_equal(name, "one-pod");
	assert_int_equal(namespace_unpin(net, &err), 0);
	assert_int_equal(namespace_unpin(uts, &err), 0);
	assert_false(namespace_pinned(net));
	sysctl.name = "net.no.such";
	assert_true(namespace_pin(&spec, &err) < 0);
	assert_false(namespace_pinned(net));
}

static void test_overlay(void **state UNUSED)
{
	static const char *const dirs[] = {"lower/a", "lower/b", "upper", "work", "merged"};
	struct str lower[] = {STR("a"), STR("b")};
	char target[128], root[128], upper[128], work[128], text[16];
	cleanup_close int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = {0};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(path_make_dirs(dir, dirs[i], 0755), 0);
	snprintf(target, sizeof(target), "%s/merged", folder);
	snprintf(root, sizeof(root), "%s/lower", folder);
	snprintf(upper, sizeof(upper), "%s/upper", folder);
	snprintf(work, sizeof(work), "%s/work", folder);
	close_fd(openat(dir, "lower/b/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	assert_int_equal(mount_overlay(target, root, lower, 2, upper, work, &err), 0);
	assert_true(mount_is_mountpoint(target));
	assert_int_equal(path_read_small(dir, "merged/f", text, sizeof(text)), 0);
	assert_int_equal(path_remove_tree(AT_FDCWD, folder), -EBUSY);
	assert_int_equal(mount_remove_below(folder, &err), 0);
	assert_false(mount_is_mountpoint(target));
	assert_int_equal(mount_remove(target, &err), 0);
}

static void test_cgroups(void **state UNUSED)
{
	const char *argv[] = {"sleep", "60", NULL};
	struct cgroup_host host;
	struct error err = {0};
	char path[64], below[80];
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "/wherry-test-%d", (int)getpid());
	snprintf(below, sizeof(below), "%s/deep", path);
	assert_int_equal(cgroup_detect(&host, &err), 0);
	assert_int_equal(cgroup_create(&host, str_from(below), &err), 0);
	assert_int_equal(cgroup_set(&host, str_from(path),
				    &(struct cgroup_limits){.pids_limit = 5, .memory_limit = 64 << 20}, &err),
			 0);
	assert_int_equal(process_spawn(&(struct process_options){.argv = argv, .stdio = {-1, -1, -1}}, &pid, &err), 0);
	assert_int_equal(cgroup_add_process(&host, str_from(below), pid, &err), 0);
	assert_true(cgroup_populated(&host, str_from(path)));
	assert_int_equal(cgroup_remove(&host, str_from(path), &err), -ERR_SYSTEM);
	error_clear(&err);
	/* A zombie is no member: the kill ends before we have waited. */
	assert_int_equal(cgroup_kill(&host, str_from(path), 5000, &err), 0);
	assert_int_equal(process_wait(pid, clock_monotonic_ns() + 5 * NS_PER_SEC, &status), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(cgroup_remove(&host, str_from(path), &err), 0);
	assert_false(cgroup_exists(&host, str_from(path)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_cgroups),
	};

	return cmocka_run_group_tests_name("kernel", tests, setup, teardown);
}
