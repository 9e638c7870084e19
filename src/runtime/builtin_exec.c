/*
 * Further processes in containers, attaching, and connections into a pod; see builtin_internal.h.
 *
 * The pipes are made here and their far ends handed to the shim, so bytes go between the caller and the process with
 * nobody in between.  The connection to the shim stays open as the stream's wait_fd: the news of the end comes on it.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "runtime/builtin_internal.h"
#include "sys/namespace.h"
#include "sys/path.h"

struct builtin_stream {
	struct runtime_stream stream;
	char *sandbox_dir;  /* for a resize of an attached container's terminal */
	char *container_id; /* of an attach; NULL of an exec */
	int master;	    /* an exec's terminal */
	bool ended;
	int32_t code;
};

static struct builtin_stream *stream_of(struct runtime_stream *stream)
{
	return CONTAINER_OF(stream, struct builtin_stream, stream);
}

static int stream_resize(struct runtime_stream *stream, uint16_t width, uint16_t height, struct error *err)
{
	struct builtin_stream *s = stream_of(stream);
	struct winsize size = {.ws_col = width, .ws_row = height};

	if (s->container_id) {
		cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_RESIZE);

		wire_put_str(&call->out, SHIM_TAG_CONTAINER, str_from(s->container_id));
		wire_put_int(&call->out, SHIM_TAG_WIDTH, width);
		wire_put_int(&call->out, SHIM_TAG_HEIGHT, height);
		return shim_ask(s->sandbox_dir, call, SHIM_TIMEOUT_MS, err);
	}
	if (s->master < 0 || ioctl(s->master, TIOCSWINSZ, &size) < 0)
		return error_set(err, ERR_BAD_REQUEST, "there is no terminal to resize");
	return 0;
}

static int stream_result(struct runtime_stream *stream, int32_t *ret_exit_code, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_HELLO);
	struct builtin_stream *s = stream_of(stream);
	int r = 0;

	while (!s->ended && r == 0) {
		wire_close_fds(&call->reply);
		r = wire_receive(stream->wait_fd, call->buffer, sizeof(call->buffer), &call->reply);
		if (r == 0 && call->reply.type == SHIM_EXITED) {
			s->ended = true;
			s->code = (int32_t)wire_get_int(&call->reply, SHIM_TAG_CODE, 255);
		}
	}
	if (r < 0)
		return error_set(err, ERR_CLOSED, "the keeper of the process is gone");
	*ret_exit_code = s->code;
	return 0;
}

static int stream_kill(struct runtime_stream *stream, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_KILL);
	int r;

	wire_put_int(&call->out, SHIM_TAG_SIGNAL, SIGKILL);
	/* The answer comes on wait_fd, where stream_result() skips it. */
	r = wire_send(stream->wait_fd, &call->out, NULL, 0);
	return r < 0 ? error_set_errno(err, -r, "kill") : 0;
}

static void stream_free(struct runtime_stream *stream)
{
	struct builtin_stream *s = stream_of(stream);

	close_fd(stream->stdin_fd);
	close_fd(stream->stdout_fd);
	close_fd(stream->stderr_fd);
	close_fd(stream->wait_fd);
	close_fd(s->master);
	free(s->sandbox_dir);
	free(s->container_id);
	free(s);
}

static const struct runtime_stream_ops stream_ops = {stream_resize, stream_result, stream_kill, stream_free};

static struct builtin_stream *stream_new(bool tty)
{
	struct builtin_stream *s = XNEW(struct builtin_stream);

	s->stream = (struct runtime_stream){
		.ops = &stream_ops, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .wait_fd = -1, .tty = tty};
	s->master = -1;
	return s;
}

/* Far ends of the pipes, in the order the shim expects; they are closed when handed over. */
struct far_ends {
	int fds[3];
	size_t len;
};

static void far_ends_release(struct far_ends *far)
{
	while (far->len)
		close_fd(far->fds[--far->len]);
}

static int add_pipe(struct shim_call *call, enum shim_tag tag, bool wanted, bool we_read, bool far_nonblock, int *ours,
		    struct far_ends *far, struct error *err)
{
	int fds[2];

