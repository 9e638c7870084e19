/* The scheduler; see scheduler.h. */
#include "scheduler/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "client/fault.h"
#include "client/informer_set.h"
#include "client/recorder.h"
#include "logic/pod.h"
#include "scheduler/decide.h"
#include "scheduler/queue.h"
#include "scheduler/scheduler_metrics.h"
#include "scheduler/write.h"
#include "sys/crash.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define COMPONENT      "scheduler" /* in logs and crash notes */
#define WORKERS_MAX    32
#define WRITES_MAX     1024 /* under way or waiting for a worker; decisions wait beyond that */
#define SLICE_NS       (2 * NS_PER_MS)
#define EVENT_FLUSH_NS (2 * NS_PER_SEC)

struct scheduler {
	struct arena arena;
	struct transport *transport;
	struct str name;
	struct loop *loop;
	struct worker_pool *pool;
	struct recorder *recorder;
	struct informer_set *informers;
	struct informer *pod_informer, *node_informer, *namespace_informer;
	struct informer_handler pods_handler, nodes_handler, namespaces_handler;
	struct map pods; /* key -> struct sched_pod */
	struct cache cache;
	struct queue queue;
	struct scheduler_metrics metrics;
	struct decider decider;
	struct loop_defer decide;
	struct loop_timer tick;
	size_t writes; /* handed to workers */
	bool synced, closing;
};

static void schedule_decisions(struct scheduler *scheduler)
{
	if (scheduler->synced && !scheduler->closing)
		loop_defer(&scheduler->decide);
}

static void wake(struct scheduler *scheduler, const struct cluster_event *event)
{
	if (event->what && queue_event(&scheduler->queue, event, clock_monotonic_ns()))
		schedule_decisions(scheduler);
}

/* --- Writes ---------------------------------------------------------------------------------------------------- */

static void write_finished(void *data);

static void write_done(struct sched_write *write)
{
	struct scheduler *scheduler = write->owner;

	loop_post(scheduler->loop, write_finished, write);
}

static void run_write(void *data)
{
	sched_write_run(data);
}

static void submit(struct scheduler *scheduler, struct sched_pod *pod, struct sched_write *write)
{
	pod->write = write;
	scheduler->writes++;
	worker_pool_submit(scheduler->pool, run_write, write);
}

/* After the one under way for the pod; of those that wait only the last is worth doing. */
static void order(struct scheduler *scheduler, struct sched_pod *pod, struct sched_write *write)
{
	if (!pod->write) {
		submit(scheduler, pod, write);
		return;
	}
	sched_write_free(pod->next_write);
	pod->next_write = write;
}

static struct sched_write *new_write(struct scheduler *scheduler, const struct sched_pod *pod,
				     enum sched_write_kind kind)
{
	struct sched_write *write = XNEW(struct sched_write);

	*write = (struct sched_write){.kind = kind,
				      .pod = object_ref(pod->object),
				      .transport = scheduler->transport,
				      .recorder = scheduler->recorder,
				      .scheduler_name = scheduler->name,
				      .done = write_done,
				      .owner = scheduler};
	write->key = arena_str(&write->arena, pod->key);
	return write;
}

static void bind_pod(struct scheduler *scheduler, struct sched_pod *pod, int64_t began)
{
	struct sched_write *write = new_write(scheduler, pod, WRITE_BINDING);

	write->began = began;
	write->node = arena_str(&write->arena, scheduler->cache.rows[pod->node].name);
	order(scheduler, pod, write);
}

static void report_failure(struct scheduler *scheduler, struct sched_pod *pod, const struct decision *decision)
{
	struct sched_write *write = new_write(scheduler, pod, WRITE_FAILURE);
	const struct cycle *cycle = &decision->cycle;

	write->message = arena_str(&write->arena, decision->message);
	write->node = arena_str(&write->arena, decision->nominated);
	write->victims = ARENA_NEW_N(&write->arena, struct object *, cycle->victims_len);
	for (size_t i = 0; i < cycle->victims_len; i++)
		write->victims[write->victims_len++] = object_ref(cycle->victims[i]->object);
	order(scheduler, pod, write);
}

static void report_error(struct scheduler *scheduler, struct sched_pod *pod, const struct error *err)
{
	struct sched_write *write = new_write(scheduler, pod, WRITE_FAILURE);

	write->message = arena_str_c(&write->arena, err->message);
	write->is_error = true;
	order(scheduler, pod, write);
}

/* The pod goes back to the queue, and what it was counted for is free again. */
static void binding_failed(struct scheduler *scheduler, struct sched_pod *pod, const struct error *err)
{
	struct cluster_event event = {.what = EVENT_POD_DELETE, .pod = pod};

	log_warn("binding failed", "pod=" STR_FMT " error=\"%s\"", STR_ARG(pod->key), err->message);
	cache_remove_pod(&scheduler->cache, pod);
	queue_fail(&scheduler->queue, pod, clock_monotonic_ns());
	wake(scheduler, &event);
	report_error(scheduler, pod, err);
}

