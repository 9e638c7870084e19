/*
 * Informers; see informer.h.
 *
 * Events arrive on a thread of the transport's and are posted to the loop, each with a reference to the feed it belongs
 * to. A feed is one watch's life: when the watch is replaced or the informer ends, the loop cuts the feed off from its
 * informer and whatever it still had under way is dropped on arrival.  Only the loop thread touches an informer.
 */
#include "client/informer.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "client/metadata.h"
#include "client/reconnect.h"
#include "sys/loop.h"

#define RETRY_BASE_NS  (100 * NS_PER_MS)
#define RETRY_MAX_NS   (10 * NS_PER_SEC)
#define RETRY_RESET_NS (30 * NS_PER_SEC)

/* Objects found under one value of an index. */
struct bucket {
	struct str value; /* follows the struct */
	struct list postings;
};

/* One object's place in one bucket. */
struct posting {
	struct list link; /* the bucket's */
	struct bucket *bucket;
	struct entry *entry;
	struct posting *next; /* of the same entry */
	int index;
};

/* Each state of an object has an entry of its own. */
struct entry {
	struct str key;	       /* follows the struct */
	struct object *object; /* NULL: its metadata is packed, behind the key */
	struct posting *postings;
	struct list waits; /* for its deletion */
	uint64_t revision;
	uint32_t packed_len;
	uint32_t epoch; /* of the last initial state it was in */
};

/* Objects made for those who look at packed ones, until the loop turns. */
struct loans {
	struct arena arena; /* holds the references */
	struct loop_defer end;
};

struct index {
	informer_index_fn *values;
	struct map buckets;
};

struct feed {
	struct watch_sink sink;
	atomic_uint references;
	struct informer *informer; /* NULL once cut off; loop thread */
	struct loop *loop;
	bool metadata_only;
};

struct delivery {
	struct loop_call call;
	struct feed *feed;
	struct object *object;
	uint64_t revision;
	enum watch_event_type type;
	bool initial_end;
	bool closed;
	struct error err;
};

struct informer {
	struct informer_config config;
	struct list handlers;
	struct map entries;
	struct index *indexes;
	size_t indexes_len;
	struct loans *loans;
	struct heap waits; /* for a revision, the lowest first */
	uint64_t revision;
	uint32_t epoch;	 /* raised at each start from nothing */
	bool in_initial; /* between such a start and its end mark */
	bool synced;
	struct feed *feed;
	struct transport_watch *watch;
	struct loop_timer retry;
	struct reconnect reconnect;
	struct random_source random;
};

static void feed_unref(struct feed *feed)
{
	if (atomic_fetch_sub_explicit(&feed->references, 1, memory_order_acq_rel) == 1)
		free(feed);
}

static struct str own_str(void *memory, struct str s)
{
	char *copy = memory;

	if (s.len)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return (struct str){copy, s.len};
}

static struct str key_of(struct str namespace, struct str name, struct arena *arena)
{
	if (str_empty(namespace))
		return name;
	return arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
}

/* --- Cache and indexes --------------------------------------------------------------------------------------- */

static struct entry *entry_new(const struct informer *informer, struct str key, struct object *object)
{
	struct buf cleanup_buf packed;
	struct entry *entry;

	buf_init(&packed, LIMIT_OBJECT);
	if (informer->config.metadata_only)
		metadata_pack(object, &packed);
	entry = xmalloc(sizeof(*entry) + key.len + 1 + packed.len);
	*entry = (struct entry){.key = own_str(entry + 1, key),
				.revision = object->revision,
				.packed_len = (uint32_t)packed.len,
				.epoch = informer->epoch};
	if (packed.len)
		memcpy((char *)(entry + 1) + key.len + 1, packed.data, packed.len);
	else
		entry->object = object_ref(object);
	list_init(&entry->waits);
	return entry;
}

static void entry_free(struct entry *entry)
{
	object_unref(entry->object);
	free(entry);
}

/* A reference to the object, or to one made of what is packed. */
static struct object *entry_open(const struct entry *entry)
{
	struct str namespace, name;

