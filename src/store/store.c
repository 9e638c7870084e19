/*
 * The store put together: the queue writers hand their writes to, the committer's thread, and the calls of store.h
 * that only pass on.
 *
 * The thread sleeps on a condition until a write or a compaction comes, or until something expires or the window has
 * passed it.  A store that has been idle for longer than its window makes no system call.
 */
#include "store/store.h"

#include "base/clock.h"
#include "store/committer.h"
#include "store/open.h"

/* Between tries to delete what has expired while the back end takes no writes. */
#define DUE_RETRY_NS (10 * NS_PER_SEC)

struct store {
	struct committer committer;
	bool manual;
	struct thread *thread;
	struct mutex lock; /* guards what follows */
	struct cond ready;
	struct store_write *first, **last;
	uint64_t compact;
	bool woken; /* the back end has something to do */
	bool stopping;
};

/* --- The committer's thread --- */

/* How long until something expires or leaves the window, or -1. */
static int64_t due_delay(const struct committer *committer)
{
	int64_t due = committer_due(committer), delay;

	if (due == INT64_MAX)
		return -1;
	delay = due - committer_now(committer);
	/* Still due after a run: its deletion failed. */
	return delay <= 0 ? DUE_RETRY_NS : delay;
}

static bool nothing_to_do(const struct store *store)
{
	return !store->first && !store->compact && !store->woken && !store->stopping;
}

/* Takes what waits; the lock is held. */
static struct store_write *take_writes(struct store *store, uint64_t *ret_compact)
{
	*ret_compact = store->compact;
	store->compact = 0;
	store->woken = false;
	store->last = &store->first;
	return TAKE_PTR(store->first);
}

static void committer_thread(void *data)
{
	struct store *store = data;
	bool stopping = false, more = false;

	while (!stopping) {
		int64_t delay = due_delay(&store->committer);
		struct store_write *first;
		uint64_t compact;

		mutex_lock(&store->lock);
		if (nothing_to_do(store) && delay >= 0 && !more)
			cond_wait_until(&store->ready, &store->lock, clock_monotonic_ns() + delay);
		while (nothing_to_do(store) && delay < 0 && !more)
			cond_wait(&store->ready, &store->lock);
		first = take_writes(store, &compact);
		stopping = store->stopping && !first;
		mutex_unlock(&store->lock);
		more = committer_run(&store->committer, first, compact);
	}
}

static void wake_store(void *data)
{
	struct store *store = data;

	mutex_lock(&store->lock);
	store->woken = true;
	cond_signal(&store->ready);
	mutex_unlock(&store->lock);
}

/* --- Life --- */

struct store *store_new(struct store_backend *backend, const struct store_options *options)
{
	struct store *store = XNEW(struct store);

	committer_init(&store->committer, backend, options);
	backend->wake = wake_store;
	backend->wake_data = store;
	store->manual = options->manual;
	store->last = &store->first;
	mutex_init(&store->lock);
	cond_init(&store->ready);
	return store;
}

struct head *store_head(struct store *store)
{
	return &store->committer.head;
}

int store_start(struct store *store, struct error *err)
{
	head_publish(&store->committer.head);
	hub_init(&store->committer.hub, &store->committer.head);
	hub_publish(&store->committer.hub);
	store->woken = committer_tend(&store->committer);
	if (store->manual)
		return 0;
	return thread_start("store", committer_thread, store, &store->thread, err);
}

/* Frees a store whose thread does not run. */
struct store *store_free(struct store *store)
{
	committer_release(&store->committer);
	cond_release(&store->ready);
	mutex_release(&store->lock);
	free(store);
	return NULL;
}

struct store *store_open_memory(const struct store_options *options)
{
	struct store *store = store_new(backend_new_memory(), options);
	struct error err = {0};

	/* As in etcd, the empty store is at revision 1: on the wire 0 means "any". */
	head_load_done(&store->committer.head, 1);
	if (store_start(store, &err) < 0)
		return store_free(store);
	return store;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	if (store->manual) {
		store_run(store);
	} else {
		mutex_lock(&store->lock);
		store->stopping = true;
		cond_signal(&store->ready);
		mutex_unlock(&store->lock);
		thread_join(store->thread);
	}
	return store_free(store);
}

