/*
 * The store: every key, its newest value, and what changed lately.
 *
 * What it is.  A map from keys to values with one counter, the revision, which every write raises by one and which is
 * `resourceVersion` on the wire.  Keys and values are bytes; keys look like /registry/<resource>/<namespace>/<name>.
 * The back ends (`memory`, `embedded`; later `etcd`) differ in how a write becomes durable.  Reading, listing and
 * watching are the same code for all of them, because all reads come from the head: an ordered index in memory.
 *
 * Promises.
 *  - Writes are linearizable: when a write's `done` runs, every read that starts afterwards sees it, and its revision
 *    is greater than that of every write whose `done` ran before.  No revision is given out twice, not even after a
 *    crash.  Revisions may have gaps (after an unclean stop of the machine the counter jumps).
 *  - A view is one snapshot: what it shows never changes and never lacks the first half of something.
 *  - A watch delivers each event of its scope exactly once, in the order of revisions, or ends with ERR_EXPIRED.
 *  - A SYNC write that succeeded survives the machine.  A LAZY one survives the process, and the machine most likely.
 *  - A failed sync is final: writes fail with ERR_SERVICE_UNAVAILABLE from then on, reads go on.  A full disk is not
 *    final: writes fail with ERR_SERVICE_UNAVAILABLE until there is room again.
 *
 * Scopes.  Lists and watches select by a scope: one that ends in '/' (or is empty) selects every key that begins with
 * it, any other selects exactly that key.  Wherever a watch is concerned the store finds watchers by the '/' in a
 * key, so a scope that is part of a name selects nothing.  A write may carry a topic, opaque bytes such as
 * "spec.nodeName=n1"; a watch may ask for one topic and then gets only the events whose record, or the record before
 * it, has that topic.  All other selection is the reader's, on the header (see below), before and after the change.
 *
 * The window.  Older revisions can be read, and watches can start from them, back to the window: 5 minutes, 256 MB of
 * records or LIMIT_STORE_VERSIONS of them, whichever is less.  Outside it the answer is ERR_EXPIRED (410 on the wire),
 *as for a revision inside a gap.  A revision that is still to come is ERR_TIMEOUT ("Too large resource version").
 *
 * Threads.  Everything here may be called from any thread, unless it says otherwise.  Readers take no lock: a view is
 * taken with one atomic addition (see view.h for why that is right).  One thread, the committer, changes things; it
 * runs `done` of a write and `wakeup` of a watch.  Neither may block; `done` may read and submit but not open or close
 * watches; `wakeup` may not call the store at all.
 *
 * Ownership.  A record is immutable and counted.  One from a view lives as long as the view; one that shall live
 * longer takes store_record_ref().  What the accessors return lives as long as the record.  Values are not copied:
 * they lie in the mapped log, where the kernel may drop and bring back their pages.  Hold a view for one request or one
 * turn of a loop, no longer: memory replaced meanwhile is kept for it.
 *
 * Objects.  The record of a write carries the caller's decoded object (`void *`, counted by the functions in
 * store_objects) for a while, so that watchers and whoever writes next need not decode what a writer just had in its
 * hand.  Whoever needs an object for longer owns a reference: the store lets go of all but those of the last
 * LIMIT_WATCH_EVENTS writes, and of these too when they take more than LIMIT_STORE_OBJECTS bytes.
 *
 * Revisions in values.  Stored bytes carry no resourceVersion, as only the committer knows it: readers add it from
 * store_record_revision().  For an object handed in with a write, store_objects.stamp sets it before anyone can see it.
 *
 *	struct store_view *view = store_view_acquire(store);
 *	const struct store_record *record = store_view_get(view, key);
 *	if (record)
 *		send(store_record_value(record), store_record_revision(record));
 *	store_view_release(view);
 *
 *	struct store_write write = {.op = STORE_CREATE, .key = key, .value = value};
 *	if (store_commit(store, &write, &err) < 0)
 *		...
 */
#ifndef WHERRY_STORE_STORE_H
#define WHERRY_STORE_STORE_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"

