/* The gRPC health check against a real HTTP/2 server: verdicts, words, and servers that are none. */
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "kubelet/health_server.h"
#include "kubelet/probe_grpc.h"
#include "sys/thread.h"

struct listener {
	int fd;
	int32_t port;
	struct thread *thread;
};

static void listen_on_loopback(struct listener *listener)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener->fd, (const struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener->fd, 16), 0);
	assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&address, &size), 0);
	listener->port = ntohs(address.sin_port);
}

static void run_health(void *data)
{
	health_serve(((struct listener *)data)->fd);
}

/* Speaks HTTP/1.1, whatever it is asked. */
static void run_http1(void *data)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
	int fd;

	while ((fd = accept(((struct listener *)data)->fd, NULL, NULL)) >= 0) {
		(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		while (recv(fd, (char[256]){0}, 256, 0) > 0)
			;
		close_fd(fd);
	}
}

static void start(struct listener *listener, void (*run)(void *data))
{
	struct error err = {0};

	listen_on_loopback(listener);
	assert_int_equal(thread_start("server", run, listener, &listener->thread, &err), 0);
}

static void stop(struct listener *listener)
{
	shutdown(listener->fd, SHUT_RDWR);
	thread_join(listener->thread);
	close_fd(listener->fd);
}

static enum probe_outcome ask(int32_t port, const char *service, int64_t timeout_s, char text[512])
{
	struct arena cleanup_arena arena = {0};
	const struct kubelet_context context = {.pool = worker_pool_new("probe", 2)};
	const struct probe_target target = {.host = STR("127.0.0.1")};
	struct str name = str_from(service), said;
	const struct core_v1_grpc_action action = {.port = port, .service = &name};
	enum probe_outcome outcome = probe_grpc(&context, &target, &action, timeout_s, &arena, &said);

	snprintf(text, 512, STR_FMT, STR_ARG(said));
	worker_pool_free(context.pool);
	return outcome;
}

static const struct {
	const char *service;
	enum probe_outcome outcome;
	const char *text;
} cases[] = {
	{"", PROBE_GOOD, "service healthy"},
	{"/", PROBE_GOOD, "service healthy"},
	{"/no/such/file", PROBE_BAD, "service unhealthy (responded with \"NOT_SERVING\")"},
	{"unknown", PROBE_BAD, "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"},
	{"unimplemented", PROBE_BAD,
	 "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service "
	 "grpc.health.v1.Health"},
	{"garbage", PROBE_BAD,
	 "error: health rpc probe failed: rpc error: code = Internal desc = failed to unmarshal the received message: "
	 "the answer is no message"},
	{"plain", PROBE_BAD,
	 "error: health rpc probe failed: rpc error: code = Unavailable desc = unexpected HTTP status code received "
	 "from server: 503 (Service Unavailable)"},
};

static void verdicts(void **state UNUSED)
{
	struct listener server;
	char text[512];

	start(&server, run_health);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum probe_outcome outcome = ask(server.port, cases[i].service, 30, text);

		if (outcome != cases[i].outcome || strcmp(text, cases[i].text) != 0)
			fail_msg("\"%s\": %d %s", cases[i].service, outcome, text);
	}
	assert_int_equal(ask(server.port, "mute", 1, text), PROBE_BAD);
	assert_string_equal(text, "timeout: health rpc did not complete within 1s");
	stop(&server);
}

static void no_grpc(void **state UNUSED)
{
	struct listener server;
	char text[512], want[512];

	start(&server, run_http1);
	snprintf(want, sizeof(want),
		 "timeout: failed to connect service \"127.0.0.1:%d\" within 30s: context deadline exceeded",
		 (int)server.port);
	assert_int_equal(ask(server.port, "", 30, text), PROBE_BAD);
	assert_string_equal(text, want);
	stop(&server);
	/* Nobody listens there any more. */
	assert_int_equal(ask(server.port, "", 30, text), PROBE_BAD);
	assert_string_equal(text, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(no_grpc),
	};

	return cmocka_run_group_tests_name("probe_grpc", tests, NULL, NULL);
}
