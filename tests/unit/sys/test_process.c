/* Programs started with nothing inherited, waited for, run with a deadline; processes named by pid and start time. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "sys/process.h"

static void test_descriptors(void **state UNUSED)
{
	/* 0, 1, 2 and the one we hand over; ls itself opens the folder as 4. */
	const char *argv[] = {"/bin/ls", "/proc/self/fd", NULL};
	int fds[2], extra, status, leak = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */
	char text[64] = "";
	struct error err = {0};
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(process_spawn(&(struct process_options){.argv = argv,
								 .stdio = {-1, fds[1], -1},
								 .fds = &extra,
								 .fds_len = 1,
								 .new_session = true},
				       &pid, &err),
			 0);
	assert_int_equal(process_wait(pid, clock_monotonic_ns() + 10 * NS_PER_SEC, &status), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "0\n1\n2\n3\n4\n");
	close_fd(fds[0]);
	close_fd(fds[1]);
	close_fd(extra);
	close_fd(leak);
}

static void test_missing_program(void **state UNUSED)
{
	const char *argv[] = {"/no/such/program", NULL};
	struct error err = {0};
	pid_t pid;

	assert_true(process_spawn(&(struct process_options){.argv = argv, .stdio = {-1, -1, -1}}, &pid, &err) < 0);
	assert_int_equal(err.os_errno, ENOENT);
}

static void test_run(void **state UNUSED)
{
	const char *fine[] = {"echo", "hello", NULL}, *bad[] = {"/bin/ls", "/no/such/file", NULL};
	const char *slow[] = {"sleep", "60", NULL};
	struct buf cleanup_buf out;
	struct error err = {0};

	buf_init(&out, 1024);
	assert_int_equal(process_run(fine, 10000, &out, &err), 0);
	assert_string_equal(out.data, "hello\n");
	assert_true(process_run(bad, 10000, NULL, &err) < 0);
	assert_non_null(strstr(err.message, "No such file"));
	error_clear(&err);
	assert_int_equal(process_run(slow, 50, NULL, &err), -ERR_TIMEOUT);
}

static void test_identity(void **state UNUSED)
{
	const char *argv[] = {"sleep", "60", NULL};
	struct process_id id, other;
	struct error err = {0};
	int status, fd;

	assert_int_equal(process_spawn(&(struct process_options){.argv = argv, .stdio = {-1, -1, -1}}, &id.pid, &err),
			 0);
	id.start_time = process_start_time(id.pid);
	assert_true(id.start_time > 0);
	assert_true(process_alive(id));
	other = id;
	other.start_time++;
	assert_false(process_alive(other));
	assert_int_equal(process_open(other), -ESRCH);
	assert_int_equal(process_signal(other, SIGKILL), -ESRCH);
	fd = process_open(id);
	assert_true(fd >= 0);
	assert_int_equal(process_wait(id.pid, clock_monotonic_ns() + 1, &status), -ETIMEDOUT);
	assert_int_equal(process_signal(id, SIGTERM), 0);
	assert_int_equal(process_wait(id.pid, 0, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_false(process_alive(id));
	close_fd(fd);
}

static int answer(void *data)
{
	return *(int *)data + 1;
}

static void test_on_thread(void **state UNUSED)
{
	int n = 41;

	assert_int_equal(process_on_thread(answer, &n), 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors), cmocka_unit_test(test_missing_program), cmocka_unit_test(test_run),
		cmocka_unit_test(test_identity),    cmocka_unit_test(test_on_thread),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
