/*
 * Event loops over libuv; see loop.h.
 *
 * Timers are our own heap under one libuv timer, so that they can live in their owners' structs and vanish at once: a
 * libuv handle may only be freed from its close callback.  Deferred calls run from the check phase (after polling) and
 * the prepare phase (before it); an idle handle is active while some are left, which keeps the poll from sleeping.
 *
 * Posting: a mutex guards the queue and the stop flag.  Whoever makes the queue non-empty wakes the loop; the loop
 * takes the whole queue at once.  A call posted between the take and the next poll finds the queue empty and wakes it
 * again, so none is left behind.
 */
#include "sys/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"

struct loop {
	uv_loop_t uv;
	uv_async_t async;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	struct heap timers;
	struct list deferred;
	struct list exits;
	pthread_mutex_t lock; /* guards posted and stopping */
	struct list posted;
	bool stopping;
	_Atomic(pthread_t) thread;
	atomic_bool running;
};

struct posted_call {
	struct loop_call call;
	void (*run)(void *data);
	void *data;
};

struct loop_watch {
	uv_poll_t poll;
	void (*run)(void *data, unsigned events);
	void *data;
	unsigned events;
};

struct loop_signal {
	uv_signal_t signal;
	void (*run)(void *data, int signal);
	void *data;
};

static bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, struct loop_timer, node)->when < CONTAINER_OF(b, struct loop_timer, node)->when;
}

static void run_posted(struct loop *loop)
{
	struct list taken;

	list_init(&taken);
	pthread_mutex_lock(&loop->lock);
	list_splice(&taken, &loop->posted);
	pthread_mutex_unlock(&loop->lock);
	while (!list_empty(&taken)) {
		struct loop_call *call = LIST_FIRST(&taken, struct loop_call, link);

		list_remove(&call->link);
		call->run(call);
	}
}

static void on_async(uv_async_t *async)
{
	struct loop *loop = CONTAINER_OF(async, struct loop, async);
	bool stop;

	run_posted(loop);
	pthread_mutex_lock(&loop->lock);
	stop = loop->stopping;
	pthread_mutex_unlock(&loop->lock);
	if (stop)
		uv_stop(&loop->uv);
}

static void on_timer(uv_timer_t *uv_timer);

static void arm(struct loop *loop)
{
	struct heap_node *first = heap_peek(&loop->timers);
	int64_t delay;

	if (!first) {
		uv_timer_stop(&loop->timer);
		return;
	}
	delay = CONTAINER_OF(first, struct loop_timer, node)->when - clock_monotonic_ns();
	delay = delay > 0 ? (delay + NS_PER_MS - 1) / NS_PER_MS : 0;
	/* libuv counts from the time it read when the turn began. */
	uv_update_time(&loop->uv);
	uv_timer_start(&loop->timer, on_timer, (uint64_t)delay, 0);
}

static void on_timer(uv_timer_t *uv_timer)
{
	struct loop *loop = CONTAINER_OF(uv_timer, struct loop, timer);
	int64_t now = clock_monotonic_ns();

	for (;;) {
		struct heap_node *first = heap_peek(&loop->timers);
		struct loop_timer *timer;

		if (!first)
			break;
		timer = CONTAINER_OF(first, struct loop_timer, node);
		if (timer->when > now)
			break;
		heap_pop(&loop->timers);
		if (timer->period) {
			/* From now, not from when it was due: a late loop does not fire a burst. */
			timer->when = now + timer->period;
			heap_push(&loop->timers, &timer->node);
		}
		timer->run(timer);
	}
	arm(loop);
}

static void on_idle(uv_idle_t *idle UNUSED)
{
}

static void run_deferred(struct loop *loop)
{
	struct list taken;

	if (list_empty(&loop->deferred))
		return;
	list_init(&taken);
	list_splice(&taken, &loop->deferred);
	while (!list_empty(&taken)) {
		struct loop_defer *defer = LIST_FIRST(&taken, struct loop_defer, link);

		list_remove(&defer->link);
		defer->run(defer);
	}
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct loop *loop = CONTAINER_OF(prepare, struct loop, prepare);

	run_deferred(loop);
	if (list_empty(&loop->deferred))
		uv_idle_stop(&loop->idle);
	else
		uv_idle_start(&loop->idle, on_idle);
}

