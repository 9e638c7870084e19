/*
 * The server, its first byte choosing what it is told: HTTP/1.1 as it comes, HTTP/2, or WebSocket frames after a good
 * handshake.  It must neither crash nor hang nor leak, whatever comes; a loop is turned until it has closed or waits.
 */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/http_server.h"
#include "net/websocket.h"
#include "sys/loop.h"

#define TURNS 6

struct turning {
	struct loop *loop;
	struct loop_defer defer;
	int left;
};

static void on_turn(struct loop_defer *defer)
{
	struct turning *turning = (struct turning *)((char *)defer - offsetof(struct turning, defer));

	if (turning->left-- > 0)
		loop_defer(defer);
	else
		loop_stop(turning->loop);
}

static void on_message(struct websocket *socket, void *data UNUSED, enum websocket_type type, struct str bytes)
{
	websocket_send(socket, type, bytes);
}

static struct websocket *open_socket;

static void on_closed(struct websocket *socket UNUSED, void *data UNUSED, int code UNUSED)
{
	open_socket = NULL;
}

static const struct websocket_ops ops = {.message = on_message, .closed = on_closed};

static void handle(void *cookie UNUSED, struct http_request *request)
{
	for (size_t i = 0; i < request->headers.len; i++)
		FUZZ_CHECK(request->headers.items[i].name.len > 0);
	FUZZ_CHECK(request->path.len > 0 && request->method.len > 0);
	if (websocket_requested(request)) {
		open_socket = websocket_accept(request, NULL, 0, &ops, NULL);
		if (open_socket)
			return;
	}
	http_respond_text(request, 200, STR_FMT, STR_ARG(request->body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char handshake[] =
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct loop *loop = loop_new();
	struct http_server_config config = {.loop = loop, .handle = handle, .body_max = 4096};
	struct turning turning = {.loop = loop, .left = TURNS};
	struct http_server *server = NULL;
	struct sockaddr_storage address = {.ss_family = AF_UNIX};
	socklen_t len = sizeof(address);
	struct error err = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A name of the kernel's choice. */
	config.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(bind(config.listen_fd, (struct sockaddr *)&address, sizeof(address.ss_family)) == 0);
	FUZZ_CHECK(listen(config.listen_fd, 1) == 0);
	FUZZ_CHECK(getsockname(config.listen_fd, (struct sockaddr *)&address, &len) == 0);
	FUZZ_CHECK(http_server_new(&config, &server, &err) == 0);
	FUZZ_CHECK(connect(fd, (struct sockaddr *)&address, len) == 0);
	size = size > 32768 ? 32768 : size;
	if (size && data[0] == 'w')
		FUZZ_CHECK(send(fd, handshake, sizeof(handshake) - 1, 0) > 0);
	else if (size && data[0] == '2')
		FUZZ_CHECK(send(fd, preface, sizeof(preface) - 1, 0) > 0);
	if (size > 1)
		FUZZ_CHECK(send(fd, data + 1, size - 1, 0) > 0);
	shutdown(fd, SHUT_WR);
	loop_defer_init(&turning.defer, loop, on_turn);
	loop_defer(&turning.defer);
	loop_run(loop);
	close(fd);
	open_socket = websocket_free(open_socket);
	http_server_free(server);
	loop_free(loop);
	return 0;
}