	if (entry->object)
		return object_ref(entry->object);
	object_key_split(entry->key, &namespace, &name);
	return metadata_unpack(namespace, name, entry->revision,
			       (struct str){entry->key.data + entry->key.len + 1, entry->packed_len});
}

static void drop_object(void *object)
{
	object_unref(object);
}

static void end_loans(struct loop_defer *defer)
{
	arena_release(&CONTAINER_OF(defer, struct loans, end)->arena);
}

/* The object, borrowed until the loop turns. */
static struct object *entry_lend(const struct informer *informer, const struct entry *entry)
{
	struct object *object;

	if (entry->object)
		return entry->object;
	object = entry_open(entry);
	arena_defer(&informer->loans->arena, drop_object, object);
	loop_defer(&informer->loans->end);
	return object;
}

static void entry_unindex(struct informer *informer, struct entry *entry)
{
	while (entry->postings) {
		struct posting *posting = entry->postings;
		struct bucket *bucket = posting->bucket;

		entry->postings = posting->next;
		list_remove(&posting->link);
		if (list_empty(&bucket->postings)) {
			map_remove(&informer->indexes[posting->index].buckets, bucket->value);
			free(bucket);
		}
		free(posting);
	}
}

static struct bucket *bucket_of(struct index *index, struct str value)
{
	struct bucket *bucket = map_get(&index->buckets, value);

	if (!bucket) {
		bucket = xmalloc(sizeof(*bucket) + value.len + 1);
		bucket->value = own_str(bucket + 1, value);
		list_init(&bucket->postings);
		map_set(&index->buckets, bucket->value, bucket);
	}
	return bucket;
}

static void entry_index(struct informer *informer, struct entry *entry, const struct object *object)
{
	struct arena cleanup_arena arena = {0};

	for (size_t i = 0; i < informer->indexes_len; i++) {
		struct informer_keys values = {.arena = &arena};

		informer->indexes[i].values(object, &values);
		SLICE_FOREACH (value, values.found) {
			struct posting *posting = XNEW(struct posting);

			posting->bucket = bucket_of(&informer->indexes[i], *value);
			posting->entry = entry;
			posting->index = (int)i;
			posting->next = entry->postings;
			entry->postings = posting;
			list_append(&posting->bucket->postings, &posting->link);
		}
	}
}

/* Does @object, the present state or NULL, show the deletion of @uid? */
static bool shows_deletion(const struct object *object, struct str uid)
{
	return !object || object->meta->deletion_timestamp || (!str_empty(uid) && !str_eq(object->meta->uid, uid));
}

/* Ends those of @waits that @object shows to be over. */
static void end_deletion_waits(struct list *waits, const struct object *object)
{
	LIST_FOREACH_SAFE (struct informer_wait, wait, waits, link) {
		if (!shows_deletion(object, wait->uid))
			continue;
		list_remove(&wait->link);
		wait->shown(wait);
	}
}

static void tell_changed(struct informer *informer, struct object *old, struct object *new_)
{
	LIST_FOREACH_SAFE (struct informer_handler, handler, &informer->handlers, link)
		handler->changed(handler, old, new_);
}

static void cache_put(struct informer *informer, struct str key, struct object *object)
{
	struct entry *entry = entry_new(informer, key, object);
	struct entry *before = map_set(&informer->entries, entry->key, entry);

	if (before) {
		entry_unindex(informer, before);
		list_splice(&entry->waits, &before->waits);
	}
	entry_index(informer, entry, object);
	if (!before || before->revision != object->revision) {
		struct object cleanup_object *old = before ? entry_open(before) : NULL;

		tell_changed(informer, old, object);
	}
	end_deletion_waits(&entry->waits, object);
	if (before)
		entry_free(before);
}

static void cache_remove(struct informer *informer, struct entry *entry, struct object *last)
{
	struct object cleanup_object *old = last ? object_ref(last) : entry_open(entry);

	map_remove(&informer->entries, entry->key);
	entry_unindex(informer, entry);
	tell_changed(informer, old, NULL);
	end_deletion_waits(&entry->waits, NULL);
	entry_free(entry);
}

