/*
 * wherry-shim SOCKET_FOLDER: becomes a process of its own, listens on SOCKET_FOLDER/shim.sock, says so with a byte on
 * descriptor 3, and serves; see shim.h.  `wherry-shim pause PID_FILE` instead starts the first process
 * of a pod's pid namespace.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "runtime/shim/shim.h"
#include "sys/path.h"

#define READY_FD 3

struct shim shim;

static int epoll_fd = -1;
static void **later; /* blocks to free after this turn */
static size_t later_len, later_cap;

void loop_add(struct source *source, int fd, uint32_t events, void (*ready)(struct source *source, uint32_t events))
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	source->fd = fd;
	source->ready = ready;
	/* Fails only without memory, and for plain files, which are always ready and which we do not add. */
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		loop_close(source);
}

void loop_modify(struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		loop_close(source);
}

void loop_close(struct source *source)
{
	/* Duplicates of the descriptor may live on elsewhere and would keep it on the epoll. */
	if (source->fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = close_fd(source->fd);
}

void loop_free_later(void *block)
{
	if (later_len == later_cap) {
		later_cap = later_cap ? later_cap * 2 : 8;
		later = xrealloc_array(later, later_cap, sizeof(*later));
	}
	later[later_len++] = block;
}

int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

char *copy_field(const struct wire_message *message, enum shim_tag tag)
{
	struct str value = wire_get_str(message, tag);

	return value.len ? xmemdup(value.data, value.len) : NULL;
}

void shim_exited(pid_t pid, int status)
{
	LIST_FOREACH_SAFE (struct container, container, &shim.containers, link)
		if (container->process.pid == pid && !container->exited) {
			container_exited(container, status);
			return;
		}
	LIST_FOREACH_SAFE (struct exec, exec, &shim.execs, link)
		if (exec->process.pid == pid) {
			if (exec->connection) {
				connection_send_exit(exec->connection, STR_EMPTY, exit_code(status), 0, false);
				exec->connection->exec = NULL;
			}
			list_remove(&exec->link);
			free(exec);
			return;
		}
	orphan_exited(pid, status);
}

static void child_ended(struct source *source, uint32_t events UNUSED)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(source->fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!job_exited(pid, status))
			shim_exited(pid, status);
}

static int listen_here(const char *folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SHIM_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* By a relative name: the folder's whole path may be longer than an address takes. */
	if (fd < 0 || chdir(folder) < 0)
		return -1;
	unlink(SHIM_SOCKET);
	umask(0077);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0)
		return -1;
	umask(0022);
	return fd;
}

/* Leaves the parent, the session and the terminal. */
static int become_own_process(void)
{
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0);
	return setsid() < 0 ? -1 : 0;
}

static void serve(void)
{
	struct epoll_event events[16];

	while (!shim.ending) {
		int n = epoll_wait(epoll_fd, events, ARRAY_LEN(events), -1);

		for (int i = 0; i < n; i++) {
			struct source *source = events[i].data.ptr;

			if (source->fd >= 0)
				source->ready(source, events[i].events);
		}
		while (later_len)
			free(later[--later_len]);
	}
}

/* The first process of a pod's pid namespace: takes in orphans, ends on SIGTERM. */
static _Noreturn void pause_for_ever(void)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		int signal = sigwaitinfo(&set, &info);

		if (signal == SIGTERM || signal == SIGINT)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* Like an OCI runtime's detached run: starts it in a new pid namespace, writes down its pid, and ends. */
static int start_pause(const char *pid_file)
{
	char text[16];
	int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid;

	if (fd < 0 || unshare(CLONE_NEWPID) < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		pause_for_ever();
	snprintf(text, sizeof(text), "%d", (int)pid);
	return pid < 0 || path_write_all(fd, text, strlen(text)) < 0;
}

int main(int argc, char **argv)
{
	struct source children, listener;
	sigset_t set;
	int listen_fd, signal_fd;

	/* Without what runs at an exit: a sanitizer's would start threads, which a new pid namespace forbids. */
	if (argc == 3 && strcmp(argv[1], "pause") == 0)
		_exit(start_pause(argv[2]));
	if (argc != 2) {
		fprintf(stderr, "usage: wherry-shim FOLDER\n");
		return 2;
	}
	if (become_own_process() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	/* All signals but those of a fault wait; only SIGCHLD is looked at. */
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGABRT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listen_fd = listen_here(argv[1]);
	if (signal_fd < 0 || epoll_fd < 0 || listen_fd < 0)
		return 1;
	list_init(&shim.containers);
	list_init(&shim.execs);
	list_init(&shim.connections);
	list_init(&shim.jobs);
	buf_init(&shim.message, LIMIT_SHIM_MESSAGE);
	shim.self = (struct process_id){getpid(), process_start_time(getpid())};
	/* Upstream's sandboxes have -998; without the right to lower it, it stays. */
	if (path_write(AT_FDCWD, "/proc/self/oom_score_adj", STR("-998")) < 0)
		errno = 0;
	loop_add(&children, signal_fd, EPOLLIN, child_ended);
	loop_add(&listener, listen_fd, EPOLLIN, connection_accept);
	if (write(READY_FD, "", 1) != 1)
		return 1;
	close_fd(READY_FD);
	serve();
	return 0;
}
