/*
 * Commands in containers, and attaching to them, over a WebSocket.
 *
 *	FINDING --found--> STARTING --started--> RUNNING --ended, all said--> ENDING --closed--> (freed)
 *
 * FINDING and STARTING have a job on a worker; the WebSocket is there from STARTING on, so that what goes wrong with
 *the command is told on the error channel.  In RUNNING bytes go between the process's descriptors and the socket on the
 * loop alone: output is read while the client takes it, input is taken while the process reads it.
 *
 * A client that goes away takes its pipes and terminal with it, nothing else: as upstream, the process hears of it as
 * end of file, SIGPIPE or SIGHUP.
 */
#include <unistd.h>

#include "base/limits.h"
#include "kubelet/channel.h"
#include "kubelet/server_internal.h"
#include "net/websocket.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define PIECE_SIZE (16 * KIB)

enum exec_state { EXEC_FINDING, EXEC_STARTING, EXEC_RUNNING, EXEC_ENDING, EXEC_STATE_MAX };

static const unsigned followers[EXEC_STATE_MAX] = {
	[EXEC_FINDING] = 1 << EXEC_STARTING,
	[EXEC_STARTING] = 1 << EXEC_RUNNING | 1 << EXEC_ENDING,
	[EXEC_RUNNING] = 1 << EXEC_ENDING,
};

/* One of the process's output streams. */
struct exec_output {
	struct exec_session *session;
	enum channel channel;
	int fd;
	struct loop_watch *watch;
};

struct exec_session {
	struct list link;
	struct kubelet_server *server;
	struct arena arena;
	enum exec_state state;
	bool attach;
	bool gone;    /* the client is */
	bool working; /* a worker has it */
	bool stopped; /* the server is */
	struct str pod_uid, container;
	struct runtime_exec_request wanted;
	struct http_request *http; /* FINDING */
	struct websocket *socket;  /* from STARTING on, until closed() */
	const struct channel_protocol *protocol;
	struct loop_call call; /* a job's way back */
	struct error err;

	struct runtime_stream *stream;
	struct exec_output outputs[2];
	struct loop_watch *input_watch, *wait_watch;
	struct buf input;  /* the process has not taken it yet */
	bool input_closed; /* the client says no more */
	bool input_paused;
	bool exited;
	uint16_t width, height; /* of the terminal; 0: not told yet */
};

static void set_state(struct exec_session *session, enum exec_state next)
{
	assert(followers[session->state] & 1u << next);
	session->state = next;
}

static void unwatch(struct exec_session *session)
{
	for (size_t i = 0; i < ARRAY_LEN(session->outputs); i++)
		session->outputs[i].watch = loop_watch_free(session->outputs[i].watch);
	session->input_watch = loop_watch_free(session->input_watch);
	session->wait_watch = loop_watch_free(session->wait_watch);
}

static void session_free(struct exec_session *session)
{
	list_remove(&session->link);
	unwatch(session);
	websocket_free(session->socket);
	runtime_stream_free(session->stream);
	buf_release(&session->input);
	arena_release(&session->arena);
	free(session);
}

static void submit(struct exec_session *session, void (*run)(void *data))
{
	session->working = true;
	worker_pool_submit(session->server->config.pool, run, session);
}

static void come_back(struct exec_session *session, void (*run)(struct loop_call *call))
{
	session->call.run = run;
	loop_post_call(session->server->config.loop, &session->call);
}

/* --- To the client ----------------------------------------------------------------------------------------------- */

static void send_bytes(struct exec_session *session, enum channel channel, struct str bytes)
{
	struct buf cleanup_buf message;

	buf_init(&message, 2 * LIMIT_EXEC_OUTPUT);
	channel_encode(session->protocol, channel, bytes, &message);
	websocket_send(session->socket, session->protocol->base64 ? WEBSOCKET_TEXT : WEBSOCKET_BINARY,
		       buf_view(&message));
}

/* Says how it went, and good bye. */
static void end(struct exec_session *session, const char *failure, int32_t exit_code)
{
	struct buf cleanup_buf outcome;

	set_state(session, EXEC_ENDING);
	unwatch(session);
	buf_init(&outcome, MIB);
	if (failure) {
		channel_failure(session->protocol, str_from(failure), &outcome);
		send_bytes(session, CHANNEL_ERROR, buf_view(&outcome));
	} else if (channel_exit(session->protocol, exit_code, &outcome)) {
		send_bytes(session, CHANNEL_ERROR, buf_view(&outcome));
	}
	websocket_close(session->socket, 1000, STR_EMPTY);
}

static void end_when_over(struct exec_session *session)
{
	struct error err = {0};
	int32_t code = 0;

	if (!session->exited || session->outputs[0].fd >= 0 || session->outputs[1].fd >= 0)
		return;
	if (session->stream->ops->result(session->stream, &code, &err) < 0)
		end(session, err.message, 0);
	else
		/* Who attached is not told the container's exit code. */
		end(session, NULL, session->attach ? 0 : code);
}

