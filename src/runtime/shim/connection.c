/* Connections to the shim and the requests on them; see wire.h and shim.h. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "runtime/shim/shim.h"

static void connection_free(struct connection *connection)
{
	if (connection->exec)
		connection->exec->connection = NULL;
	if (connection->attachment)
		attachment_free(connection->attachment);
	job_forget_connection(connection);
	list_remove(&connection->link);
	shim.connections_len--;
	loop_close(&connection->source);
	loop_free_later(connection);
}

static void send_message(struct connection *connection, const int *fds, size_t fds_len)
{
	/* Who does not take its messages is gone for us; it connects again and lists. */
	if (connection->source.fd >= 0 && wire_send(connection->source.fd, &shim.message, fds, fds_len) < 0)
		shutdown(connection->source.fd, SHUT_RDWR);
}

void connection_error(struct connection *connection, const struct error *err)
{
	wire_begin(&shim.message, SHIM_ERROR);
	wire_put_str(&shim.message, SHIM_TAG_TEXT, str_from(err->message));
	send_message(connection, NULL, 0);
}

void connection_started(struct connection *connection, struct process_id process, int64_t time, int master)
{
	wire_begin(&shim.message, SHIM_STARTED);
	wire_put_int(&shim.message, SHIM_TAG_PID, process.pid);
	wire_put_int(&shim.message, SHIM_TAG_START_TIME, (int64_t)process.start_time);
	wire_put_int(&shim.message, SHIM_TAG_TIME, time);
	send_message(connection, &master, master >= 0);
}

void connection_send_exit(struct connection *connection, struct str container, int code, int64_t time, bool oom)
{
	wire_begin(&shim.message, SHIM_EXITED);
	wire_put_str(&shim.message, SHIM_TAG_CONTAINER, container);
	wire_put_int(&shim.message, SHIM_TAG_CODE, code);
	wire_put_int(&shim.message, SHIM_TAG_TIME, time);
	wire_put_int(&shim.message, SHIM_TAG_OOM, oom);
	send_message(connection, NULL, 0);
}

/* ---- requests ---- */

/* A handler answers itself, or returns 0 with nothing sent (REPLY_LATER), or fails. */
enum reply { REPLY_OK, REPLY_LATER };

static int do_hello(struct connection *connection, struct wire_message *message UNUSED, struct error *err UNUSED)
{
	wire_begin(&shim.message, SHIM_OK);
	wire_put_int(&shim.message, SHIM_TAG_PID, shim.self.pid);
	wire_put_int(&shim.message, SHIM_TAG_START_TIME, (int64_t)shim.self.start_time);
	wire_put_int(&shim.message, SHIM_TAG_VERSION, SHIM_VERSION);
	send_message(connection, NULL, 0);
	return REPLY_LATER;
}

static int do_subscribe(struct connection *connection, struct wire_message *message UNUSED, struct error *err UNUSED)
{
	connection->subscribed = true;
	wire_begin(&shim.message, SHIM_OK);
	send_message(connection, NULL, 0);
	LIST_FOREACH (struct container, container, &shim.containers, link)
		if (container->exited)
			connection_send_exit(connection, str_from(container->id), container->code,
					     container->finished_at, container->oom);
	return REPLY_LATER;
}

static int do_list(struct connection *connection, struct wire_message *message UNUSED, struct error *err UNUSED)
{
	wire_begin(&shim.message, SHIM_OK);
	LIST_FOREACH (struct container, container, &shim.containers, link) {
		wire_put_str(&shim.message, SHIM_TAG_CONTAINER, str_from(container->id));
		wire_put_int(&shim.message, SHIM_TAG_PID, container->process.pid);
		wire_put_int(&shim.message, SHIM_TAG_START_TIME, (int64_t)container->process.start_time);
		wire_put_int(&shim.message, SHIM_TAG_TIME, container->started_at);
		wire_put_int(&shim.message, SHIM_TAG_CODE, container->exited ? container->code : -1);
	}
	send_message(connection, NULL, 0);
	return REPLY_LATER;
}

static int do_start(struct connection *connection, struct wire_message *message, struct error *err)
{
	int r = job_start_container(connection, message, err);

	return r < 0 ? r : REPLY_LATER;
}

static int do_exec(struct connection *connection, struct wire_message *message, struct error *err)
{
	int r = job_start_exec(connection, message, err);

	return r < 0 ? r : REPLY_LATER;
}

static int find(const struct wire_message *message, struct container **ret, struct error *err)
{
	struct str id = wire_get_str(message, SHIM_TAG_CONTAINER);

	*ret = container_find(id);
	return *ret ? 0 : error_set(err, ERR_NOT_FOUND, "container " STR_FMT " not found", STR_ARG(id));
}

