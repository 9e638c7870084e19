/*
 * Informers: a local, indexed replica of one resource.
 *
 * An informer watches a resource from its beginning (sendInitialEvents) and keeps the current objects by key,
 * "namespace/name" or "name".  It belongs to one loop thread: its cache is read there and nowhere else, and its
 *handlers run there.  After a broken watch it resumes at the last revision it has seen; when that is gone (410) it
 *starts anew and tells handlers only what really differs.  When to try again is client/reconnect.h's.
 *
 * Consistency: once informer_synced(), the cache is a state the server really had, and every event moves it to a later
 *one. informer_revision() says how far: all writes to the resource up to that revision are in it.  A component that has
 *written at revision R does not plan from the cache again before that has reached R (read your writes;
 *client/reconciler.h): it hangs a struct informer_wait on the informer, which calls back when it has come that far.
 *
 * Memory.  An informer holds whole objects, in process the very ones that everybody's caches hold; with metadata_only
 *it keeps of each what client/metadata.h packs, in about 150 bytes with key and place in the map.  Then handlers and
 * indexes are shown objects of which `meta` alone may be looked at, and those that are asked for are made when they are
 * asked for and go when the loop turns: to look up some is cheap, to walk through all of them is not.
 *
 *	struct informer *pods = informer_new(&(struct informer_config){.loop = loop, .transport = t, .resource = r});
 *	int by_node = informer_add_index(pods, pod_node_name);
 *	informer_add_handler(pods, &handler);
 *	informer_start(pods);
 *	...
 *	INFORMER_FOREACH_INDEXED(entry, pods, by_node, STR("node-1"))
 *		use(entry->object);
 */
#ifndef WHERRY_CLIENT_INFORMER_H
#define WHERRY_CLIENT_INFORMER_H

#include "base/arena.h"
#include "base/heap.h"
#include "base/list.h"
#include "client/transport.h"

struct loop;
struct informer;

struct informer_config {
	struct loop *loop;	     /* the owner's */
	struct transport *transport; /* outlives the informer */
	const struct resource *resource;
	struct str namespace;			   /* empty: all */
	struct str label_selector, field_selector; /* texts outlive the informer */
	bool metadata_only;
};

/* @old NULL: added; @new_ NULL: deleted (old is the last state known).  Both are borrowed; on the loop thread. */
struct informer_handler {
	struct list link; /* the informer's */
	void (*changed)(struct informer_handler *handler, struct object *old, struct object *new_);
	/* The initial state is complete; may be NULL.  Called once. */
	void (*synced)(struct informer_handler *handler);
};

/*
 * Something that the cache is to show.  It hangs where it will be found when that happens, by revision or on the object
 * to be deleted, so that however many wait, an event looks at none but those it ends.  Embedded; the loop thread's.
 */
struct informer_wait {
	/* Once, on the loop thread, after the handlers have been told; may free what the wait is in.  Set by the user.
	 */
	void (*shown)(struct informer_wait *wait);
	/* The informer's. */
	struct list link; /* of an object to be deleted */
	struct heap_node by_revision;
	uint64_t revision;
	struct str uid; /* of that object; borrowed, the user keeps it */
};

/*
 * Keys that a function names for an object, as many as it likes up to LIMIT_OBJECT_KEYS; what is beyond that is dropped
 * and said in the log. They may point into the object or into @arena; whoever asked for them copies.
 */
struct informer_keys {
	struct arena *arena;
	VEC_OF(struct str) found;
	bool full;
};
void informer_keys_add(struct informer_keys *keys, struct str key);
/* The same for "namespace/name". */
void informer_keys_add_named(struct informer_keys *keys, struct str namespace, struct str name);

/* Adds the values under which @object is found. */
typedef void informer_index_fn(const struct object *object, struct informer_keys *values);

struct informer *informer_new(const struct informer_config *config);
/* Ends the watch and drops the cache; NULL is fine.  Loop thread, not from a handler.  Returns NULL. */
struct informer *informer_free(struct informer *informer);
/* Before informer_start(); returns the index's number. */
int informer_add_index(struct informer *informer, informer_index_fn *index);
/* At any time; a handler added late is told of every object there is.  It must outlive the informer. */
void informer_add_handler(struct informer *informer, struct informer_handler *handler);
/* Also before: it holds whole objects, whatever its configuration said. */
void informer_keep_whole(struct informer *informer);
void informer_start(struct informer *informer);

bool informer_synced(const struct informer *informer);
uint64_t informer_revision(const struct informer *informer);
/* Waits until the cache has all writes up to @revision; false: it has them, and `shown` will not run. */
bool informer_wait_revision(struct informer *informer, struct informer_wait *wait, uint64_t revision);
/*
 * Waits until the object of @key and @uid (empty: any) is gone, or has a deletionTimestamp; false: so it is, and
 * `shown` will not run.
 */
bool informer_wait_deletion(struct informer *informer, struct informer_wait *wait, struct str key, struct str uid);
const struct informer_config *informer_config(const struct informer *informer);
const struct resource *informer_resource(const struct informer *informer);
size_t informer_len(const struct informer *informer);

/* The object, borrowed until the loop turns, or NULL. */
struct object *informer_get(const struct informer *informer, struct str key);
struct object *informer_get_named(const struct informer *informer, struct str namespace, struct str name);

/* Walking: all objects in no order, or those with @value in an index. */
struct informer_cursor {
	struct object *object;
	const void *place;
};
bool informer_next(const struct informer *informer, struct informer_cursor *cursor);
bool informer_next_indexed(const struct informer *informer, int index, struct str value,
			   struct informer_cursor *cursor);
#define INFORMER_FOREACH(it, informer)                                                                                 \
	for (struct informer_cursor it##_cursor = {0}, *it = &it##_cursor; informer_next((informer), it);)
#define INFORMER_FOREACH_INDEXED(it, informer, index, value)                                                           \
	for (struct informer_cursor it##_cursor = {0}, *it = &it##_cursor;                                             \
	     informer_next_indexed((informer), (index), (value), it);)

/* "namespace/name" or "name" of an object, in @arena. */
struct str object_key(const struct object *object, struct arena *arena);
/* Splits a key; the namespace is empty when there is none. */
void object_key_split(struct str key, struct str *ret_namespace, struct str *ret_name);

#endif
