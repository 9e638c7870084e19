/* Asking a container once; see probe_run.h. */
#include "kubelet/probe_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "kubelet/probe_call.h"
#include "kubelet/probe_grpc.h"

#define OUTPUT_MAX (10 * KIB) /* of a command, as upstream's */
#define REDIRECTS  10

/* --- Connections ---------------------------------------------------------------------------------------------------
 */

static const char *connect_words(int os_errno)
{
	switch (os_errno) {
	case ECONNREFUSED:
		return "connect: connection refused";
	case EHOSTUNREACH:
		return "connect: no route to host";
	case ENETUNREACH:
		return "connect: network is unreachable";
	case ETIMEDOUT:
		return "i/o timeout";
	default:
		return "connect: failed";
	}
}

/* 0, or the errno. */
static int wait_connected(int fd, int64_t timeout_ns)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};
	int64_t end = clock_monotonic_ns() + timeout_ns;
	socklen_t size = sizeof(int);
	int result, error = 0;

	do {
		int64_t left = (end - clock_monotonic_ns() + NS_PER_MS - 1) / NS_PER_MS;

		result = poll(&poller, 1, (int)MAX(left, INT64_C(0)));
	} while (result < 0 && errno == EINTR);
	if (result == 0)
		return ETIMEDOUT;
	if (result < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return errno;
	return error;
}

int probe_dial(const char *host, uint16_t port, int64_t timeout_ns, struct error *err)
{
	struct sockaddr_storage to;
	struct ip_address address;
	socklen_t size;
	int fd, error = 0;
	bool brackets = strchr(host, ':') != NULL;

	if (ip_parse(str_from(host), &address) < 0) {
		if (strcmp(host, "localhost") != 0)
			return error_set(err, ERR_CLOSED, "dial tcp: lookup %s: no such host", host);
		(void)!ip_parse(STR("127.0.0.1"), &address);
	}
	size = ip_to_sockaddr(&address, port, &to);
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&to, size) < 0)
		error = errno == EINPROGRESS ? wait_connected(fd, timeout_ns) : errno;
	if (!error)
		return fd;
	close_fd(fd);
	return error_set(err, ERR_CLOSED, "dial tcp %s%s%s:%u: %s", brackets ? "[" : "", host, brackets ? "]" : "",
			 port, connect_words(error));
}

/* A number, or the name of one of the container's ports. */
static int port_of(const struct int_or_string *port, const struct core_v1_container *container, uint16_t *ret,
		   struct error *err)
{
	int64_t number = port->number;

	if (port->is_string && str_parse_int64(port->string, &number) < 0) {
		number = 0;
		SLICE_FOREACH (one, container->ports)
			if (str_eq(one->name, port->string))
				number = one->container_port;
		if (!number)
			return error_set(err, ERR_INVALID, "couldn't find port: \"" STR_FMT "\" in container ports",
					 STR_ARG(port->string));
	}
	if (number <= 0 || number > UINT16_MAX)
		return error_set(err, ERR_INVALID, "invalid port number: %lld", (long long)number);
	*ret = (uint16_t)number;
	return 0;
}

/* --- Kinds ---------------------------------------------------------------------------------------------------------
 */

static struct str command_text(const struct str_slice *command, struct arena *arena)
{
	struct str out = STR_EMPTY;

	SLICE_FOREACH (word, *command)
		out = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(out), out.len ? " " : "", STR_ARG(*word));
	return out;
}

static enum probe_outcome run_exec(const struct kubelet_context *context, const struct probe_target *target,
				   const struct core_v1_exec_action *action, int64_t timeout_s, struct arena *arena,
				   struct str *ret_text)
{
	struct runtime_exec_request request = {.container_id = target->container_id,
					       .command = {action->command.items, action->command.len},
					       .stdout = true,
					       .stderr = true};
	struct runtime_exec_result result;
	struct error err = {0};

	if (RUNTIME_CALL(context->runtime, exec_sync, &request, timeout_s * 1000, arena, &result, &err) < 0) {
		if (err.code != ERR_TIMEOUT) {
			*ret_text = arena_str_c(arena, err.message);
			return PROBE_ERROR;
		}
		*ret_text = arena_printf(arena, "command timed out: \"" STR_FMT "\" timed out after %llds",
					 STR_ARG(command_text(&action->command, arena)), (long long)timeout_s);
		return PROBE_BAD;
	}
	*ret_text = str_sub(arena_concat(arena, result.stdout, result.stderr), 0, OUTPUT_MAX);
	return result.exit_code ? PROBE_BAD : PROBE_GOOD;
}

static struct http_headers headers_of(const struct core_v1_http_get_action *action, struct arena *arena)
{
	VEC_OF(struct http_header) all = {0};
	bool agent = false, accept = false;