/* After a start from nothing: what the new initial state did not have is gone. */
static void cache_sweep(struct informer *informer)
{
	VEC_OF(struct entry *) stale = {0};
	struct arena cleanup_arena arena = {0};

	MAP_FOREACH (it, &informer->entries) {
		struct entry *entry = it->value;

		if (entry->epoch != informer->epoch)
			vec_push(&arena, &stale, entry);
	}
	SLICE_FOREACH (entry, stale)
		cache_remove(informer, *entry, NULL);
}

static void cache_release(struct informer *informer)
{
	MAP_FOREACH (it, &informer->entries) {
		struct entry *entry = it->value;

		entry_unindex(informer, entry);
		entry_free(entry);
	}
	map_release(&informer->entries);
	for (size_t i = 0; i < informer->indexes_len; i++)
		map_release(&informer->indexes[i].buckets);
	free(informer->indexes);
}

/* --- Events, on the loop ------------------------------------------------------------------------------------- */

static void advance(struct informer *informer, uint64_t revision)
{
	if (revision <= informer->revision)
		return;
	informer->revision = revision;
	while (informer->waits.len) {
		struct informer_wait *wait =
			CONTAINER_OF(heap_peek(&informer->waits), struct informer_wait, by_revision);

		if (wait->revision > revision)
			return;
		heap_pop(&informer->waits);
		wait->shown(wait);
	}
}

static void end_initial(struct informer *informer)
{
	bool first = !informer->synced;

	cache_sweep(informer);
	informer->in_initial = false;
	informer->synced = true;
	if (!first)
		return;
	LIST_FOREACH_SAFE (struct informer_handler, handler, &informer->handlers, link)
		if (handler->synced)
			handler->synced(handler);
}

static void on_event(struct informer *informer, struct delivery *delivery)
{
	struct arena cleanup_arena arena = {0};
	struct str key = delivery->object ? object_key(delivery->object, &arena) : STR_EMPTY;
	struct entry *entry;

	reconnect_connected(&informer->reconnect, clock_monotonic_ns());
	switch (delivery->type) {
	case WATCH_ADDED:
	case WATCH_MODIFIED:
		cache_put(informer, key, delivery->object);
		break;
	case WATCH_DELETED:
		entry = map_get(&informer->entries, key);
		if (entry)
			cache_remove(informer, entry, delivery->object);
		break;
	case WATCH_BOOKMARK:
	case WATCH_EVENT_MAX:
		break;
	}
	if (delivery->initial_end && informer->in_initial)
		end_initial(informer);
	/* Initial objects come in the order of keys: only the end mark says how far the state is. */
	if (!informer->in_initial)
		advance(informer, delivery->revision);
}

static void start_watch(struct informer *informer);

static void on_retry(struct loop_timer *timer)
{
	start_watch(CONTAINER_OF(timer, struct informer, retry));
}

static void drop_watch(struct informer *informer)
{
	if (informer->watch)
		informer->config.transport->ops->watch_close(TAKE_PTR(informer->watch));
	if (informer->feed) {
		informer->feed->informer = NULL;
		feed_unref(TAKE_PTR(informer->feed));
	}
}

static void on_closed(struct informer *informer, const struct error *err)
{
	int64_t delay;

	drop_watch(informer);
	if (err->code == ERR_EXPIRED || err->code == ERR_GONE || informer->in_initial)
		informer->revision = 0;
	delay = reconnect_failed(&informer->reconnect, clock_monotonic_ns(), &informer->random);
	log_debug("watch ended", "resource=" STR_FMT " code=%s message=\"%s\" retry_ms=%lld",
		  STR_ARG(informer->config.resource->plural), error_code_reason(err->code), err->message,
		  (long long)(delay / NS_PER_MS));
	loop_timer_start(&informer->retry, delay, 0);
}

