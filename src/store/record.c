/* Records; see record.h. */
#include "store/record.h"

#include <sched.h>

#define OBJECT_LOCK ((uintptr_t)1)

void store_extent_unref(struct store_extent *extent)
{
	if (extent && atomic_fetch_sub_explicit(&extent->refs, 1, memory_order_acq_rel) == 1)
		extent->free(extent);
}

static uint64_t bytes_of(const struct store_record *record)
{
	return (uint64_t)record->key_len + record->topic_len + record->header_len + record->value_len;
}

static void set_parts(struct store_record *record, const struct store_record_parts *parts,
		      const struct store_objects *objects)
{
	record->revision = parts->revision;
	record->create_revision = parts->create_revision;
	record->key_len = (uint16_t)parts->key.len;
	record->topic_len = (uint16_t)parts->topic.len;
	record->header_len = (uint32_t)parts->header.len;
	record->value_len = (uint32_t)parts->value.len;
	record->deleted = parts->deleted;
	record->objects = objects;
	record->older = NULL;
	record->expiry = NULL;
	record->object_size = 0;
	atomic_init(&record->refs, 1);
	atomic_init(&record->object, 0);
}

static char *put(char *p, struct str s)
{
	if (s.len)
		memcpy(p, s.data, s.len);
	p[s.len] = '\0';
	return p + s.len + 1;
}

struct store_record *store_record_new(const struct store_record_parts *parts, const struct store_objects *objects)
{
	size_t size = parts->key.len + parts->topic.len + parts->header.len + parts->value.len + 4;
	struct store_record *record = xmalloc(sizeof(*record) + size);
	char *p = (char *)(record + 1);

	set_parts(record, parts, objects);
	record->extent = NULL;
	record->key = p;
	p = put(p, parts->key);
	record->rest = p;
	p = put(p, parts->topic);
	p = put(p, parts->header);
	put(p, parts->value);
	return record;
}

struct store_record *store_record_new_in(struct store_extent *extent, const char *key, const char *rest,
					 const struct store_record_parts *parts, const struct store_objects *objects)
{
	struct store_record *record = xmalloc(sizeof(*record));

	set_parts(record, parts, objects);
	atomic_fetch_add_explicit(&extent->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&extent->held, bytes_of(record), memory_order_relaxed);
	record->extent = extent;
	record->key = key;
	record->rest = rest;
	return record;
}

/* The counts and the object's slot are the mutable part of a record that is otherwise const to everyone. */
static struct store_record *mutable(const struct store_record *record)
{
	return UNCONST(struct store_record *, record);
}

const struct store_record *store_record_ref(const struct store_record *record)
{
	atomic_fetch_add_explicit(&mutable(record)->refs, 1, memory_order_relaxed);
	return record;
}

const struct store_record *store_record_unref(const struct store_record *record)
{
	struct store_record *r = mutable(record);

	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	store_record_drop_object(r);
	if (r->extent)
		atomic_fetch_sub_explicit(&r->extent->held, bytes_of(r), memory_order_relaxed);
	store_extent_unref(r->extent);
	free(r);
	return NULL;
}

/* Locks the slot and returns the object in it. */
static uintptr_t lock_object(struct store_record *record)
{
	for (;;) {
		uintptr_t old = atomic_load_explicit(&record->object, memory_order_relaxed) & ~OBJECT_LOCK;

		if (atomic_compare_exchange_weak_explicit(&record->object, &old, old | OBJECT_LOCK,
							  memory_order_acquire, memory_order_relaxed))
			return old;
		/* The holder may have lost its processor; the lock is never held across anything that waits. */
		if (old & OBJECT_LOCK)
			sched_yield();
	}
}

static void unlock_object(struct store_record *record, uintptr_t object)
{
	atomic_store_explicit(&record->object, object, memory_order_release);
}

void *store_record_object(const struct store_record *record)
{
	struct store_record *r = mutable(record);
	uintptr_t object;

	if (!r->objects || !atomic_load_explicit(&r->object, memory_order_relaxed))
		return NULL;
	object = lock_object(r);
	if (object)
		r->objects->ref((void *)object);
	unlock_object(r, object);
	return (void *)object;
}

void store_record_set_object(struct store_record *record, void *object)
{
	assert(record->objects && object && !((uintptr_t)object & OBJECT_LOCK));
	record->objects->ref(object);
	record->object_size = (uint32_t)MIN(MAX(record->objects->size(object), 1), (size_t)UINT32_MAX);
	atomic_store_explicit(&record->object, (uintptr_t)object, memory_order_relaxed);
}

void store_record_drop_object(struct store_record *record)
{
	uintptr_t object;

	if (!record->object_size)
		return;
	record->object_size = 0;
	object = lock_object(record);
	unlock_object(record, 0);
	record->objects->unref((void *)object);
}