static void on_output(void *data, unsigned events UNUSED)
{
	struct exec_output *output = data;
	struct exec_session *session = output->session;
	char piece[PIECE_SIZE];
	ssize_t n;

	if (websocket_pending(session->socket) > LIMIT_RELAY_BUFFER) {
		loop_watch_set(output->watch, 0);
		return;
	}
	n = read(output->fd, piece, sizeof(piece));
	if (n > 0) {
		send_bytes(session, output->channel, (struct str){piece, (size_t)n});
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The end; a terminal's is EIO. */
	output->watch = loop_watch_free(output->watch);
	output->fd = -1;
	end_when_over(session);
}

static void on_ended(void *data, unsigned events UNUSED)
{
	struct exec_session *session = data;

	session->wait_watch = loop_watch_free(session->wait_watch);
	session->exited = true;
	end_when_over(session);
}

/* --- From the client --------------------------------------------------------------------------------------------- */

static void close_input(struct exec_session *session)
{
	session->input_watch = loop_watch_free(session->input_watch);
	session->stream->stdin_fd = close_fd(session->stream->stdin_fd);
	buf_clear(&session->input);
}

/* Gives the process what it takes. */
static void write_input(struct exec_session *session)
{
	ssize_t n;

	if (!session->stream || session->stream->stdin_fd < 0) {
		if (session->stream)
			buf_clear(&session->input);
		return;
	}
	while (session->input.len) {
		n = write(session->stream->stdin_fd, session->input.data, session->input.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			close_input(session);
			break;
		}
		if (n < 0)
			break;
		buf_consume(&session->input, (size_t)n);
	}
	if (session->input.len == 0 && session->input_closed)
		close_input(session);
	if (session->input_watch)
		loop_watch_set(session->input_watch, session->input.len ? LOOP_WRITE : 0);
	if (session->input_paused && session->input.len <= LIMIT_RELAY_BUFFER / 2) {
		session->input_paused = false;
		websocket_resume(session->socket);
	}
}

static void on_input_room(void *data, unsigned events UNUSED)
{
	write_input(data);
}

static void take_input(struct exec_session *session, struct str bytes)
{
	if (!session->wanted.stdin || session->input_closed)
		return;
	buf_str(&session->input, bytes);
	write_input(session);
	if (session->input.len > LIMIT_RELAY_BUFFER && !session->input_paused) {
		session->input_paused = true;
		websocket_pause(session->socket);
	}
}

/* The first size comes before the terminal is there. */
static void apply_size(struct exec_session *session)
{
	struct error err = {0};

	/* A size that cannot be set is no reason to end a session. */
	if (session->state == EXEC_RUNNING && session->width)
		(void)session->stream->ops->resize(session->stream, session->width, session->height, &err);
}

static void take_size(struct exec_session *session, struct str json, struct arena *arena)
{
	if (channel_parse_size(json, arena, &session->width, &session->height))
		apply_size(session);
}

static void on_message(struct websocket *socket UNUSED, void *data, enum websocket_type type UNUSED, struct str bytes)
{
	struct exec_session *session = data;
	struct arena cleanup_arena arena = {0};
	unsigned channel;

	if (session->state == EXEC_ENDING || !channel_decode(session->protocol, bytes, &arena, &channel, &bytes))
		return;
	if (channel == CHANNEL_STDIN) {
		take_input(session, bytes);
	} else if (channel == CHANNEL_RESIZE && session->wanted.tty) {
		take_size(session, bytes, &arena);
	} else if (channel == CHANNEL_CLOSE && session->protocol->close && bytes.len &&
		   (unsigned char)bytes.data[0] == CHANNEL_STDIN) {
		session->input_closed = true;
		write_input(session);
	}
}

static void on_drained(struct websocket *socket UNUSED, void *data)
{
	struct exec_session *session = data;

	for (size_t i = 0; i < ARRAY_LEN(session->outputs); i++)
		if (session->outputs[i].watch)
			loop_watch_set(session->outputs[i].watch, LOOP_READ);
}

static void on_closed(struct websocket *socket UNUSED, void *data, int code UNUSED)
{
	struct exec_session *session = data;

	session->socket = NULL;
	session->gone = true;
	if (!session->working)
		session_free(session);
}

static const struct websocket_ops socket_ops = {.message = on_message, .drained = on_drained, .closed = on_closed};

/* --- Start ------------------------------------------------------------------------------------------------------- */

static struct loop_watch *watch(struct exec_session *session, int fd, unsigned events,
				void (*run)(void *data, unsigned events), void *data)
{
	int ignored;

	return fd < 0 ? NULL : loop_watch_new(session->server->config.loop, fd, events, run, data, &ignored);
}

static void on_started(struct loop_call *call)
{
	struct exec_session *session = CONTAINER_OF(call, struct exec_session, call);
	struct runtime_stream *stream = session->stream;

	session->working = false;
	if (session->gone || session->stopped) {
		session_free(session);
		return;
	}
	if (!stream) {
		end(session, session->err.message, 0);
		return;
	}
	set_state(session, EXEC_RUNNING);
	session->outputs[0] = (struct exec_output){session, CHANNEL_STDOUT, stream->stdout_fd, NULL};
	session->outputs[1] = (struct exec_output){session, CHANNEL_STDERR, stream->stderr_fd, NULL};
	for (size_t i = 0; i < ARRAY_LEN(session->outputs); i++) {
		struct exec_output *output = &session->outputs[i];

		output->watch = watch(session, output->fd, LOOP_READ, on_output, output);
		if (!output->watch)
			output->fd = -1;
	}
	session->input_watch = watch(session, stream->stdin_fd, 0, on_input_room, session);
	session->wait_watch = watch(session, stream->wait_fd, LOOP_READ, on_ended, session);
	apply_size(session);
	write_input(session);
}

static void start(void *data)
{
	struct exec_session *session = data;
	struct runtime *rt = session->server->config.context->runtime;
	struct runtime_stream *stream = NULL;
	int result;

	if (session->attach)
		result = RUNTIME_CALL(rt, attach, &session->wanted, &stream, &session->err);
	else
		result = RUNTIME_CALL(rt, exec, &session->wanted, &stream, &session->err);
	if (result == 0)
		session->stream = stream;
	else
		error_wrap(&session->err,
			   session->attach ? "error attaching to container" : "error executing command in container");
	come_back(session, on_started);
}

/* Tells the client that there is somebody, as upstream does, with an empty message on the lowest channel it reads. */
static void greet(struct exec_session *session)
{
	send_bytes(session,
		   session->wanted.stdout   ? CHANNEL_STDOUT
		   : session->wanted.stderr ? CHANNEL_STDERR
					    : CHANNEL_ERROR,
		   STR_EMPTY);
}

static void on_found(struct loop_call *call)
{
	struct exec_session *session = CONTAINER_OF(call, struct exec_session, call);
	struct http_request *http = TAKE_PTR(session->http);

	session->working = false;
	if (session->err.code) {
		http_respond_text(http, 500, "%s", session->err.message);
		session_free(session);
		return;
	}
	session->socket = websocket_accept(http, channel_protocol_names, CHANNEL_PROTOCOLS, &socket_ops, session);
	if (!session->socket) {
		http_respond_text(http, 403, "no subprotocol that is asked for is known");
		session_free(session);
		return;
	}
	session->protocol = channel_protocol_find(websocket_protocol(session->socket));
	set_state(session, EXEC_STARTING);
	greet(session);
	submit(session, start);
}

static void find(void *data)
{
	struct exec_session *session = data;
	struct runtime_container_list list;

	if (server_find_containers(session->server->config.context, session->pod_uid, session->container,
				   &session->arena, &list, &session->err) == 0) {
		if (list.len && list.items[0].state == RUNTIME_CONTAINER_RUNNING)
			session->wanted.container_id = list.items[0].id;
		else
			error_set(&session->err, ERR_NOT_FOUND, "container not found (\"" STR_FMT "\")",
				  STR_ARG(session->container));
	}
	come_back(session, on_found);
}

/* --- The request ------------------------------------------------------------------------------------------------- */

static void read_command(struct exec_session *session, const struct query *query)
{
	VEC_OF(struct str) words = {0};

	for (size_t i = 0; i < query->len; i++)
		if (str_eq(query->items[i].name, STR("command"))) {
			struct str word = arena_str(&session->arena, query->items[i].value);

			vec_push(&session->arena, &words, word);
		}
	session->wanted.command = (struct runtime_strs){words.items, words.len};
}

void server_exec_start(struct kubelet_server *server, struct http_request *http,
		       const struct container_request *request, bool attach)
{
	const struct query *query = &request->query;
	struct exec_session *session;
	struct runtime_exec_request wanted = {
		.tty = query_is_set(query, STR("tty")),
		.stdin = query_is_set(query, STR("input")),
		.stdout = query_is_set(query, STR("output")),
		.stderr = query_is_set(query, STR("error")),
	};

	/* A terminal has one stream of output. */
	if (wanted.tty)
		wanted.stderr = false;
	if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
		http_respond_text(http, 400, "you must specify at least 1 of stdin, stdout, stderr");
		return;
	}
	if (!request->pod) {
		http_respond_text(http, 404, "pod does not exist");
		return;
	}
	if (!websocket_requested(http)) {
		http_respond_text(http, 400, "Upgrade request required");
		return;
	}
	session = XNEW(struct exec_session);
	*session = (struct exec_session){
		.server = server, .attach = attach, .wanted = wanted, .http = http, .state = EXEC_FINDING};
	session->pod_uid = arena_str(&session->arena, request->pod->meta->uid);
	session->container = arena_str(&session->arena, request->container);
	buf_init(&session->input, LIMIT_RELAY_BUFFER + 2 * WEBSOCKET_MESSAGE_MAX);
	read_command(session, query);
	list_append(&server->execs, &session->link);
	submit(session, find);
}

void server_exec_stop(struct kubelet_server *server)
{
	LIST_FOREACH_SAFE (struct exec_session, session, &server->execs, link) {
		session->stopped = true;
		if (!session->working)
			session_free(session);
	}
}