	if (!wanted)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	*ours = fds[we_read ? 0 : 1];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	far->fds[far->len++] = fds[we_read ? 1 : 0];
	if (far_nonblock)
		fcntl(fds[we_read ? 1 : 0], F_SETFL, O_NONBLOCK);
	wire_put_int(&call->out, tag, 1);
	return 0;
}

static int add_pipes(const struct runtime_exec_request *request, bool far_nonblock, struct shim_call *call,
		     struct builtin_stream *s, struct far_ends *far, struct error *err)
{
	int r = add_pipe(call, SHIM_TAG_HAS_STDIN, request->stdin, false, far_nonblock, &s->stream.stdin_fd, far, err);

	if (r == 0)
		r = add_pipe(call, SHIM_TAG_HAS_STDOUT, request->stdout, true, far_nonblock, &s->stream.stdout_fd, far,
			     err);
	if (r == 0)
		r = add_pipe(call, SHIM_TAG_HAS_STDERR, request->stderr && !request->tty, true, far_nonblock,
			     &s->stream.stderr_fd, far, err);
	return r;
}

/* ---- exec ---- */

static struct container *get_running(struct builtin *b, struct str id, struct error *err)
{
	struct container *container;

	MUTEX_GUARD(&b->lock);
	container = container_get(b, id);
	if (!container) {
		error_set(err, ERR_NOT_FOUND, "container \"" STR_FMT "\" not found", STR_ARG(id));
		return NULL;
	}
	if (container->record.state != RUNTIME_CONTAINER_RUNNING) {
		error_set(err, ERR_CONFLICT, "container \"" STR_FMT "\" is not running", STR_ARG(id));
		return NULL;
	}
	container->refs++;
	return container;
}

static void put_back(struct builtin *b, struct container *container)
{
	MUTEX_GUARD(&b->lock);
	container_unref(container);
}

static int write_process(struct builtin *b, struct container *container, const struct runtime_exec_request *request,
			 const char *name, struct error *err)
{
	cleanup_close int dir = open(container->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct container_spec spec;
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, LIMIT_RECORD);
	r = container_spec_load(b, container, &spec, err);
	if (r == 0)
		r = oci_write_process(&spec.oci, request->command, request->tty, &text, err);
	container_spec_release(&spec);
	if (r < 0)
		return r;
	r = dir < 0 ? -errno : path_write_atomic(dir, name, buf_view(&text), 0600, false);
	return r < 0 ? error_set_errno(err, -r, "write %s/%s", container->run_dir, name) : 0;
}

/* Takes the terminal that came with the answer: its ends are duplicates, so that each can be closed by itself. */
static void take_terminal(const struct runtime_exec_request *request, struct shim_call *call, struct builtin_stream *s)
{
	if (call->reply.fds_len == 0)
		return;
	s->master = call->reply.fds[0];
	call->reply.fds_len = 0;
	if (request->stdin)
		s->stream.stdin_fd = fcntl(s->master, F_DUPFD_CLOEXEC, 0);
	if (request->stdout)
		s->stream.stdout_fd = fcntl(s->master, F_DUPFD_CLOEXEC, 0);
}

