/* A gRPC health server; see health_server.h. */
#include "health_server.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 256
#define PREFIX_SIZE 5

struct client {
	int fd;
	unsigned char request[REQUEST_MAX];
	size_t request_len;
	bool is_check; /* the right path, method and type */
	unsigned char answer[16];
	size_t answer_len;
	const char *status, *message; /* the trailers */
};

#define NV(name, value)                                                                                                \
	{                                                                                                              \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),              \
			NGHTTP2_NV_FLAG_NONE                                                                           \
	}

static ssize_t read_answer(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t length, uint32_t *flags,
			   nghttp2_data_source *source, void *data)
{
	struct client *client = data;
	nghttp2_nv trailers[] = {NV("grpc-status", client->status)};

	(void)source;
	(void)length;
	memcpy(out, client->answer, client->answer_len);
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	nghttp2_submit_trailer(session, stream_id, trailers, 1);
	return (ssize_t)client->answer_len;
}

static void refuse(nghttp2_session *session, int32_t stream_id, const char *status, const char *message)
{
	nghttp2_nv headers[] = {NV(":status", "200"), NV("content-type", "application/grpc"), NV("grpc-status", status),
				NV("grpc-message", message)};

	nghttp2_submit_response(session, stream_id, headers, 4, NULL);
}

static void serve(nghttp2_session *session, int32_t stream_id, unsigned char health, struct client *client)
{
	static const unsigned char serving[] = {0, 0, 0, 0, 2, 0x08, 0};
	nghttp2_nv headers[] = {NV(":status", "200"), NV("content-type", "application/grpc")};
	nghttp2_data_provider body = {.read_callback = read_answer};

	memcpy(client->answer, serving, sizeof(serving));
	client->answer_len = health == 0xff ? 3 : sizeof(serving);
	client->answer[sizeof(serving) - 1] = health;
	client->status = "0";
	nghttp2_submit_response(session, stream_id, headers, 2, &body);
}

static void answer(nghttp2_session *session, int32_t stream_id, struct client *client)
{
	nghttp2_nv unavailable[] = {NV(":status", "503"), NV("content-type", "text/plain")};
	char service[REQUEST_MAX] = "";

	/* Prefix, then field 1, its length in one byte. */
	if (client->request_len > PREFIX_SIZE + 2)
		snprintf(service, sizeof(service), "%.*s", client->request[PREFIX_SIZE + 1],
			 (const char *)client->request + PREFIX_SIZE + 2);
	if (!client->is_check || strcmp(service, "unimplemented") == 0)
		refuse(session, stream_id, "12", "unknown service grpc.health.v1.Health");
	else if (strcmp(service, "unknown") == 0)
		refuse(session, stream_id, "5", "unknown%20service");
	else if (strcmp(service, "plain") == 0)
		nghttp2_submit_response(session, stream_id, unavailable, 2, NULL);
	else if (strcmp(service, "garbage") == 0)
		serve(session, stream_id, 0xff, client);
	else if (strcmp(service, "mute") != 0)
		serve(session, stream_id, service[0] == '/' && access(service, F_OK) < 0 ? 2 : 1, client);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
	struct client *client = data;

	(void)session;
	(void)frame;
	(void)flags;
	if (name_len == 5 && memcmp(name, ":path", 5) == 0)
		client->is_check = value_len == 28 && memcmp(value, "/grpc.health.v1.Health/Check", 28) == 0;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len,
		   void *data)
{
	struct client *client = data;

	(void)session;
	(void)flags;
	(void)stream_id;
	if (client->request_len + len < sizeof(client->request)) {
		memcpy(client->request + client->request_len, bytes, len);
		client->request_len += len;
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		answer(session, frame->hd.stream_id, data);
	return 0;
}

static ssize_t send_bytes(nghttp2_session *session, const uint8_t *bytes, size_t len, int flags, void *data)
{
	const struct client *client = data;

	(void)session;
	(void)flags;
	return send(client->fd, bytes, len, MSG_NOSIGNAL) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)len;
}

static void serve_client(int fd)
{
	struct client client = {.fd = fd};
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session;
	unsigned char bytes[4096];
	ssize_t n;

	if (nghttp2_session_callbacks_new(&callbacks))
		return;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
	if (nghttp2_session_server_new(&session, callbacks, &client) == 0) {
		nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
		while (nghttp2_session_send(session) == 0 && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			if (nghttp2_session_mem_recv(session, bytes, (size_t)n) < 0)
				break;
		nghttp2_session_del(session);
	}
	nghttp2_session_callbacks_del(callbacks);
}

void health_serve(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		serve_client(fd);
		close(fd);
	}
}
