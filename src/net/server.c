/*
 * The HTTP server: listening, homes, connections and their deadlines; see http_server.h and server_internal.h.
 *
 * Home 0's loop accepts for all and deals connections out in turn: with one listening socket per loop the kernel would
 * spread few connections unevenly.
 *
 * Deadlines: a connection's timer may be set earlier than its deadline, never later.  When it fires it looks again.  So
 * a request that comes and goes moves a number, not a timer.
 *
 * The end: each home, on its loop, closes what it has.  A home is over when it has no connections and no exchanges (a
 * worker may still hold some); the last one over tells.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/server_internal.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE	 (100 * NS_PER_MS) /* after running out of descriptors */
#define BACKLOG		 1024
#define LINGER		 (2 * NS_PER_SEC)
#define HOMES_MAX	 64
#define GRACE_FOREVER	 (INT64_MAX / 4)

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value ? value : otherwise;
}

int64_t server_header_timeout(const struct http_server *server)
{
	return or_default(server->config.header_timeout, HTTP_HEADER_TIMEOUT);
}

int64_t server_body_timeout(const struct http_server *server)
{
	return or_default(server->config.body_timeout, HTTP_BODY_TIMEOUT);
}

int64_t server_idle_timeout(const struct http_server *server)
{
	return or_default(server->config.idle_timeout, HTTP_IDLE_TIMEOUT);
}

int64_t server_peer_timeout(const struct http_server *server)
{
	return or_default(server->config.peer_timeout, HTTP_PEER_TIMEOUT_MS * NS_PER_MS);
}