static void on_check(uv_check_t *check)
{
	run_deferred(CONTAINER_OF(check, struct loop, check));
}

struct loop *loop_new(void)
{
	struct loop *loop = XNEW(struct loop);
	int failed = 0;

	heap_init(&loop->timers, timer_before);
	list_init(&loop->deferred);
	list_init(&loop->exits);
	list_init(&loop->posted);
	pthread_mutex_init(&loop->lock, NULL);
	failed |= uv_loop_init(&loop->uv);
	failed |= uv_async_init(&loop->uv, &loop->async, on_async);
	failed |= uv_timer_init(&loop->uv, &loop->timer);
	failed |= uv_prepare_init(&loop->uv, &loop->prepare);
	failed |= uv_check_init(&loop->uv, &loop->check);
	failed |= uv_idle_init(&loop->uv, &loop->idle);
	if (failed) {
		/* Out of descriptors before anything was served: nothing can be run without a loop. */
		fprintf(stderr, "wherry: cannot make an event loop: %s\n", uv_strerror(failed));
		abort();
	}
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
	return loop;
}

static void free_handle_owner(uv_handle_t *handle)
{
	free(handle);
}

static void close_rest(uv_handle_t *handle, void *data)
{
	struct loop *loop = data;
	bool own = handle == (uv_handle_t *)&loop->async || handle == (uv_handle_t *)&loop->timer ||
		   handle == (uv_handle_t *)&loop->prepare || handle == (uv_handle_t *)&loop->check ||
		   handle == (uv_handle_t *)&loop->idle;

	/* Watches and signals begin with their handle, so freeing the handle frees them. */
	if (!uv_is_closing(handle))
		uv_close(handle,
			 own || (handle->type != UV_POLL && handle->type != UV_SIGNAL) ? NULL : free_handle_owner);
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	for (bool more = true; more;) {
		run_posted(loop);
		pthread_mutex_lock(&loop->lock);
		more = !list_empty(&loop->posted);
		pthread_mutex_unlock(&loop->lock);
	}
	while (!list_empty(&loop->exits)) {
		struct loop_exit *exit = LIST_FIRST(&loop->exits, struct loop_exit, link);

		list_remove(&exit->link);
		exit->run(exit);
	}
	uv_walk(&loop->uv, close_rest, loop);
	while (uv_loop_close(&loop->uv) == UV_EBUSY)
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	while (heap_pop(&loop->timers))
		;
	while (!list_empty(&loop->deferred))
		list_remove(loop->deferred.next);
	heap_release(&loop->timers);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
	return NULL;
}

void loop_run(struct loop *loop)
{
	atomic_store(&loop->thread, pthread_self());
	atomic_store(&loop->running, true);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	atomic_store(&loop->running, false);
	pthread_mutex_lock(&loop->lock);
	loop->stopping = false;
	pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	uv_async_send(&loop->async);
	pthread_mutex_unlock(&loop->lock);
}

bool loop_is_current(const struct loop *loop)
{
	return atomic_load(&loop->running) && pthread_equal(atomic_load(&loop->thread), pthread_self());
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_post_call(struct loop *loop, struct loop_call *call)
{
	pthread_mutex_lock(&loop->lock);
	if (list_empty(&loop->posted))
		uv_async_send(&loop->async);
	list_append(&loop->posted, &call->link);
	pthread_mutex_unlock(&loop->lock);
}

static void run_posted_call(struct loop_call *call)
{
	struct posted_call *posted = CONTAINER_OF(call, struct posted_call, call);
	void (*run)(void *data) = posted->run;
	void *data = posted->data;

	free(posted);
	run(data);
}

void loop_post(struct loop *loop, void (*run)(void *data), void *data)
{
	struct posted_call *posted = XNEW(struct posted_call);

	posted->call.run = run_posted_call;
	posted->run = run;
	posted->data = data;
	loop_post_call(loop, &posted->call);
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*run)(struct loop_timer *timer))
{
	*timer = (struct loop_timer){.loop = loop, .run = run};
}

