/*
 * Event loops: one thread that owns sockets, timers and a component's state.
 *
 * A loop runs on one thread at a time, the one inside loop_run(); everything here is called on that thread (or before
 *it starts), but for loop_post(), loop_post_call() and loop_stop(), which any thread may call.  Callbacks must not
 *block.
 *
 * One turn of the loop: due timers; what other threads posted and which descriptors are ready, in no order; then the
 * deferred calls.  A deferred call made by a deferred call waits for the next turn, so that a long job cut in slices
 * lets everybody else in between.
 *
 *	static void tick(struct loop_timer *timer) { struct lease *l = CONTAINER_OF(timer, struct lease, timer); ... }
 *
 *	struct loop *loop = loop_new();
 *	loop_timer_init(&lease->timer, loop, tick);
 *	loop_timer_start(&lease->timer, 10 * NS_PER_SEC, 10 * NS_PER_SEC);
 *	loop_run(loop);				returns after loop_stop(loop), from any thread
 *	loop_free(loop);
 *
 * Timers and deferred calls live in their owner's struct and may be stopped and freed at any time, from inside their
 *own callback too.  Watches are the loop's, freed with loop_watch_free().
 */
#ifndef WHERRY_SYS_LOOP_H
#define WHERRY_SYS_LOOP_H

#include "base/heap.h"
#include "base/list.h"

struct loop;
struct uv_loop_s;

struct loop *loop_new(void) __attribute__((returns_nonnull));
/*
 * Runs what was posted and has not run, closes what is left and frees; returns NULL.  Not from a callback, and not
 * while other threads may still post.  Timers and deferred calls still set are forgotten without being called.
 */
struct loop *loop_free(struct loop *loop);
/* Turns until loop_stop(); a stop that came before makes it return after one turn.  May be called again. */
void loop_run(struct loop *loop);
/* Any thread. */
void loop_stop(struct loop *loop);
/* Is the caller the thread inside loop_run()? */
bool loop_is_current(const struct loop *loop);
/* For parts that libuv has and this header does not. */
struct uv_loop_s *loop_uv(struct loop *loop);

/*
 * Calls @run(@data) on the loop's thread, after the current callback; any thread.  Calls of one thread keep their
 * order.  Every posted call runs exactly once: in loop_free() at the latest.
 */
void loop_post(struct loop *loop, void (*run)(void *data), void *data);

/* The same without an allocation: the call lives in its owner's struct, and is the loop's until it runs. */
struct loop_call {
	struct list link;
	void (*run)(struct loop_call *call);
};
void loop_post_call(struct loop *loop, struct loop_call *call);

/* Timers; delays in nanoseconds, accurate to about a millisecond, never early. */
struct loop_timer {
	struct heap_node node;
	struct loop *loop;
	int64_t when, period;
	void (*run)(struct loop_timer *timer);
};
void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*run)(struct loop_timer *timer));
/* Starts it anew: once after @delay, then every @period (0: only once). */
void loop_timer_start(struct loop_timer *timer, int64_t delay, int64_t period);
/* Harmless when it does not run, and on a zeroed struct. */
void loop_timer_stop(struct loop_timer *timer);
static inline bool loop_timer_active(const struct loop_timer *timer)
{
	return timer->node.place != 0;
}

/* A call at the end of this turn (or of the next, when made by a deferred call); deferring twice is once. */
struct loop_defer {
	struct list link;
	struct loop *loop;
	void (*run)(struct loop_defer *defer);
};
void loop_defer_init(struct loop_defer *defer, struct loop *loop, void (*run)(struct loop_defer *defer));
void loop_defer(struct loop_defer *defer);
/* Harmless when it is not waiting, and on a zeroed struct. */
void loop_defer_cancel(struct loop_defer *defer);

/* A call in loop_free(), before anything is closed: for what belongs to nobody but the loop. */
struct loop_exit {
	struct list link;
	void (*run)(struct loop_exit *exit);
};
void loop_exit_add(struct loop *loop, struct loop_exit *exit);
/* Once it has been added; a second time is harmless. */
void loop_exit_remove(struct loop_exit *exit);

/* Descriptors. */
enum loop_events {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_HANGUP = 4, /* the peer will send no more (EPOLLRDHUP) */
};
struct loop_watch;
/*
 * Calls @run when @fd (made non-blocking; not a regular file) is ready for one of @events, level-triggered.  The
 * descriptor stays the caller's and must stay open until loop_watch_free().  NULL and an errno value in @ret_errno when
 * the kernel cannot watch it.
 */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, unsigned events, void (*run)(void *data, unsigned events),
				  void *data, int *ret_errno) MUST_CHECK;
/* Changes what is waited for; 0 waits for nothing. */
void loop_watch_set(struct loop_watch *watch, unsigned events);
/* No call comes after this; NULL is fine; returns NULL.  The descriptor may be closed at once. */
struct loop_watch *loop_watch_free(struct loop_watch *watch);

/* Signals of the process. */
struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *loop, int signal, void (*run)(void *data, int signal), void *data)
	__attribute__((returns_nonnull));
struct loop_signal *loop_signal_free(struct loop_signal *watch);

#endif
