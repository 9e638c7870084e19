/*
 * DNS over TCP (RFC 7766): connections with messages one after the other, answered as answers come.
 *
 * A connection that is quiet is closed; when there are too many, the one quiet longest makes room.
 */
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dns/server_internal.h"

#define IDLE_NS	     (10 * NS_PER_SEC)
#define PIPELINE_MAX 32 /* questions of one connection on their way to the world */
#define OUT_MAX	     (1 * MIB)
#define IN_MAX	     (2 + DNS_MESSAGE_SIZE)

static void close_connection(struct connection *c)
{
	LIST_FOREACH_SAFE (struct dns_request, request, &c->requests, link) {
		list_remove(&request->link);
		request->client.connection = NULL;
		request->client.fd = -1;
	}
	list_remove(&c->link);
	c->server->connections_len--;
	loop_timer_stop(&c->idle);
	loop_watch_free(c->watch);
	close_fd(c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
	free(c);
}

static void is_idle(struct loop_timer *timer)
{
	struct connection *c = CONTAINER_OF(timer, struct connection, idle);

	close_connection(c);
}

static void set_events(struct connection *c)
{
	unsigned events = c->out.len > 0 ? LOOP_WRITE : 0;

	if (c->requests_len < PIPELINE_MAX && c->out.len < OUT_MAX / 2)
		events |= LOOP_READ;
	loop_watch_set(c->watch, events);
}

/* False: the peer is gone. */
static bool flush(struct connection *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		buf_consume(&c->out, (size_t)n);
	}
	return true;
}

void dns_client_send(const struct dns_client *client, const uint8_t *message, size_t size)
{
	struct connection *c = client->connection;
	uint16_t len = htons((uint16_t)size);

	if (!c) {
		/* A full socket buffer loses it, as the network might; the client asks again. */
		if (client->fd >= 0 && sendto(client->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL,
					      (const struct sockaddr *)&client->address, client->address_size) < 0)
			return;
		return;
	}
	buf_append(&c->out, &len, sizeof(len));
	buf_append(&c->out, message, size);
	/* Written by the loop: a failure met here would free the connection under its caller's feet. */
	set_events(c);
}

void dns_connection_add(struct connection *c, struct dns_request *request)
{
	list_append(&c->requests, &request->link);
	c->requests_len++;
}

void dns_connection_remove(struct dns_request *request)
{
	struct connection *c = request->client.connection;

	list_remove(&request->link);
	c->requests_len--;
	set_events(c);
}

static void take_messages(struct connection *c)
{
	struct dns_client client = {.fd = -1, .connection = c};
	size_t done = 0;

	while (c->in.len - done >= 2 && c->requests_len < PIPELINE_MAX) {
		const uint8_t *at = (const uint8_t *)c->in.data + done;
		size_t len = (size_t)(at[0] << 8 | at[1]);

		if (c->in.len - done - 2 < len)
			break;
		dns_request_start(c->server, &client, at + 2, len);
		done += 2 + len;
	}
	buf_consume(&c->in, done);
}

/* False: the end, or more than one message could be. */
static bool fill(struct connection *c)
{
	char data[4096];
	size_t room = MIN(sizeof(data), (size_t)IN_MAX - c->in.len);
	ssize_t n;

	if (room == 0)
		return true;
	n = recv(c->fd, data, room, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_append(&c->in, data, (size_t)n);
	return n > 0;
}

static void run_connection(void *data, unsigned events)
{
	struct connection *c = data;

	loop_timer_start(&c->idle, IDLE_NS, 0);
	list_remove(&c->link);
	list_append(&c->server->connections, &c->link);
	if (events & (LOOP_READ | LOOP_HANGUP) && !fill(c)) {
		close_connection(c);
		return;
	}
	take_messages(c);
	if (c->out.overflow || !flush(c)) {
		close_connection(c);
		return;
	}
	set_events(c);
}

void dns_tcp_accept(struct dns_server *server, int fd)
{
	int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), ignored;
	struct connection *c;

	if (accepted < 0)
		return;
	if (server->connections_len >= LIMIT_DNS_CLIENTS)
		close_connection(LIST_FIRST(&server->connections, struct connection, link));
	c = XNEW(struct connection);
	c->server = server;
	c->fd = accepted;
	list_init(&c->requests);
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	loop_timer_init(&c->idle, server->loop, is_idle);
	loop_timer_start(&c->idle, IDLE_NS, 0);
	list_append(&server->connections, &c->link);
	server->connections_len++;
	c->watch = loop_watch_new(server->loop, accepted, LOOP_READ, run_connection, c, &ignored);
	if (!c->watch)
		close_connection(c);
}

void dns_tcp_release(struct dns_server *server)
{
	LIST_FOREACH_SAFE (struct connection, c, &server->connections, link)
		close_connection(c);
}
