/*
 * The event recorder; see recorder.h.
 *
 * Events wait in a queue under a lock; one job of the worker pool at a time empties it.  Correlation is that job's
 * alone, so it needs no lock: a map from what an event says (all but time) to the Event object that says it already.
 */
#include "client/recorder.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "client/client.h"
#include "sys/thread.h"
#include "types/timestamp.h"

/* Upstream's correlator: 4096 remembered, a burst of 25 for each source and object, one more every 5 minutes. */
#define REMEMBERED_MAX 4096
#define BURST	       25
#define REFILL_NS      (300 * NS_PER_SEC)

struct queued {
	struct list link;
	struct arena arena;
	struct core_v1_event event;
};

/* What was said before, and how much one source says about one object. */
struct remembered {
	struct str key;
	struct arena arena;
	struct str name, namespace;
	int32_t count;
};

struct budget {
	struct str key;
	struct arena arena;
	double tokens;
	int64_t filled_at;
};

struct recorder {
	struct transport *transport;
	struct worker_pool *pool;
	struct str component, host;
	struct arena arena; /* of component and host */
	struct mutex lock;  /* guards queue, queue_len, dropped, draining, closing */
	struct cond idle;   /* draining has become false */
	struct list queue;
	size_t queue_len;
	uint64_t dropped;
	bool draining;
	bool closing;
	/* The drainer's: */
	struct map said;    /* -> struct remembered */
	struct map budgets; /* -> struct budget */
};

struct recorder *recorder_new(struct transport *transport, struct worker_pool *pool, struct str component,
			      struct str host)
{
	struct recorder *recorder = XNEW(struct recorder);

	recorder->transport = transport;
	recorder->pool = pool;
	recorder->component = arena_str(&recorder->arena, component);
	recorder->host = arena_str(&recorder->arena, host);
	mutex_init(&recorder->lock);
	cond_init(&recorder->idle);
	list_init(&recorder->queue);
	return recorder;
}

static void queued_free(struct queued *queued)
{
	arena_release(&queued->arena);
	free(queued);
}

static void forget_all(struct recorder *recorder)
{
	MAP_FOREACH (it, &recorder->said) {
		struct remembered *remembered = it->value;

		arena_release(&remembered->arena);
		free(remembered);
	}
	map_clear(&recorder->said);
	MAP_FOREACH (it, &recorder->budgets) {
		struct budget *budget = it->value;

		arena_release(&budget->arena);
		free(budget);
	}
	map_clear(&recorder->budgets);
}

void recorder_stop(struct recorder *recorder, int64_t timeout_ns)
{
	int64_t deadline = clock_monotonic_ns() + timeout_ns;
	MUTEX_GUARD(&recorder->lock);

	while (recorder->draining && cond_wait_until(&recorder->idle, &recorder->lock, deadline))
		continue;
	/* What is still queued is given up; the call under way has a deadline of its own. */
	recorder->closing = true;
	while (recorder->draining)
		cond_wait(&recorder->idle, &recorder->lock);
}

struct recorder *recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return NULL;
	assert(recorder->closing);
	LIST_FOREACH_SAFE (struct queued, queued, &recorder->queue, link)
		queued_free(queued);
	forget_all(recorder);
	map_release(&recorder->said);
	map_release(&recorder->budgets);
	cond_release(&recorder->idle);
	mutex_release(&recorder->lock);
	arena_release(&recorder->arena);
	free(recorder);
	return NULL;
}

/* --- Correlation and writing, in the drainer ------------------------------------------------------------------ */

static struct str involved_key(const struct core_v1_event *event, struct arena *arena)
{
	const struct core_v1_object_reference *o = &event->involved_object;

	return arena_printf(arena, STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(o->kind),
			    STR_ARG(o->namespace), STR_ARG(o->name), STR_ARG(o->uid), STR_ARG(o->api_version));
}

