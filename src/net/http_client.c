/*
 * The HTTP client: calls, origins, and which call goes to which connection; see http_client.h and client_internal.h.
 *
 * pump() is the only place where waiting calls meet connections.  It makes no callbacks, and runs at the end of a turn:
 * so starting a call never calls back.
 */
#include "net/http_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/client_internal.h"

#define IDLE_TIMEOUT	 (60 * NS_PER_SEC) /* below servers' 90 s, so that ours closes first */
#define PING_INTERVAL	 (30 * NS_PER_SEC)
#define TRIES_IDEMPOTENT 2
#define TRIES_UNSEEN	 5
#define ANSWER_HEADERS	 1000

static void pump_later(struct http_client *client)
{
	loop_defer(&client->defer);
}

/* --- calls --- */

static void call_enter(struct http_call *call, enum call_state state)
{
	/* Forward; or back to waiting while no byte of the body has been delivered. */
	assert(state > call->state || (state == CALL_WAITING && call->state < CALL_BODY));
	call->state = state;
}

static void call_free(struct http_call *call)
{
	list_remove(&call->link);
	loop_timer_stop(&call->timer);
	loop_defer_cancel(&call->defer);
	payload_release(&call->body);
	buf_release(&call->held);
	arena_release(&call->answer_arena);
	arena_release(&call->arena);
	free(call);
}

void call_guard_begin(struct http_call *call)
{
	call->entered++;
}

bool call_guard_end(struct http_call *call)
{
	bool alive = !call->dead;

	if (--call->entered == 0 && !alive)
		call_free(call);
	return alive;
}

static void end_call(struct http_call *call, const struct error *err)
{
	const struct http_call_ops *ops = call->config.ops;

	call_enter(call, CALL_ENDED);
	loop_timer_stop(&call->timer);
	call_guard_begin(call);
	if (!call->dead && ops && ops->ended)
		ops->ended(call, call->config.data, err);
	call->dead = true;
	call_guard_end(call);
}

static void wait_at(struct http_call *call, struct origin *origin, bool first)
{
	call->origin = origin;
	if (first)
		list_prepend(&origin->waiting, &call->place);
	else
		list_append(&origin->waiting, &call->place);
	pump_later(call->client);
}

void call_detach(struct http_call *call)
{
	list_remove(&call->place);
	if (call->conn) {
		call->conn->calls_len--;
		call->conn = NULL;
	}
}

/* Takes a live call from wherever it is. */
static void withdraw(struct http_call *call)
{
	struct client_conn *conn = call->conn;

	if (conn && conn->reserved == call)
		conn->reserved = NULL;
	if (conn && conn->framing && call->state != CALL_WAITING) {
		call_detach(call);
		conn->framing->cancel(conn, call);
		client_conn_release_call(conn);
	} else {
		call_detach(call);
	}
}

static bool is_idempotent(const struct http_call *call)
{
	static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(call->config.method, methods[i]) == 0)
			return true;
	return false;
}

void call_fail(struct http_call *call, bool unseen, const struct error *err)
{
	bool again =
		call->state == CALL_SENT && !call->client->freeing && !call->config.upgrade &&
		((unseen && call->tries < TRIES_UNSEEN) || (is_idempotent(call) && call->tries < TRIES_IDEMPOTENT));

	if (!again) {
		end_call(call, err);
		return;
	}
	call->headers.len = 0;
	call->headers.cap = 0;
	call->header_size = 0;
	call->status = 0;
	arena_release(&call->answer_arena);
	call_enter(call, CALL_WAITING);
	wait_at(call, call->origin, true);
}

void call_complete(struct http_call *call)
{
	call->complete = true;
	if (call->held.len)
		loop_defer(&call->defer);
	else
		end_call(call, NULL);
}

void call_upgraded(struct http_call *call, struct http_headers headers, struct conn *socket)
{
	call_enter(call, CALL_ENDED);
	call_guard_begin(call);
	if (call->config.ops->upgraded)
		call->config.ops->upgraded(call, call->config.data, headers, socket);
	else
		conn_free(socket);
	call->dead = true;
	call_guard_end(call);
}

