/*
 * Watchers; see watch.h.
 *
 * The store's wakeup comes on the committer's thread and may call nothing: it posts `call` to the loop.  The store does
 * not wake again until the watcher has seen the end of what there is, so `call` is posted at most once at a time.
 * After store_watch_close() no wakeup runs; if the call is still on its way then (`posted`), it frees the watcher when
 * it arrives.
 */
#include "apiserver/watch.h"

#include "apiserver/encode.h"
#include "apiserver/series.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "component/metrics.h"

#define SLICE_RECORDS	500
#define SINK_ENOUGH	(256 * KIB)
#define BOOKMARK_PERIOD (60 * NS_PER_SEC)
#define MIN_TIMEOUT	1800
#define EVENTS_PER_TURN 500

static const char *const event_names[WATCHER_EVENT_MAX] = {
	[WATCHER_ADDED] = "ADDED",	 [WATCHER_MODIFIED] = "MODIFIED", [WATCHER_DELETED] = "DELETED",
	[WATCHER_BOOKMARK] = "BOOKMARK", [WATCHER_ERROR] = "ERROR",
};

/*
 * What was asked for.  The request itself is not kept: a watch lives for an hour, and most of its time does nothing.
 * Selectors and texts are in `arena`.
 */
struct terms {
	struct arena arena;
	struct apiserver *server;
	const struct resource *resource;
	const struct strategy *strategy;
	const struct schema *schema;
	struct answer_form accepted;
	struct request_options options;
	struct str scope;
};

struct watcher {
	struct terms terms;
	struct request *request; /* while pumping: what encoders take, with memory that goes when it is over */
	struct loop *loop;
	const struct watcher_sink *sink;
	void *data;
	struct store_watch *watch;
	struct loop_call call;
	atomic_bool posted;
	bool freed, ended, headers_sent;
	struct loop_timer bookmark, deadline;
	struct loop_defer again;
	/* Initial events: what is left of the snapshot. */
	bool initial;
	uint64_t initial_revision;
	char *initial_start;
	size_t initial_start_len;
	struct buf out;
	size_t event_start;	     /* of the one being written, in `out` */
	const struct series *series; /* what its events count for */
	struct stream_tally tally;
};

static void copy_terms(struct terms *terms, const struct request *request)
{
	const struct request_options *options = &request->options;
	struct arena *arena = &terms->arena;

	/* Most need no more than their scope. */
	arena_reserve(arena, sizeof(struct str) * 8 + options->label_text.len + options->field_text.len);
	terms->server = request->server;
	terms->resource = request->resource;
	terms->strategy = request->strategy;
	terms->schema = request->schema;
	terms->accepted = request->accepted;
	terms->accepted.kind_version = arena_str(arena, request->accepted.kind_version);
	terms->options = (struct request_options){
		.labels = selector_copy(&options->labels, arena),
		.fields = selector_copy(&options->fields, arena),
		.revision = options->revision,
		.timeout_seconds = options->timeout_seconds,
		.bookmarks = options->bookmarks,
		.send_initial_events = options->send_initial_events,
		.send_initial_events_set = options->send_initial_events_set,
		.include_object = arena_str(arena, options->include_object),
	};
	terms->scope = stored_key(request->resource, request->info.name_space, STR_EMPTY, arena);
}

struct watcher *watcher_new(const struct request *request)
{
	struct watcher *watcher = XNEW(struct watcher);

	copy_terms(&watcher->terms, request);
	watcher->series = request_metrics_watch(request);
	watcher->tally = request_metrics_open(request, 200);
	buf_init(&watcher->out, LIMIT_RESPONSE_BODY);
	return watcher;
}

