/*
 * Threads, locks that know their scope, and pools of workers on demand.
 *
 * Threads have names (seen in ps -L and in a crash) and small stacks, THREAD_STACK_SIZE, so big arrays belong in an
 * arena.  All signals are blocked in them, since signals are a loop's
 * business (sys/loop.h), but those of a fault (sys/crash.h).
 *
 *	{
 *		MUTEX_GUARD(&queue->lock);	unlocks when the scope is left
 *		while (list_empty(&queue->items))
 *			cond_wait(&queue->filled, &queue->lock);
 *	}
 */
#ifndef WHERRY_SYS_THREAD_H
#define WHERRY_SYS_THREAD_H

#include <pthread.h>

#include "base/error.h"

#define THREAD_STACK_SIZE	 ((size_t)256 * 1024)
#define WORKER_IDLE_EXIT_SECONDS 10

struct thread;

/* Runs @run(@data) on a new thread; @name is cut at 15 bytes.  The thread must be joined. */
int thread_start(const char *name, void (*run)(void *data), void *data, struct thread **ret,
		 struct error *err) MUST_CHECK;
/* Waits for its end and frees it; NULL is fine; returns NULL. */
struct thread *thread_join(struct thread *thread);

struct mutex {
	pthread_mutex_t mutex;
};
#define MUTEX_INIT                                                                                                     \
	{                                                                                                              \
		PTHREAD_MUTEX_INITIALIZER                                                                              \
	}
void mutex_init(struct mutex *mutex);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

static inline void mutex_guard_end(struct mutex **mutex)
{
	mutex_unlock(*mutex);
}
static inline struct mutex *mutex_guard_begin(struct mutex *mutex)
{
	mutex_lock(mutex);
	return mutex;
}
/* Holds @m until the end of the enclosing scope; one per scope. */
#define MUTEX_GUARD(m)                                                                                                 \
	UNUSED CLEANUP(mutex_guard_end)                                                                                \
	struct mutex *mutex_guard_ = mutex_guard_begin(m)

struct cond {
	pthread_cond_t cond;
};
void cond_init(struct cond *cond);
void cond_release(struct cond *cond);
void cond_wait(struct cond *cond, struct mutex *mutex);
/* Until signalled or @deadline (clock_monotonic_ns()); false: the deadline has passed.  May wake for nothing. */
bool cond_wait_until(struct cond *cond, struct mutex *mutex, int64_t deadline);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

/*
 * A pool of workers: jobs that may block.  A thread is made when a job comes and none is idle, up to @max; jobs beyond
 * that wait in order.  An idle thread ends after WORKER_IDLE_EXIT_SECONDS.  Who submits bounds how many jobs there
 * are (the workers of a reconciler, say); worker_pool_try_submit() is for those who have no bound.
 */
struct worker_pool;

/* @name: of its threads; must live on. */
struct worker_pool *worker_pool_new(const char *name, unsigned max) __attribute__((returns_nonnull));
/* Waits until every job submitted has run, then frees; NULL is fine; returns NULL.  Not from a job of its own. */
struct worker_pool *worker_pool_free(struct worker_pool *pool);
/* Runs @run(@data) on a worker.  Any thread, from jobs too. */
void worker_pool_submit(struct worker_pool *pool, void (*run)(void *data), void *data);
/* The same, or -ERR_AGAIN when @waiting_max jobs wait already. */
int worker_pool_try_submit(struct worker_pool *pool, size_t waiting_max, void (*run)(void *data),
			   void *data) MUST_CHECK;
/* Threads there are now. */
unsigned worker_pool_threads(struct worker_pool *pool);

#endif