bool call_add_header(struct http_call *call, struct str name, struct str value)
{
	struct arena *arena = &call->answer_arena;

	call->header_size += name.len + value.len;
	if (call->header_size > LIMIT_REQUEST_HEADERS || call->headers.len >= ANSWER_HEADERS)
		return false;
	vec_push(arena, &call->headers, (struct http_header){arena_str(arena, name), arena_str(arena, value)});
	return true;
}

static bool deliver(struct http_call *call, struct str bytes)
{
	const struct http_call_ops *ops = call->config.ops;

	call_guard_begin(call);
	if (ops && ops->body)
		ops->body(call, call->config.data, bytes);
	if (!call_guard_end(call))
		return false;
	if (call->conn)
		call->conn->framing->consumed(call->conn, call, bytes.len);
	return true;
}

bool call_deliver(struct http_call *call, struct str bytes)
{
	if (!call->paused && !call->held.len)
		return deliver(call, bytes);
	/* Bounded by the stream's window or by one read. */
	buf_append(&call->held, bytes.data, bytes.len);
	return true;
}

/* After a pause: what was held, then the end if it has come. */
static void run_call_later(struct loop_defer *defer)
{
	struct http_call *call = CONTAINER_OF(defer, struct http_call, defer);
	struct buf held = call->held;

	if (call->paused)
		return;
	if (held.len) {
		buf_init(&call->held, held.limit);
		call_guard_begin(call);
		deliver(call, buf_view(&held));
		buf_release(&held);
		if (!call_guard_end(call))
			return;
	} else if (call->conn && call->conn->framing) {
		call->conn->framing->consumed(call->conn, call, 0);
	}
	if (call->complete && !call->held.len)
		end_call(call, NULL);
	else if (call->complete && !call->paused)
		loop_defer(&call->defer);
}

void http_call_pause(struct http_call *call)
{
	call->paused = true;
}

void http_call_resume(struct http_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	loop_defer(&call->defer);
}

void http_call_cancel(struct http_call *call)
{
	if (call->dead)
		return;
	call->dead = true;
	if (call->state != CALL_ENDED)
		withdraw(call);
	if (!call->entered)
		call_free(call);
}

const struct tls_peer *http_call_peer(struct http_call *call)
{
	return call->conn && call->conn->conn ? conn_peer(call->conn->conn) : NULL;
}

static void arm_call_timer(struct http_call *call)
{
	int64_t when = INT64_MAX;

	if (call->deadline)
		when = call->deadline;
	if (call->header_deadline && call->state < CALL_BODY)
		when = MIN(when, call->header_deadline);
	if (when == INT64_MAX)
		loop_timer_stop(&call->timer);
	else
		loop_timer_start(&call->timer, when - clock_monotonic_ns(), 0);
}

static void on_call_timeout(struct loop_timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, timer);
	struct error err = {0};

	error_set(&err, ERR_TIMEOUT, "no %sanswer from " STR_FMT " in time",
		  call->state == CALL_BODY ? "complete " : "", STR_ARG(call->origin->key));
	withdraw(call);
	end_call(call, &err);
}

/* --- redirects --- */

static struct origin *origin_for(struct http_client *client, const struct url *url);

static bool is_redirect(const struct http_call *call)
{
	bool status = call->status == 301 || call->status == 302 || call->status == 303 || call->status == 307 ||
		      call->status == 308;

	return status && call->config.redirects &&
	       (strcmp(call->config.method, "GET") == 0 || strcmp(call->config.method, "HEAD") == 0);
}

/* What proves who we are is for the host it was given for. */
static void drop_credentials(struct http_call *call)
{
	struct http_header *items = ARENA_NEW_N(&call->arena, struct http_header, call->config.headers.len);
	size_t len = 0;

	for (size_t i = 0; i < call->config.headers.len; i++) {
		struct http_header header = call->config.headers.items[i];

		if (!str_eq_c(header.name, "authorization") && !str_eq_c(header.name, "cookie") &&
		    !str_eq_c(header.name, "host"))
			items[len++] = header;
	}
	call->config.headers = (struct http_headers){items, len};
}