const char *home_date(struct home *home)
{
	int64_t now = clock_wall_ns() / NS_PER_SEC;
	time_t seconds = (time_t)now;
	struct tm tm;

	if (now != home->date_at) {
		gmtime_r(&seconds, &tm);
		/* The C locale: the program sets no other. */
		strftime(home->date, sizeof(home->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		home->date_at = now;
	}
	return home->date;
}

/* --- connections --- */

static void destroy_conn(struct server_conn *conn)
{
	struct home *home = conn->home;

	while (!list_empty(&conn->exchanges))
		exchange_detach(LIST_FIRST(&conn->exchanges, struct exchange, link));
	if (conn->framing)
		conn->framing->release(conn);
	loop_timer_stop(&conn->timer);
	loop_defer_cancel(&conn->defer);
	conn->conn = conn_free(conn->conn);
	list_remove(&conn->link);
	free(conn);
	atomic_fetch_sub(&home->server->connections_open, 1);
	home_check_stopped(home);
}

struct server_conn *server_conn_close(struct server_conn *conn)
{
	conn->closing = true;
	loop_defer(&conn->defer);
	return NULL;
}

void server_conn_close_drained(struct server_conn *conn)
{
	if (conn->closing)
		return;
	if (conn->conn) {
		conn_free_drained(conn->conn, LINGER);
		conn->conn = NULL;
	}
	server_conn_close(conn);
}

void server_conn_produce_later(struct server_conn *conn)
{
	loop_defer(&conn->defer);
}

static void end_of_turn(struct loop_defer *defer)
{
	struct server_conn *conn = CONTAINER_OF(defer, struct server_conn, defer);

	if (conn->closing)
		destroy_conn(conn);
	else if (conn->framing)
		conn->framing->produce(conn);
}

void server_conn_set_deadline(struct server_conn *conn, int64_t deadline)
{
	int64_t now;

	conn->deadline = deadline;
	if (deadline == INT64_MAX || (loop_timer_active(&conn->timer) && conn->timer.when <= deadline))
		return;
	now = clock_monotonic_ns();
	loop_timer_start(&conn->timer, deadline - now, 0);
}

static void on_deadline(struct loop_timer *timer)
{
	struct server_conn *conn = CONTAINER_OF(timer, struct server_conn, timer);
	int64_t now = clock_monotonic_ns();

	if (conn->closing || conn->deadline == INT64_MAX)
		return;
	if (now < conn->deadline)
		loop_timer_start(timer, conn->deadline - now, 0);
	else if (conn->framing == &http2_framing)
		http2_deadline(conn);
	else
		server_conn_close(conn);
}

static void on_established(struct conn *socket, void *owner)
{
	struct server_conn *conn = owner;

	if (str_eq_c(conn_alpn(socket), "h2")) {
		conn->framing = &http2_framing;
		if (!http2_init(conn))
			server_conn_close(conn);
	} else if (conn->home->server->config.tls) {
		conn->framing = &http1_framing;
	}
	if (conn->shut && conn->framing)
		conn->framing->shut(conn);
}

/* In clear, HTTP/2 shows itself by its first bytes (RFC 9113, 3.3). */
static void choose_framing(struct server_conn *conn)
{
	char start[24];
	ssize_t n = conn_read(conn->conn, start, sizeof(start));

	if (n == -ERR_AGAIN)
		return;
	if (n <= 0) {
		server_conn_close(conn);
		return;
	}
	conn_unread(conn->conn, (struct str){start, (size_t)n});
	if (n >= 4 && memcmp(start, "PRI ", 4) == 0) {
		conn->framing = &http2_framing;
		if (!http2_init(conn))
			server_conn_close(conn);
	} else {
		conn->framing = &http1_framing;
	}
}

static void on_readable(struct conn *socket UNUSED, void *owner)
{
	struct server_conn *conn = owner;

	if (conn->closing)
		return;
	if (!conn->framing)
		choose_framing(conn);
	if (conn->framing && !conn->closing)
		conn->framing->readable(conn);
}

static void on_drained(struct conn *socket UNUSED, void *owner)
{
	struct server_conn *conn = owner;

	if (conn->framing && !conn->closing)
		conn->framing->drained(conn);
}

static void on_broken(struct conn *socket, void *owner, const struct error *why)
{
	struct server_conn *conn = owner;

	if (!conn->framing && conn->home->server->config.tls) {
		atomic_fetch_add_explicit(&conn->home->tls_failures, 1, memory_order_relaxed);
		log_debug("TLS handshake failed", "error=\"%s\"", why->message);
	}
	(void)socket;
	server_conn_close(conn);
}

static const struct conn_ops socket_ops = {
	.established = on_established,
	.readable = on_readable,
	.drained = on_drained,
	.broken = on_broken,
};

static void begin_conn(struct home *home, int fd)
{
	struct http_server *server = home->server;
	struct server_conn *conn;
	struct error err = {0};

	if (home->stopping) {
		close_fd(fd);
		atomic_fetch_sub(&server->connections_open, 1);
		return;
	}
	conn = XNEW(struct server_conn);
	conn->home = home;
	list_init(&conn->exchanges);
	loop_defer_init(&conn->defer, home->loop, end_of_turn);
	loop_timer_init(&conn->timer, home->loop, on_deadline);
	if (conn_new(&(struct conn_config){.loop = home->loop,
					   .fd = fd,
					   .tls = server->config.tls,
					   .server = true,
					   .ops = &socket_ops,
					   .owner = conn},
		     &conn->conn, &err) < 0) {
		log_debug("connection refused", "error=\"%s\"", err.message);
		free(conn);
		atomic_fetch_sub(&server->connections_open, 1);
		return;
	}
	if (!conn_peer_address(conn->conn, &conn->peer_address, &conn->peer_port))
		conn->peer_address.family = IP_NONE;
	list_append(&home->conns, &conn->link);
	server_conn_set_deadline(conn, clock_monotonic_ns() + server_header_timeout(server));
}

struct handover {
	struct home *home;
	int fd;
};

static void take_over(void *data)
{
	struct handover *handover = data;

	begin_conn(handover->home, handover->fd);
	free(handover);
}

static void deal_out(struct http_server *server, int fd)
{
	struct home *home = &server->homes[server->next_home++ % server->homes_len];
	struct handover *handover;

	if (home == &server->homes[0]) {
		begin_conn(home, fd);
		return;
	}
	handover = XNEW(struct handover);
	*handover = (struct handover){home, fd};
	loop_post(home->loop, take_over, handover);
}

static void accept_again(struct loop_timer *timer)
{
	struct http_server *server = CONTAINER_OF(timer, struct http_server, accept_again);

	if (server->listen_watch)
		loop_watch_set(server->listen_watch, LOOP_READ);
}

static void on_accept(void *data, unsigned events UNUSED)
{
	struct http_server *server = data;
	unsigned most = server->config.connections_max;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* Out of descriptors or memory: the queue would be ready again at once. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
				loop_watch_set(server->listen_watch, 0);
				loop_timer_start(&server->accept_again, ACCEPT_PAUSE, 0);
			}
			if (errno == ECONNABORTED || errno == EINTR)
				continue;
			return;
		}
		if (atomic_fetch_add(&server->connections_open, 1) >= most) {
			atomic_fetch_sub(&server->connections_open, 1);
			atomic_fetch_add(&server->connections_refused, 1);
			close_fd(fd);
			continue;
		}
		atomic_fetch_add(&server->connections_total, 1);
		deal_out(server, fd);
	}
}