struct disk;
struct store;
struct store_expiry;
struct store_extent;
struct store_view;
struct store_watch;

/* --- Records ------------------------------------------------------------------------------------------------- */

/* One version of one key.  The members are the store's; use the accessors. */
struct store_record {
	const char *key;  /* NUL after it */
	const char *rest; /* topic, header, value, a NUL after each */
	uint64_t revision;
	uint64_t create_revision;
	uint32_t header_len;
	uint32_t value_len;
	uint16_t key_len;
	uint16_t topic_len;
	bool deleted;
	atomic_uint refs;
	uint32_t object_size; /* of the committer: what the object counted when it was attached; 0: it is gone */
	_Atomic(uintptr_t) object;
	const struct store_objects *objects;
	struct store_record *older;  /* the version before, within the window */
	struct store_extent *extent; /* what holds the bytes; NULL: they follow this struct */
	struct store_expiry *expiry; /* of the committer */
};

static inline struct str store_record_key(const struct store_record *record)
{
	return (struct str){record->key, record->key_len};
}
static inline struct str store_record_topic(const struct store_record *record)
{
	return (struct str){record->rest, record->topic_len};
}
/* The bytes the writer gave as header: what selectors are judged on, without touching the value. */
static inline struct str store_record_header(const struct store_record *record)
{
	return (struct str){record->rest + record->topic_len + 1, record->header_len};
}
static inline struct str store_record_value(const struct store_record *record)
{
	return (struct str){record->rest + record->topic_len + 1 + record->header_len + 1, record->value_len};
}
/* The revision of the write that made this version. */
static inline uint64_t store_record_revision(const struct store_record *record)
{
	return record->revision;
}
/* The revision at which the key came into being, last. */
static inline uint64_t store_record_create_revision(const struct store_record *record)
{
	return record->create_revision;
}
/* A deletion: topic, header and value are empty. */
static inline bool store_record_deleted(const struct store_record *record)
{
	return record->deleted;
}

const struct store_record *store_record_ref(const struct store_record *record);
/* Takes NULL; returns NULL. */
const struct store_record *store_record_unref(const struct store_record *record);
/* A new reference to the record's object, or NULL when it has none any more: its bytes say the same. */
void *store_record_object(const struct store_record *record);

/* --- Opening ------------------------------------------------------------------------------------------------- */

/* How the store counts and stamps the caller's objects.  Called on any thread, stamp on the committer's. */
struct store_objects {
	void (*ref)(void *object);
	void (*unref)(void *object);
	/* Sets the revision of an object before it is published; may be NULL. */
	void (*stamp)(void *object, uint64_t revision);
	/* The memory it takes, in bytes. */
	size_t (*size)(const void *object);
};

/* Zeroed is fine for a server.  What it points to lives as long as the store. */
struct store_options {
	const struct store_objects *objects; /* NULL: no objects */
	int64_t (*wall_clock)(void *data);   /* nanoseconds since 1970; NULL: the machine's */
	void *clock_data;
	int64_t window_ns;     /* 0: 5 minutes */
	uint64_t window_bytes; /* 0: 256 MB */
	uint32_t segment_size; /* embedded: 0: 64 MB */
	bool manual;	       /* no committer thread: writes wait until the owner calls store_run() */
};

/* Nothing survives: for tests and throw-away clusters.  NULL when there is no thread to be had. */
struct store *store_open_memory(const struct store_options *options);
/*
 * The log in the folder @path, made (0700) if missing, whose parent must exist.  Errors: ERR_SYSTEM; ERR_CONFLICT when
 * another process has it open; ERR_INTERNAL when what is there is not ours or is damaged before its end.
 */
int store_open_embedded(const char *path, const struct store_options *options, struct store **ret,
			struct error *err) MUST_CHECK;
/* The same on any disk (disk.h), which the store takes over and frees, also when it fails. */
int store_open_on_disk(struct disk *disk, const struct store_options *options, struct store **ret,
		       struct error *err) MUST_CHECK;
