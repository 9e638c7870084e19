/* The watch hub; see hub.h. */
#include "store/hub.h"

#include "base/limits.h"
#include "store/record.h"

#define CATCH_UP_STEP 4096 /* entries of the history read in one holding of the lock */

struct hub_scope {
	struct list watches;
	size_t key_len;
	char key[];
};

struct queued {
	const struct store_record *record, *previous;
};

enum watch_state { WATCH_CATCHING_UP, WATCH_LIVE, WATCH_EXPIRED };

struct store_watch {
	struct hub *hub;
	struct str scope, topic; /* in `bytes` */
	void (*wakeup)(void *data);
	void *data;
	struct list link; /* of a hub_scope, while LIVE */
	struct hub_scope *in;
	uint64_t cursor;   /* while CATCHING_UP: everything up to here has been queued or returned */
	uint64_t progress; /* of the consumer */

	struct mutex lock;
	enum watch_state state;
	bool armed;
	struct queued *queue; /* a ring */
	size_t first, len, cap;
	char bytes[];
};

void hub_init(struct hub *hub, struct head *head)
{
	*hub = (struct hub){.head = head, .oldest = head->oldest};
	mutex_init(&hub->lock);
	atomic_init(&hub->revision, head->revision);
}

void hub_release(struct hub *hub)
{
	assert(hub->watches == 0);
	map_release(&hub->scopes);
	mutex_release(&hub->lock);
}

/* --- The index --- */

/* The index key of a scope and a topic, in @out, which has room for both and a NUL. */
static struct str index_key(struct str scope, struct str topic, char *out)
{
	memcpy(out, scope.data ? scope.data : "", scope.len);
	if (!topic.len)
		return (struct str){out, scope.len};
	out[scope.len] = '\0';
	memcpy(out + scope.len + 1, topic.data, topic.len);
	return (struct str){out, scope.len + 1 + topic.len};
}

static void index_add(struct hub *hub, struct store_watch *watch)
{
	char bytes[2 * LIMIT_STORE_KEY + 1];
	struct str key = index_key(watch->scope, watch->topic, bytes);
	struct hub_scope *scope = map_get(&hub->scopes, key);

	if (!scope) {
		scope = xmalloc(sizeof(*scope) + key.len);
		list_init(&scope->watches);
		scope->key_len = key.len;
		memcpy(scope->key, key.data, key.len);
		map_set(&hub->scopes, (struct str){scope->key, scope->key_len}, scope);
	}
	list_append(&scope->watches, &watch->link);
	watch->in = scope;
	hub->topics += watch->topic.len > 0;
}

static void index_remove(struct hub *hub, struct store_watch *watch)
{
	struct hub_scope *scope = TAKE_PTR(watch->in);

	if (!scope)
		return;
	list_remove(&watch->link);
	hub->topics -= watch->topic.len > 0;
	if (list_empty(&scope->watches)) {
		map_remove(&hub->scopes, (struct str){scope->key, scope->key_len});
		free(scope);
	}
}

/* --- The committer's side --- */

static void queue_push(struct store_watch *watch, const struct store_record *record)
{
	if (watch->len == watch->cap) {
		size_t cap = watch->cap ? MIN(watch->cap * 2, LIMIT_WATCH_EVENTS) : 4;
		struct queued *queue = xcalloc(cap, sizeof(*queue));

		for (size_t i = 0; i < watch->len; i++)
			queue[i] = watch->queue[(watch->first + i) % watch->cap];
		free(watch->queue);
		watch->queue = queue;
		watch->cap = cap;
		watch->first = 0;
	}
	watch->queue[(watch->first + watch->len++) % watch->cap] =
		(struct queued){store_record_ref(record), record->older ? store_record_ref(record->older) : NULL};
}

/* Queues an event for a live watch; true when it has to be woken. */
static bool watch_offer(struct store_watch *watch, const struct store_record *record, bool *ret_lags)
{
	bool wake = false;

	mutex_lock(&watch->lock);
	*ret_lags = watch->len == LIMIT_WATCH_EVENTS;
	if (*ret_lags) {
		watch->state = WATCH_CATCHING_UP;
		watch->cursor = record->revision - 1;
	} else {
		queue_push(watch, record);
		wake = watch->armed;
		watch->armed = false;
	}
	mutex_unlock(&watch->lock);
	return wake;
}