static void start_tick(struct scheduler *scheduler)
{
	int64_t next = queue_next_tick(&scheduler->queue), now = clock_monotonic_ns();

	if (next == INT64_MAX || scheduler->closing)
		loop_timer_stop(&scheduler->tick);
	else
		loop_timer_start(&scheduler->tick, MAX(next - now, NS_PER_MS), 0);
}

/* An attempt that found a node ends with its binding; @pod: NULL when it has gone meanwhile. */
static void count_binding(struct scheduler *scheduler, const struct sched_write *write, const struct sched_pod *pod)
{
	int64_t took = clock_monotonic_ns() - write->began;

	scheduler_metrics_attempt(&scheduler->metrics, write->err.code ? SCHEDULE_ERROR : SCHEDULE_SCHEDULED, took);
	if (!write->err.code && pod)
		scheduler_metrics_bound(&scheduler->metrics, pod->attempts);
}

static void write_finished(void *data)
{
	struct sched_write *write = data;
	struct scheduler *scheduler = write->owner;
	struct sched_pod *pod = map_get(&scheduler->pods, write->key);

	scheduler->writes--;
	if (write->kind == WRITE_BINDING)
		count_binding(scheduler, write, pod && pod->write == write ? pod : NULL);
	if (pod && pod->write == write) {
		struct sched_write *next = TAKE_PTR(pod->next_write);

		pod->write = NULL;
		if (next && !scheduler->closing)
			submit(scheduler, pod, TAKE_PTR(next));
		sched_write_free(next);
		/* The server may know better already: then the pod is assumed no more. */
		if (write->kind == WRITE_BINDING && write->err.code && pod->assumed && !scheduler->closing)
			binding_failed(scheduler, pod, &write->err);
		start_tick(scheduler);
	}
	sched_write_free(write);
	schedule_decisions(scheduler);
}

/* --- Deciding -------------------------------------------------------------------------------------------------- */

/* A former life crashed over it: it waits as after an error, and is asked about again. */
static bool leave_alone(struct scheduler *scheduler, struct sched_pod *pod, int64_t now)
{
	if (crash_quarantine_left(COMPONENT, pod->key, now) == 0)
		return false;
	queue_fail(&scheduler->queue, pod, now);
	recorder_eventf(scheduler->recorder, pod->object, "Warning", "Quarantined",
			"scheduler crashed at work on this pod and leaves it alone for a while");
	return true;
}

static void decide_one(struct scheduler *scheduler, struct sched_pod *pod)
{
	struct crash_note *note = crash_note_begin(COMPONENT, pod->key);
	int64_t began = clock_monotonic_ns();
	struct decision decision;

	pod->attempts++;
	fault_point(COMPONENT, pod->object);
	decide(&scheduler->decider, pod, &decision);
	if (decision.slot != NODE_NONE) {
		queue_remove(&scheduler->queue, pod);
		pod->rejections = 0;
		cache_nominate(&scheduler->cache, pod, STR_EMPTY);
		cache_assume(&scheduler->cache, pod, decision.slot);
		bind_pod(scheduler, pod, began);
	} else {
		uint32_t also = decision.nominated.len ? PLUGIN_BIT(PLUGIN_default_preemption) : 0;

		queue_reject(&scheduler->queue, pod, decision.rejected_by | (decision.rejected_by ? also : 0),
			     clock_monotonic_ns());
		if (decision.nominated.len)
			cache_nominate(&scheduler->cache, pod, decision.nominated);
		scheduler_metrics_attempt(&scheduler->metrics, SCHEDULE_UNSCHEDULABLE, clock_monotonic_ns() - began);
		report_failure(scheduler, pod, &decision);
	}
	decision_release(&decision);
	crash_note_end(note);
}

/* As many as fit in a slice of time, then the loop turns. */
static void run_decisions(struct loop_defer *defer)
{
	struct scheduler *scheduler = CONTAINER_OF(defer, struct scheduler, decide);
	int64_t end = clock_monotonic_ns() + SLICE_NS, now;
	struct sched_pod *pod = NULL;

	while (scheduler->writes < WRITES_MAX && (now = clock_monotonic_ns()) < end &&
	       (pod = queue_pop(&scheduler->queue, now)))
		if (!leave_alone(scheduler, pod, now))
			decide_one(scheduler, pod);
	if (pod && scheduler->writes < WRITES_MAX)
		loop_defer(&scheduler->decide);
	scheduler_metrics_pending(&scheduler->metrics, &scheduler->queue);
	start_tick(scheduler);
}

static void tick(struct loop_timer *timer)
{
	schedule_decisions(CONTAINER_OF(timer, struct scheduler, tick));
}