/* Sends the call to where the answer points; false when it points nowhere. */
static bool follow(struct http_call *call)
{
	struct str location =
		http_headers_get((struct http_headers){call->headers.items, call->headers.len}, STR("location"));
	struct str resolved;
	struct url url;

	if (str_empty(location) || url_resolve(&call->url, location, &call->arena, &resolved) < 0)
		return false;
	resolved = arena_str(&call->arena, resolved);
	if (url_parse(resolved, &call->arena, &url) < 0 || !url.port)
		return false;
	if (!str_eq(url.host, call->url.host) || url.port != call->url.port || !str_eq(url.scheme, call->url.scheme))
		drop_credentials(call);
	call->config.redirects--;
	call->url = url;
	call->tries = 0;
	call->headers.len = call->headers.cap = 0;
	call->header_size = 0;
	arena_release(&call->answer_arena);
	call_detach(call);
	call_enter(call, CALL_WAITING);
	wait_at(call, origin_for(call->client, &url), false);
	return true;
}

bool call_headers_complete(struct http_call *call)
{
	const struct http_call_ops *ops = call->config.ops;
	struct http_headers headers = {call->headers.items, call->headers.len};

	if (is_redirect(call) && follow(call))
		return false;
	call_enter(call, CALL_BODY);
	arm_call_timer(call);
	call_guard_begin(call);
	if (ops && ops->headers)
		ops->headers(call, call->config.data, call->status, headers);
	if (!call_guard_end(call))
		return false;
	call->headers.len = call->headers.cap = 0;
	arena_release(&call->answer_arena);
	return true;
}

bool call_trailers_complete(struct http_call *call)
{
	const struct http_call_ops *ops = call->config.ops;

	call_guard_begin(call);
	if (ops && ops->trailers)
		ops->trailers(call, call->config.data, (struct http_headers){call->headers.items, call->headers.len});
	return call_guard_end(call);
}

/* --- connections --- */

void client_conn_close(struct client_conn *conn, const struct error *err)
{
	if (conn->closing)
		return;
	conn->closing = conn->draining = true;
	conn->why = xmemdup(err, sizeof(*err));
	loop_defer(&conn->defer);
}

void client_conn_produce_later(struct client_conn *conn)
{
	loop_defer(&conn->defer);
}

void client_conn_release_call(struct client_conn *conn)
{
	if (!conn->calls_len && !conn->closing)
		loop_timer_start(&conn->timer, conn->draining ? 0 : IDLE_TIMEOUT, 0);
	pump_later(conn->origin->client);
}

static void origin_free(struct origin *origin)
{
	map_remove(&origin->client->origins, origin->key);
	arena_release(&origin->arena);
	free(origin);
}

static bool has_live_conn(const struct origin *origin)
{
	LIST_FOREACH (struct client_conn, conn, &origin->conns, link)
		if (!conn->draining)
			return true;
	return false;
}

static void destroy_conn(struct client_conn *conn)
{
	struct origin *origin = conn->origin;
	bool was_connecting = !conn->framing;
	struct http_call *reserved = conn->reserved;

	list_remove(&conn->link);
	origin->conns_len--;
	dial_abandon(conn->dial);
	loop_timer_stop(&conn->timer);
	loop_defer_cancel(&conn->defer);
	if (was_connecting && !conn->exclusive)
		origin->connecting--;
	if (reserved) {
		call_detach(reserved);
		end_call(reserved, conn->why);
	}
	while (!list_empty(&conn->calls)) {
		struct http_call *call = LIST_FIRST(&conn->calls, struct http_call, place);

		call_detach(call);
		call_fail(call, false, conn->why);
	}
	/* Without a way to the server those who wait learn why. */
	while (was_connecting && !conn->exclusive && !origin->connecting && !has_live_conn(origin) &&
	       !list_empty(&origin->waiting)) {
		struct http_call *call = LIST_FIRST(&origin->waiting, struct http_call, place);

		call_detach(call);
		end_call(call, conn->why);
	}
	if (conn->framing)
		conn->framing->release(conn);
	conn_free(conn->conn);
	free(conn->why);
	free(conn);
	if (!origin->conns_len && list_empty(&origin->waiting))
		origin_free(origin);
	else
		pump_later(origin->client);
}