static bool take_token(struct recorder *recorder, const struct core_v1_event *event, struct arena *arena)
{
	struct str key = involved_key(event, arena);
	struct budget *budget = map_get(&recorder->budgets, key);
	int64_t now = clock_monotonic_ns();

	if (!budget) {
		if (recorder->budgets.len >= REMEMBERED_MAX)
			forget_all(recorder);
		budget = XNEW(struct budget);
		budget->key = arena_str(&budget->arena, key);
		budget->tokens = BURST;
		budget->filled_at = now;
		map_set(&recorder->budgets, budget->key, budget);
	}
	budget->tokens += (double)(now - budget->filled_at) / (double)REFILL_NS;
	if (budget->tokens > BURST)
		budget->tokens = BURST;
	budget->filled_at = now;
	if (budget->tokens < 1)
		return false;
	budget->tokens -= 1;
	return true;
}

static struct str event_key(const struct core_v1_event *event, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT,
			    STR_ARG(involved_key(event, arena)), STR_ARG(event->involved_object.field_path),
			    STR_ARG(event->type), STR_ARG(event->reason), STR_ARG(event->message));
}

static void remember(struct recorder *recorder, struct str key, const struct object *object)
{
	const struct core_v1_event *event = OBJECT_AS(core_v1_event, object);
	struct remembered *remembered;

	if (recorder->said.len >= REMEMBERED_MAX)
		forget_all(recorder);
	remembered = XNEW(struct remembered);
	remembered->key = arena_str(&remembered->arena, key);
	remembered->name = arena_str(&remembered->arena, event->metadata.name);
	remembered->namespace = arena_str(&remembered->arena, event->metadata.namespace);
	remembered->count = event->action.len ? 1 : event->count;
	map_set(&recorder->said, remembered->key, remembered);
}

static void forget(struct recorder *recorder, struct remembered *remembered)
{
	map_remove(&recorder->said, remembered->key);
	arena_release(&remembered->arena);
	free(remembered);
}

/* The newer form has a series, from the second time on. */
static void count_series(const struct core_v1_event *event, int32_t count, struct core_v1_event_series *series,
			 struct core_v1_event *after)
{
	*series = (struct core_v1_event_series){.count = count, .last_observed_time = event->event_time};
	*after = (struct core_v1_event){.series = series};
}

/* True when the event was said before and now counts once more. */
static bool raise_count(struct recorder *recorder, const struct client *client, const struct resource *events,
			struct remembered *remembered, const struct core_v1_event *event, struct arena *arena)
{
	struct core_v1_event before = {0}, after;
	struct core_v1_event_series series;
	struct error err = {0};
	struct str patch;

	if (event->action.len) {
		count_series(event, remembered->count + 1, &series, &after);
	} else {
		before.count = remembered->count;
		after = (struct core_v1_event){.count = before.count + 1, .last_timestamp = event->last_timestamp};
	}
	patch = client_diff(events->schema, &before, &after, NULL, arena);
	if (client_patch(client, events, remembered->namespace, remembered->name, STR_EMPTY, PATCH_TYPE_MERGE, patch,
			 NULL, &err) < 0) {
		forget(recorder, remembered);
		return false;
	}
	remembered->count++;
	return true;
}

static void write_event(struct recorder *recorder, struct queued *queued)
{
	const struct resource *events = client_resource("", "v1", "events");
	struct client client = {recorder->transport, recorder->component};
	struct object cleanup_object *object = NULL;
	struct str key = event_key(&queued->event, &queued->arena);
	struct remembered *remembered = map_get(&recorder->said, key);
	struct error err = {0};

	if (!take_token(recorder, &queued->event, &queued->arena))
		return;
	if (remembered && raise_count(recorder, &client, events, remembered, &queued->event, &queued->arena))
		return;
	if (client_create(&client, events, &queued->event, &object, &err) < 0) {
		log_debug("event not written", "reason=" STR_FMT " error=\"%s\"", STR_ARG(queued->event.reason),
			  err.message);
		return;
	}
	remember(recorder, key, object);
}

static void drain(void *data)
{
	struct recorder *recorder = data;

	mutex_lock(&recorder->lock);
	while (!list_empty(&recorder->queue) && !recorder->closing) {
		struct queued *queued = LIST_FIRST(&recorder->queue, struct queued, link);

		list_remove(&queued->link);
		recorder->queue_len--;
		mutex_unlock(&recorder->lock);
		write_event(recorder, queued);
		queued_free(queued);
		mutex_lock(&recorder->lock);
	}
	recorder->draining = false;
	cond_broadcast(&recorder->idle);
	mutex_unlock(&recorder->lock);
}