static int do_attach(struct connection *connection, struct wire_message *message, struct error *err)
{
	struct container *container;
	int r = find(message, &container, err);

	return r < 0 ? r : container_attach(container, connection, message, err);
}

static int do_kill(struct connection *connection, struct wire_message *message, struct error *err)
{
	int signal = (int)wire_get_int(message, SHIM_TAG_SIGNAL, SIGKILL);
	struct container *container;
	pid_t pid = 0;

	if (wire_get_str(message, SHIM_TAG_CONTAINER).data) {
		int r = find(message, &container, err);

		if (r < 0)
			return r;
		pid = container->exited ? 0 : container->process.pid;
	} else if (connection->exec) {
		pid = connection->exec->process.pid;
	}
	/* We are the parent and have not waited: the pid is still theirs. */
	if (pid > 0 && kill(pid, signal) < 0 && errno != ESRCH)
		return error_set_errno(err, errno, "kill");
	return REPLY_OK;
}

static int do_resize(struct connection *connection UNUSED, struct wire_message *message, struct error *err)
{
	struct winsize size = {.ws_col = (unsigned short)wire_get_int(message, SHIM_TAG_WIDTH, 80),
			       .ws_row = (unsigned short)wire_get_int(message, SHIM_TAG_HEIGHT, 24)};
	struct container *container;
	int r = find(message, &container, err);

	if (r < 0)
		return r;
	if (!container->tty || container->out.source.fd < 0 || ioctl(container->out.source.fd, TIOCSWINSZ, &size) < 0)
		return error_set(err, ERR_CONFLICT, "container has no terminal");
	return REPLY_OK;
}

static int do_reopen_log(struct connection *connection UNUSED, struct wire_message *message, struct error *err)
{
	struct container *container;
	int r = find(message, &container, err);

	if (r < 0)
		return r;
	r = container->exited ? 0 : container_reopen_log(container);
	return r < 0 ? error_set_errno(err, -r, "open log") : REPLY_OK;
}

static int do_forget(struct connection *connection UNUSED, struct wire_message *message, struct error *err)
{
	struct container *container;
	struct error missing = {0};

	if (find(message, &container, &missing) < 0)
		return REPLY_OK;
	if (!container->exited)
		return error_set(err, ERR_CONFLICT, "container is running");
	container_free(container);
	return REPLY_OK;
}

static int do_shutdown(struct connection *connection UNUSED, struct wire_message *message UNUSED, struct error *err)
{
	LIST_FOREACH (struct container, container, &shim.containers, link)
		if (!container->exited)
			return error_set(err, ERR_CONFLICT, "container %s is running", container->id);
	shim.ending = true;
	return REPLY_OK;
}

static const struct {
	enum shim_type type;
	int (*run)(struct connection *connection, struct wire_message *message, struct error *err);
} requests[] = {
	{SHIM_HELLO, do_hello},	  {SHIM_SUBSCRIBE, do_subscribe}, {SHIM_LIST, do_list},
	{SHIM_START, do_start},	  {SHIM_EXEC, do_exec},		  {SHIM_ATTACH, do_attach},
	{SHIM_KILL, do_kill},	  {SHIM_RESIZE, do_resize},	  {SHIM_REOPEN_LOG, do_reopen_log},
	{SHIM_FORGET, do_forget}, {SHIM_SHUTDOWN, do_shutdown},
};

static void serve_message(struct connection *connection, struct wire_message *message)
{
	struct error err = {0};
	int r = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(requests); i++)
		if (requests[i].type == message->type)
			break;
	if (i < ARRAY_LEN(requests))
		r = requests[i].run(connection, message, &err);
	else
		r = error_set(&err, ERR_BAD_REQUEST, "request %u is not known to this shim", message->type);
	if (r < 0) {
		connection_error(connection, &err);
	} else if (r == REPLY_OK) {
		wire_begin(&shim.message, SHIM_OK);
		send_message(connection, NULL, 0);
	}
}

static void connection_ready(struct source *source, uint32_t events UNUSED)
{
	static char buffer[LIMIT_SHIM_MESSAGE];
	struct connection *connection = CONTAINER_OF(source, struct connection, source);
	struct wire_message message;
	int r = wire_receive(source->fd, buffer, sizeof(buffer), &message);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		connection_free(connection);
		return;
	}
	serve_message(connection, &message);
	wire_close_fds(&message);
}

void connection_accept(struct source *listener, uint32_t events UNUSED)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	if (fd < 0)
		return;
	if (shim.connections_len >= SHIM_CONNECTIONS_MAX) {
		close_fd(fd);
		return;
	}
	connection = XNEW(struct connection);
	list_append(&shim.connections, &connection->link);
	shim.connections_len++;
	loop_add(&connection->source, fd, EPOLLIN, connection_ready);
}