static void tell_scope(struct hub *hub, struct str key, const struct store_record *record)
{
	struct hub_scope *scope = map_get(&hub->scopes, key);
	struct list *next;

	if (!scope)
		return;
	/* The last watch to leave frees the scope, so the end is known before each step. */
	for (struct list *link = scope->watches.next, *end = &scope->watches; link != end; link = next) {
		struct store_watch *watch = LIST_ENTRY(link, struct store_watch, link);
		bool lags;

		next = link->next;
		if (watch_offer(watch, record, &lags))
			watch->wakeup(watch->data);
		if (lags)
			index_remove(hub, watch);
	}
}

static void tell_topic(struct hub *hub, struct str scope, struct str topic, const struct store_record *record)
{
	char bytes[2 * LIMIT_STORE_KEY + 1];

	if (topic.len)
		tell_scope(hub, index_key(scope, topic, bytes), record);
}

/* Tells the watches of one scope, with and without topic. */
static void tell(struct hub *hub, struct str scope, const struct store_record *record)
{
	tell_scope(hub, scope, record);
	if (hub->topics) {
		struct str now = store_record_topic(record);
		struct str before = record->older ? store_record_topic(record->older) : STR_EMPTY;

		tell_topic(hub, scope, now, record);
		if (!str_eq(now, before))
			tell_topic(hub, scope, before, record);
	}
}

static void dispatch(struct hub *hub, const struct store_record *record)
{
	struct str key = store_record_key(record);

	tell(hub, STR_EMPTY, record);
	for (size_t i = 0; i < key.len; i++) {
		if (key.data[i] == '/')
			tell(hub, (struct str){key.data, i + 1}, record);
	}
	if (key.len && key.data[key.len - 1] != '/')
		tell(hub, key, record);
}

void hub_publish(struct hub *hub)
{
	struct head *head = hub->head;
	size_t added;

	mutex_lock(&hub->lock);
	head_move_history(head, &added);
	hub->oldest = head->oldest;
	if (hub->scopes.len) {
		for (size_t i = head->history.len - added; i < head->history.len; i++)
			dispatch(hub, history_at(&head->history, i)->record);
	}
	atomic_store_explicit(&hub->revision, head->revision, memory_order_release);
	mutex_unlock(&hub->lock);
}

/* --- The consumer's side --- */

int hub_watch_open(struct hub *hub, const struct store_watch_options *options, struct store_watch **ret,
		   struct error *err)
{
	struct str scope = options->scope, topic = options->topic;
	struct store_watch *watch;
	int r = 0;

	if (scope.len > LIMIT_STORE_KEY || topic.len > LIMIT_STORE_KEY)
		return error_set(err, ERR_TOO_LARGE, "a watch's scope is longer than %d bytes", LIMIT_STORE_KEY);
	watch = xcalloc(1, sizeof(*watch) + scope.len + topic.len);
	memcpy(watch->bytes, scope.data ? scope.data : "", scope.len);
	memcpy(watch->bytes + scope.len, topic.data ? topic.data : "", topic.len);
	watch->scope = (struct str){watch->bytes, scope.len};
	watch->topic = (struct str){watch->bytes + scope.len, topic.len};
	watch->hub = hub;
	watch->wakeup = options->wakeup;
	watch->data = options->data;
	mutex_init(&watch->lock);
	list_init(&watch->link);

