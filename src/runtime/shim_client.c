/* Talking to shims; see shim_client.h. */
#include "runtime/shim_client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"

#define LAUNCH_TIMEOUT_MS 10000

struct shim_call *shim_call_new(enum shim_type type)
{
	struct shim_call *call = xmalloc(sizeof(*call));

	buf_init(&call->out, LIMIT_SHIM_MESSAGE);
	call->reply = (struct wire_message){0};
	wire_begin(&call->out, type);
	return call;
}

struct shim_call *shim_call_free(struct shim_call *call)
{
	if (call) {
		wire_close_fds(&call->reply);
		buf_release(&call->out);
		free(call);
	}
	return NULL;
}

int shim_connect(const char *dir, int *ret_fd, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_close int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (folder < 0 || fd < 0)
		return error_set_errno(err, errno, "open %s", dir);
	/* The folder's own path may be longer than an address takes. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SHIM_SOCKET, folder);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set_errno(err, errno, "connect to shim in %s", dir);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int receive(int fd, struct shim_call *call, int64_t timeout_ms, struct error *err)
{
	int64_t deadline = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
	int r;

	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int64_t left = (deadline - clock_monotonic_ns()) / NS_PER_MS;

		if (poll(&poll_fd, 1, (int)MAX(left, 0)) > 0)
			break;
		if (left <= 0)
			return error_set(err, ERR_TIMEOUT, "shim does not answer");
	}
	wire_close_fds(&call->reply);
	r = wire_receive(fd, call->buffer, sizeof(call->buffer), &call->reply);
	if (r < 0)
		return error_set(err, r == -EPIPE ? ERR_CLOSED : ERR_SYSTEM, "shim: %s", strerrordesc_np(-r));
	if (call->reply.type == SHIM_ERROR) {
		struct str text = wire_get_str(&call->reply, SHIM_TAG_TEXT);

		return error_set(err, ERR_INTERNAL, STR_FMT, STR_ARG(text));
	}
	return 0;
}

int shim_exchange(int fd, struct shim_call *call, const int *fds, size_t fds_len, int64_t timeout_ms, struct error *err)
{
	int r = wire_send(fd, &call->out, fds, fds_len);

	if (r < 0)
		return error_set(err, r == -EPIPE ? ERR_CLOSED : ERR_SYSTEM, "shim: %s", strerrordesc_np(-r));
	return receive(fd, call, timeout_ms, err);
}

int shim_ask(const char *dir, struct shim_call *call, int64_t timeout_ms, struct error *err)
{
	cleanup_close int fd = -1;
	int r = shim_connect(dir, &fd, err);

	return r < 0 ? r : shim_exchange(fd, call, NULL, 0, timeout_ms, err);
}

int shim_launch(const char *program, const char *dir, struct process_id *ret, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_HELLO);
	const char *argv[] = {program, dir, NULL};
	int64_t deadline = clock_monotonic_ns() + LAUNCH_TIMEOUT_MS * NS_PER_MS;
	struct pollfd ready = {.events = POLLIN};
	int fds[2], status, r;
	char byte;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	r = process_spawn(&(struct process_options){.argv = argv, .stdio = {-1, -1, -1}, .fds = &fds[1], .fds_len = 1},
			  &pid, err);
	close_fd(fds[1]);
	ready.fd = fds[0];
	/* What we started forks and ends; the shim's byte, or the end of the pipe, says how it went. */
	if (r == 0 && process_wait(pid, deadline, &status) < 0)
		r = error_set(err, ERR_TIMEOUT, "shim does not start");
	if (r == 0 && (poll(&ready, 1, LAUNCH_TIMEOUT_MS) <= 0 || read(fds[0], &byte, 1) != 1))
		r = error_set(err, ERR_INTERNAL, "shim %s does not start", program);
	close_fd(fds[0]);
	if (r == 0)
		r = shim_ask(dir, call, LAUNCH_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	ret->pid = (pid_t)wire_get_int(&call->reply, SHIM_TAG_PID, 0);
	ret->start_time = (uint64_t)wire_get_int(&call->reply, SHIM_TAG_START_TIME, 0);
	return 0;
}
