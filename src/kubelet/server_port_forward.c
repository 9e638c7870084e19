/*
 * Connections to ports of pods: kubectl port-forward.
 *
 * The client opens two SPDY streams for each of its connections, "data" and "error", which a request id pairs; the port
 * is in their headers.  For each pair a connection is made inside the pod's network and bytes go between the two:
 *
 *	WAITING --both streams--> DIALING --connected--> RUNNING
 *
 * A failure is told on the error stream and ends the pair alone; so does the end of what the pod has to say.  The
 * client's end of input is passed on to the pod.
 *
 * Nobody is read from faster than the other side takes: the pods' connections while the client's has little queued, the
 * client's while no pod's input is full.  SPDY as it is spoken here has no windows, so one pod that takes nothing holds
 * up all of its client's pairs, upstream as here.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "kubelet/carrier.h"
#include "kubelet/pod_view.h"
#include "kubelet/server_internal.h"
#include "net/spdy.h"
#include "net/websocket.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define READ_SIZE    (32 * KIB)
#define PAIR_TIMEOUT (30 * NS_PER_SEC)		      /* upstream's streamCreationTimeout */
#define IDLE_TIMEOUT (INT64_C(4) * 3600 * NS_PER_SEC) /* its streamingConnectionIdleTimeout */

enum pair_state { PAIR_WAITING, PAIR_DIALING, PAIR_RUNNING };

struct forwarding {
	struct list link;
	struct kubelet_server *server;
	struct arena arena;
	struct http_request *http; /* until the sandbox is found */
	struct str pod_uid, sandbox_id;
	struct carrier *carrier; /* NULL before and after */
	struct spdy *spdy;
	struct list pairs;
	size_t working;		/* jobs on workers */
	size_t full;		/* pairs whose pod is behind */
	bool over;		/* nobody is left to forward for */
	struct loop_timer idle; /* nothing came from the client, nor went there */
	struct loop_call call;
	struct error err;
};

struct pair {
	struct list link; /* in its session's pairs, until it is over */
	struct forwarding *session;
	enum pair_state state;
	bool over;			    /* while a worker dials for it */
	uint32_t data_stream, error_stream; /* 0: not there yet */
	struct str request_id;		    /* follows the struct */
	uint16_t port;
	int fd; /* RUNNING */
	struct loop_watch *watch;
	struct buf input; /* the pod has not taken it yet */
	bool input_ended; /* the client has said all */
	bool full;
	struct loop_timer timer; /* WAITING */
	struct loop_call call;
	struct error err;
};

static void session_free(struct forwarding *session)
{
	list_remove(&session->link);
	loop_timer_stop(&session->idle);
	carrier_free(session->carrier);
	spdy_free(session->spdy);
	arena_release(&session->arena);
	free(session);
}

/* --- Back-pressure ----------------------------------------------------------------------------------------------- */

static bool client_takes(const struct forwarding *session)
{
	return session->carrier && carrier_pending(session->carrier) <= LIMIT_RELAY_BUFFER;
}

/* What the pod's connection is waited for. */
static void watch_pod(struct pair *pair)
{
	unsigned events = (client_takes(pair->session) ? LOOP_READ : 0u) | (pair->input.len ? LOOP_WRITE : 0u);

	if (pair->watch)
		loop_watch_set(pair->watch, events);
}

/* Is the client read from?  Not while a pod is behind, nor while the client does not take its answers. */
static void watch_client(struct forwarding *session)
{
	if (session->carrier)
		carrier_pause(session->carrier, session->full || !client_takes(session));
}

static void set_full(struct pair *pair, bool full)
{
	if (pair->full == full)
		return;
	pair->full = full;
	if (full)
		pair->session->full++;
	else
		pair->session->full--;
	watch_client(pair->session);
}

/* --- The end of a pair ------------------------------------------------------------------------------------------- */

static void pair_free(struct pair *pair)
{
	if (pair->fd >= 0)
		close(pair->fd);
	buf_release(&pair->input);
	free(pair);
}

