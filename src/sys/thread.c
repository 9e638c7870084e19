/* Threads, locks and worker pools; see thread.h. */
#include "sys/thread.h"

#include <signal.h>

#include "base/clock.h"
#include "base/list.h"
#include "sys/crash.h"

/* Sanitizers put shadow copies on the stack. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_FACTOR 8
#else
#define STACK_FACTOR 1
#endif

struct thread {
	pthread_t id;
	char name[16];
	void (*run)(void *data);
	void *data;
};

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	pthread_setname_np(pthread_self(), thread->name);
	thread->run(thread->data);
	return NULL;
}

/* Starts a thread with every signal blocked that does not tell of a fault, whatever the caller's mask is; 0 or an errno
 * value. */
static int start(pthread_t *ret_id, bool detached, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK_SIZE * STACK_FACTOR);
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	/* A blocked signal of a fault would end the process past its handler. */
	for (int i = 1; i < NSIG; i++)
		if (crash_is_fault(i))
			sigdelset(&all, i);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_id, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

int thread_start(const char *name, void (*run)(void *data), void *data, struct thread **ret, struct error *err)
{
	struct thread *thread = XNEW(struct thread);
	int r;

	memcpy(thread->name, name, MIN(strlen(name), sizeof(thread->name) - 1));
	thread->run = run;
	thread->data = data;
	r = start(&thread->id, false, thread_main, thread);
	if (r) {
		free(thread);
		return error_set_errno(err, r, "start thread %s", name);
	}
	*ret = thread;
	return 0;
}

struct thread *thread_join(struct thread *thread)
{
	if (thread) {
		pthread_join(thread->id, NULL);
		free(thread);
	}
	return NULL;
}

void mutex_init(struct mutex *mutex)
{
	pthread_mutex_init(&mutex->mutex, NULL);
}

void mutex_release(struct mutex *mutex)
{
	pthread_mutex_destroy(&mutex->mutex);
}

void mutex_lock(struct mutex *mutex)
{
	if (pthread_mutex_lock(&mutex->mutex))
		abort();
}

void mutex_unlock(struct mutex *mutex)
{
	if (pthread_mutex_unlock(&mutex->mutex))
		abort();
}

void cond_init(struct cond *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cond->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void cond_release(struct cond *cond)
{
	pthread_cond_destroy(&cond->cond);
}

void cond_wait(struct cond *cond, struct mutex *mutex)
{
	pthread_cond_wait(&cond->cond, &mutex->mutex);
}

bool cond_wait_until(struct cond *cond, struct mutex *mutex, int64_t deadline)
{
	struct timespec until;

	deadline = MAX(deadline, 0);
	until = (struct timespec){.tv_sec = deadline / NS_PER_SEC, .tv_nsec = deadline % NS_PER_SEC};
	return pthread_cond_timedwait(&cond->cond, &mutex->mutex, &until) != ETIMEDOUT;
}

void cond_signal(struct cond *cond)
{
	pthread_cond_signal(&cond->cond);
}

void cond_broadcast(struct cond *cond)
{
	pthread_cond_broadcast(&cond->cond);
}

struct job {
	struct list link;
	void (*run)(void *data);
	void *data;
};

struct worker_pool {
	const char *name;
	unsigned max;
	struct mutex lock; /* guards all below */
	struct cond changed, ended;
	struct list jobs;
	size_t waiting;		/* jobs not taken */
	unsigned threads, idle; /* idle: in cond_wait, not yet promised to a job */
	bool ending;
};

struct worker_pool *worker_pool_new(const char *name, unsigned max)
{
	struct worker_pool *pool = XNEW(struct worker_pool);

	assert(max > 0);
	pool->name = name;
	pool->max = max;
	mutex_init(&pool->lock);
	cond_init(&pool->changed);
	cond_init(&pool->ended);
	list_init(&pool->jobs);
	return pool;
}

/* Takes the next job, waiting for one; NULL: the thread is no longer wanted.  Called with the lock held. */
static struct job *next_job(struct worker_pool *pool)
{
	int64_t deadline = clock_monotonic_ns() + WORKER_IDLE_EXIT_SECONDS * NS_PER_SEC;
	bool in_time = true;
	struct job *job;

	while (list_empty(&pool->jobs)) {
		if (pool->ending || !in_time)
			return NULL;
		pool->idle++;
		in_time = cond_wait_until(&pool->changed, &pool->lock, deadline);
		pool->idle--;
	}
	job = LIST_FIRST(&pool->jobs, struct job, link);
	list_remove(&job->link);
	pool->waiting--;
	return job;
}

static void *worker_main(void *arg)
{
	struct worker_pool *pool = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), pool->name);
	mutex_lock(&pool->lock);
	while ((job = next_job(pool))) {
		mutex_unlock(&pool->lock);
		job->run(job->data);
		free(job);
		mutex_lock(&pool->lock);
	}
	pool->threads--;
	/* Under the lock: worker_pool_free() may free the pool as soon as it can take it. */
	cond_signal(&pool->ended);
	mutex_unlock(&pool->lock);
	return NULL;
}

/*
 * A job wants a thread of its own unless an idle one is left for it: `waiting` counts jobs not taken yet, each of which
 * will take one of the idle.
 */
static void submit(struct worker_pool *pool, void (*run)(void *data), void *data)
{
	struct job *job = XNEW(struct job);
	pthread_t id;

	assert(!pool->ending || pool->threads);
	job->run = run;
	job->data = data;
	list_append(&pool->jobs, &job->link);
	pool->waiting++;
	if (pool->waiting > pool->idle && pool->threads < pool->max) {
		pool->threads++;
		if (start(&id, true, worker_main, pool) != 0) {
			/* The job waits for another thread; without any there is nobody who could run it. */
			pool->threads--;
			if (!pool->threads) {
				fprintf(stderr, "wherry: cannot start a thread for %s\n", pool->name);
				abort();
			}
		}
	}
	cond_signal(&pool->changed);
}

void worker_pool_submit(struct worker_pool *pool, void (*run)(void *data), void *data)
{
	MUTEX_GUARD(&pool->lock);

	submit(pool, run, data);
}

int worker_pool_try_submit(struct worker_pool *pool, size_t waiting_max, void (*run)(void *data), void *data)
{
	MUTEX_GUARD(&pool->lock);

	if (pool->waiting >= waiting_max && pool->waiting >= pool->idle && pool->threads >= pool->max)
		return -ERR_AGAIN;
	submit(pool, run, data);
	return 0;
}

unsigned worker_pool_threads(struct worker_pool *pool)
{
	MUTEX_GUARD(&pool->lock);

	return pool->threads;
}

struct worker_pool *worker_pool_free(struct worker_pool *pool)
{
	if (!pool)
		return NULL;
	mutex_lock(&pool->lock);
	pool->ending = true;
	cond_broadcast(&pool->changed);
	while (pool->threads)
		cond_wait(&pool->ended, &pool->lock);
	mutex_unlock(&pool->lock);
	mutex_release(&pool->lock);
	cond_release(&pool->changed);
	cond_release(&pool->ended);
	free(pool);
	return NULL;
}
