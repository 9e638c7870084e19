/* The machine of one pod; see pod.h. */
#include "kubelet/pod.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "client/fault.h"
#include "kubelet/kubelet_metrics.h"
#include "kubelet/pod_sync.h"
#include "logic/pod.h"
#include "sys/crash.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define COMPONENT     "kubelet" /* in logs and crash notes */

#define POD_STATES(X) X(IDLE) X(RUNNING) X(RUNNING_DIRTY)

enum pod_state {
#define X(name) POD_##name,
	POD_STATES(X)
#undef X
		POD_STATE_MAX
};

/* Whether the node takes the pod; decided once, in the order in which pods come. */
enum admission { ADMISSION_OPEN, ADMISSION_ADMITTED, ADMISSION_REFUSED };

/* Bits of the states that may follow. */
static const unsigned followers[POD_STATE_MAX] = {
	[POD_IDLE] = 1 << POD_RUNNING,
	[POD_RUNNING] = 1 << POD_IDLE | 1 << POD_RUNNING_DIRTY,
	[POD_RUNNING_DIRTY] = 1 << POD_RUNNING,
};

struct pod {
	struct pods *pods;
	struct str uid; /* follows the struct */
	struct object *object;
	enum pod_state state;
	enum admission admission;
	struct pod_rejection rejection; /* when it is refused; text in `arena` */
	struct arena arena;
	bool vanished; /* the API has let go of it */
	bool gone;     /* nothing of it is left here */
	bool turned;   /* a turn of it is over */
	bool starting; /* it did not run when it was seen first, and does not yet */
	int64_t seen_at;
	struct loop_timer timer;
	struct pod_memory memory; /* lent to the turn while RUNNING */
};

struct turn {
	struct loop_call done;
	struct pod *pod;
	int64_t began;
	struct pod_sync sync;
};

struct pods {
	const struct kubelet_context *context;
	struct loop *loop;
	struct worker_pool *pool;
	struct map by_uid;
	struct object *node; /* as the API has it, or NULL */
	bool stopped;
};

static void set_state(struct pod *pod, enum pod_state next)
{
	assert(followers[pod->state] & 1u << next);
	pod->state = next;
}

static void on_done(struct loop_call *call);

static void run_turn(void *data)
{
	struct turn *turn = data;
	struct crash_note *note = crash_note_begin(COMPONENT, turn->pod->uid);

	log_set_component(COMPONENT);
	fault_point(COMPONENT, turn->sync.object);
	pod_sync(turn->pod->pods->context, &turn->sync);
	crash_note_end(note);
	turn->done.run = on_done;
	loop_post_call(turn->pod->pods->loop, &turn->done);
}

/* A former life crashed over it: later. */
static void leave_alone(struct pod *pod, int64_t time)
{
	loop_timer_start(&pod->timer, time, 0);
	log_warn("pod in quarantine", "pod=" STR_FMT " seconds=%lld", STR_ARG(pod->uid),
		 (long long)(time / NS_PER_SEC));
	if (pod->object)
		recorder_eventf(pod->pods->context->recorder, pod->object, "Warning", "Quarantined",
				"kubelet crashed at work on this pod and leaves it alone for a while");
}

/* What the node gives room to: pods that were let in and have not ended. */
static struct pod_neighbours neighbours_of(const struct pods *pods, struct arena *arena)
{
	const struct core_v1_pod **items = ARENA_NEW_N(arena, const struct core_v1_pod *, pods->by_uid.len + 1);
	size_t len = 0;

	MAP_FOREACH (it, &pods->by_uid) {
		const struct pod *other = it->value;

		if (other->admission == ADMISSION_ADMITTED && !other->gone && !other->vanished && other->object &&
		    !pod_is_finished(OBJECT_AS(core_v1_pod, other->object)))
			items[len++] = OBJECT_AS(core_v1_pod, other->object);
	}
	return (struct pod_neighbours){
		.node = pods->node ? OBJECT_AS(core_v1_node, pods->node) : NULL, .pods = items, .len = len};
}

/*
 * Decides here, on the loop, so that two pods never both count on what is left.  A pod that has a start time was let in
 * by a former life of the kubelet.
 */
static void decide_admission(struct pod *pod)
{
	const struct core_v1_pod *wanted = OBJECT_AS(core_v1_pod, pod->object);
	struct arena cleanup_arena arena = {0};
	struct pod_neighbours neighbours;

	if (pod->admission != ADMISSION_OPEN)
		return;
	neighbours = neighbours_of(pod->pods, &arena);
	pod->admission =
		wanted->status.start_time || wanted->metadata.deletion_timestamp ||
				pod_admit(pod->pods->context->config, &neighbours, wanted, &pod->arena, &pod->rejection)
			? ADMISSION_ADMITTED
			: ADMISSION_REFUSED;
}

static void start_turn(struct pod *pod)
{
	int64_t quarantine = crash_quarantine_left(COMPONENT, pod->uid, clock_monotonic_ns());
	struct turn *turn;

	if (quarantine) {
		leave_alone(pod, quarantine);
		return;
	}
	decide_admission(pod);
	turn = XNEW(struct turn);
	*turn = (struct turn){.pod = pod,
			      .began = clock_monotonic_ns(),
			      .sync = {.object = object_ref(pod->object),
				       .vanished = pod->vanished,
				       .memory = &pod->memory,
				       .rejection = pod->admission == ADMISSION_REFUSED ? &pod->rejection : NULL}};
	set_state(pod, POD_RUNNING);
	loop_timer_stop(&pod->timer);
	worker_pool_submit(pod->pods->pool, run_turn, turn);
}

