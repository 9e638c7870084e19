/*
 * Reconcilers; see reconciler.h.
 *
 * Every key that is not idle has a struct work, owned by the loop thread.  A job is what travels to a worker and back:
 * it owns the arena with the inputs and the plan, so the worker touches nothing of the loop's.
 */
#include "client/reconciler.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "client/apply.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define RETRY_BASE_NS  (5 * NS_PER_MS) /* client-go's default rate limiter */
#define RETRY_MAX_NS   (1000 * NS_PER_SEC)

#define WORK_STATES(X) X(IDLE) X(QUEUED) X(RUNNING) X(RUNNING_DIRTY)

enum work_state {
#define X(name) WORK_##name,
	WORK_STATES(X)
#undef X
		WORK_STATE_MAX
};

static const struct {
	const char *name;
	unsigned next; /* bits of the states that may follow */
} states[WORK_STATE_MAX] = {
	[WORK_IDLE] = {"idle", 1 << WORK_QUEUED},
	[WORK_QUEUED] = {"queued", 1 << WORK_RUNNING | 1 << WORK_IDLE},
	[WORK_RUNNING] = {"running", 1 << WORK_IDLE | 1 << WORK_RUNNING_DIRTY | 1 << WORK_QUEUED},
	[WORK_RUNNING_DIRTY] = {"running-dirty", 1 << WORK_QUEUED},
};

struct job {
	struct loop_call done;
	struct reconciler *reconciler;
	struct work *work;
	struct arena arena;
	void *inputs;
	struct plan plan;
	struct apply_result result;
};

struct work {
	struct str key; /* follows the struct */
	enum work_state state;
	struct list link;	/* in ready, while QUEUED and nothing is awaited */
	struct heap_node timer; /* in delayed, while a time is set */
	int64_t due;
	unsigned failures;
	struct job *written;	/* the last job, while its writes are awaited */
	struct list await_link; /* in awaiting, as long as written is set */
};

struct input {
	struct informer_handler handler;
	struct reconciler *reconciler;
	struct informer *informer;
	reconciler_map_fn *map;
	bool is_source;
};

struct reconciler {
	struct reconciler_config config;
	struct input **inputs;
	size_t inputs_len;
	struct map works; /* key -> struct work */
	struct list ready;
	struct heap delayed;
	struct loop_timer timer;
	struct loop_defer turn;
	unsigned running;
	struct list awaiting; /* works whose writes the informers do not show yet */
	bool closing;
};

static void turn_soon(struct reconciler *reconciler);

static void set_state(struct work *work, enum work_state next)
{
	assert(states[work->state].next & 1u << next);
	work->state = next;
}

static bool due_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, struct work, timer)->due < CONTAINER_OF(b, struct work, timer)->due;
}

static struct work *work_of(struct reconciler *reconciler, struct str key)
{
	struct work *work = map_get(&reconciler->works, key);
	char *copy;

	if (work)
		return work;
	if (reconciler->works.len >= LIMIT_QUEUE) {
		log_error("work queue is full", "controller=%s", reconciler->config.ops->name);
		return NULL;
	}
	work = xcalloc(1, sizeof(*work) + key.len + 1);
	copy = (char *)(work + 1);
	memcpy(copy, key.data, key.len);
	work->key = (struct str){copy, key.len};
	list_init(&work->link);
	list_init(&work->await_link);
	map_set(&reconciler->works, work->key, work);
	return work;
}

static void job_free(struct job *job)
{
	if (!job)
		return;
	arena_release(&job->arena);
	free(job);
}

/* Forgets an idle key that nothing is known of. */
static void work_forget(struct reconciler *reconciler, struct work *work)
{
	if (work->state != WORK_IDLE || work->timer.place || work->failures || work->written)
		return;
	map_remove(&reconciler->works, work->key);
	free(work);
}

static void arm_timer(struct reconciler *reconciler)
{
	struct heap_node *first = heap_peek(&reconciler->delayed);

	if (first && !reconciler->closing)
		loop_timer_start(&reconciler->timer,
				 MAX(CONTAINER_OF(first, struct work, timer)->due - clock_monotonic_ns(), INT64_C(0)),
				 0);
	else
		loop_timer_stop(&reconciler->timer);
}

static void queue_work(struct reconciler *reconciler, struct work *work)
{
	switch (work->state) {
	case WORK_IDLE:
		set_state(work, WORK_QUEUED);
		list_append(&reconciler->ready, &work->link);
		turn_soon(reconciler);
		break;
	case WORK_RUNNING:
		set_state(work, WORK_RUNNING_DIRTY);
		break;
	case WORK_QUEUED:
	case WORK_RUNNING_DIRTY:
	case WORK_STATE_MAX:
		break;
	}
}

void reconciler_queue(struct reconciler *reconciler, struct str key)
{
	struct work *work = work_of(reconciler, key);

	if (work)
		queue_work(reconciler, work);
}

void reconciler_queue_after(struct reconciler *reconciler, struct str key, int64_t delay_ns)
{
	int64_t due = clock_monotonic_ns() + delay_ns;
	struct work *work = work_of(reconciler, key);

	if (!work || (work->timer.place && work->due <= due))
		return;
	heap_remove(&reconciler->delayed, &work->timer);
	work->due = due;
	heap_push(&reconciler->delayed, &work->timer);
	arm_timer(reconciler);
}