/*
 * Finishes the writes handed in, syncs, and frees everything.  No call may be under way or follow; views and watches
 * are gone by then.  Records held by reference stay good.  Takes NULL; returns NULL.
 */
struct store *store_close(struct store *store);

/* --- Reading ------------------------------------------------------------------------------------------------- */

struct store_view *store_view_acquire(struct store *store);
/* Takes NULL. */
void store_view_release(struct store_view *view);
/* The revision of the snapshot. */
uint64_t store_view_revision(const struct store_view *view);
/* The oldest revision that can be listed from this view. */
uint64_t store_view_oldest(const struct store_view *view);
/* The newest version of @key, or NULL when there is none. */
const struct store_record *store_view_get(const struct store_view *view, struct str key);

struct store_range {
	struct str scope;
	struct str start;  /* first key wanted, empty: the first there is; to go on after a key, that key and a NUL */
	uint64_t revision; /* 0: the view's own */
	size_t limit;	   /* records that @visit takes, 0: no limit */
};
struct store_range_result {
	uint64_t revision; /* the snapshot's */
	bool more;	   /* keys remain after the last one visited */
	/* How many keys remain; counted at the view's own revision also when an older one was read. */
	uint64_t remaining;
};
enum store_visit {
	STORE_VISIT_TAKEN,  /* counts against the limit */
	STORE_VISIT_PASSED, /* a selector turned it away */
	STORE_VISIT_STOP,   /* taken, and enough */
};
/*
 * Shows the records of a range to @visit in the order of keys (by bytes).  A range at an older revision shows what was
 * there then, out of the same view: a slice of a long list is a new view and the revision of the first slice.
 * Errors: ERR_EXPIRED, ERR_TIMEOUT, before anything was shown.
 */
int store_view_scan(const struct store_view *view, const struct store_range *range,
		    enum store_visit (*visit)(void *data, const struct store_record *record), void *data,
		    struct store_range_result *ret, struct error *err) MUST_CHECK;
/* How many keys there are in @scope. */
uint64_t store_view_count(const struct store_view *view, struct str scope);

/* A reference to the newest version of @key, or NULL: a view for one look-up. */
const struct store_record *store_get(struct store *store, struct str key);

/* The newest revision that readers see. */
uint64_t store_current_revision(struct store *store);
/*
 * For a read that must see every write acknowledged before it, by any server on the same store: true when the head
 * has them all already (always so for memory and embedded); else false, and @done runs on the committer's thread when
 * it has, with ERR_NONE, or with ERR_TIMEOUT or ERR_SERVICE_UNAVAILABLE.
 */
bool store_barrier(struct store *store, void (*done)(void *data, enum error_code code), void *data);

/* --- Writing ------------------------------------------------------------------------------------------------- */

enum store_op { STORE_CREATE, STORE_UPDATE, STORE_DELETE };
enum store_durability {
	STORE_SYNC, /* on the disk before `done` */
	STORE_LAZY, /* with the kernel before `done`; no sync of its own: Leases and Events */
};

/*
 * One write.  The caller owns it and the bytes it points to until `done` has run.
 *
 * Create fails with ERR_ALREADY_EXISTS when the key is there.  Update and delete fail with ERR_NOT_FOUND when it is
 * not, and with ERR_CONFLICT when its revision is not the expected one (0: any).  ERR_TOO_LARGE: a key above
 * LIMIT_STORE_KEY, a value above LIMIT_OBJECT, a topic or header above theirs.  ERR_SERVICE_UNAVAILABLE: see above.
 */
struct store_write {
	enum store_op op;
	enum store_durability durability;
	struct str key;
	uint64_t expected_revision;
	struct str topic;
	struct str header;
	struct str value;
	int64_t expires_at; /* wall clock; 0: never.  The store deletes it then, at most a second late */
	void *object;	    /* or NULL; on success the record takes its own reference */

	void (*done)(struct store_write *write); /* on the committer's thread; the last use the store makes of it */
	void *data;				 /* the caller's */

