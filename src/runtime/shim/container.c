/* A container as the shim knows it: its pipes, its log, its end; and who is attached.  See shim.h. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "runtime/shim/shim.h"
#include "sys/path.h"

struct container *container_find(struct str id)
{
	LIST_FOREACH (struct container, container, &shim.containers, link)
		if (str_eq_c(id, container->id))
			return container;
	return NULL;
}

struct container *container_new(const struct wire_message *message)
{
	struct container *container = XNEW(struct container);

	list_init(&container->attachments);
	container->id = copy_field(message, SHIM_TAG_CONTAINER);
	container->exit_dir = copy_field(message, SHIM_TAG_EXIT_DIR);
	container->log_path = copy_field(message, SHIM_TAG_LOG);
	container->oom_file = copy_field(message, SHIM_TAG_OOM_FILE);
	container->tty = wire_get_int(message, SHIM_TAG_TTY, 0) != 0;
	container->has_stdin = wire_get_int(message, SHIM_TAG_STDIN, 0) != 0;
	container->stdin_once = wire_get_int(message, SHIM_TAG_STDIN_ONCE, 0) != 0;
	container->log_fd = container->stdin_fd = -1;
	container->out.source.fd = container->err.source.fd = -1;
	list_append(&shim.containers, &container->link);
	shim.containers_len++;
	return container;
}

static void close_all(struct container *container)
{
	while (!list_empty(&container->attachments))
		attachment_free(LIST_FIRST(&container->attachments, struct attachment, link));
	stream_finish(&container->out);
	stream_finish(&container->err);
	container->stdin_fd = close_fd(container->stdin_fd);
	container->log_fd = close_fd(container->log_fd);
}

void container_free(struct container *container)
{
	close_all(container);
	list_remove(&container->link);
	shim.containers_len--;
	free(container->id);
	free(container->exit_dir);
	free(container->log_path);
	free(container->oom_file);
	loop_free_later(container); /* its streams are on the loop */
}

int container_reopen_log(struct container *container)
{
	int fd;

	if (!container->log_path)
		return 0;
	fd = open(container->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	close_fd(container->log_fd);
	container->log_fd = fd;
	return 0;
}

void container_started(struct container *container, struct process_id process)
{
	container->process = process;
	container->started_at = clock_wall_ns();
}

/* The group's file has a line "oom_kill N". */
static bool met_memory_limit(const struct container *container)
{
	char text[512];
	const char *found;

	if (!container->oom_file || path_read_small(AT_FDCWD, container->oom_file, text, sizeof(text)) < 0)
		return false;
	found = strstr(text, "oom_kill ");
	return found && found[strlen("oom_kill ")] != '0';
}

/* Not synced: it must survive our death, not the machine's, after which every container has ended anyway. */
static void write_exit(const struct container *container)
{
	cleanup_close int dir = container->exit_dir ? open(container->exit_dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	char text[128];

	snprintf(text, sizeof(text), "{\"exitCode\":%d,\"finishedAt\":%lld,\"oom\":%s}\n", container->code,
		 (long long)container->finished_at, container->oom ? "true" : "false");
	/* When the disk takes no more, those who listen still hear of it. */
	if (dir >= 0 && path_write_atomic(dir, "exit", str_from(text), 0600, false) < 0)
		errno = 0;
}

void container_exited(struct container *container, int status)
{
	container->oom = met_memory_limit(container);
	container->code = exit_code(status);
	container->finished_at = clock_wall_ns();
	container->exited = true;
	stream_finish(&container->out);
	stream_finish(&container->err);
	write_exit(container);
	LIST_FOREACH_SAFE (struct connection, connection, &shim.connections, link)
		if (connection->subscribed ||
		    (connection->attachment && connection->attachment->container == container))
			connection_send_exit(connection, str_from(container->id), container->code,
					     container->finished_at, container->oom);
	close_all(container);
}

/* ---- attaching ---- */

void attachment_free(struct attachment *attachment)
{
	struct container *container = attachment->container;

	if (attachment->connection)
		attachment->connection->attachment = NULL;
	list_remove(&attachment->link);
	if (container->stdin_once && attachment->input.fd >= 0 && !container->tty)
		container->stdin_fd = close_fd(container->stdin_fd);
	loop_close(&attachment->input);
	close_fd(attachment->stdout_fd);
	close_fd(attachment->stderr_fd);
	loop_free_later(attachment);
}

/* Moves what an attached peer typed to the container; stops reading while the container takes nothing. */
static void input_ready(struct source *source, uint32_t events UNUSED)
{
	struct attachment *attachment = CONTAINER_OF(source, struct attachment, input);
	struct container *container = attachment->container;
	int to = container->tty ? container->out.source.fd : container->stdin_fd;
	char chunk[4096]; /* a pipe takes a write of this size whole or not at all */
	ssize_t n = read(source->fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || to < 0) {
		if (container->stdin_once && !container->tty)
			container->stdin_fd = close_fd(container->stdin_fd);
		loop_close(source);
		return;
	}
	/* The container's end blocks us never for long: a full pipe makes us drop, as a terminal would. */
	if (path_write_all(to, chunk, (size_t)n) < 0)
		loop_close(source);
}

static int take_fd(struct wire_message *message, enum shim_tag tag, size_t *at)
{
	int fd;

	if (wire_get_int(message, tag, 0) == 0 || *at >= message->fds_len)
		return -1;
	fd = message->fds[*at];
	message->fds[(*at)++] = -1;
	return fd;
}

int container_attach(struct container *container, struct connection *connection, struct wire_message *message,
		     struct error *err)
{
	struct attachment *attachment;
	size_t at = 0;
	int input;

	if (container->exited || container->process.pid == 0)
		return error_set(err, ERR_CONFLICT, "container is not running");
	attachment = XNEW(struct attachment);
	attachment->container = container;
	attachment->connection = connection;
	connection->attachment = attachment;
	list_append(&container->attachments, &attachment->link);
	input = take_fd(message, SHIM_TAG_HAS_STDIN, &at);
	attachment->stdout_fd = take_fd(message, SHIM_TAG_HAS_STDOUT, &at);
	attachment->stderr_fd = take_fd(message, SHIM_TAG_HAS_STDERR, &at);
	attachment->input.fd = -1;
	if (input >= 0 && (container->stdin_fd >= 0 || container->tty))
		loop_add(&attachment->input, input, EPOLLIN, input_ready);
	else
		close_fd(input);
	return 0;
}