static void on_timer(struct loop_timer *timer)
{
	struct reconciler *reconciler = CONTAINER_OF(timer, struct reconciler, timer);
	int64_t now = clock_monotonic_ns();
	struct heap_node *first;

	while ((first = heap_peek(&reconciler->delayed)) && CONTAINER_OF(first, struct work, timer)->due <= now) {
		heap_pop(&reconciler->delayed);
		queue_work(reconciler, CONTAINER_OF(first, struct work, timer));
	}
	arm_timer(reconciler);
}

/* --- Read your writes ---------------------------------------------------------------------------------------- */

static bool input_shows(const struct informer *informer, const struct awaited *awaited)
{
	const struct object *object;

	if (awaited->revision)
		return informer_revision(informer) >= awaited->revision;
	object = informer_get(informer, awaited->key);
	return !object || (!str_empty(awaited->uid) && !str_eq(object->meta->uid, awaited->uid)) ||
	       object->meta->deletion_timestamp;
}

static bool all_shown(const struct reconciler *reconciler, const struct job *job)
{
	SLICE_FOREACH (awaited, job->result.awaited)
		for (size_t i = 0; i < reconciler->inputs_len; i++)
			if (informer_resource(reconciler->inputs[i]->informer) == awaited->resource &&
			    !input_shows(reconciler->inputs[i]->informer, awaited))
				return false;
	return true;
}

/* Can @work be taken?  Drops the last job once its writes are seen. */
static bool writes_seen(struct reconciler *reconciler, struct work *work)
{
	if (!work->written)
		return true;
	if (!all_shown(reconciler, work->written))
		return false;
	job_free(TAKE_PTR(work->written));
	list_remove(&work->await_link);
	return true;
}

/* --- Jobs ---------------------------------------------------------------------------------------------------- */

static void on_job_done(struct loop_call *call);

static void run_job(void *data)
{
	struct job *job = data;
	const struct reconciler_config *config = &job->reconciler->config;
	struct client client = {config->transport, str_from(config->ops->name)};

	log_set_component(config->ops->name);
	if (config->ops->observe &&
	    config->ops->observe(config->cookie, job->inputs, &client, &job->arena, &job->result.err) < 0)
		job->result.failed = true;
	else
		config->ops->plan(config->cookie, job->inputs, clock_wall_ns(), &job->plan);
	if (!job->result.failed)
		apply_plan(&job->plan, config->transport, str_from(config->ops->name), config->recorder, &job->result);
	job->done.run = on_job_done;
	loop_post_call(config->loop, &job->done);
}

static int64_t retry_delay(unsigned failures)
{
	int64_t delay = RETRY_BASE_NS;

	for (unsigned i = 1; i < failures && delay < RETRY_MAX_NS; i++)
		delay *= 2;
	return MIN(delay, RETRY_MAX_NS);
}

static void on_job_done(struct loop_call *call)
{
	struct job *job = CONTAINER_OF(call, struct job, done);
	struct reconciler *reconciler = job->reconciler;
	struct work *work = job->work;
	bool dirty = work->state == WORK_RUNNING_DIRTY;

	reconciler->running--;
	if (reconciler->closing) {
		/* The informers are gone already: whether its writes show can no longer be asked, nor does it matter.
		 */
		job_free(job);
		return;
	}
	if (job->result.failed && !job->result.conflict)
		log_warn("reconcile failed", "controller=%s key=" STR_FMT " error=\"%s\"", reconciler->config.ops->name,
			 STR_ARG(work->key), job->result.err.message);
	work->failures = job->result.failed ? work->failures + 1 : 0;
	if (dirty || job->result.conflict) {
		set_state(work, WORK_QUEUED);
		list_append(&reconciler->ready, &work->link);
	} else {
		set_state(work, WORK_IDLE);
		if (job->result.failed)
			reconciler_queue_after(reconciler, work->key, retry_delay(work->failures));
		else if (job->plan.requeue_after_ns)
			reconciler_queue_after(reconciler, work->key, job->plan.requeue_after_ns);
	}
	if (job->result.awaited.len) {
		work->written = job;
		list_append(&reconciler->awaiting, &work->await_link);
		(void)writes_seen(reconciler, work);
	} else {
		job_free(job);
	}
	work_forget(reconciler, work);
	turn_soon(reconciler);
}

static void start_job(struct reconciler *reconciler, struct work *work)
{
	struct job *job = XNEW(struct job);

	job->reconciler = reconciler;
	job->work = work;
	job->plan.arena = &job->arena;
	set_state(work, WORK_RUNNING);
	job->inputs = reconciler->config.ops->gather(reconciler->config.cookie, work->key, &job->arena);
	if (!job->inputs) {
		job_free(job);
		set_state(work, WORK_IDLE);
		work->failures = 0;
		work_forget(reconciler, work);
		return;
	}
	reconciler->running++;
	worker_pool_submit(reconciler->config.pool, run_job, job);
}