/* Makes @request, on the caller's stack, what encoders and selectors take. */
static void begin_request(struct watcher *watcher, struct request *request)
{
	const struct terms *terms = &watcher->terms;
	int64_t wall = clock_wall_ns();

	*request = (struct request){
		.server = terms->server,
		.resource = terms->resource,
		.strategy = terms->strategy,
		.schema = terms->schema,
		.accepted = terms->accepted,
		.options = terms->options,
		.now = {wall / NS_PER_SEC, (int32_t)(wall % NS_PER_SEC), true},
	};
	arena_init(&request->arena, LIMIT_REQUEST_MEMORY);
	watcher->request = request;
}

static void end_request(struct watcher *watcher)
{
	arena_release(&watcher->request->arena);
	watcher->request = NULL;
}

static void destroy(struct watcher *watcher)
{
	buf_release(&watcher->out);
	free(watcher->initial_start);
	arena_release(&watcher->terms.arena);
	free(watcher);
}

struct watcher *watcher_free(struct watcher *watcher)
{
	if (!watcher || watcher->freed)
		return NULL;
	watcher->freed = true;
	request_metrics_close(&watcher->tally);
	watcher->watch = store_watch_close(watcher->watch);
	if (watcher->loop) {
		loop_timer_stop(&watcher->bookmark);
		loop_timer_stop(&watcher->deadline);
		loop_defer_cancel(&watcher->again);
	}
	if (!atomic_load(&watcher->posted))
		destroy(watcher);
	return NULL;
}

static void end(struct watcher *watcher, const struct error *err)
{
	if (watcher->ended)
		return;
	watcher->ended = true;
	watcher->watch = store_watch_close(watcher->watch);
	loop_timer_stop(&watcher->bookmark);
	loop_timer_stop(&watcher->deadline);
	watcher->sink->ended(watcher->data, err);
}

/* --- Events out */

static void begin_event(struct watcher *watcher, enum watcher_event type)
{
	watcher->event_start = watcher->out.len;
	buf_c(&watcher->out, "{\"type\":\"");
	buf_c(&watcher->out, event_names[type]);
	buf_c(&watcher->out, "\",\"object\":");
}

static void end_event(struct watcher *watcher)
{
	buf_c(&watcher->out, "}\n");
	metric_add(watcher->series->metrics[WATCH_EVENTS], 1);
	metric_observe(watcher->series->metrics[WATCH_BYTES], (double)(watcher->out.len - watcher->event_start));
}

static void give_event(struct watcher *watcher, enum watcher_event type, struct object *object, uint64_t revision,
		       bool initial_end)
{
	metric_add(watcher->series->metrics[WATCH_EVENTS], 1);
	watcher->sink->event(watcher->data, type, object, revision, initial_end);
}

/* What was encoded goes to the sink. */
static void flush(struct watcher *watcher)
{
	if (watcher->out.len && watcher->sink->write)
		watcher->sink->write(watcher->data, buf_view(&watcher->out));
	buf_clear(&watcher->out);
	/* A burst is not to be paid for by an idle watch. */
	if (watcher->out.cap > 64 * KIB) {
		buf_release(&watcher->out);
		buf_init(&watcher->out, LIMIT_RESPONSE_BODY);
	}
}

static void send_object(struct watcher *watcher, enum watcher_event type, const struct store_record *record,
			uint64_t revision)
{
	struct object *object;
	struct error err = {0};

	if (answer_object(watcher->request, record, &object, &err) < 0) {
		end(watcher, &err);
		return;
	}
	give_event(watcher, type, object, revision, false);
	object_unref(object);
}

static void send_record(struct watcher *watcher, enum watcher_event type, const struct store_record *record,
			uint64_t revision)
{
	struct error err = {0};

	if (watcher->sink->event) {
		send_object(watcher, type, record, revision);
		return;
	}
	/* An object is no list: there is no event in that form. */
	if (watcher->request->accepted.kind == MEDIA_PARTIAL_LIST)
		return;
	begin_event(watcher, type);
	if (encode_object_json(watcher->request, record, revision, !watcher->headers_sent, &watcher->out, &err) < 0) {
		buf_truncate(&watcher->out, watcher->event_start);
		end(watcher, &err);
		return;
	}
	watcher->headers_sent = true;
	end_event(watcher);
}