/* --- listening --- */

static int listen_on(const struct http_server_config *config, int *ret_fd, struct error *err)
{
	struct ip_address address = config->address;
	char text[IP_TEXT_SIZE] = "*";
	struct sockaddr_storage sockaddr;
	cleanup_close int fd = -1;
	int on = 1, off = 0;
	socklen_t len;

	if (address.family == IP_NONE) {
		address.family = IP_V6;
		fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			address.family = IP_V4;
		else
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	} else {
		ip_format(&address, text);
	}
	if (fd < 0)
		fd = socket(address.family == IP_V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
	if (fd < 0)
		return error_set_errno(err, errno, "make a socket for %s port %u", text, config->port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	len = ip_to_sockaddr(&address, config->port, &sockaddr);
	if (bind(fd, (struct sockaddr *)&sockaddr, len) < 0 || listen(fd, BACKLOG) < 0)
		return error_set_errno(err, errno, "listen on %s port %u", text, config->port);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);
	struct ip_address address;
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&sockaddr, &len) < 0 ||
	    !ip_from_sockaddr((struct sockaddr *)&sockaddr, &address, &port))
		return 0;
	return port;
}

/* --- the end --- */

static void release(struct http_server *server)
{
	for (unsigned i = 0; i < server->homes_len; i++)
		if (!server->config.loop)
			loop_free(server->homes[i].loop);
	close_fd(server->listen_fd);
	tls_context_unref(server->config.tls);
	free(server->homes);
	free(server);
}

void home_check_stopped(struct home *home)
{
	struct http_server *server = home->server;

	if (!home->stopping || home->stopped || home->exchanges || !list_empty(&home->conns))
		return;
	home->stopped = true;
	loop_timer_stop(&home->grace);
	if (atomic_fetch_sub(&server->homes_open, 1) == 1 && server->stopped)
		server->stopped(server->config.cookie);
	if (home->thread)
		loop_stop(home->loop);
	if (server->freeing)
		release(server);
}

static void close_all(struct home *home)
{
	LIST_FOREACH (struct server_conn, conn, &home->conns, link)
		server_conn_close(conn);
}

static void on_grace(struct loop_timer *timer)
{
	close_all(CONTAINER_OF(timer, struct home, grace));
}

static void stop_home(void *data)
{
	struct home *home = data;
	struct http_server *server = home->server;

	if (home == &server->homes[0] && server->listen_watch) {
		server->listen_watch = loop_watch_free(server->listen_watch);
		server->listen_fd = close_fd(server->listen_fd);
		loop_timer_stop(&server->accept_again);
	}
	if (home->stopping) {
		if (server->grace == 0)
			close_all(home);
		return;
	}
	home->stopping = true;
	if (server->grace == 0) {
		close_all(home);
	} else {
		loop_timer_start(&home->grace, MIN(server->grace, GRACE_FOREVER), 0);
		LIST_FOREACH (struct server_conn, conn, &home->conns, link) {
			conn->shut = true;
			if (conn->framing && !conn->closing)
				conn->framing->shut(conn);
			else if (!conn->framing && conn_is_established(conn->conn))
				server_conn_close(conn);
		}
	}
	home_check_stopped(home);
}

void http_server_stop(struct http_server *server, int64_t grace, void (*stopped)(void *cookie))
{
	server->grace = grace;
	server->stopped = stopped;
	for (unsigned i = 0; i < server->homes_len; i++)
		loop_post(server->homes[i].loop, stop_home, &server->homes[i]);
}

struct http_server *http_server_free(struct http_server *server)
{
	struct home *home;

