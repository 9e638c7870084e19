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
#include "client/fault.h"
#include "sys/crash.h"
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
	int64_t began;
	struct arena arena;
	struct object *subject; /* what the key names, held; NULL: nothing */
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
	int64_t queued_at;
	unsigned failures;
	struct job *failed;    /* the last job, when it failed: the next plan is told */
	struct writes *writes; /* of the last job, while they are awaited */
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
	map_set(&reconciler->works, work->key, work);
	return work;
}

static struct job *job_free(struct job *job)
{
	if (!job)
		return NULL;
	arena_release(&job->arena);
	free(job);
	return NULL;
}

/* Forgets an idle key that nothing is known of. */
static void work_forget(struct reconciler *reconciler, struct work *work)
{
	if (work->state != WORK_IDLE || work->timer.place || work->failures || work->writes)
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

static void make_ready(struct reconciler *reconciler, struct work *work)
{
	list_append(&reconciler->ready, &work->link);
	turn_soon(reconciler);
}

/* A key whose last writes do not show yet is made ready by on_shown(). */
static void set_queued(struct reconciler *reconciler, struct work *work)
{
	set_state(work, WORK_QUEUED);
	work->queued_at = clock_monotonic_ns();
	if (reconciler->config.observer)
		reconciler->config.observer->queued(reconciler->config.observer_data);
	if (!work->writes)
		make_ready(reconciler, work);
}

static void queue_work(struct reconciler *reconciler, struct work *work)
{
	switch (work->state) {
	case WORK_IDLE:
		set_queued(reconciler, work);
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

/* What a key's last job wrote, for as long as some informer does not show it. */
struct writes {
	struct reconciler *reconciler;
	struct work *work;
	struct arena arena; /* holds the waits and what they name */
	size_t left;	    /* waits that have not ended */
};

struct write {
	struct informer_wait wait;
	struct writes *writes;
};

static void writes_free(struct writes *writes)
{
	if (!writes)
		return;
	arena_release(&writes->arena);
	free(writes);
}

/* The last write shows: the key may be taken, or forgotten. */
static void on_shown(struct informer_wait *wait)
{
	struct writes *writes = CONTAINER_OF(wait, struct write, wait)->writes;
	struct reconciler *reconciler = writes->reconciler;
	struct work *work = writes->work;

	if (--writes->left)
		return;
	work->writes = NULL;
	writes_free(writes);
	if (work->state == WORK_QUEUED)
		make_ready(reconciler, work);
	work_forget(reconciler, work);
}

static struct write *new_write(struct writes *writes)
{
	struct write *write = ARENA_NEW(&writes->arena, struct write);

	*write = (struct write){.wait.shown = on_shown, .writes = writes};
	return write;
}

/* Of many writes to a resource the last tells enough; a deletion has no revision and is waited for by itself. */
static void wait_for_input(struct writes *writes, struct informer *informer, const struct apply_result *result)
{
	uint64_t revision = 0;

	SLICE_FOREACH (awaited, result->awaited) {
		if (awaited->resource != informer_resource(informer))
			continue;
		revision = MAX(revision, awaited->revision);
		if (!awaited->revision)
			writes->left += informer_wait_deletion(informer, &new_write(writes)->wait, awaited->key,
							       arena_str(&writes->arena, awaited->uid));
	}
	if (revision)
		writes->left += informer_wait_revision(informer, &new_write(writes)->wait, revision);
}

/* Hangs @work on the informers that do not show yet what its job wrote. */
static void wait_for_writes(struct reconciler *reconciler, struct work *work, const struct apply_result *result)
{
	struct writes *writes = XNEW(struct writes);

	writes->reconciler = reconciler;
	writes->work = work;
	for (size_t i = 0; i < reconciler->inputs_len; i++)
		wait_for_input(writes, reconciler->inputs[i]->informer, result);
	if (writes->left)
		work->writes = TAKE_PTR(writes);
	writes_free(writes);
}

/* --- Jobs ---------------------------------------------------------------------------------------------------- */

static void on_job_done(struct loop_call *call);

static void run_job(void *data)
{
	struct job *job = data;
	const struct reconciler_config *config = &job->reconciler->config;
	struct client client = {config->transport, str_from(config->ops->name)};
	struct crash_note *note = crash_note_begin(config->ops->name, job->work->key);

	log_set_component(config->ops->name);
	fault_point(config->ops->name, job->subject);
	if (config->ops->observe &&
	    config->ops->observe(config->cookie, job->inputs, &client, &job->arena, &job->result.err) < 0)
		job->result.failed = true;
	else
		config->ops->plan(config->cookie, job->inputs, clock_wall_ns(), &job->plan);
	if (!job->result.failed)
		apply_plan(&job->plan, config->transport, str_from(config->ops->name), config->recorder, &job->result);
	crash_note_end(note);
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

static void tell_done(const struct reconciler *reconciler, int64_t began)
{
	if (reconciler->config.observer)
		reconciler->config.observer->done(reconciler->config.observer_data, clock_monotonic_ns() - began);
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
	tell_done(reconciler, job->began);
	work->failures = job->result.failed ? work->failures + 1 : 0;
	if (job->result.failed && reconciler->config.observer)
		reconciler->config.observer->retried(reconciler->config.observer_data);
	wait_for_writes(reconciler, work, &job->result);
	if (dirty || job->result.conflict) {
		set_queued(reconciler, work);
	} else {
		set_state(work, WORK_IDLE);
		if (job->result.failed)
			reconciler_queue_after(reconciler, work->key, retry_delay(work->failures));
		else if (job->plan.requeue_after_ns)
			reconciler_queue_after(reconciler, work->key, job->plan.requeue_after_ns);
	}
	if (job->result.failures.len)
		work->failed = TAKE_PTR(job);
	job_free(job);
	work_forget(reconciler, work);
	turn_soon(reconciler);
}

/* The object that @key names: keys of a source without a map are its objects' own.  NULL: none, or it is gone. */
static struct object *subject_of(const struct reconciler *reconciler, struct str key)
{
	for (size_t i = 0; i < reconciler->inputs_len; i++)
		if (reconciler->inputs[i]->is_source && !reconciler->inputs[i]->map)
			return informer_get(reconciler->inputs[i]->informer, key);
	return NULL;
}

/* A former life crashed over it. */
static void leave_alone(struct reconciler *reconciler, struct work *work, int64_t time)
{
	const struct object *subject = subject_of(reconciler, work->key);
	const char *name = reconciler->config.ops->name;

	set_state(work, WORK_IDLE);
	reconciler_queue_after(reconciler, work->key, time);
	log_warn("key in quarantine", "controller=%s key=" STR_FMT " seconds=%lld", name, STR_ARG(work->key),
		 (long long)(time / NS_PER_SEC));
	if (subject && reconciler->config.recorder)
		recorder_eventf(reconciler->config.recorder, subject, "Warning", "Quarantined",
				"%s crashed at work on this object and leaves it alone for a while", name);
}

/* Tells the plan of @job what failed the last time. */
static void hand_over_failures(struct work *work, struct job *job)
{
	struct change_failure *items;
	size_t len;

	if (!work->failed)
		return;
	len = work->failed->result.failures.len;
	items = arena_memdup(&job->arena, work->failed->result.failures.items, len * sizeof(*items));
	for (size_t i = 0; i < len; i++)
		items[i].message = arena_str(&job->arena, items[i].message);
	job->plan.failures.items = items;
	job->plan.failures.len = len;
	work->failed = job_free(work->failed);
}

static void start_job(struct reconciler *reconciler, struct work *work)
{
	const struct reconciler_config *config = &reconciler->config;
	int64_t now = clock_monotonic_ns(), quarantine = crash_quarantine_left(config->ops->name, work->key, now);
	struct crash_note *note;
	struct job *job;

	set_state(work, WORK_RUNNING);
	/* What it was to be taken for later is done now; the plan asks again for what it still waits for. */
	heap_remove(&reconciler->delayed, &work->timer);
	if (config->observer)
		config->observer->taken(config->observer_data, now - work->queued_at);
	if (quarantine) {
		leave_alone(reconciler, work, quarantine);
		return;
	}
	job = XNEW(struct job);
	job->reconciler = reconciler;
	job->work = work;
	job->began = now;
	job->plan.arena = &job->arena;
	note = crash_note_begin(config->ops->name, work->key);
	job->subject = reconciler_hold(&job->arena, subject_of(reconciler, work->key));
	job->inputs = config->ops->gather(config->cookie, work->key, &job->arena);
	crash_note_end(note);
	if (!job->inputs) {
		tell_done(reconciler, job->began);
		job_free(job);
		set_state(work, WORK_IDLE);
		work->failures = 0;
		work->failed = job_free(work->failed);
		work_forget(reconciler, work);
		return;
	}
	hand_over_failures(work, job);
	reconciler->running++;
	worker_pool_submit(config->pool, run_job, job);
}

static bool inputs_synced(const struct reconciler *reconciler)
{
	for (size_t i = 0; i < reconciler->inputs_len; i++)
		if (!informer_synced(reconciler->inputs[i]->informer))
			return false;
	return true;
}

/* Takes what may be taken. */
static void on_turn(struct loop_defer *defer)
{
	struct reconciler *reconciler = CONTAINER_OF(defer, struct reconciler, turn);

	if (reconciler->closing || !inputs_synced(reconciler))
		return;
	LIST_FOREACH_SAFE (struct work, work, &reconciler->ready, link) {
		if (reconciler->running >= reconciler->config.ops->workers)
			return;
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
}

static void on_synced(struct informer_handler *handler)
{
	turn_soon(CONTAINER_OF(handler, struct input, handler)->reconciler);
}

static void add_input(struct reconciler *reconciler, struct informer *informer, reconciler_map_fn *map, bool is_source)
{
	struct input *input = XNEW(struct input);

	*input = (struct input){.handler = {.changed = on_changed, .synced = on_synced},
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

		writes_free(work->writes);
		job_free(work->failed);
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