static int exec_in(struct builtin *b, struct container *container, const struct runtime_exec_request *request,
		   struct builtin_stream *s, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_EXEC);
	struct arena cleanup_arena arena = {0};
	struct str name = arena_printf(&arena, "exec-%016llx", (unsigned long long)random_below(UINT64_MAX));
	struct str base = arena_printf(&arena, "%s/" STR_FMT, container->run_dir, STR_ARG(name));
	struct str log = arena_printf(&arena, STR_FMT ".log", STR_ARG(base));
	struct str pid_file = arena_printf(&arena, STR_FMT ".pid", STR_ARG(base));
	struct error shim_err = {0};
	struct far_ends far = {0};
	int r = write_process(b, container, request, str_c(name), err);

	if (r < 0)
		return r;
	builtin_put_oci_argv(b, call, log, "exec");
	wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--process"));
	wire_put_str(&call->out, SHIM_TAG_ARGV, base);
	wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--pid-file"));
	wire_put_str(&call->out, SHIM_TAG_ARGV, pid_file);
	if (request->tty) {
		struct str console = builtin_console_path(b, &arena);

		wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--console-socket"));
		wire_put_str(&call->out, SHIM_TAG_ARGV, console);
		wire_put_str(&call->out, SHIM_TAG_CONSOLE, console);
		wire_put_int(&call->out, SHIM_TAG_TTY, 1);
	} else {
		r = add_pipes(request, false, call, s, &far, err);
	}
	wire_put_str(&call->out, SHIM_TAG_ARGV, container->record.id);
	wire_put_str(&call->out, SHIM_TAG_CONTAINER, container->record.id);
	wire_put_str(&call->out, SHIM_TAG_PID_FILE, pid_file);
	if (r == 0)
		r = shim_connect(container->sandbox->run_dir, &s->stream.wait_fd, err);
	if (r == 0 && shim_exchange(s->stream.wait_fd, call, far.fds, far.len, START_TIMEOUT_MS, &shim_err) < 0) {
		struct str message = container_oci_message(str_c(log), &arena);

		r = error_set(err, ERR_INTERNAL, "OCI runtime exec failed: exec failed: " STR_FMT,
			      STR_ARG(message.len ? message : str_from(shim_err.message)));
	}
	far_ends_release(&far);
	if (r == 0 && request->tty)
		take_terminal(request, call, s);
	unlink(str_c(base));
	unlink(str_c(log));
	unlink(str_c(pid_file));
	return r;
}

int builtin_exec(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		 struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container *container = get_running(b, request->container_id, err);
	struct builtin_stream *s;
	int r;

	if (!container)
		return -(int)err->code;
	s = stream_new(request->tty);
	r = exec_in(b, container, request, s, err);
	put_back(b, container);
	if (r < 0) {
		stream_free(&s->stream);
		return r;
	}
	*ret = &s->stream;
	return 0;
}

static void read_output(int *fd, struct buf *out)
{
	char chunk[16384];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n > 0)
		buf_append(out, chunk, MIN((size_t)n, out->limit - out->len));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		*fd = close_fd(*fd);
}

/* Reads both streams and waits for the end; -ETIMEDOUT past the deadline. */
static int collect(struct runtime_stream *stream, int64_t deadline, struct buf *out, struct buf *err_out)
{
	bool ended = false;

	while (!ended || stream->stdout_fd >= 0 || stream->stderr_fd >= 0) {
		struct pollfd fds[] = {{stream->stdout_fd, POLLIN, 0},
				       {stream->stderr_fd, POLLIN, 0},
				       {ended ? -1 : stream->wait_fd, POLLIN, 0}};
		int64_t left = deadline ? (deadline - clock_monotonic_ns()) / NS_PER_MS : -1;
		int n;

		/* A child that was left behind may hold the pipes: after the end only what is there is read. */
		n = poll(fds, ARRAY_LEN(fds), ended ? 0 : deadline ? (int)MAX(left, 0) : -1);
		if (n == 0 && ended)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (fds[0].revents)
			read_output(&stream->stdout_fd, out);
		if (fds[1].revents)
			read_output(&stream->stderr_fd, err_out);
		if (fds[2].revents)
			ended = true;
	}
	return 0;
}

int builtin_exec_sync(struct runtime *rt, const struct runtime_exec_request *request, int64_t timeout_ms,
		      struct arena *arena, struct runtime_exec_result *ret, struct error *err)
{
	int64_t deadline = timeout_ms > 0 ? clock_monotonic_ns() + timeout_ms * NS_PER_MS : 0;
	struct runtime_exec_request both = *request;
	struct buf cleanup_buf out, cleanup_buf err_out;
	struct runtime_stream *stream;
	struct error ignored = {0};
	int32_t code = 0;
	int r;

