/* Starting, waiting for and naming processes; see process.h. */
#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "sys/path.h"

#define FDS_MAX 16

extern char **environ;

/* /proc/PID/stat after the command's closing parenthesis: " S ppid ... starttime"; the state and field 22. */
static uint64_t read_stat(pid_t pid, char *ret_state)
{
	char path[40], text[1024];
	struct str rest, field;
	uint64_t start = 0;
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (path_read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	end = strrchr(text, ')');
	if (!end || end[1] != ' ')
		return 0;
	rest = str_from(end + 2);
	*ret_state = rest.data[0];
	for (int i = 3; i <= 22; i++)
		str_cut(rest, ' ', &field, &rest);
	return str_parse_uint64(field, &start) < 0 ? 0 : start;
}

uint64_t process_start_time(pid_t pid)
{
	char state;

	return read_stat(pid, &state);
}

bool process_alive(struct process_id id)
{
	char state = 0;
	uint64_t start = id.pid > 0 ? read_stat(id.pid, &state) : 0;

	return start != 0 && start == id.start_time && state != 'Z' && state != 'X';
}

int process_open(struct process_id id)
{
	int fd;

	if (id.pid <= 0)
		return -ESRCH;
	fd = pidfd_open(id.pid, 0);
	if (fd < 0)
		return -errno;
	/* Checked after opening: the descriptor holds the pid's process, so it is the one we ask about. */
	if (process_start_time(id.pid) != id.start_time) {
		close_fd(fd);
		return -ESRCH;
	}
	return fd;
}

int process_signal(struct process_id id, int signal)
{
	cleanup_close int fd = process_open(id);

	if (fd < 0)
		return fd;
	return pidfd_send_signal(fd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* Descriptors moved out of the way of the numbers they will get, so that the dup2 calls cannot overwrite a source. */
struct fd_plan {
	int source[3 + FDS_MAX];
	int moved[3 + FDS_MAX];
	size_t len;
};

static void fd_plan_release(struct fd_plan *plan)
{
	for (size_t i = 0; i < plan->len; i++)
		close_fd(plan->moved[i]);
}

static int fd_plan_init(struct fd_plan *plan, const struct process_options *options)
{
	int above = 3 + (int)options->fds_len;

	plan->len = 0;
	for (size_t i = 0; i < 3 + options->fds_len; i++) {
		int fd = i < 3 ? options->stdio[i] : options->fds[i - 3];

		plan->moved[i] = fd < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
		if (fd < 0)
			fd = plan->moved[i];
		plan->len = i + 1;
		if (fd >= 0 && fd < above) {
			int moved = fcntl(fd, F_DUPFD_CLOEXEC, above);

			close_fd(plan->moved[i]);
			plan->moved[i] = fd = moved;
		}
		if (fd < 0)
			return -errno;
		plan->source[i] = fd;
	}
	return 0;
}

static int spawn_with(const struct process_options *options, const struct fd_plan *plan, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	for (size_t i = 0; i < plan->len; i++)
		posix_spawn_file_actions_adddup2(&actions, plan->source[i], (int)i);
	posix_spawn_file_actions_addclosefrom_np(&actions, (int)plan->len);
	if (options->new_session)
		flags |= POSIX_SPAWN_SETSID;
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	/* posix_spawn changes neither list; its prototype forgets const. */
	r = posix_spawnp(ret_pid, options->argv[0], &actions, &attributes, UNCONST(char *const *, options->argv),
			 options->envp ? UNCONST(char *const *, options->envp) : environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

int process_spawn(const struct process_options *options, pid_t *ret_pid, struct error *err)
{
	struct fd_plan plan;
	pid_t pid = -1;
	int r;

	assert(options->fds_len <= FDS_MAX);
	r = fd_plan_init(&plan, options);
	if (r == 0)
		r = spawn_with(options, &plan, &pid);
	fd_plan_release(&plan);
	if (r < 0)
		return error_set_errno(err, -r, "start %s", options->argv[0]);
	*ret_pid = pid;
	return 0;
}

int process_wait(pid_t pid, int64_t deadline_ns, int *ret_status)
{
	int status;

	if (deadline_ns) {
		cleanup_close int fd = pidfd_open(pid, 0);
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

		while (fd >= 0) {
			int64_t left = deadline_ns - clock_monotonic_ns();
			int n = poll(&poll_fd, 1, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);

			if (n > 0)
				break;
			if (n == 0)
				return -ETIMEDOUT;
		}
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_status = status;
	return 0;
}

/* Reads @fd to its end or the deadline; what does not fit is thrown away. */
static int drain(int fd, int64_t deadline_ns, struct buf *output)
{
	char chunk[4096];

	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int64_t left = deadline_ns - clock_monotonic_ns();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, (int)(left / NS_PER_MS) + 1) <= 0)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		buf_append(output, chunk, (size_t)n);
	}
}

int process_run(const char *const *argv, int64_t timeout_ms, struct buf *output, struct error *err)
{
	int64_t deadline = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
	struct buf cleanup_buf own;
	struct str text;
	int fds[2], status = 0, r;
	pid_t pid = -1;

	buf_init(&own, 64 * 1024);
	if (!output)
		output = &own;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	r = process_spawn(&(struct process_options){.argv = argv, .stdio = {-1, fds[1], fds[1]}}, &pid, err);
	close_fd(fds[1]);
	if (r < 0) {
		close_fd(fds[0]);
		return r;
	}
	r = drain(fds[0], deadline, output);
	close_fd(fds[0]);
	if (r == 0)
		r = process_wait(pid, deadline, &status);
	if (r == -ETIMEDOUT) {
		kill(pid, SIGKILL);
		if (process_wait(pid, 0, &status) < 0)
			status = -1;
		return error_set(err, ERR_TIMEOUT, "%s did not end in time", argv[0]);
	}
	if (r < 0)
		return error_set_errno(err, -r, "wait for %s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	text = str_trim(buf_view(output));
	if (text.len > 800)
		text = str_from_at(text, text.len - 800);
	return error_set(err, ERR_INTERNAL, "%s: " STR_FMT, argv[0], STR_ARG(text));
}

struct thread_call {
	int (*run)(void *data);
	void *data;
	int result;
};

static void *thread_main(void *data)
{
	struct thread_call *call = data;

	call->result = call->run(call->data);
	return NULL;
}

int process_on_thread(int (*run)(void *data), void *data)
{
	struct thread_call call = {.run = run, .data = data};
	pthread_t thread;
	int r = pthread_create(&thread, NULL, thread_main, &call);

	if (r)
		return -r;
	pthread_join(thread, NULL);
	return call.result;
}