static void on_delivery(struct loop_call *call)
{
	struct delivery *delivery = CONTAINER_OF(call, struct delivery, call);
	struct informer *informer = delivery->feed->informer;

	if (informer && delivery->closed)
		on_closed(informer, &delivery->err);
	else if (informer)
		on_event(informer, delivery);
	object_unref(delivery->object);
	feed_unref(delivery->feed);
	free(delivery);
}

/* --- The sink, on the transport's thread --------------------------------------------------------------------- */

static void post(struct feed *feed, struct delivery delivery)
{
	struct delivery *copy = xmemdup(&delivery, sizeof(delivery));

	copy->feed = feed;
	atomic_fetch_add_explicit(&feed->references, 1, memory_order_relaxed);
	copy->call.run = on_delivery;
	loop_post_call(feed->loop, &copy->call);
}

static void sink_event(struct watch_sink *sink, enum watch_event_type type, struct object *object, uint64_t revision,
		       bool initial_end)
{
	struct feed *feed = CONTAINER_OF(sink, struct feed, sink);

	/* What is not kept need not wait for the loop either. */
	if (object)
		object = feed->metadata_only ? metadata_of(object) : object_ref(object);
	post(feed, (struct delivery){.object = object, .revision = revision, .type = type, .initial_end = initial_end});
}

static void sink_closed(struct watch_sink *sink, const struct error *err)
{
	post(CONTAINER_OF(sink, struct feed, sink), (struct delivery){.closed = true, .err = *err});
}

static void start_watch(struct informer *informer)
{
	struct api_request request = {.operation = API_LIST,
				      .resource = informer->config.resource,
				      .namespace = informer->config.namespace,
				      .label_selector = informer->config.label_selector,
				      .field_selector = informer->config.field_selector,
				      .metadata_only = informer->config.metadata_only};
	struct transport *transport = informer->config.transport;
	struct error err = {0};

	if (informer->revision == 0) {
		informer->epoch++;
		informer->in_initial = true;
	}
	informer->feed = XNEW(struct feed);
	*informer->feed = (struct feed){.sink = {sink_event, sink_closed},
					.informer = informer,
					.loop = informer->config.loop,
					.metadata_only = informer->config.metadata_only};
	atomic_init(&informer->feed->references, 1);
	if (transport->ops->watch(transport, &request, informer->revision, &informer->feed->sink, &informer->watch,
				  &err) < 0)
		on_closed(informer, &err);
}

/* --- Interface ----------------------------------------------------------------------------------------------- */

static bool waits_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, struct informer_wait, by_revision)->revision <
	       CONTAINER_OF(b, struct informer_wait, by_revision)->revision;
}

struct informer *informer_new(const struct informer_config *config)
{
	struct informer *informer = XNEW(struct informer);

	informer->config = *config;
	informer->loans = XNEW(struct loans);
	loop_defer_init(&informer->loans->end, config->loop, end_loans);
	list_init(&informer->handlers);
	heap_init(&informer->waits, waits_before);
	random_bytes(&informer->random, sizeof(informer->random));
	reconnect_init(&informer->reconnect, RETRY_BASE_NS, RETRY_MAX_NS, RETRY_RESET_NS);
	loop_timer_init(&informer->retry, config->loop, on_retry);
	return informer;
}

struct informer *informer_free(struct informer *informer)
{
	if (!informer)
		return NULL;
	drop_watch(informer);
	loop_timer_stop(&informer->retry);
	loop_defer_cancel(&informer->loans->end);
	end_loans(&informer->loans->end);
	free(informer->loans);
	cache_release(informer);
	heap_release(&informer->waits);
	free(informer);
	return NULL;
}

int informer_add_index(struct informer *informer, informer_index_fn *index)
{
	assert(!informer->feed && informer->entries.len == 0);
	informer->indexes = xrealloc_array(informer->indexes, informer->indexes_len + 1, sizeof(*informer->indexes));
	informer->indexes[informer->indexes_len] = (struct index){.values = index};
	return (int)informer->indexes_len++;
}

