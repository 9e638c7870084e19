/* Waiting for a key of the store; see await.h. */
#include "apiserver/await.h"

#include "apiserver/server.h"
#include "base/clock.h"
#include "sys/thread.h"

/* Lives in the request's arena: the request goes on only when nothing can reach this any more. */
struct await {
	struct request *request;
	struct str key;
	int64_t deadline; /* monotonic */
	struct store_watch *watch;
	/* Over HTTP. */
	struct loop_timer timer;
	struct loop_call call;
	atomic_bool posted;
	/* In process. */
	struct mutex lock;
	struct cond changed;
	bool written; /* under lock */
};

static bool is_there(struct await *await)
{
	struct store_view *view = store_view_acquire(await->request->server->store);
	bool there = store_view_get(view, await->key);

	store_view_release(view);
	return there;
}

/* True: @wakeup will run once when the key is written.  False: it is there already, or cannot be watched. */
static bool watch_key(struct await *await, void (*wakeup)(void *data))
{
	struct store_watch_options options = {.scope = await->key, .wakeup = wakeup, .data = await};
	struct store_event event;
	struct error ignored = {0}; /* a watch from now on cannot have expired */
	int more;

	if (store_watch_open(await->request->server->store, &options, &await->watch, &ignored) < 0)
		return false;
	more = store_watch_next(await->watch, &event, &ignored);
	if (more > 0)
		store_event_release(&event);
	if (more == 0 && !is_there(await))
		return true;
	await->watch = store_watch_close(await->watch);
	return false;
}

/* --- Over HTTP, at home */

static void wake_home(void *data)
{
	struct await *await = data;

	atomic_store(&await->posted, true);
	loop_post_call(await->request->loop, &await->call);
}

static void on_written(struct loop_call *call)
{
	struct await *await = CONTAINER_OF(call, struct await, call);

	loop_timer_stop(&await->timer);
	await->watch = store_watch_close(await->watch);
	request_step_again(await->request);
}

static void on_timeout(struct loop_timer *timer)
{
	struct await *await = CONTAINER_OF(timer, struct await, timer);

	await->watch = store_watch_close(await->watch);
	/* Closed, the watch posts nothing more; what it has posted before is on its way, and goes on from there. */
	if (!atomic_load(&await->posted))
		request_step_again(await->request);
}

static void begin(struct request *request)
{
	struct await *await = request->await;

	await->call.run = on_written;
	loop_timer_init(&await->timer, request->loop, on_timeout);
	if (watch_key(await, wake_home) || atomic_load(&await->posted))
		loop_timer_start(&await->timer, await->deadline - clock_monotonic_ns(), 0);
	else
		request_step_again(request);
}

/* --- In process */

static void wake_caller(void *data)
{
	struct await *await = data;

	MUTEX_GUARD(&await->lock);
	await->written = true;
	cond_signal(&await->changed);
}

static void wait_here(struct await *await)
{
	mutex_init(&await->lock);
	cond_init(&await->changed);
	if (watch_key(await, wake_caller)) {
		mutex_lock(&await->lock);
		while (!await->written && cond_wait_until(&await->changed, &await->lock, await->deadline))
			;
		mutex_unlock(&await->lock);
		store_watch_close(await->watch);
	}
	cond_release(&await->changed);
	mutex_release(&await->lock);
}

enum step_result request_await(struct request *request, struct str key, int64_t patience)
{
	struct await *await = ARENA_NEW(&request->arena, struct await);

	assert(!request->awaited);
	await->request = request;
	await->key = arena_str(&request->arena, key);
	await->deadline = clock_monotonic_ns() + patience;
	request->await = await;
	request->awaited = true;
	request_metrics_waits(request);
	if (request->local) {
		wait_here(await);
		request->step--;
		return STEP_NEXT;
	}
	if (loop_is_current(request->loop))
		begin(request);
	else
		request->home->post(request, begin);
	return STEP_SUSPENDED;
}