/* --- Writing --- */

void store_submit(struct store *store, struct store_write *write)
{
	write->next = NULL;
	mutex_lock(&store->lock);
	*store->last = write;
	store->last = &write->next;
	cond_signal(&store->ready);
	mutex_unlock(&store->lock);
}

void store_run(struct store *store)
{
	struct store_write *first;
	uint64_t compact;
	bool more;

	assert(store->manual);
	do {
		mutex_lock(&store->lock);
		first = take_writes(store, &compact);
		mutex_unlock(&store->lock);
		more = committer_run(&store->committer, first, compact);
	} while (first || more);
}

struct waiter {
	struct mutex lock;
	struct cond finished;
	bool done;
	char message[ERROR_MESSAGE_SIZE];
};

static void wake_waiter(struct store_write *write)
{
	struct waiter *waiter = write->data;

	mutex_lock(&waiter->lock);
	snprintf(waiter->message, sizeof(waiter->message), "%s", write->message ? write->message : "");
	write->record = NULL;
	waiter->done = true;
	cond_signal(&waiter->finished);
	mutex_unlock(&waiter->lock);
}

int store_commit(struct store *store, struct store_write *write, struct error *err)
{
	struct waiter waiter = {0};
	void *data = write->data;

	assert(!write->done);
	mutex_init(&waiter.lock);
	cond_init(&waiter.finished);
	write->done = wake_waiter;
	write->data = &waiter;
	store_submit(store, write);
	if (store->manual)
		store_run(store);
	mutex_lock(&waiter.lock);
	while (!waiter.done)
		cond_wait(&waiter.finished, &waiter.lock);
	mutex_unlock(&waiter.lock);
	cond_release(&waiter.finished);
	mutex_release(&waiter.lock);
	write->done = NULL;
	write->data = data;
	write->message = NULL;
	if (write->result < 0)
		return error_set(err, (enum error_code) - write->result, "%s", waiter.message);
	return 0;
}

void store_compact(struct store *store, uint64_t revision)
{
	mutex_lock(&store->lock);
	store->compact = MAX(store->compact, revision);
	cond_signal(&store->ready);
	mutex_unlock(&store->lock);
	if (store->manual)
		store_run(store);
}

/* --- Reading and watching --- */

struct store_view *store_view_acquire(struct store *store)
{
	return view_chain_acquire(&store->committer.head.views);
}

const struct store_record *store_get(struct store *store, struct str key)
{
	struct store_view *view = store_view_acquire(store);
	const struct store_record *record = store_view_get(view, key);

	if (record)
		store_record_ref(record);
	store_view_release(view);
	return record;
}

uint64_t store_current_revision(struct store *store)
{
	struct store_view *view = store_view_acquire(store);
	uint64_t revision = view->revision;

	store_view_release(view);
	return revision;
}

bool store_barrier(struct store *store UNUSED, void (*done)(void *data, enum error_code code) UNUSED, void *data UNUSED)
{
	/* Writes are acknowledged after they are published, and nobody else writes. */
	return true;
}

int store_watch_open(struct store *store, const struct store_watch_options *options, struct store_watch **ret,
		     struct error *err)
{
	return hub_watch_open(&store->committer.hub, options, ret, err);
}

void store_stats(struct store *store, struct store_stats *ret)
{
	struct committer *committer = &store->committer;
	struct store_view *view = store_view_acquire(store);

	*ret = (struct store_stats){.revision = view->revision,
				    .oldest = view->oldest,
				    .keys = trie_count(&view->trie),
				    .commits = committer->commits,
				    .batches = committer->batches,
				    .failed = committer->backend->failed};
	store_view_release(view);
	mutex_lock(&committer->hub.lock);
	ret->watches = committer->hub.watches;
	ret->history = committer->head.history.len;
	ret->objects = committer->head.objects;
	ret->objects_size = committer->head.objects_size;
	mutex_unlock(&committer->hub.lock);
	committer->backend->ops->stats(committer->backend, ret);
}