	SLICE_FOREACH (header, action->http_headers) {
		agent = agent || str_eq_nocase(header->name, STR("user-agent"));
		accept = accept || str_eq_nocase(header->name, STR("accept"));
		vec_push(arena, &all, (struct http_header){header->name, header->value});
	}
	if (!agent)
		vec_push(arena, &all, (struct http_header){STR("user-agent"), STR("kube-probe/1.36")});
	if (!accept)
		vec_push(arena, &all, (struct http_header){STR("accept"), STR("*/*")});
	return (struct http_headers){all.items, all.len};
}

int probe_http(const struct kubelet_context *context, const struct core_v1_http_get_action *action,
	       const struct probe_target *target, int64_t timeout_ns, struct arena *arena, int *ret_status,
	       struct str *ret_body, struct error *err)
{
	struct str host = action->host.len ? action->host : target->host, path = action->path;
	bool https = str_eq_nocase(action->scheme, STR("https")), brackets = str_index(host, ':') >= 0;
	struct probe_call call = {.http = {.timeout = timeout_ns, .redirects = REDIRECTS}};
	struct http_result result;
	struct error got = {0};
	const char *dialled;
	uint16_t port = 0;

	if (port_of(&action->port, target->container, &port, err) < 0)
		return -(int)err->code;
	call.http.headers = headers_of(action, arena);
	call.http.url = arena_printf(arena, "%s://%s" STR_FMT "%s:%u%s" STR_FMT, https ? "https" : "http",
				     brackets ? "[" : "", STR_ARG(host), brackets ? "]" : "", port,
				     path.len && path.data[0] == '/' ? "" : "/", STR_ARG(path));
	if (probe_call(context, &call, arena, &result, &got) == 0) {
		*ret_status = result.status;
		*ret_body = result.body;
		return 0;
	}
	dialled = strstr(got.message, "dial tcp");
	return error_set(err, got.code, "Get \"" STR_FMT "\": %s", STR_ARG(call.http.url),
			 dialled ? dialled
			 : got.code == ERR_TIMEOUT
				 ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
				 : got.message);
}

static enum probe_outcome run_http(const struct kubelet_context *context, const struct core_v1_http_get_action *action,
				   const struct probe_target *target, int64_t timeout_s, struct arena *arena,
				   struct str *ret_text)
{
	struct error err = {0};
	struct str body = STR_EMPTY;
	int status = 0;

	if (probe_http(context, action, target, timeout_s * NS_PER_SEC, arena, &status, &body, &err) < 0) {
		*ret_text = arena_str_c(arena, err.message);
		return err.code == ERR_INVALID ? PROBE_ERROR : PROBE_BAD;
	}
	if (status < 200 || status >= 400) {
		*ret_text = arena_printf(arena, "HTTP probe failed with statuscode: %d", status);
		return PROBE_BAD;
	}
	if (status < 300) {
		*ret_text = body;
		return PROBE_GOOD;
	}
	*ret_text = arena_printf(arena, "Probe terminated redirects, Response body: " STR_FMT, STR_ARG(body));
	return PROBE_WARNING;
}

static enum probe_outcome run_tcp(const struct core_v1_tcp_socket_action *action, const struct probe_target *target,
				  int64_t timeout_s, struct arena *arena, struct str *ret_text)
{
	struct error err = {0};
	uint16_t port = 0;
	int fd;

	if (port_of(&action->port, target->container, &port, &err) < 0) {
		*ret_text = arena_str_c(arena, err.message);
		return PROBE_ERROR;
	}
	fd = probe_dial(str_c(arena_str(arena, action->host.len ? action->host : target->host)), port,
			timeout_s * NS_PER_SEC, &err);
	if (fd < 0) {
		*ret_text = arena_str_c(arena, err.message);
		return PROBE_BAD;
	}
	close_fd(fd);
	return PROBE_GOOD;
}

enum probe_outcome probe_run(const struct kubelet_context *context, const struct probe_target *target,
			     const struct core_v1_probe_handler *handler, int64_t timeout_s, struct arena *arena,
			     struct str *ret_text)
{
	*ret_text = STR_EMPTY;
	if (handler->exec)
		return run_exec(context, target, handler->exec, timeout_s, arena, ret_text);
	if (handler->http_get)
		return run_http(context, handler->http_get, target, timeout_s, arena, ret_text);
	if (handler->tcp_socket)
		return run_tcp(handler->tcp_socket, target, timeout_s, arena, ret_text);
	if (handler->grpc)
		return probe_grpc(context, target, handler->grpc, timeout_s, arena, ret_text);
	*ret_text = STR("missing probe handler");
	return PROBE_ERROR;
}