static void end_of_turn(struct loop_defer *defer)
{
	struct client_conn *conn = CONTAINER_OF(defer, struct client_conn, defer);

	if (conn->closing)
		destroy_conn(conn);
	else if (conn->framing)
		conn->framing->produce(conn);
}

static void on_conn_timer(struct loop_timer *timer)
{
	struct client_conn *conn = CONTAINER_OF(timer, struct client_conn, timer);
	struct error err = {0};

	if (conn->framing == &client_http2_framing && conn->calls_len) {
		client_http2_ping(conn);
		loop_timer_start(timer, PING_INTERVAL, 0);
	} else if (!conn->framing) {
		error_set(&err, ERR_TIMEOUT, "connect to " STR_FMT ": no connection in time",
			  STR_ARG(conn->origin->key));
		client_conn_close(conn, &err);
	} else if (!conn->calls_len) {
		error_set(&err, ERR_CLOSED, "idle");
		client_conn_close(conn, &err);
	}
}

static void attach(struct client_conn *conn, struct http_call *call)
{
	list_remove(&call->place);
	list_append(&conn->calls, &call->place);
	conn->calls_len++;
	call->conn = conn;
	call->tries++;
	call_enter(call, CALL_SENT);
	if (conn->framing == &client_http2_framing)
		loop_timer_start(&conn->timer, PING_INTERVAL, 0);
	else
		loop_timer_stop(&conn->timer);
	conn->framing->send(conn, call);
}

static void on_established(struct conn *socket, void *owner)
{
	struct client_conn *conn = owner;
	struct origin *origin = conn->origin;
	bool plain = str_eq_c(origin->url.scheme, "http");
	bool http2 = plain ? origin->client->config.http2_plain && !conn->exclusive : str_eq_c(conn_alpn(socket), "h2");
	struct http_call *reserved = conn->reserved;
	struct error err = {0};

	if (conn->closing)
		return;
	loop_timer_stop(&conn->timer);
	conn->framing = http2 ? &client_http2_framing : &client_http1_framing;
	if (!conn->framing->init(conn)) {
		error_set(&err, ERR_INTERNAL, "cannot start HTTP/2");
		conn->framing = NULL;
		client_conn_close(conn, &err);
		return;
	}
	if (reserved) {
		conn->reserved = NULL;
		conn->draining = true;
		call_detach(reserved);
		attach(conn, reserved);
		return;
	}
	if (conn->exclusive) {
		error_set(&err, ERR_CANCELLED, "cancelled");
		client_conn_close(conn, &err);
		return;
	}
	origin->connecting--;
	origin->protocol = http2 ? ORIGIN_HTTP2 : ORIGIN_HTTP1;
	client_conn_release_call(conn);
}

static void on_readable(struct conn *socket UNUSED, void *owner)
{
	struct client_conn *conn = owner;

	if (conn->framing && !conn->closing)
		conn->framing->readable(conn);
}

static void on_drained(struct conn *socket UNUSED, void *owner)
{
	struct client_conn *conn = owner;

	if (conn->framing && !conn->closing)
		conn->framing->drained(conn);
}

static void on_broken(struct conn *socket UNUSED, void *owner, const struct error *why)
{
	struct client_conn *conn = owner;
	struct error err = *why;

	error_wrap(&err, STR_FMT, STR_ARG(conn->origin->key));
	client_conn_close(conn, &err);
}

static const struct conn_ops socket_ops = {
	.established = on_established,
	.readable = on_readable,
	.drained = on_drained,
	.broken = on_broken,
};

static void set_up_socket(struct client_conn *conn, int fd)
{
	struct origin *origin = conn->origin;
	struct http_client *client = origin->client;
	bool https = str_eq_c(origin->url.scheme, "https");
	struct str name = client->config.server_name.len ? client->config.server_name : origin->url.host;
	struct error err = {0};
	struct conn_config config = {
		.loop = client->config.loop,
		.fd = fd,
		.tls = https ? client->config.tls : NULL,
		.server_name = str_c(name),
		.alpn = conn->exclusive || client->config.no_http2 ? "http/1.1" : "h2 http/1.1",
		.ops = &socket_ops,
		.owner = conn,
	};

	if (conn_new(&config, &conn->conn, &err) < 0)
		client_conn_close(conn, &err);
}