void informer_add_handler(struct informer *informer, struct informer_handler *handler)
{
	list_append(&informer->handlers, &handler->link);
	INFORMER_FOREACH(it, informer)
	handler->changed(handler, NULL, it->object);
	if (informer->synced && handler->synced)
		handler->synced(handler);
}

void informer_keep_whole(struct informer *informer)
{
	assert(!informer->feed && informer->entries.len == 0);
	informer->config.metadata_only = false;
}

void informer_start(struct informer *informer)
{
	start_watch(informer);
}

bool informer_synced(const struct informer *informer)
{
	return informer->synced;
}

uint64_t informer_revision(const struct informer *informer)
{
	return informer->revision;
}

bool informer_wait_revision(struct informer *informer, struct informer_wait *wait, uint64_t revision)
{
	if (informer->revision >= revision)
		return false;
	wait->revision = revision;
	wait->by_revision = (struct heap_node){0};
	heap_push(&informer->waits, &wait->by_revision);
	return true;
}

bool informer_wait_deletion(struct informer *informer, struct informer_wait *wait, struct str key, struct str uid)
{
	struct entry *entry = map_get(&informer->entries, key);

	if (!entry || shows_deletion(entry_lend(informer, entry), uid))
		return false;
	wait->uid = uid;
	list_append(&entry->waits, &wait->link);
	return true;
}

const struct informer_config *informer_config(const struct informer *informer)
{
	return &informer->config;
}

const struct resource *informer_resource(const struct informer *informer)
{
	return informer->config.resource;
}

size_t informer_len(const struct informer *informer)
{
	return informer->entries.len;
}

struct object *informer_get(const struct informer *informer, struct str key)
{
	const struct entry *entry = map_get(&informer->entries, key);

	return entry ? entry_lend(informer, entry) : NULL;
}

struct object *informer_get_named(const struct informer *informer, struct str namespace, struct str name)
{
	struct arena cleanup_arena arena = {0};

	return informer_get(informer, key_of(namespace, name, &arena));
}

bool informer_next(const struct informer *informer, struct informer_cursor *cursor)
{
	const struct map_entry *last = cursor->place;
	const struct map_entry *next = map_next(&informer->entries, last ? last + 1 : NULL);

	if (!next)
		return false;
	cursor->place = next;
	cursor->object = entry_lend(informer, next->value);
	return true;
}

bool informer_next_indexed(const struct informer *informer, int index, struct str value, struct informer_cursor *cursor)
{
	const struct posting *posting = cursor->place;
	const struct bucket *bucket;
	const struct list *next;

	assert(index >= 0 && (size_t)index < informer->indexes_len);
	bucket = posting ? posting->bucket : map_get(&informer->indexes[index].buckets, value);
	if (!bucket)
		return false;
	next = posting ? posting->link.next : bucket->postings.next;
	if (next == &bucket->postings)
		return false;
	posting = LIST_ENTRY(next, const struct posting, link);
	cursor->place = posting;
	cursor->object = entry_lend(informer, posting->entry);
	return true;
}

void informer_keys_add(struct informer_keys *keys, struct str key)
{
	if (keys->found.len < LIMIT_OBJECT_KEYS) {
		vec_push(keys->arena, &keys->found, key);
		return;
	}
	if (!keys->full)
		log_error("an object has too many keys, the rest is dropped", "limit=%d last=" STR_FMT,
			  LIMIT_OBJECT_KEYS, STR_ARG(key));
	keys->full = true;
}

void informer_keys_add_named(struct informer_keys *keys, struct str namespace, struct str name)
{
	informer_keys_add(keys, key_of(namespace, name, keys->arena));
}

struct str object_key(const struct object *object, struct arena *arena)
{
	return key_of(object->meta->namespace, object->meta->name, arena);
}

void object_key_split(struct str key, struct str *ret_namespace, struct str *ret_name)
{
	if (!str_cut(key, '/', ret_namespace, ret_name)) {
		*ret_namespace = STR_EMPTY;
		*ret_name = key;
	}
}