	/* Results, for `done`. */
	int result;			   /* 0 or -ERR_... */
	const char *message;		   /* on failure, a text; lives until `done` returns */
	uint64_t revision;		   /* on success, the write's own */
	const struct store_record *record; /* the new record; on ERR_ALREADY_EXISTS and ERR_CONFLICT the present one;
					      else NULL.  Lives until `done` returns */

	struct store_write *next; /* the store's */
};

/* Hands a write in; `done` runs later, always.  Writes of one thread are applied in the order they were handed in. */
void store_submit(struct store *store, struct store_write *write);
/*
 * Hands it in and waits (not on the committer's thread; with `manual` it runs the store itself).  `done` must be NULL;
 * `record` is NULL afterwards.
 */
int store_commit(struct store *store, struct store_write *write, struct error *err) MUST_CHECK;
/* With `manual`: commits what waits, deletes what has expired.  One thread at a time. */
void store_run(struct store *store);
/* Forgets what is older than @revision now, rather than when the window has passed it. */
void store_compact(struct store *store, uint64_t revision);

/* --- Watching ------------------------------------------------------------------------------------------------ */

struct store_watch_options {
	struct str scope;
	struct str topic; /* empty: all */
	/* Deliver what comes after this revision; 0: from now on. */
	uint64_t revision;
	/*
	 * There is something for store_watch_next() that was not there when it last said there is nothing.  Called on
	 * the committer's thread, and not again until store_watch_next() has said once more that there is nothing.
	 * Typically wakes the loop that owns the watch.
	 */
	void (*wakeup)(void *data);
	void *data;
};

enum store_event_type { STORE_EVENT_CREATED, STORE_EVENT_MODIFIED, STORE_EVENT_DELETED };

struct store_event {
	enum store_event_type type;
	uint64_t revision;
	const struct store_record *record;   /* the new version; for DELETED a deletion, without bytes */
	const struct store_record *previous; /* the version before, NULL for CREATED */
};

/*
 * Afterwards call store_watch_next() until it says that there is nothing; then wait for `wakeup`.
 * Errors: ERR_EXPIRED, ERR_TIMEOUT.
 */
int store_watch_open(struct store *store, const struct store_watch_options *options, struct store_watch **ret,
		     struct error *err) MUST_CHECK;
/* After it has returned `wakeup` is not running and will not run.  Takes NULL; returns NULL. */
struct store_watch *store_watch_close(struct store_watch *watch);
/*
 * The next event: 1 and *ret, whose records belong to the caller until store_event_release(); 0 when there is nothing
 * now; ERR_EXPIRED when the watch fell behind the window, and then nothing comes any more.  A watch that lags more
 * than LIMIT_WATCH_EVENTS events behind reads the rest from the history, so it costs no memory of its own beyond that.
 * One thread at a time per watch.
 */
int store_watch_next(struct store_watch *watch, struct store_event *ret, struct error *err) MUST_CHECK;
void store_event_release(struct store_event *event);
/* A revision up to which store_watch_next() has returned everything: for bookmarks.  Same thread as next. */
uint64_t store_watch_progress(const struct store_watch *watch);

/* --- Figures ------------------------------------------------------------------------------------------------- */

struct store_stats {
	uint64_t revision;
	uint64_t oldest;  /* the window's start */
	uint64_t keys;	  /* live ones */
	uint64_t history; /* versions within the window */
	uint64_t objects; /* decoded ones that records carry */
	uint64_t objects_size;
	uint64_t watches;
	uint64_t commits; /* successful writes since the start */
	uint64_t batches; /* writes to the disk */
	uint64_t syncs;
	uint64_t bytes; /* written since the start */
	uint64_t segments;
	uint64_t segment_size; /* of all segments together, as the disk has them */
	uint64_t compactions;
	uint64_t compacted;	/* bytes written by them */
	uint64_t freed;		/* bytes given back by them */
	bool compaction_failed; /* it has given up; the next start tries again */
	bool failed;		/* writes are refused for good */
};
void store_stats(struct store *store, struct store_stats *ret);

#endif