	mutex_lock(&hub->lock);
	watch->cursor = options->revision ? options->revision : hub->revision;
	watch->progress = watch->cursor;
	if (options->revision)
		r = head_check_revision(hub->head, options->revision, hub->oldest, hub->revision, err);
	if (r == 0) {
		hub->watches++;
		if (watch->cursor == hub->revision) {
			watch->state = WATCH_LIVE;
			watch->armed = true;
			index_add(hub, watch);
		}
	}
	mutex_unlock(&hub->lock);
	if (r < 0) {
		mutex_release(&watch->lock);
		free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

struct store_watch *store_watch_close(struct store_watch *watch)
{
	if (!watch)
		return NULL;
	mutex_lock(&watch->hub->lock);
	index_remove(watch->hub, watch);
	watch->hub->watches--;
	mutex_unlock(&watch->hub->lock);
	for (size_t i = 0; i < watch->len; i++) {
		struct queued *queued = &watch->queue[(watch->first + i) % watch->cap];

		store_record_unref(queued->record);
		store_record_unref(queued->previous);
	}
	free(watch->queue);
	mutex_release(&watch->lock);
	free(watch);
	return NULL;
}

static void fill_event(struct store_event *event, const struct store_record *record,
		       const struct store_record *previous)
{
	bool was = previous && !previous->deleted;

	*event = (struct store_event){.revision = record->revision, .record = record};
	if (record->deleted)
		event->type = STORE_EVENT_DELETED;
	else
		event->type = was ? STORE_EVENT_MODIFIED : STORE_EVENT_CREATED;
	if (was)
		event->previous = previous;
	else
		store_record_unref(previous);
}

void store_event_release(struct store_event *event)
{
	store_record_unref(event->record);
	store_record_unref(event->previous);
	*event = (struct store_event){0};
}

/* What is in the queue: 1; nothing there: 0, and *ret_state says why. */
static int next_queued(struct store_watch *watch, struct store_event *ret, enum watch_state *ret_state)
{
	struct queued queued = {0};

	mutex_lock(&watch->lock);
	*ret_state = watch->state;
	if (watch->len) {
		queued = watch->queue[watch->first];
		watch->first = (watch->first + 1) % watch->cap;
		watch->len--;
	} else if (watch->state == WATCH_LIVE) {
		watch->armed = true;
		/* An idle watch keeps no more than a few slots. */
		if (watch->cap > 64) {
			free(TAKE_PTR(watch->queue));
			watch->cap = watch->first = 0;
		}
	}
	mutex_unlock(&watch->lock);
	if (!queued.record)
		return 0;
	fill_event(ret, queued.record, queued.previous);
	return 1;
}

static bool scope_selects(const struct store_watch *watch, struct str key)
{
	struct str scope = watch->scope;

	if (scope.len == 0 || scope.data[scope.len - 1] == '/')
		return str_has_prefix(key, scope);
	return str_eq(key, scope);
}

static bool watch_selects(const struct store_watch *watch, const struct store_record *record)
{
	if (!scope_selects(watch, store_record_key(record)))
		return false;
	return !watch->topic.len || str_eq(store_record_topic(record), watch->topic) ||
	       (record->older && str_eq(store_record_topic(record->older), watch->topic));
}

/* Where in the history the first entry after @revision is. */
static size_t history_after(const struct history *history, uint64_t revision)
{
	size_t low = 0, high = history->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (history_at(history, middle)->record->revision > revision)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void set_state(struct store_watch *watch, enum watch_state state)
{
	mutex_lock(&watch->lock);
	watch->state = state;
	watch->armed = state == WATCH_LIVE;
	mutex_unlock(&watch->lock);
}

/* One holding of the lock's worth of history; under the lock.  1: an event, 0: go on, or the state has changed. */
static int catch_up_step(struct store_watch *watch, struct store_event *ret)
{
	struct hub *hub = watch->hub;
	const struct history *history = &hub->head->history;
	size_t i, end;

	if (watch->cursor < hub->oldest) {
		set_state(watch, WATCH_EXPIRED);
		return 0;
	}
	i = history_after(history, watch->cursor);
	end = MIN(history->len, i + CATCH_UP_STEP);
	for (; i < end; i++) {
		const struct store_record *record = history_at(history, i)->record;

		watch->cursor = record->revision;
		if (watch_selects(watch, record)) {
			store_record_ref(record);
			fill_event(ret, record, record->older ? store_record_ref(record->older) : NULL);
			return 1;
		}
	}
	if (end == history->len) {
		watch->cursor = hub->revision;
		index_add(hub, watch);
		set_state(watch, WATCH_LIVE);
	}
	return 0;
}

int store_watch_next(struct store_watch *watch, struct store_event *ret, struct error *err)
{
	for (;;) {
		/* Read before the queue: if that is empty then, everything up to here has been returned. */
		uint64_t revision = atomic_load_explicit(&watch->hub->revision, memory_order_acquire);
		enum watch_state state;
		int r = next_queued(watch, ret, &state);

		if (r == 0 && state == WATCH_CATCHING_UP) {
			mutex_lock(&watch->hub->lock);
			r = catch_up_step(watch, ret);
			mutex_unlock(&watch->hub->lock);
			if (r == 0)
				continue;
		}
		if (r > 0) {
			watch->progress = ret->revision;
			return 1;
		}
		if (state == WATCH_EXPIRED)
			return error_set(err, ERR_EXPIRED, "too old resource version: the watch is too far behind");
		watch->progress = MAX(watch->progress, revision);
		return 0;
	}
}

uint64_t store_watch_progress(const struct store_watch *watch)
{
	return watch->progress;
}