void client_conn_dialed(struct client_conn *conn, int fd, const struct error *err)
{
	if (err)
		client_conn_close(conn, err);
	else if (conn->closing)
		close_fd(fd);
	else
		set_up_socket(conn, fd);
}

/* An address needs no worker: connect() without waiting. */
static void connect_to_address(struct client_conn *conn, const struct ip_address *address)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = ip_to_sockaddr(address, conn->origin->url.port, &sockaddr);
	int fd = socket(address->family == IP_V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct error err = {0};

	if (fd < 0 || (connect(fd, (struct sockaddr *)&sockaddr, len) < 0 && errno != EINPROGRESS)) {
		error_set_errno(&err, errno, "connect to " STR_FMT, STR_ARG(conn->origin->key));
		close_fd(fd);
		client_conn_close(conn, &err);
		return;
	}
	set_up_socket(conn, fd);
}

static void connect_new(struct origin *origin, struct http_call *reserved)
{
	const struct http_client_config *config = &origin->client->config;
	struct client_conn *conn = XNEW(struct client_conn);
	struct ip_address address;
	struct error err = {0};

	conn->origin = origin;
	conn->reserved = reserved;
	list_init(&conn->calls);
	list_append(&origin->conns, &conn->link);
	origin->conns_len++;
	loop_defer_init(&conn->defer, config->loop, end_of_turn);
	loop_timer_init(&conn->timer, config->loop, on_conn_timer);
	loop_timer_start(&conn->timer, config->connect_timeout, 0);
	conn->exclusive = reserved != NULL;
	if (reserved) {
		list_remove(&reserved->place);
		list_append(&conn->calls, &reserved->place);
		conn->calls_len = 1;
		reserved->conn = conn;
	} else {
		origin->connecting++;
	}
	if (str_eq_c(origin->url.scheme, "https") && !config->tls) {
		error_set(&err, ERR_INVALID, "https without a TLS context");
		client_conn_close(conn, &err);
	} else if (!config->dial && config->netns_fd <= 0 && ip_parse(origin->url.host, &address) == 0) {
		connect_to_address(conn, &address);
	} else {
		conn->dial = dial_start(conn);
	}
}

static struct client_conn *find_conn(struct origin *origin)
{
	LIST_FOREACH (struct client_conn, conn, &origin->conns, link)
		if (conn->framing && !conn->draining && conn->framing->has_room(conn))
			return conn;
	return NULL;
}

static void pump(struct origin *origin)
{
	unsigned most = origin->client->config.connections_max;
	size_t waiting = 0;

	LIST_FOREACH_SAFE (struct http_call, call, &origin->waiting, place) {
		struct client_conn *conn;

		if (call->config.upgrade) {
			connect_new(origin, call);
			continue;
		}
		conn = find_conn(origin);
		if (conn) {
			attach(conn, call);
			continue;
		}
		waiting++;
		/* Until it is known to be HTTP/1.1 one connection may do for all. */
		if (origin->connecting >= (origin->protocol == ORIGIN_HTTP1 ? waiting : 1))
			continue;
		if (origin->conns_len < most)
			connect_new(origin, NULL);
	}
}

static void run_client_later(struct loop_defer *defer)
{
	struct http_client *client = CONTAINER_OF(defer, struct http_client, defer);

	MAP_FOREACH (entry, &client->origins)
		pump(entry->value);
}

static struct origin *origin_for(struct http_client *client, const struct url *url)
{
	cleanup_arena struct arena arena = {0};
	struct str key =
		arena_printf(&arena, STR_FMT "://" STR_FMT ":%u", STR_ARG(url->scheme), STR_ARG(url->host), url->port);
	struct origin *origin = map_get(&client->origins, key);

	if (origin)
		return origin;
	origin = XNEW(struct origin);
	origin->client = client;
	origin->key = arena_str(&origin->arena, key);
	origin->url.scheme = arena_str(&origin->arena, url->scheme);
	origin->url.host = arena_str(&origin->arena, url->host);
	origin->url.port = url->port;
	list_init(&origin->conns);
	list_init(&origin->waiting);
	map_set(&client->origins, origin->key, origin);
	return origin;
}