/* --- What happens ---------------------------------------------------------------------------------------------- */

static void forget_pod(struct scheduler *scheduler, struct sched_pod *pod)
{
	struct cluster_event event = {.what = EVENT_POD_DELETE, .pod = pod};
	bool had_node = pod->node != NODE_NONE;

	queue_remove(&scheduler->queue, pod);
	cache_nominate(&scheduler->cache, pod, STR_EMPTY);
	cache_remove_pod(&scheduler->cache, pod);
	map_remove(&scheduler->pods, pod->key);
	scheduler_metrics_pending(&scheduler->metrics, &scheduler->queue);
	if (had_node)
		wake(scheduler, &event);
	sched_write_free(pod->next_write);
	sched_pod_free(pod);
}

/* A pod on a node: seen there for the first time, or changed. */
static void placed_pod(struct scheduler *scheduler, struct sched_pod *pod, struct object *object)
{
	const struct core_v1_pod *new_ = OBJECT_AS(core_v1_pod, object);
	struct cluster_event event = {.what = EVENT_POD_ADD, .pod = pod};
	bool known = pod->node != NODE_NONE && !pod->assumed;

	if (known) {
		uint32_t own = event_of_own(pod->pod, new_);

		event.what = (own & EVENT_OWN_LABEL ? EVENT_POD_LABEL : 0) |
			     (own & EVENT_OWN_SCALE_DOWN ? EVENT_POD_SCALE_DOWN : 0);
	}
	queue_remove(&scheduler->queue, pod);
	cache_nominate(&scheduler->cache, pod, STR_EMPTY);
	cache_remove_pod(&scheduler->cache, pod);
	sched_pod_update(pod, &scheduler->cache.names, object);
	cache_add_pod(&scheduler->cache, pod, new_->spec.node_name);
	wake(scheduler, &event);
}

static void waiting_pod(struct scheduler *scheduler, struct sched_pod *pod, struct object *object)
{
	struct cluster_event event = {.what = event_of_own(pod->pod, OBJECT_AS(core_v1_pod, object))};

	/* Assumed: what it was decided with counts until the server says where it is. */
	if (pod->node != NODE_NONE)
		return;
	sched_pod_update(pod, &scheduler->cache.names, object);
	if (pod->pod->status.nominated_node_name.len)
		cache_nominate(&scheduler->cache, pod, pod->pod->status.nominated_node_name);
	if (pod->place == POD_NOWHERE)
		queue_add(&scheduler->queue, pod, clock_monotonic_ns());
	else
		queue_update(&scheduler->queue, pod, &event, clock_monotonic_ns());
	schedule_decisions(scheduler);
}

static bool is_ours(const struct scheduler *scheduler, const struct core_v1_pod *pod)
{
	return str_eq(pod->spec.scheduler_name, scheduler->name) && !pod->metadata.deletion_timestamp;
}

static void pod_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct scheduler *scheduler = CONTAINER_OF(handler, struct scheduler, pods_handler);
	struct arena cleanup_arena arena = {0};
	struct sched_pod *pod = map_get(&scheduler->pods, object_key(new_ ? new_ : old, &arena));
	const struct core_v1_pod *now = new_ ? OBJECT_AS(core_v1_pod, new_) : NULL;
	bool placed = now && now->spec.node_name.len;

	/* Another of the same name: the old one has gone. */
	if (pod && (!now || pod_is_finished(now) || (!placed && !is_ours(scheduler, now)) ||
		    !str_eq(pod->object->meta->uid, now->metadata.uid))) {
		forget_pod(scheduler, pod);
		pod = NULL;
	}
	if (!now || pod_is_finished(now) || (!placed && !is_ours(scheduler, now)))
		return;
	if (!pod) {
		pod = sched_pod_new(&scheduler->cache.names, new_);
		map_set(&scheduler->pods, pod->key, pod);
	}
	if (placed)
		placed_pod(scheduler, pod, new_);
	else
		waiting_pod(scheduler, pod, new_);
}

static void node_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct scheduler *scheduler = CONTAINER_OF(handler, struct scheduler, nodes_handler);
	struct cluster_event event = {.old_node = old ? OBJECT_AS(core_v1_node, old) : NULL,
				      .node = new_ ? OBJECT_AS(core_v1_node, new_) : NULL};

	if (new_) {
		cache_set_node(&scheduler->cache, new_);
		event.what = old ? event_of_nodes(event.old_node, event.node) : EVENT_NODE_ADD;
	} else {
		cache_remove_node(&scheduler->cache, old->meta->name);
		event.what = EVENT_NODE_DELETE;
	}
	wake(scheduler, &event);
}