	both.stdin = both.tty = false;
	both.stdout = both.stderr = true;
	buf_init(&out, LIMIT_EXEC_OUTPUT);
	buf_init(&err_out, LIMIT_EXEC_OUTPUT);
	r = builtin_exec(rt, &both, &stream, err);
	if (r < 0)
		return r;
	if (collect(stream, deadline, &out, &err_out) == -ETIMEDOUT) {
		if (stream->ops->kill(stream, &ignored) == 0 && stream->ops->result(stream, &code, &ignored) < 0)
			error_clear(&ignored);
		r = error_set(err, ERR_TIMEOUT, "command timed out: timeout %llds exceeded",
			      (long long)((timeout_ms + 999) / 1000));
	} else {
		r = stream->ops->result(stream, &code, err);
	}
	stream->ops->free(stream);
	if (r == 0)
		*ret = (struct runtime_exec_result){code, arena_str(arena, buf_view(&out)),
						    arena_str(arena, buf_view(&err_out))};
	return r;
}

/* ---- attach ---- */

int builtin_attach(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		   struct error *err)
{
	struct builtin *b = builtin_of(rt);
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_ATTACH);
	struct container *container = get_running(b, request->container_id, err);
	struct runtime_exec_request wanted = *request;
	struct far_ends far = {0};
	struct builtin_stream *s;
	int r;

	if (!container)
		return -(int)err->code;
	wanted.tty = container->record.config.tty;
	wanted.stdin = request->stdin && container->record.config.stdin;
	s = stream_new(wanted.tty);
	s->container_id = xstrdup(str_c(container->record.id));
	s->sandbox_dir = xstrdup(container->sandbox->run_dir);
	wire_put_str(&call->out, SHIM_TAG_CONTAINER, container->record.id);
	r = add_pipes(&wanted, true, call, s, &far, err);
	if (r == 0)
		r = shim_connect(s->sandbox_dir, &s->stream.wait_fd, err);
	if (r == 0)
		r = shim_exchange(s->stream.wait_fd, call, far.fds, far.len, SHIM_TIMEOUT_MS, err);
	far_ends_release(&far);
	put_back(b, container);
	if (r < 0) {
		stream_free(&s->stream);
		return r;
	}
	*ret = &s->stream;
	return 0;
}

/* ---- port forwarding ---- */

struct dial {
	uint16_t port;
	int fd;
};

/* In the pod's network namespace: its loopback, IPv4 first as most servers listen there. */
static int dial_here(void *data)
{
	struct dial *dial = data;
	static const struct {
		enum ip_family family;
		int domain;
	} families[] = {{IP_V4, AF_INET}, {IP_V6, AF_INET6}};
	int r = -ECONNREFUSED;

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct ip_address address = {.family = families[i].family};
		struct sockaddr_storage sa;
		socklen_t len;
		int fd = socket(families[i].domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (families[i].family == IP_V4) {
			address.bytes[0] = 127;
			address.bytes[3] = 1;
		} else {
			address.bytes[15] = 1;
		}
		len = ip_to_sockaddr(&address, dial->port, &sa);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) == 0) {
			fcntl(fd, F_SETFL, O_NONBLOCK);
			dial->fd = fd;
			return 0;
		}
		if (i == 0)
			r = -errno;
		close_fd(fd);
	}
	return r;
}

int builtin_port_forward(struct runtime *rt, struct str sandbox_id, uint16_t port, int *ret_fd, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct dial dial = {.port = port, .fd = -1};
	struct arena cleanup_arena arena = {0};
	struct runtime_sandbox_status status;
	cleanup_close int netns = -1;
	int r = builtin_pod_sandbox_status(&b->runtime, sandbox_id, &arena, &status, err);

	if (r < 0)
		return r;
	if (status.netns_path.len) {
		netns = open(str_c(status.netns_path), O_RDONLY | O_CLOEXEC);
		if (netns < 0)
			return error_set_errno(err, errno, "open %s", str_c(status.netns_path));
		r = namespace_call(netns, dial_here, &dial);
	} else {
		r = dial_here(&dial);
	}
	if (r < 0)
		return error_set_errno(err, -r, "failed to connect to localhost:%u inside namespace \"" STR_FMT "\"",
				       port, STR_ARG(sandbox_id));
	*ret_fd = dial.fd;
	return 0;
}
