/*
 * Runs of the OCI runtime: it starts a container or a further process in one, and ends; what it started becomes our
 * child, since we are the subreaper.  Its end and the new child's may come in either order: ends of children we do not
 * know are kept while a job is under way.  See shim.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/limits.h"
#include "runtime/shim/shim.h"
#include "sys/path.h"

#define ORPHANS_MAX 64
#define ARGV_MAX    64

static struct orphan {
	pid_t pid;
	int status;
} orphans[ORPHANS_MAX];
static size_t orphans_len;

void orphan_exited(pid_t pid, int status)
{
	if (list_empty(&shim.jobs))
		return;
	/* Full: the oldest cannot be what a job waits for, jobs being as few as requests under way. */
	if (orphans_len == ORPHANS_MAX) {
		memmove(orphans, orphans + 1, (ORPHANS_MAX - 1) * sizeof(*orphans));
		orphans_len--;
	}
	orphans[orphans_len++] = (struct orphan){pid, status};
}

/* The process is known now; if it has ended already, say so. */
static void settle_orphan(pid_t pid)
{
	for (size_t i = 0; i < orphans_len; i++)
		if (orphans[i].pid == pid) {
			int status = orphans[i].status;

			orphans[i] = orphans[--orphans_len];
			shim_exited(pid, status);
			return;
		}
}

static void job_free(struct job *job)
{
	list_remove(&job->link);
	loop_close(&job->console_listener);
	loop_close(&job->console_peer);
	if (job->console)
		unlink(job->console);
	close_fd(job->master);
	free(job->pid_file);
	free(job->console);
	loop_free_later(job);
	if (list_empty(&shim.jobs))
		orphans_len = 0;
}

static int read_pid(const struct job *job)
{
	char text[32];
	int64_t pid;

	if (!job->pid_file || path_read_small(AT_FDCWD, job->pid_file, text, sizeof(text)) < 0 ||
	    str_parse_int64(str_trim(str_from(text)), &pid) < 0)
		return -1;
	return (int)pid;
}

static void container_job_done(struct job *job, struct process_id process)
{
	struct container *container = job->container;

	if (job->tty) {
		stream_init(&container->out, container, "stdout", TAKE_FD(job->master));
	}
	container_started(container, process);
	if (job->connection)
		connection_started(job->connection, process, container->started_at, -1);
}

static void exec_job_done(struct job *job, struct process_id process)
{
	struct exec *exec = XNEW(struct exec);

	exec->process = process;
	exec->connection = job->connection;
	list_append(&shim.execs, &exec->link);
	if (job->connection) {
		job->connection->exec = exec;
		connection_started(job->connection, process, clock_wall_ns(), job->master);
	}
}

/* The runtime has ended and, with a terminal, its master has come. */
static void job_done(struct job *job)
{
	struct process_id process = {0};
	struct error err = {0};

	if (job->status == 0)
		process.pid = read_pid(job);
	if (process.pid > 0) {
		process.start_time = process_start_time(process.pid);
		if (job->container)
			container_job_done(job, process);
		else
			exec_job_done(job, process);
		settle_orphan(process.pid);
	} else {
		error_set(&err, ERR_INTERNAL, "exit status %d", exit_code(job->status));
		if (job->connection)
			connection_error(job->connection, &err);
		if (job->container)
			container_free(job->container);
	}
	job_free(job);
}

bool job_exited(pid_t pid, int status)
{
	LIST_FOREACH_SAFE (struct job, job, &shim.jobs, link) {
		if (job->pid != pid || job->ended)
			continue;
		job->ended = true;
		job->status = status;
		/* The terminal was sent before the runtime ended; it may wait unread. */
		if (job->tty && job->master < 0 && status == 0 && job->console_peer.fd >= 0)
			job->console_peer.ready(&job->console_peer, EPOLLIN);
		else
			job_done(job);
		return true;
	}
	return false;
}

void job_forget_connection(const struct connection *connection)
{
	LIST_FOREACH (struct job, job, &shim.jobs, link)
		if (job->connection == connection)
			job->connection = NULL;
}

/* ---- terminals ---- */

static int receive_master(int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char text[256];
	struct iovec part = {text, sizeof(text)};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	struct cmsghdr *header;
	int master = -1;

	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) < 0)
		return -1;
	header = CMSG_FIRSTHDR(&msg);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(&master, CMSG_DATA(header), sizeof(master));
	return master;
}

static void console_peer_ready(struct source *source, uint32_t events UNUSED)
{
	struct job *job = CONTAINER_OF(source, struct job, console_peer);

	if (job->master < 0)
		job->master = receive_master(source->fd);
	if (job->master >= 0)
		fcntl(job->master, F_SETFL, O_RDWR | O_NONBLOCK);
	loop_close(source);
	if (job->ended)
		job_done(job);
}