static void informer_has_synced(struct scheduler *scheduler)
{
	if (scheduler->synced || !informer_synced(scheduler->pod_informer) ||
	    !informer_synced(scheduler->namespace_informer) || !informer_synced(scheduler->node_informer))
		return;
	scheduler->synced = true;
	log_info("scheduling", "nodes=%u pods=%zu", scheduler->cache.nodes_len, scheduler->pods.len);
	schedule_decisions(scheduler);
}

static void pods_synced(struct informer_handler *handler)
{
	informer_has_synced(CONTAINER_OF(handler, struct scheduler, pods_handler));
}

static void nodes_synced(struct informer_handler *handler)
{
	informer_has_synced(CONTAINER_OF(handler, struct scheduler, nodes_handler));
}

static void namespaces_synced(struct informer_handler *handler)
{
	informer_has_synced(CONTAINER_OF(handler, struct scheduler, namespaces_handler));
}

static void namespace_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct scheduler *scheduler = CONTAINER_OF(handler, struct scheduler, namespaces_handler);

	if (new_)
		cache_set_namespace(&scheduler->cache, new_);
	else
		cache_remove_namespace(&scheduler->cache, old->meta->name);
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

static struct recorder *make_recorder(struct scheduler *scheduler)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
		(void)snprintf(host, sizeof(host), "localhost");
	return recorder_new(scheduler->transport, scheduler->pool, scheduler->name, str_from(host));
}

struct scheduler *scheduler_new(const struct scheduler_config *config)
{
	struct scheduler *scheduler = XNEW(struct scheduler);

	scheduler->transport = config->transport;
	scheduler->name = arena_str(&scheduler->arena, config->name.len ? config->name : STR("default-scheduler"));
	scheduler->loop = loop_new();
	scheduler->pool = worker_pool_new("scheduler", WORKERS_MAX);
	scheduler->recorder = make_recorder(scheduler);
	scheduler->informers = informer_set_new(scheduler->loop, scheduler->transport);
	scheduler->pod_informer = informer_set_get(scheduler->informers, client_resource("", "v1", "pods"));
	scheduler->node_informer = informer_set_get(scheduler->informers, client_resource("", "v1", "nodes"));
	scheduler->namespace_informer = informer_set_get(scheduler->informers, client_resource("", "v1", "namespaces"));
	cache_init(&scheduler->cache);
	queue_init(&scheduler->queue);
	scheduler_metrics_init(&scheduler->metrics, config->metrics, scheduler->name);
	scheduler->decider = (struct decider){.cache = &scheduler->cache, .random = {config->seed}};
	if (!config->seed)
		random_bytes(&scheduler->decider.random, sizeof(scheduler->decider.random));
	loop_defer_init(&scheduler->decide, scheduler->loop, run_decisions);
	loop_timer_init(&scheduler->tick, scheduler->loop, tick);
	scheduler->pods_handler = (struct informer_handler){.changed = pod_changed, .synced = pods_synced};
	scheduler->nodes_handler = (struct informer_handler){.changed = node_changed, .synced = nodes_synced};
	scheduler->namespaces_handler =
		(struct informer_handler){.changed = namespace_changed, .synced = namespaces_synced};
	informer_add_handler(scheduler->namespace_informer, &scheduler->namespaces_handler);
	informer_add_handler(scheduler->node_informer, &scheduler->nodes_handler);
	informer_add_handler(scheduler->pod_informer, &scheduler->pods_handler);
	return scheduler;
}

void scheduler_run(struct scheduler *scheduler)
{
	log_set_component(COMPONENT);
	informer_set_start(scheduler->informers);
	loop_run(scheduler->loop);
}

void scheduler_stop(struct scheduler *scheduler)
{
	loop_stop(scheduler->loop);
}

/*
 * The order matters: no more decisions; informers drop their watches; the pool waits for writes under way, which may
 * still record events; the loop runs what they posted; only then is there nothing that refers to a pod.
 */
struct scheduler *scheduler_free(struct scheduler *scheduler)
{
	if (!scheduler)
		return NULL;
	scheduler->closing = true;
	loop_defer_cancel(&scheduler->decide);
	loop_timer_stop(&scheduler->tick);
	informer_set_free(scheduler->informers);
	recorder_stop(scheduler->recorder, EVENT_FLUSH_NS);
	worker_pool_free(scheduler->pool);
	loop_free(scheduler->loop);
	cache_release(&scheduler->cache);
	MAP_FOREACH (it, &scheduler->pods) {
		struct sched_pod *pod = it->value;

		queue_remove(&scheduler->queue, pod);
		sched_write_free(pod->next_write);
		sched_pod_free(pod);
	}
	map_release(&scheduler->pods);
	queue_release(&scheduler->queue);
	decider_release(&scheduler->decider);
	recorder_free(scheduler->recorder);
	transport_free(scheduler->transport);
	arena_release(&scheduler->arena);
	free(scheduler);
	return NULL;
}