	if (!server)
		return NULL;
	home = &server->homes[0];
	if (server->config.loop) {
		server->grace = 0;
		stop_home(home);
		LIST_FOREACH_SAFE (struct server_conn, conn, &home->conns, link)
			destroy_conn(conn);
		LIST_FOREACH_SAFE (struct http_stream, stream, &home->streams, link)
			http_stream_finish(stream);
		loop_timer_stop(&home->grace);
		if (home->exchanges) {
			/* Workers still hold requests: the last one to come back frees. */
			server->freeing = true;
			return NULL;
		}
	} else {
		http_server_stop(server, 0, server->stopped);
		for (unsigned i = 0; i < server->homes_len; i++)
			server->homes[i].thread = thread_join(server->homes[i].thread);
	}
	release(server);
	return NULL;
}

/* --- the beginning --- */

static void run_home(void *data)
{
	struct home *home = data;

	log_set_component(home->server->config.name);
	loop_run(home->loop);
}

static void begin_accepting(void *data)
{
	struct http_server *server = data;
	int failure = 0;

	server->listen_watch =
		loop_watch_new(server->homes[0].loop, server->listen_fd, LOOP_READ, on_accept, server, &failure);
	if (!server->listen_watch)
		log_error("cannot accept connections", "error=\"%s\"", strerrordesc_np(failure));
}

static int start_homes(struct http_server *server, struct error *err)
{
	const char *name = server->config.name;

	for (unsigned i = 0; i < server->homes_len; i++) {
		struct home *home = &server->homes[i];

		home->server = server;
		home->loop = server->config.loop ? server->config.loop : loop_new();
		list_init(&home->conns);
		list_init(&home->streams);
		loop_timer_init(&home->grace, home->loop, on_grace);
	}
	loop_timer_init(&server->accept_again, server->homes[0].loop, accept_again);
	for (unsigned i = 0; i < server->homes_len && !server->config.loop; i++) {
		int r = thread_start(name, run_home, &server->homes[i], &server->homes[i].thread, err);

		if (r < 0)
			return r;
	}
	if (server->config.loop)
		begin_accepting(server);
	else
		loop_post(server->homes[0].loop, begin_accepting, server);
	return 0;
}

int http_server_new(const struct http_server_config *config, struct http_server **ret, struct error *err)
{
	struct http_server *server = XNEW(struct http_server);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	server->config = *config;
	server->listen_fd = -1;
	if (!config->name)
		server->config.name = "http";
	if (!config->body_max)
		server->config.body_max = LIMIT_REQUEST_BODY;
	if (!config->connections_max)
		server->config.connections_max = LIMIT_CONNECTIONS;
	if (config->tls)
		tls_context_ref(config->tls);
	server->homes_len = config->loop ? 1 : config->threads;
	if (!server->homes_len)
		server->homes_len = (unsigned)MAX(1L, MIN(processors, (long)HOMES_MAX));
	server->homes = xcalloc(server->homes_len, sizeof(*server->homes));
	atomic_init(&server->homes_open, server->homes_len);
	if (config->listen_fd > 0) {
		server->listen_fd = config->listen_fd;
		fcntl(server->listen_fd, F_SETFL, fcntl(server->listen_fd, F_GETFL) | O_NONBLOCK);
	} else {
		r = listen_on(config, &server->listen_fd, err);
	}
	if (r < 0) {
		server->homes_len = 0;
		release(server);
		return r;
	}
	server->port = port_of(server->listen_fd);
	r = start_homes(server, err);
	if (r < 0) {
		http_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

void http_server_stats(const struct http_server *server, struct http_server_stats *ret)
{
	struct http_server_stats stats = {
		.connections_open = atomic_load(&server->connections_open),
		.connections_total = atomic_load(&server->connections_total),
		.connections_refused = atomic_load(&server->connections_refused),
	};

	for (unsigned i = 0; i < server->homes_len; i++) {
		const struct home *home = &server->homes[i];

		stats.tls_failures += atomic_load(&home->tls_failures);
		stats.requests_total += atomic_load(&home->requests);
		stats.requests_open += atomic_load(&home->requests_open);
		stats.streams_open += atomic_load(&home->streams_open);
		stats.bytes_received += atomic_load(&home->received);
		stats.bytes_sent += atomic_load(&home->sent);
	}
	*ret = stats;
}