static void console_ready(struct source *source, uint32_t events UNUSED)
{
	struct job *job = CONTAINER_OF(source, struct job, console_listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	loop_close(source);
	loop_add(&job->console_peer, fd, EPOLLIN, console_peer_ready);
}

static int listen_console(struct job *job, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(job->console);
	int fd;

	if (len >= sizeof(address.sun_path))
		return error_set(err, ERR_INVALID, "path of terminal socket is too long: %s", job->console);
	memcpy(address.sun_path, job->console, len + 1);
	unlink(job->console);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0) {
		error_set_errno(err, errno, "listen on %s", job->console);
		close_fd(fd);
		return -(int)err->code;
	}
	loop_add(&job->console_listener, fd, EPOLLIN, console_ready);
	return 0;
}

/* ---- starting ---- */

static struct job *job_new(struct connection *connection, const struct wire_message *message)
{
	struct job *job = XNEW(struct job);

	list_append(&shim.jobs, &job->link);
	job->connection = connection;
	job->pid_file = copy_field(message, SHIM_TAG_PID_FILE);
	job->console = copy_field(message, SHIM_TAG_CONSOLE);
	job->tty = wire_get_int(message, SHIM_TAG_TTY, 0) != 0;
	job->master = job->console_listener.fd = job->console_peer.fd = -1;
	return job;
}

static int job_spawn(struct job *job, const struct wire_message *message, const int stdio[3], struct error *err)
{
	char *argv[ARGV_MAX + 1] = {NULL};
	struct process_options options = {.argv = (const char *const *)argv, .stdio = {stdio[0], stdio[1], stdio[2]}};
	struct str value;
	size_t len = 0;
	uint16_t tag;
	int r = 0;

	if (job->tty && !job->console)
		return error_set(err, ERR_INVALID, "a terminal needs a socket");
	for (size_t at = 0; wire_next(message->fields, &at, &tag, &value);)
		if (tag == SHIM_TAG_ARGV && len < ARGV_MAX)
			argv[len++] = xmemdup(value.data, value.len);
	if (len == 0)
		r = error_set(err, ERR_INVALID, "no command");
	if (r == 0 && job->pid_file)
		unlink(job->pid_file);
	if (r == 0 && job->tty)
		r = listen_console(job, err);
	if (r == 0)
		r = process_spawn(&options, &job->pid, err);
	while (len)
		free(argv[--len]);
	return r;
}

/* A container's pipes: *ours stays here, *theirs goes to the container. */
static int make_pipe(int *ours, int *theirs, bool we_read, struct error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	*ours = fds[we_read ? 0 : 1];
	*theirs = fds[we_read ? 1 : 0];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

static int make_pipes(struct container *container, int theirs[3], struct error *err)
{
	int out = -1, err_fd = -1, r = 0;

	if (container->has_stdin)
		r = make_pipe(&container->stdin_fd, &theirs[0], false, err);
	if (r == 0)
		r = make_pipe(&out, &theirs[1], true, err);
	if (r == 0)
		stream_init(&container->out, container, "stdout", out);
	if (r == 0)
		r = make_pipe(&err_fd, &theirs[2], true, err);
	if (r == 0)
		stream_init(&container->err, container, "stderr", err_fd);
	return r;
}

int job_start_container(struct connection *connection, const struct wire_message *message, struct error *err)
{
	struct str id = wire_get_str(message, SHIM_TAG_CONTAINER);
	int theirs[3] = {-1, -1, -1}, r = 0;
	struct container *container;
	struct job *job;

	if (id.len == 0 || container_find(id))
		return error_set(err, ERR_ALREADY_EXISTS, "container " STR_FMT " was started before", STR_ARG(id));
	if (shim.containers_len >= SHIM_CONTAINERS_MAX)
		return error_set(err, ERR_TOO_MANY_REQUESTS, "the pod has %zu containers", shim.containers_len);
	container = container_new(message);
	job = job_new(connection, message);
	job->container = container;
	r = container_reopen_log(container);
	if (r < 0)
		r = error_set_errno(err, -r, "open log %s", container->log_path);
	if (r == 0 && !container->tty)
		r = make_pipes(container, theirs, err);
	if (r == 0)
		r = job_spawn(job, message, theirs, err);
	for (size_t i = 0; i < 3; i++)
		close_fd(theirs[i]);
	if (r < 0) {
		job_free(job);
		container_free(container);
	}
	return r;
}

int job_start_exec(struct connection *connection, struct wire_message *message, struct error *err)
{
	static const enum shim_tag tags[3] = {SHIM_TAG_HAS_STDIN, SHIM_TAG_HAS_STDOUT, SHIM_TAG_HAS_STDERR};
	struct container *container = container_find(wire_get_str(message, SHIM_TAG_CONTAINER));
	int stdio[3] = {-1, -1, -1}, r;
	struct job *job;
	size_t at = 0;

	if (!container || container->exited || container->process.pid == 0)
		return error_set(err, ERR_NOT_FOUND, "container is not running");
	if (connection->exec)
		return error_set(err, ERR_CONFLICT, "this connection has an exec");
	job = job_new(connection, message);
	for (size_t i = 0; i < 3; i++)
		if (wire_get_int(message, tags[i], 0) && at < message->fds_len)
			stdio[i] = message->fds[at++];
	r = job_spawn(job, message, stdio, err);
	if (r < 0)
		job_free(job);
	return r;
}