static void send_bookmark(struct watcher *watcher, uint64_t revision, bool initial_end)
{
	if (watcher->sink->event) {
		give_event(watcher, WATCHER_BOOKMARK, NULL, revision, initial_end);
		return;
	}
	begin_event(watcher, WATCHER_BOOKMARK);
	encode_bookmark_json(watcher->request, revision, initial_end, &watcher->out);
	end_event(watcher);
}

static void send_error(struct watcher *watcher, const struct error *err)
{
	struct request *request = watcher->request;

	if (!watcher->sink->event) {
		begin_event(watcher, WATCHER_ERROR);
		status_from_error(request, err);
		status_encode(request->status, &watcher->out);
		request->status = NULL;
		end_event(watcher);
		flush(watcher);
	}
	end(watcher, err);
}

/* --- Events in */

static void forward(struct watcher *watcher, const struct store_event *event)
{
	const struct request *request = watcher->request;
	bool before =
		event->previous && !store_record_deleted(event->previous) && request_selects(request, event->previous);
	bool after = event->type != STORE_EVENT_DELETED && request_selects(request, event->record);

	if (after)
		send_record(watcher, before ? WATCHER_MODIFIED : WATCHER_ADDED, event->record, event->revision);
	else if (before)
		send_record(watcher, WATCHER_DELETED, event->previous, event->revision);
}

struct initial_visit {
	struct watcher *watcher;
	char *last;
	size_t last_len;
};

static enum store_visit visit_initial(void *data, const struct store_record *record)
{
	struct initial_visit *visit = data;
	struct str key = store_record_key(record);

	free(visit->last);
	visit->last = xmemdup(key.data, key.len);
	visit->last_len = key.len;
	metric_add(visit->watcher->series->metrics[WATCH_INITIAL], 1);
	if (request_selects(visit->watcher->request, record))
		send_record(visit->watcher, WATCHER_ADDED, record, store_record_revision(record));
	return STORE_VISIT_TAKEN;
}

/* One slice of the snapshot. */
static void pump_initial(struct watcher *watcher)
{
	struct store_view *view = store_view_acquire(watcher->terms.server->store);
	struct initial_visit visit = {.watcher = watcher};
	struct store_range range = {
		.scope = watcher->terms.scope,
		.start = {watcher->initial_start, watcher->initial_start_len},
		.revision = watcher->initial_revision,
		.limit = SLICE_RECORDS,
	};
	struct store_range_result result;
	struct error err = {0};
	int failed = store_view_scan(view, &range, visit_initial, &visit, &result, &err);

	store_view_release(view);
	if (failed < 0) {
		free(visit.last);
		send_error(watcher, &err);
		return;
	}
	watcher->initial = result.more;
	free(watcher->initial_start);
	watcher->initial_start = visit.last;
	/* On with the key after the last: that key and the NUL xmemdup() put behind it. */
	watcher->initial_start_len = visit.last ? visit.last_len + 1 : 0;
	if (!watcher->initial && watcher->terms.options.send_initial_events &&
	    (watcher->terms.options.bookmarks || watcher->sink->event))
		send_bookmark(watcher, watcher->initial_revision, true);
}

static bool full(const struct watcher *watcher)
{
	return watcher->out.len + watcher->sink->pending(watcher->data) >= SINK_ENOUGH;
}

/* As many events as the sink takes; false: there is more, but not now. */
static bool pump_events(struct watcher *watcher)
{
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		struct store_event event;
		struct error err = {0};
		int result;

		if (watcher->ended || full(watcher))
			return true;
		result = store_watch_next(watcher->watch, &event, &err);
		if (result == 0)
			return true;
		if (result < 0) {
			flush(watcher);
			send_error(watcher, &err);
			return true;
		}
		forward(watcher, &event);
		store_event_release(&event);
	}
	return false;
}