static bool inputs_synced(const struct reconciler *reconciler)
{
	for (size_t i = 0; i < reconciler->inputs_len; i++)
		if (!informer_synced(reconciler->inputs[i]->informer))
			return false;
	return true;
}

/* Takes what may be taken.  A key whose writes are not seen yet keeps its place. */
static void on_turn(struct loop_defer *defer)
{
	struct reconciler *reconciler = CONTAINER_OF(defer, struct reconciler, turn);

	if (reconciler->closing || !inputs_synced(reconciler))
		return;
	LIST_FOREACH_SAFE (struct work, work, &reconciler->ready, link) {
		if (reconciler->running >= reconciler->config.ops->workers)
			return;
		if (!writes_seen(reconciler, work))
			continue;
		list_remove(&work->link);
		start_job(reconciler, work);
	}
}

static void turn_soon(struct reconciler *reconciler)
{
	if (!reconciler->closing)
		loop_defer(&reconciler->turn);
}

/* --- Inputs -------------------------------------------------------------------------------------------------- */

static void queue_keys(struct input *input, const struct object *object, struct arena *arena)
{
	struct informer_keys keys = {.arena = arena};

	if (input->map)
		input->map(input->reconciler->config.cookie, object, &keys);
	else
		informer_keys_add(&keys, object_key(object, arena));
	SLICE_FOREACH (key, keys.found)
		reconciler_queue(input->reconciler, *key);
}

static void on_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct input *input = CONTAINER_OF(handler, struct input, handler);
	struct arena cleanup_arena arena = {0};

	if (input->is_source && old && (input->map || !new_))
		queue_keys(input, old, &arena);
	if (input->is_source && new_)
		queue_keys(input, new_, &arena);
	if (!list_empty(&input->reconciler->awaiting))
		turn_soon(input->reconciler);
}

static void on_synced(struct informer_handler *handler)
{
	turn_soon(CONTAINER_OF(handler, struct input, handler)->reconciler);
}

/* Keys that are idle but wait for their writes to show are let go here, so that nothing is kept for a key at rest. */
static void release_shown(struct reconciler *reconciler)
{
	LIST_FOREACH_SAFE (struct work, work, &reconciler->awaiting, await_link)
		if (work->state == WORK_IDLE && writes_seen(reconciler, work))
			work_forget(reconciler, work);
}

static void on_advanced(struct informer_handler *handler, uint64_t revision UNUSED)
{
	struct reconciler *reconciler = CONTAINER_OF(handler, struct input, handler)->reconciler;

	if (list_empty(&reconciler->awaiting))
		return;
	release_shown(reconciler);
	turn_soon(reconciler);
}

static void add_input(struct reconciler *reconciler, struct informer *informer, reconciler_map_fn *map, bool is_source)
{
	struct input *input = XNEW(struct input);

	*input = (struct input){.handler = {.changed = on_changed, .synced = on_synced, .advanced = on_advanced},
				.reconciler = reconciler,
				.informer = informer,
				.map = map,
				.is_source = is_source};
	reconciler->inputs =
		xrealloc_array(reconciler->inputs, reconciler->inputs_len + 1, sizeof(*reconciler->inputs));
	reconciler->inputs[reconciler->inputs_len++] = input;
	informer_add_handler(informer, &input->handler);
}

void reconciler_add_input(struct reconciler *reconciler, struct informer *informer)
{
	add_input(reconciler, informer, NULL, false);
}

void reconciler_add_source(struct reconciler *reconciler, struct informer *informer, reconciler_map_fn *map)
{
	add_input(reconciler, informer, map, true);
}

/* --- Life ---------------------------------------------------------------------------------------------------- */

struct reconciler *reconciler_new(const struct reconciler_config *config)
{
	struct reconciler *reconciler = XNEW(struct reconciler);

	reconciler->config = *config;
	list_init(&reconciler->ready);
	list_init(&reconciler->awaiting);
	heap_init(&reconciler->delayed, due_before);
	loop_timer_init(&reconciler->timer, config->loop, on_timer);
	loop_defer_init(&reconciler->turn, config->loop, on_turn);
	return reconciler;
}

void reconciler_stop(struct reconciler *reconciler)
{
	reconciler->closing = true;
	loop_timer_stop(&reconciler->timer);
	loop_defer_cancel(&reconciler->turn);
}

struct reconciler *reconciler_free(struct reconciler *reconciler)
{
	if (!reconciler)
		return NULL;
	assert(reconciler->closing && reconciler->running == 0);
	for (size_t i = 0; i < reconciler->inputs_len; i++)
		free(reconciler->inputs[i]);
	free(reconciler->inputs);
	MAP_FOREACH (it, &reconciler->works) {
		struct work *work = it->value;

		job_free(work->written);
		free(work);
	}
	map_release(&reconciler->works);
	heap_release(&reconciler->delayed);
	free(reconciler);
	return NULL;
}

size_t reconciler_busy(const struct reconciler *reconciler)
{
	size_t busy = 0;

	MAP_FOREACH (it, &reconciler->works)
		busy += ((const struct work *)it->value)->state != WORK_IDLE;
	return busy;
}