/* --- the interface --- */

struct http_client *http_client_new(const struct http_client_config *config)
{
	struct http_client *client = XNEW(struct http_client);

	client->config = *config;
	if (config->tls)
		tls_context_ref(config->tls);
	client->config.server_name = arena_str(&client->arena, config->server_name);
	client->config.user_agent = arena_str(&client->arena, config->user_agent);
	if (!config->connections_max)
		client->config.connections_max = HTTP_CLIENT_CONNECTIONS;
	if (!config->connect_timeout)
		client->config.connect_timeout = HTTP_CONNECT_TIMEOUT;
	list_init(&client->calls);
	loop_defer_init(&client->defer, config->loop, run_client_later);
	return client;
}

struct http_client *http_client_free(struct http_client *client)
{
	struct error cancelled = {0};
	struct list calls;

	if (!client)
		return NULL;
	error_set(&cancelled, ERR_CANCELLED, "the client ends");
	client->freeing = true;
	list_init(&calls);
	list_splice(&calls, &client->calls);
	while (!list_empty(&calls)) {
		struct http_call *call = LIST_FIRST(&calls, struct http_call, link);

		withdraw(call);
		end_call(call, &cancelled);
	}
	/* Calls that those callbacks began. */
	while (!list_empty(&client->calls))
		http_call_cancel(LIST_FIRST(&client->calls, struct http_call, link));
	for (struct map_entry *e; (e = map_next(&client->origins, NULL));) {
		struct origin *origin = e->value;

		for (size_t left = origin->conns_len; left; left--) {
			struct client_conn *conn = LIST_FIRST(&origin->conns, struct client_conn, link);

			client_conn_close(conn, &cancelled);
			destroy_conn(conn);
		}
		if (map_next(&client->origins, NULL) && map_next(&client->origins, NULL)->value == origin)
			origin_free(origin);
	}
	loop_defer_cancel(&client->defer);
	worker_pool_free(client->own_pool);
	map_release(&client->origins);
	tls_context_unref(client->config.tls);
	arena_release(&client->arena);
	free(client);
	return NULL;
}

void http_client_reset(struct http_client *client)
{
	MAP_FOREACH (entry, &client->origins) {
		struct origin *origin = entry->value;

		LIST_FOREACH (struct client_conn, conn, &origin->conns, link) {
			conn->draining = true;
			if (conn->framing && !conn->calls_len)
				client_conn_release_call(conn);
		}
	}
}

struct loop *http_client_loop(const struct http_client *client)
{
	return client->config.loop;
}

static void fail_later(struct loop_defer *defer)
{
	struct http_call *call = CONTAINER_OF(defer, struct http_call, defer);
	struct error err = {0};

	error_set(&err, ERR_INVALID, "malformed URL");
	end_call(call, &err);
}

struct http_call *http_client_call(struct http_client *client, const struct http_call_config *config)
{
	struct http_call *call = XNEW(struct http_call);
	int64_t now = clock_monotonic_ns();
	struct str url = arena_str(&call->arena, config->url);

	call->client = client;
	call->config = *config;
	call->config.method = config->method ? arena_str_c(&call->arena, config->method).data : "GET";
	call->config.headers = http_headers_dup(config->headers, &call->arena);
	call->body = config->body;
	if (!call->body.release)
		call->body.bytes = arena_str(&call->arena, config->body.bytes);
	call->deadline = config->timeout ? now + config->timeout : 0;
	call->header_deadline = config->header_timeout ? now + config->header_timeout : 0;
	buf_init(&call->held, LIMIT_RESPONSE_BODY);
	list_init(&call->place);
	list_append(&client->calls, &call->link);
	loop_timer_init(&call->timer, client->config.loop, on_call_timeout);
	if (url_parse(url, &call->arena, &call->url) < 0 || !call->url.port) {
		loop_defer_init(&call->defer, client->config.loop, fail_later);
		loop_defer(&call->defer);
		return call;
	}
	loop_defer_init(&call->defer, client->config.loop, run_call_later);
	wait_at(call, origin_for(client, &call->url), false);
	arm_call_timer(call);
	return call;
}
