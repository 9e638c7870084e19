/*
 * The head: what is in memory of the store, and the only place reads come from.
 *
 * It holds the index of newest versions (trie.h, published as views, view.h), the history (the versions within the
 * window, in the order of revisions) and the versions that will expire.  It knows neither threads nor disks: the
 * committer, its one writer, gives it records that are durable already.
 *
 * Versions of a key form a chain, newest first (record->older), as far back as someone may ask: a version is in the
 * chain as long as the one that replaced it is in the history.  So the state at any revision from `oldest` on, and the
 * version before that of any event after `oldest`, can be had.  A deletion stays in the index until the history lets
 * go of it.
 *
 * Decoded objects are those of the last entries of the history, within a budget (base/limits.h): who watches gets them
 * while they are new, and memory does not grow with what has been written.
 *
 * References: the index holds one to each newest version, a version one to the one before it, the history one to
 * each of its entries.
 *
 * Why a reader may follow `older` without a lock: in a view, a read at revision R >= view->oldest follows the chain no
 * further than to the first version at or below R.  A chain is cut behind version Y when the window's start has
 * reached Y's revision.  The cut is put on the retired list of the view before that step, so it happens when only views
 * are left whose `oldest` is at or above Y's revision: their reads stop at Y at the latest and do not look behind it.
 *
 * The history is read by watches that catch up (hub.h), on other threads: it changes only under the hub's lock, which
 * head_publish() expects its caller to hold around the part it says.
 */
#ifndef WHERRY_STORE_HEAD_H
#define WHERRY_STORE_HEAD_H

#include "base/heap.h"
#include "store/view.h"

struct history_entry {
	struct store_record *record;
	int64_t time; /* of its commit, wall clock */
};

/* A ring. */
struct history {
	struct history_entry *entries;
	size_t first, len, cap; /* cap is a power of two, or 0 */
};

static inline struct history_entry *history_at(const struct history *history, size_t i)
{
	return &history->entries[(history->first + i) & (history->cap - 1)];
}

/* Revisions that may have been given out and whose writes are lost: those between the two, without them. */
struct revision_gap {
	uint64_t before, after;
};

struct store_expiry {
	struct heap_node node;
	int64_t at;
	struct store_record *record;
};

struct head {
	struct view_chain views;
	struct trie_transaction transaction;
	uint64_t revision; /* of the newest record applied */
	uint64_t oldest;
	struct history history;
	struct history incoming; /* applied and not yet published */
	uint64_t history_bytes;
	size_t recent; /* entries at the end of the history whose records may carry an object */
	size_t objects, objects_size;
	size_t trimmed; /* entries at the front of the history to let go of at the next publish */
	struct heap expiries;
	struct revision_gap *gaps; /* never changes once the store is open */
	size_t gaps_len;
	int64_t window_ns;
	uint64_t window_bytes;
};

void head_init(struct head *head, int64_t window_ns, uint64_t window_bytes);
void head_release(struct head *head);

/*
 * Filling it at the start.  First every record at or below `oldest`, newest first (older versions of a key that is
 * there already are not wanted: head_wants() says so); then head_load_done(); then those above it, oldest first, with
 * head_apply().
 */
bool head_wants(const struct head *head, struct str key);
void head_load(struct head *head, struct store_record *record, int64_t expires_at);
void head_load_done(struct head *head, uint64_t oldest);
void head_add_gap(struct head *head, uint64_t before, uint64_t after);

/* The version at or before @revision in the chain that begins with @record, if that is no deletion; or NULL. */
const struct store_record *head_version_at(const struct store_record *record, uint64_t revision);
/* The newest version as of the last record applied, also a deletion; or NULL. */
const struct store_record *head_get(const struct head *head, struct str key);
/* Takes the reference to a record whose revision is above all others. */
void head_apply(struct head *head, struct store_record *record, int64_t time, int64_t expires_at);
/* Lets go of what is older than the window at @now, or than @compact. */
void head_trim(struct head *head, int64_t now, uint64_t compact);
/*
 * When to do so if nothing is written: some time after the oldest version has left the window, so that an idle store
 * lets go of all of it in HEAD_IDLE_TRIMS steps at the most; INT64_MAX: the history is empty.
 */
#define HEAD_IDLE_TRIMS 5
int64_t head_trim_due(const struct head *head);
/*
 * Puts @record, whose reference it takes, in the place of the newest version of its key, which is the same version and
 * outside the window: its bytes have moved.
 */
void head_move_record(struct head *head, struct store_record *record);
/* Makes everything visible to readers; the revision may be above that of the newest record (a jump). */
void head_publish(struct head *head);
/* Brings the history up to what was published; under the hub's lock.  The new entries are the last @ret_new. */
void head_move_history(struct head *head, size_t *ret_new);
/* The next that expires, or NULL. */
const struct store_expiry *head_next_expiry(const struct head *head);

/* Is @revision one that can be read from or watched?  @newest is the reader's.  ERR_EXPIRED, ERR_TIMEOUT. */
int head_check_revision(const struct head *head, uint64_t revision, uint64_t oldest, uint64_t newest,
			struct error *err) MUST_CHECK;

#endif