static void wake(struct pod *pod)
{
	if (pod->pods->stopped || pod->gone)
		return;
	if (pod->state == POD_IDLE)
		start_turn(pod);
	else if (pod->state == POD_RUNNING)
		set_state(pod, POD_RUNNING_DIRTY);
}

static void pod_free(struct pod *pod)
{
	loop_timer_stop(&pod->timer);
	pod_memory_release(&pod->memory);
	arena_release(&pod->arena);
	object_unref(pod->object);
	free(pod);
}

/* Ends the machine once neither side has anything left. */
static bool end_when_over(struct pod *pod)
{
	if (!pod->gone || !pod->vanished || pod->state != POD_IDLE)
		return false;
	map_remove(&pod->pods->by_uid, pod->uid);
	pod_free(pod);
	return true;
}

static void count_turn(struct pod *pod, const struct turn *turn)
{
	enum pod_operation operation = turn->sync.vanished || turn->sync.object->meta->deletion_timestamp
					       ? POD_OPERATION_KILL
				       : pod->turned ? POD_OPERATION_SYNC
						     : POD_OPERATION_CREATE;

	pod->turned = true;
	kubelet_metrics_turn(pod->pods->context->metrics, operation, clock_monotonic_ns() - turn->began);
}

static void on_done(struct loop_call *call)
{
	struct turn *turn = CONTAINER_OF(call, struct turn, done);
	struct pod *pod = turn->pod;
	int64_t wake_at = turn->sync.wake_at;
	bool dirty = pod->state == POD_RUNNING_DIRTY;

	count_turn(pod, turn);
	pod->gone = turn->sync.gone;
	if (turn->sync.begun)
		pod->admission = ADMISSION_ADMITTED;
	object_unref(turn->sync.object);
	free(turn);
	if (dirty)
		set_state(pod, POD_RUNNING);
	set_state(pod, POD_IDLE);
	if (end_when_over(pod) || pod->pods->stopped)
		return;
	if (dirty && !pod->gone)
		start_turn(pod);
	else if (wake_at)
		loop_timer_start(&pod->timer, MAX(wake_at - clock_wall_ns(), INT64_C(0)), 0);
}

static void on_timer(struct loop_timer *timer)
{
	wake(CONTAINER_OF(timer, struct pod, timer));
}

struct pods *pods_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool)
{
	struct pods *pods = XNEW(struct pods);

	*pods = (struct pods){.context = context, .loop = loop, .pool = pool};
	return pods;
}

static struct pod *pod_new(struct pods *pods, struct str uid)
{
	struct pod *pod = xcalloc(1, sizeof(*pod) + uid.len + 1);
	char *copy = (char *)(pod + 1);

	memcpy(copy, uid.data, uid.len);
	pod->uid = (struct str){copy, uid.len};
	pod->pods = pods;
	pod->seen_at = clock_monotonic_ns();
	loop_timer_init(&pod->timer, pods->loop, on_timer);
	map_set(&pods->by_uid, pod->uid, pod);
	return pod;
}

/* The API tells that a pod runs after the kubelet has said so. */
static void count_start(struct pod *pod, const struct object *object)
{
	struct str phase = OBJECT_AS(core_v1_pod, object)->status.phase;

	if (!pod->object) {
		pod->starting = !phase.len || str_eq(phase, STR("Pending"));
	} else if (pod->starting && !str_eq(phase, STR("Pending"))) {
		pod->starting = false;
		if (str_eq(phase, STR("Running")))
			kubelet_metrics_started(pod->pods->context->metrics, clock_monotonic_ns() - pod->seen_at);
	}
}

void pods_set(struct pods *pods, struct str uid, struct object *object)
{
	struct pod *pod = map_get(&pods->by_uid, uid);

	if (!pod && !object)
		return;
	if (!pod)
		pod = pod_new(pods, uid);
	if (object) {
		count_start(pod, object);
		object_unref(pod->object);
		pod->object = object_ref(object);
	} else {
		pod->vanished = true;
		if (end_when_over(pod))
			return;
	}
	wake(pod);
}

void pods_set_node(struct pods *pods, struct object *node)
{
	object_unref(pods->node);
	pods->node = node ? object_ref(node) : NULL;
}

void pods_wake(struct pods *pods, struct str uid)
{
	struct pod *pod = map_get(&pods->by_uid, uid);

	if (pod)
		wake(pod);
}

void pods_wake_all(struct pods *pods)
{
	MAP_FOREACH (it, &pods->by_uid)
		wake(it->value);
}

struct object *pods_get(const struct pods *pods, struct str uid)
{
	const struct pod *pod = map_get(&pods->by_uid, uid);

	return pod ? pod->object : NULL;
}

size_t pods_len(const struct pods *pods)
{
	return pods->by_uid.len;
}

void pods_stop(struct pods *pods)
{
	pods->stopped = true;
	MAP_FOREACH (it, &pods->by_uid)
		loop_timer_stop(&((struct pod *)it->value)->timer);
}

struct pods *pods_free(struct pods *pods)
{
	if (!pods)
		return NULL;
	MAP_FOREACH (it, &pods->by_uid)
		pod_free(it->value);
	map_release(&pods->by_uid);
	object_unref(pods->node);
	free(pods);
	return NULL;
}