/* --- Recording, any thread ------------------------------------------------------------------------------------ */

static struct core_v1_object_reference copy_reference(const struct core_v1_object_reference *from, struct arena *arena)
{
	return (struct core_v1_object_reference){
		.kind = arena_str(arena, from->kind),
		.namespace = arena_str(arena, from->namespace),
		.name = arena_str(arena, from->name),
		.uid = arena_str(arena, from->uid),
		.api_version = arena_str(arena, from->api_version),
		.resource_version = arena_str(arena, from->resource_version),
		.field_path = arena_str(arena, from->field_path),
	};
}

static void set_newer_form(const struct recorder *recorder, const struct event_record *record, struct queued *queued,
			   int64_t now)
{
	struct core_v1_event *event = &queued->event;

	event->action = arena_str(&queued->arena, record->action);
	event->event_time = timestamp_make(now / NS_PER_SEC, (int32_t)(now % NS_PER_SEC));
	event->first_timestamp = event->last_timestamp = (struct timestamp){0};
	event->count = 0;
	event->source = (struct core_v1_event_source){0};
	event->reporting_instance = arena_printf(&queued->arena, STR_FMT "-" STR_FMT, STR_ARG(recorder->component),
						 STR_ARG(recorder->host));
}

static struct queued *make_event(const struct recorder *recorder, const struct event_record *record)
{
	struct queued *queued = XNEW(struct queued);
	struct arena *arena = &queued->arena;
	int64_t now = clock_wall_ns();
	struct timestamp when = {.seconds = now / NS_PER_SEC, .is_set = true};
	struct core_v1_object_reference involved = copy_reference(record->involved, arena);

	queued->event = (struct core_v1_event){
		.metadata = {.name = arena_printf(arena, STR_FMT ".%016llx", STR_ARG(involved.name),
						  (unsigned long long)now),
			     .namespace = str_empty(involved.namespace) ? STR("default") : involved.namespace},
		.involved_object = involved,
		.reason = arena_str(arena, record->reason),
		.message = arena_str(arena, record->message),
		.source = {.component = recorder->component, .host = recorder->host},
		.first_timestamp = when,
		.last_timestamp = when,
		.count = 1,
		.type = arena_str(arena, record->type),
		.reporting_component = recorder->component,
		.reporting_instance = recorder->host,
	};
	if (record->action.len)
		set_newer_form(recorder, record, queued, now);
	return queued;
}

void recorder_record(struct recorder *recorder, const struct event_record *record)
{
	struct queued *queued = make_event(recorder, record);
	bool start = false;

	mutex_lock(&recorder->lock);
	if (recorder->closing || recorder->queue_len >= LIMIT_RECORDED_EVENTS) {
		recorder->dropped++;
	} else {
		list_append(&recorder->queue, &TAKE_PTR(queued)->link);
		recorder->queue_len++;
		start = !recorder->draining;
		recorder->draining = true;
	}
	mutex_unlock(&recorder->lock);
	if (queued)
		queued_free(queued);
	if (start)
		worker_pool_submit(recorder->pool, drain, recorder);
}

struct core_v1_object_reference *recorder_reference(const struct object *object, struct str field_path,
						    struct arena *arena)
{
	struct core_v1_object_reference *reference = ARENA_NEW(arena, struct core_v1_object_reference);

	*reference = (struct core_v1_object_reference){
		.kind = object->schema->kind,
		.api_version = object->schema->api_version,
		.namespace = object->meta->namespace,
		.name = object->meta->name,
		.uid = object->meta->uid,
		.resource_version = object->meta->resource_version,
		.field_path = field_path,
	};
	return reference;
}

void recorder_eventf(struct recorder *recorder, const struct object *object, const char *type, const char *reason,
		     const char *format, ...)
{
	struct arena cleanup_arena arena = {0};
	struct event_record record = {.involved = recorder_reference(object, STR_EMPTY, &arena),
				      .type = str_from(type),
				      .reason = str_from(reason)};
	va_list args;

	va_start(args, format);
	record.message = arena_vprintf(&arena, format, args);
	va_end(args);
	recorder_record(recorder, &record);
}