void watcher_pump(struct watcher *watcher)
{
	struct request request;
	bool again = false;

	if (watcher->ended || !watcher->sink || (watcher->initial && full(watcher)))
		return;
	begin_request(watcher, &request);
	if (watcher->initial) {
		pump_initial(watcher);
		again = !watcher->ended;
	} else if (watcher->watch) {
		again = !pump_events(watcher);
	}
	end_request(watcher);
	flush(watcher);
	if (again && !watcher->ended)
		loop_defer(&watcher->again);
}

static void run_again(struct loop_defer *defer)
{
	watcher_pump(CONTAINER_OF(defer, struct watcher, again));
}

static void woken(struct loop_call *call)
{
	struct watcher *watcher = CONTAINER_OF(call, struct watcher, call);

	atomic_store(&watcher->posted, false);
	if (watcher->freed)
		destroy(watcher);
	else
		watcher_pump(watcher);
}

static void wakeup(void *data)
{
	struct watcher *watcher = data;

	if (!atomic_exchange(&watcher->posted, true))
		loop_post_call(watcher->loop, &watcher->call);
}

static void bookmark_due(struct loop_timer *timer)
{
	struct watcher *watcher = CONTAINER_OF(timer, struct watcher, bookmark);
	struct request request;

	if (watcher->initial || !watcher->watch)
		return;
	begin_request(watcher, &request);
	send_bookmark(watcher, store_watch_progress(watcher->watch), false);
	end_request(watcher);
	flush(watcher);
}

static void deadline_due(struct loop_timer *timer)
{
	end(CONTAINER_OF(timer, struct watcher, deadline), NULL);
}

static void start_timers(struct watcher *watcher)
{
	const struct request_options *options = &watcher->terms.options;
	int64_t seconds = options->timeout_seconds;

	if (seconds <= 0)
		seconds = MIN_TIMEOUT + (int64_t)random_below(MIN_TIMEOUT);
	loop_timer_init(&watcher->bookmark, watcher->loop, bookmark_due);
	loop_timer_init(&watcher->deadline, watcher->loop, deadline_due);
	loop_defer_init(&watcher->again, watcher->loop, run_again);
	if (options->bookmarks)
		loop_timer_start(&watcher->bookmark, BOOKMARK_PERIOD, BOOKMARK_PERIOD);
	if (!watcher->sink->event)
		loop_timer_start(&watcher->deadline, seconds * NS_PER_SEC, 0);
}

/* Where the stream begins: with a snapshot, or after a revision. */
static uint64_t choose_start(struct watcher *watcher)
{
	const struct request_options *options = &watcher->terms.options;
	uint64_t current = store_current_revision(watcher->terms.server->store);

	if (options->send_initial_events_set)
		watcher->initial = options->send_initial_events;
	else
		watcher->initial = options->revision == 0;
	if (!watcher->initial)
		return options->revision ? options->revision : current;
	watcher->initial_revision = current;
	return current;
}

/* Why there can be no watch: the stream's first and last event. */
static void refuse(struct watcher *watcher, const struct error *err)
{
	struct request request;

	begin_request(watcher, &request);
	send_error(watcher, err);
	end_request(watcher);
}

void watcher_start(struct watcher *watcher, struct loop *loop, const struct watcher_sink *sink, void *data)
{
	struct store_watch_options options = {.scope = watcher->terms.scope, .wakeup = wakeup, .data = watcher};
	struct error err = {0};

	watcher->loop = loop;
	watcher->sink = sink;
	watcher->data = data;
	watcher->call.run = woken;
	start_timers(watcher);
	options.revision = choose_start(watcher);
	if (store_watch_open(watcher->terms.server->store, &options, &watcher->watch, &err) < 0) {
		/* A revision that is still to come: nothing happens until it has, or the time is over. */
		if (err.code != ERR_TIMEOUT)
			refuse(watcher, &err);
		return;
	}
	/* With revision 0 there is nothing before it: an empty store. */
	if (watcher->initial && watcher->initial_revision == 0)
		watcher->initial = false;
	watcher_pump(watcher);
}