void loop_timer_start(struct loop_timer *timer, int64_t delay, int64_t period)
{
	struct heap *timers = &timer->loop->timers;
	bool was_first = heap_peek(timers) == &timer->node;
	int64_t was = timer->when;

	timer->when = clock_monotonic_ns() + MAX(delay, 0);
	timer->period = period;
	if (timer->node.place)
		heap_update(timers, &timer->node);
	else
		heap_push(timers, &timer->node);
	/* A first one that moves back leaves the libuv timer early: it fires, finds nothing and is set again. */
	if (heap_peek(timers) == &timer->node && (!was_first || timer->when < was))
		arm(timer->loop);
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->loop && timer->node.place)
		heap_remove(&timer->loop->timers, &timer->node);
}

void loop_defer_init(struct loop_defer *defer, struct loop *loop, void (*run)(struct loop_defer *defer))
{
	*defer = (struct loop_defer){.loop = loop, .run = run};
	list_init(&defer->link);
}

void loop_defer(struct loop_defer *defer)
{
	if (list_empty(&defer->link))
		list_append(&defer->loop->deferred, &defer->link);
}

void loop_defer_cancel(struct loop_defer *defer)
{
	if (defer->loop)
		list_remove(&defer->link);
}

void loop_exit_add(struct loop *loop, struct loop_exit *exit)
{
	list_append(&loop->exits, &exit->link);
}

void loop_exit_remove(struct loop_exit *exit)
{
	list_remove(&exit->link);
}

static int to_uv(unsigned events)
{
	return (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0) |
	       (events & LOOP_HANGUP ? UV_DISCONNECT : 0);
}

static void on_poll(uv_poll_t *poll, int status, int uv_events)
{
	struct loop_watch *watch = CONTAINER_OF(poll, struct loop_watch, poll);
	unsigned events = (uv_events & UV_READABLE ? LOOP_READ : 0u) | (uv_events & UV_WRITABLE ? LOOP_WRITE : 0u) |
			  (uv_events & UV_DISCONNECT ? LOOP_HANGUP : 0u);

	/* An error shows itself in the call that meets it. */
	if (status < 0)
		events = watch->events;
	watch->run(watch->data, events);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, unsigned events, void (*run)(void *data, unsigned events),
				  void *data, int *ret_errno)
{
	struct loop_watch *watch = XNEW(struct loop_watch);
	int r = uv_poll_init(&loop->uv, &watch->poll, fd);

	if (r < 0) {
		free(watch);
		*ret_errno = -r;
		return NULL;
	}
	watch->run = run;
	watch->data = data;
	loop_watch_set(watch, events);
	return watch;
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	if (events)
		uv_poll_start(&watch->poll, to_uv(events), on_poll);
	else
		uv_poll_stop(&watch->poll);
}

struct loop_watch *loop_watch_free(struct loop_watch *watch)
{
	if (watch) {
		uv_poll_stop(&watch->poll);
		uv_close((uv_handle_t *)&watch->poll, free_handle_owner);
	}
	return NULL;
}

static void on_signal(uv_signal_t *handle, int signal)
{
	struct loop_signal *watch = CONTAINER_OF(handle, struct loop_signal, signal);

	watch->run(watch->data, signal);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signal, void (*run)(void *data, int signal), void *data)
{
	struct loop_signal *watch = XNEW(struct loop_signal);

	watch->run = run;
	watch->data = data;
	if (uv_signal_init(&loop->uv, &watch->signal) < 0 || uv_signal_start(&watch->signal, on_signal, signal) < 0)
		abort(); /* a signal number that does not exist: a programmer's error */
	return watch;
}

struct loop_signal *loop_signal_free(struct loop_signal *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->signal, free_handle_owner);
	return NULL;
}
