/*
 * Logs of containers, as they are or as they come.
 *
 *	OPENING --opened--> READING --all is read--> WAITING --folder changed, container ended--> READING
 *	   |                 |  ^                       |
 *	   | no log      end |  | drained               | client gone
 *	   v                 v  |                       v
 *	 CLOSED <--ENDING <--+--HELD (the client has enough)
 *
 * In OPENING and READING a worker has the session's reader; what comes in meanwhile is noted (`changed`, `gone`) and
 * looked at when it is done.  The folder's watch stands before the first byte is read, and a reader at the end of its
 * file asks whether the container still runs before it waits: a container that ends later than that is told of by an
 * event, so nothing is missed and nothing is polled.
 */
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "kubelet/log_reader.h"
#include "kubelet/server_internal.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/timestamp.h"

#define PIECE_SIZE (64 * KIB)

enum log_state { LOG_OPENING, LOG_READING, LOG_WAITING, LOG_HELD, LOG_ENDING, LOG_CLOSED, LOG_STATE_MAX };

static const unsigned followers[LOG_STATE_MAX] = {
	[LOG_OPENING] = 1 << LOG_READING | 1 << LOG_CLOSED,
	[LOG_READING] = 1 << LOG_READING | 1 << LOG_WAITING | 1 << LOG_HELD | 1 << LOG_ENDING | 1 << LOG_CLOSED,
	[LOG_WAITING] = 1 << LOG_READING | 1 << LOG_CLOSED,
	[LOG_HELD] = 1 << LOG_READING | 1 << LOG_CLOSED,
	[LOG_ENDING] = 1 << LOG_CLOSED,
};

struct log_session {
	struct list link;
	struct kubelet_server *server;
	struct arena arena;
	struct object *pod;
	struct str container;
	bool previous;
	struct log_options options;
	enum log_state state;
	struct http_request *http; /* until answered */
	struct http_stream *stream;
	struct loop_watch *watch;
	struct loop_call call; /* a job's way back */
	bool changed;	       /* there may be more to read */
	bool gone;	       /* the client is */

	/* The worker's while OPENING or READING. */
	struct log_reader *reader;
	struct str container_id;
	int inotify_fd;
	struct buf out;
	enum log_read result;
	struct error err;
	int status; /* of a failure, before the answer has begun */
};

static void set_state(struct log_session *session, enum log_state next)
{
	assert(followers[session->state] & 1u << next);
	session->state = next;
}

static void session_free(struct log_session *session)
{
	set_state(session, LOG_CLOSED);
	list_remove(&session->link);
	loop_watch_free(session->watch);
	close_fd(session->inotify_fd);
	log_reader_free(session->reader);
	buf_release(&session->out);
	object_unref(session->pod);
	arena_release(&session->arena);
	free(session);
}

/* --- Which container: a worker ----------------------------------------------------------------------------------- */

static const struct core_v1_container_status *find_status(const struct core_v1_pod *pod, struct str name)
{
	const struct core_v1_container_status_slice *lists[] = {&pod->status.container_statuses,
								&pod->status.init_container_statuses,
								&pod->status.ephemeral_container_statuses};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		SLICE_FOREACH (status, *lists[i])
			if (str_eq(status->name, name))
				return status;
	return NULL;
}

static int no_log(struct log_session *session, const struct core_v1_container_status *status)
{
	struct str name = session->container, pod = session->pod->meta->name, reason;
	const char *why;

	session->status = 400;
	if (session->previous)
		return error_set(&session->err, ERR_BAD_REQUEST,
				 "previous terminated container \"" STR_FMT "\" in pod \"" STR_FMT "\" not found",
				 STR_ARG(name), STR_ARG(pod));
	if (!status)
		return error_set(&session->err, ERR_BAD_REQUEST,
				 "container \"" STR_FMT "\" in pod \"" STR_FMT "\" is not available", STR_ARG(name),
				 STR_ARG(pod));
	if (status->state.terminated)
		return error_set(&session->err, ERR_BAD_REQUEST,
				 "container \"" STR_FMT "\" in pod \"" STR_FMT "\" is terminated", STR_ARG(name),
				 STR_ARG(pod));
	reason = status->state.waiting ? status->state.waiting->reason : STR("ContainerCreating");
	why = str_eq(reason, STR("ErrImagePull"))	? "image can't be pulled"
	      : str_eq(reason, STR("ImagePullBackOff")) ? "trying and failing to pull image"
							: NULL;
	return error_set(&session->err, ERR_BAD_REQUEST,
			 "container \"" STR_FMT "\" in pod \"" STR_FMT "\" is waiting to start: " STR_FMT,
			 STR_ARG(name), STR_ARG(pod), STR_ARG(why ? str_from(why) : reason));
}