/* @failure: told to the client; NULL: all is said. */
static void pair_end(struct pair *pair, const char *failure)
{
	struct spdy *spdy = pair->session->spdy;

	spdy_hang(spdy, pair->data_stream, NULL);
	spdy_hang(spdy, pair->error_stream, NULL);
	if (failure) {
		spdy_write(spdy, pair->error_stream, str_from(failure));
		spdy_reset(spdy, pair->data_stream, SPDY_CANCEL);
	} else {
		spdy_finish(spdy, pair->data_stream);
	}
	spdy_finish(spdy, pair->error_stream);
	loop_timer_stop(&pair->timer);
	pair->watch = loop_watch_free(pair->watch);
	set_full(pair, false);
	list_remove(&pair->link);
	if (pair->state == PAIR_DIALING)
		pair->over = true;
	else
		pair_free(pair);
}

static void session_end(struct forwarding *session)
{
	session->over = true;
	LIST_FOREACH_SAFE (struct pair, pair, &session->pairs, link)
		pair_end(pair, NULL);
	if (session->carrier)
		carrier_close(session->carrier);
}

/* --- Bytes ------------------------------------------------------------------------------------------------------- */

/* A pod that takes no more may still have something to say. */
static void write_input(struct pair *pair)
{
	while (pair->input.len && pair->fd >= 0) {
		ssize_t n = send(pair->fd, pair->input.data, pair->input.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			buf_clear(&pair->input);
		if (n < 0)
			break;
		buf_consume(&pair->input, (size_t)n);
	}
	if (pair->fd >= 0 && pair->input_ended && !pair->input.len)
		shutdown(pair->fd, SHUT_WR);
	if (pair->input.len > LIMIT_RELAY_BUFFER)
		set_full(pair, true);
	else if (pair->input.len <= LIMIT_RELAY_BUFFER / 2)
		set_full(pair, false);
	watch_pod(pair);
}

/* False: the pair is gone. */
static bool read_output(struct pair *pair)
{
	struct forwarding *session = pair->session;
	char bytes[READ_SIZE];
	ssize_t n = recv(pair->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		pair_end(pair, NULL);
		return false;
	}
	spdy_write(session->spdy, pair->data_stream, (struct str){bytes, (size_t)n});
	if (!client_takes(session))
		LIST_FOREACH (struct pair, it, &session->pairs, link)
			watch_pod(it);
	return true;
}

static void on_pod(void *data, unsigned events)
{
	struct pair *pair = data;

	if (events & LOOP_READ && !read_output(pair))
		return;
	if (events & LOOP_WRITE)
		write_input(pair);
}

/* --- Dialing ----------------------------------------------------------------------------------------------------- */

static void tell_failure(struct pair *pair, const char *why)
{
	struct arena cleanup_arena arena = {0};

	pair_end(pair, str_c(arena_printf(&arena, "error forwarding port %u to pod " STR_FMT ", uid : %s", pair->port,
					  STR_ARG(pair->session->sandbox_id), why)));
}

static void on_dialed(struct loop_call *call)
{
	struct pair *pair = CONTAINER_OF(call, struct pair, call);
	struct forwarding *session = pair->session;
	int failure = 0;

	session->working--;
	pair->state = PAIR_RUNNING;
	if (pair->over) {
		pair_free(pair);
		if (!session->carrier && !session->working)
			session_free(session);
		return;
	}
	if (pair->err.code) {
		tell_failure(pair, pair->err.message);
		return;
	}
	pair->watch = loop_watch_new(session->server->config.loop, pair->fd, 0, on_pod, pair, &failure);
	if (pair->watch)
		write_input(pair);
	else
		tell_failure(pair, strerror(failure));
}

static void dial(void *data)
{
	struct pair *pair = data;
	struct kubelet_server *server = pair->session->server;
	int fd = -1;

	if (RUNTIME_CALL(server->config.context->runtime, port_forward, pair->session->sandbox_id, pair->port, &fd,
			 &pair->err) == 0)
		pair->fd = fd;
	pair->call.run = on_dialed;
	loop_post_call(server->config.loop, &pair->call);
}

/* --- Streams ----------------------------------------------------------------------------------------------------- */

static void on_pair_timeout(struct loop_timer *timer)
{
	struct pair *pair = CONTAINER_OF(timer, struct pair, timer);
	struct arena cleanup_arena arena = {0};

	pair_end(pair, str_c(arena_printf(&arena, "(request=" STR_FMT ") timed out waiting for streams",
					  STR_ARG(pair->request_id))));
}

/* The pair that waits for its other stream, made when there is none. */
static struct pair *pair_of(struct forwarding *session, struct str request_id)
{
	struct pair *pair;
	char *copy;

	LIST_FOREACH (struct pair, it, &session->pairs, link)
		if (it->state == PAIR_WAITING && str_eq(it->request_id, request_id))
			return it;
	pair = xcalloc(1, sizeof(*pair) + request_id.len + 1);
	copy = (char *)(pair + 1);
	memcpy(copy, request_id.data, request_id.len);
	pair->request_id = (struct str){copy, request_id.len};
	pair->session = session;
	pair->fd = -1;
	buf_init(&pair->input, LIMIT_RELAY_BUFFER + 2 * WEBSOCKET_MESSAGE_MAX);
	list_append(&session->pairs, &pair->link);
	loop_timer_init(&pair->timer, session->server->config.loop, on_pair_timeout);
	loop_timer_start(&pair->timer, PAIR_TIMEOUT, 0);
	return pair;
}

/* Old clients give no request id: their streams come in turns, error first. */
static struct str request_id_of(struct http_headers headers, uint32_t stream, bool is_data, struct arena *arena)
{
	struct str id = http_headers_get(headers, STR("requestid"));

	return id.len ? id : arena_printf(arena, "%u", is_data ? stream - 2 : stream);
}

static void add_stream(struct pair *pair, uint32_t stream, bool is_data)
{
	struct forwarding *session = pair->session;
	uint32_t *place = is_data ? &pair->data_stream : &pair->error_stream;
	struct arena cleanup_arena arena = {0};

	if (*place) {
		spdy_write(session->spdy, pair->error_stream,
			   arena_printf(&arena,
					"error processing stream for request " STR_FMT ": %s stream already assigned",
					STR_ARG(pair->request_id), is_data ? "data" : "error"));
		spdy_reset(session->spdy, stream, SPDY_CANCEL);
		return;
	}
	*place = stream;
	spdy_reply(session->spdy, stream);
	spdy_hang(session->spdy, stream, pair);
	if (!pair->data_stream || !pair->error_stream)
		return;
	loop_timer_stop(&pair->timer);
	pair->state = PAIR_DIALING;
	session->working++;
	worker_pool_submit(session->server->dialers, dial, pair);
}

static void on_opened(void *data, uint32_t stream, struct http_headers headers)
{
	static const struct str names[] = {STR_INIT("error"), STR_INIT("data")};
	struct forwarding *session = data;
	struct str type = http_headers_get(headers, STR("streamtype")), port = http_headers_get(headers, STR("port"));
	bool is_data = str_eq(type, names[1]);
	struct arena cleanup_arena arena = {0};
	struct pair *pair;
	int64_t number;

	if (session->over || (!is_data && !str_eq(type, names[0])) || str_parse_int64(port, &number) < 0 ||
	    number < 1 || number > UINT16_MAX) {
		spdy_reset(session->spdy, stream, SPDY_CANCEL);
		return;
	}
	pair = pair_of(session, request_id_of(headers, stream, is_data, &arena));
	if (is_data || !pair->port)
		pair->port = (uint16_t)number;
	add_stream(pair, stream, is_data);
}

static void on_bytes(void *data UNUSED, uint32_t stream, void *hung, struct str bytes)
{
	struct pair *pair = hung;

	if (!pair || stream != pair->data_stream)
		return;
	buf_str(&pair->input, bytes);
	write_input(pair);
}

static void on_finished(void *data UNUSED, uint32_t stream, void *hung)
{
	struct pair *pair = hung;

	if (!pair || stream != pair->data_stream)
		return;
	pair->input_ended = true;
	write_input(pair);
}

/* The client wants no more of it. */
static void on_reset(void *data UNUSED, uint32_t stream UNUSED, void *hung)
{
	if (hung)
		pair_end(hung, NULL);
}

static void on_left(void *data)
{
	session_end(data);
}

static void on_send(void *data, struct str bytes)
{
	struct forwarding *session = data;

	if (!session->carrier)
		return;
	loop_timer_start(&session->idle, IDLE_TIMEOUT, 0);
	carrier_send(session->carrier, bytes);
}

static const struct spdy_ops spdy_ops = {
	.opened = on_opened,
	.bytes = on_bytes,
	.finished = on_finished,
	.reset = on_reset,
	.left = on_left,
	.send = on_send,
};

/* --- The client -------------------------------------------------------------------------------------------------- */

static void on_carried(void *data, struct str bytes)
{
	struct forwarding *session = data;
	struct error err = {0};

	if (session->over)
		return;
	loop_timer_start(&session->idle, IDLE_TIMEOUT, 0);
	if (spdy_feed(session->spdy, bytes, &err) < 0)
		session_end(session);
	else if (!session->over)
		watch_client(session);
}

static void on_drained(void *data)
{
	struct forwarding *session = data;

	watch_client(session);
	LIST_FOREACH (struct pair, pair, &session->pairs, link)
		watch_pod(pair);
}

static void on_closed(void *data)
{
	struct forwarding *session = data;

	session->carrier = NULL;
	session_end(session);
	if (!session->working)
		session_free(session);
}

static const struct carrier_ops carrier_ops = {.bytes = on_carried, .drained = on_drained, .closed = on_closed};

static void on_idle(struct loop_timer *timer)
{
	session_end(CONTAINER_OF(timer, struct forwarding, idle));
}

/* --- The request ------------------------------------------------------------------------------------------------- */

static void on_found(struct loop_call *call)
{
	struct forwarding *session = CONTAINER_OF(call, struct forwarding, call);
	struct http_request *http = TAKE_PTR(session->http);

	session->working--;
	if (session->over) {
		http_request_drop(http);
		session_free(session);
		return;
	}
	if (session->err.code)
		http_respond_text(http, 500, "%s", session->err.message);
	else
		session->carrier = carrier_accept(http, &carrier_ops, session);
	if (session->carrier)
		loop_timer_start(&session->idle, IDLE_TIMEOUT, 0);
	else
		session_free(session);
}

/* The newest that is ready; forwarding ends with it, as upstream. */
static void find(void *data)
{
	struct forwarding *session = data;
	struct kubelet_server *server = session->server;
	const struct runtime_pair label = {STR(LABEL_POD_UID), session->pod_uid};
	const struct runtime_filter filter = {.label_selector = {&label, 1}};
	const struct runtime_sandbox_status *newest = NULL;
	struct runtime_sandbox_list list;

	if (RUNTIME_CALL(server->config.context->runtime, list_pod_sandboxes, &filter, &session->arena, &list,
			 &session->err) == 0) {
		SLICE_FOREACH (sandbox, list)
			if (sandbox->state == RUNTIME_SANDBOX_READY &&
			    (!newest || sandbox->metadata.attempt > newest->metadata.attempt))
				newest = sandbox;
		if (newest)
			session->sandbox_id = newest->id;
		else
			error_set(&session->err, ERR_NOT_FOUND, "sandbox not found for pod");
	}
	session->call.run = on_found;
	loop_post_call(server->config.loop, &session->call);
}

void server_port_forward_start(struct kubelet_server *server, struct http_request *http, const struct object *pod)
{
	struct forwarding *session;

	if (!pod) {
		http_respond_text(http, 404, "pod does not exist");
		return;
	}
	session = XNEW(struct forwarding);
	session->server = server;
	session->http = http;
	session->pod_uid = arena_str(&session->arena, pod->meta->uid);
	session->spdy = spdy_new(&spdy_ops, session);
	loop_timer_init(&session->idle, server->config.loop, on_idle);
	list_init(&session->pairs);
	list_append(&server->forwardings, &session->link);
	session->working = 1;
	worker_pool_submit(server->dialers, find, session);
}

void server_port_forward_stop(struct kubelet_server *server)
{
	LIST_FOREACH_SAFE (struct forwarding, session, &server->forwardings, link) {
		session->carrier = carrier_free(session->carrier);
		session_end(session);
		if (!session->working)
			session_free(session);
	}
}