/*
 * The newest container that was started; for `previous` the one before.  A container that has ended and is to be
 * started again is, as the API shows it, the previous one already.
 */
static int pick_container(struct log_session *session, struct arena *arena, const struct runtime_container_status **ret)
{
	const struct core_v1_container_status *status =
		find_status(OBJECT_AS(core_v1_pod, session->pod), session->container);
	struct runtime_container_list list;
	size_t at = 0, skip = session->previous;

	session->status = 500;
	if (server_find_containers(session->server->config.context, session->pod->meta->uid, session->container, arena,
				   &list, &session->err) < 0)
		return -1;
	while (at < list.len && list.items[at].state == RUNTIME_CONTAINER_CREATED)
		at++;
	if (skip && at < list.len && list.items[at].state == RUNTIME_CONTAINER_EXITED && status &&
	    status->state.waiting)
		skip = 0;
	if (at + skip >= list.len)
		return no_log(session, status);
	*ret = &list.items[at + skip];
	return 0;
}

static int watch_folder(struct log_session *session, struct str path)
{
	ptrdiff_t slash = str_last_index(path, '/');
	struct str folder = arena_str(&session->arena, str_sub(path, 0, (size_t)MAX(slash, 0)));

	session->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (session->inotify_fd < 0 || inotify_add_watch(session->inotify_fd, str_c(folder),
							 IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		return error_set_errno(&session->err, errno, "failed to watch directory \"" STR_FMT "\"",
				       STR_ARG(folder));
	return 0;
}

static void come_back(struct log_session *session, void (*run)(struct loop_call *call))
{
	session->call.run = run;
	loop_post_call(session->server->config.loop, &session->call);
}

static void on_opened(struct loop_call *call);

static void open_log(void *data)
{
	struct log_session *session = data;
	const struct runtime_container_status *container = NULL;

	if (pick_container(session, &session->arena, &container) == 0) {
		session->status = 400;
		session->container_id = container->id;
		if ((session->options.follow && watch_folder(session, container->log_path) < 0) ||
		    log_reader_open(container->log_path, &session->options, &session->reader, &session->err) < 0)
			session->reader = log_reader_free(session->reader);
	}
	come_back(session, on_opened);
}

/* --- Reading: a worker ------------------------------------------------------------------------------------------- */

static bool container_runs(struct log_session *session)
{
	struct arena cleanup_arena arena = {0};
	struct runtime_container_status status;
	struct error err = {0};

	return RUNTIME_CALL(session->server->config.context->runtime, container_status, session->container_id, &arena,
			    &status, &err) == 0 &&
	       status.state == RUNTIME_CONTAINER_RUNNING;
}

static void on_read(struct loop_call *call);

static void read_log(void *data)
{
	struct log_session *session = data;
	int result = log_reader_read(session->reader, PIECE_SIZE, &session->out, &session->result, &session->err);

	if (result == 0 && session->result == LOG_READ_WAIT && !container_runs(session)) {
		/* It writes no more; what it wrote between our last look and its end comes now. */
		log_reader_finish(session->reader);
		session->result = LOG_READ_MORE;
	}
	come_back(session, on_read);
}

/* --- On the loop ------------------------------------------------------------------------------------------------- */

static void start_reading(struct log_session *session)
{
	set_state(session, LOG_READING);
	session->changed = false;
	worker_pool_submit(session->server->config.pool, read_log, session);
}

/* Reads on, if there is something to read and somebody to read it. */
static void go_on(struct log_session *session)
{
	bool more = session->changed || session->result == LOG_READ_MORE;

	if (http_stream_pending(session->stream) > LIMIT_RELAY_BUFFER) {
		if (session->state == LOG_READING)
			set_state(session, LOG_HELD);
	} else if (more) {
		start_reading(session);
	} else if (session->state == LOG_READING) {
		set_state(session, LOG_WAITING);
	}
}

static void wake(struct log_session *session)
{
	session->changed = true;
	if (session->state == LOG_WAITING)
		start_reading(session);
}

static void on_folder(void *data, unsigned events UNUSED)
{
	struct log_session *session = data;
	char buffer[4096] __attribute__((aligned(8)));

	/* What has changed does not matter: the reader looks. */
	while (read(session->inotify_fd, buffer, sizeof(buffer)) > 0)
		;
	wake(session);
}

static void on_drained(struct http_stream *stream UNUSED, void *data)
{
	struct log_session *session = data;

	if (session->state == LOG_HELD)
		start_reading(session);
}

static void on_closed(struct http_stream *stream UNUSED, void *data)
{
	struct log_session *session = data;

	session->stream = NULL;
	session->gone = true;
	if (session->state != LOG_READING)
		session_free(session);
}

static const struct http_stream_ops stream_ops = {.drained = on_drained, .closed = on_closed};

static void on_read(struct loop_call *call)
{
	struct log_session *session = CONTAINER_OF(call, struct log_session, call);

	if (session->gone) {
		session_free(session);
		return;
	}
	http_stream_write(session->stream, PAYLOAD(buf_view(&session->out)));
	buf_clear(&session->out);
	if (session->err.code) {
		/* The status is out; as upstream, the reason is the last that is said. */
		http_stream_write(session->stream, PAYLOAD(str_from(session->err.message)));
		session->result = LOG_READ_END;
	}
	if (session->result == LOG_READ_END) {
		set_state(session, LOG_ENDING);
		session->watch = loop_watch_free(session->watch);
		http_stream_end(session->stream);
		return;
	}
	go_on(session);
}

static void on_opened(struct loop_call *call)
{
	struct log_session *session = CONTAINER_OF(call, struct log_session, call);
	struct http_request *http = TAKE_PTR(session->http);
	const struct http_response response = {.status = 200,
					       .headers = HTTP_HEADERS({STR("content-type"), STR("text/plain")})};
	int ignored;

	if (http_request_is_aborted(http))
		session->reader = log_reader_free(session->reader);
	if (!session->reader) {
		http_respond_text(http, session->status, "%s", session->err.message);
		session_free(session);
		return;
	}
	session->stream = http_stream_start(http, &response, &stream_ops, session);
	http_stream_trim(session->stream);
	if (session->inotify_fd >= 0)
		session->watch = loop_watch_new(session->server->config.loop, session->inotify_fd, LOOP_READ, on_folder,
						session, &ignored);
	start_reading(session);
}

/* --- The request ------------------------------------------------------------------------------------------------- */

static bool parse_number(const struct query *query, struct str name, int64_t least, int64_t *ret)
{
	struct str text = query_get(query, name);

	return text.len == 0 || (str_parse_int64(text, ret) == 0 && *ret >= least);
}

static bool parse_options(const struct query *query, struct log_options *ret)
{
	struct str since = query_get(query, STR("sinceTime"));
	struct timestamp time;
	struct error err = {0};
	int64_t seconds = 0;

	*ret = (struct log_options){.follow = query_is_set(query, STR("follow")),
				    .timestamps = query_is_set(query, STR("timestamps")),
				    .tail = -1,
				    .limit = -1};
	if (!parse_number(query, STR("tailLines"), 0, &ret->tail) ||
	    !parse_number(query, STR("limitBytes"), 1, &ret->limit) ||
	    !parse_number(query, STR("sinceSeconds"), 1, &seconds))
		return false;
	if (seconds)
		ret->since = clock_wall_ns() - MIN(seconds, clock_wall_ns() / NS_PER_SEC) * NS_PER_SEC;
	if (since.len) {
		if (timestamp_parse(since, &time, &err) < 0)
			return false;
		ret->since = time.seconds > INT64_MAX / NS_PER_SEC - 1 ? INT64_MAX : time.seconds * NS_PER_SEC;
	}
	return true;
}

void server_logs_start(struct kubelet_server *server, struct http_request *http,
		       const struct container_request *request)
{
	struct log_session *session;
	struct log_options options;

	if (!parse_options(&request->query, &options)) {
		http_respond_text(http, 400, "{\"message\": \"Unable to decode query.\"}");
		return;
	}
	if (!request->pod) {
		http_respond_text(http, 404, "pod \"" STR_FMT "\" does not exist", STR_ARG(request->pod_name));
		return;
	}
	if (!request->known) {
		http_respond_text(http, 404, "container \"" STR_FMT "\" not found in pod \"" STR_FMT "\"",
				  STR_ARG(request->container), STR_ARG(request->pod_name));
		return;
	}
	session = XNEW(struct log_session);
	*session = (struct log_session){.server = server,
					.pod = object_ref(request->pod),
					.previous = query_is_set(&request->query, STR("previous")),
					.options = options,
					.state = LOG_OPENING,
					.http = http,
					.inotify_fd = -1};
	session->container = arena_str(&session->arena, request->container);
	buf_init(&session->out, 2 * LIMIT_LOG_RAW_LINE);
	list_append(&server->logs, &session->link);
	worker_pool_submit(server->config.pool, open_log, session);
}

void server_logs_wake(struct kubelet_server *server)
{
	LIST_FOREACH (struct log_session, session, &server->logs, link)
		if (session->options.follow)
			wake(session);
}
