/*
 * The committer: one batch of writes from "handed in" to "done".
 *
 *	check     every write against the newest version of its key, counting the writes before it in the same batch
 *	append    those that passed, in one step, by the back end
 *	apply     their records to the head; trim the window; publish the new view; tell the watches
 *	finish    run `done` of every write, in order
 *
 * Nothing of a batch is in the head before it is durable, so a failed append leaves nothing to undo: its revisions have
 * been seen by nobody and are given out again.  A write that failed its check against another of the same batch
 * fails with the batch: what it ran into does not exist.
 */
#ifndef WHERRY_STORE_COMMITTER_H
#define WHERRY_STORE_COMMITTER_H

#include "store/backend.h"
#include "store/hub.h"

#define BATCH_WRITES 1024
#define BATCH_BYTES  (8 * MIB)

/* A write in its batch. */
struct batch_slot {
	struct store_write *write;
	int entry; /* its place in the entries, or -1 */
	int met;   /* the entry its check failed against, or -1 */
};

struct committer {
	struct head head;
	struct hub hub;
	struct store_backend *backend;
	const struct store_objects *objects;
	int64_t (*wall_clock)(void *data);
	void *clock_data;
	struct map pending; /* key -> struct log_entry of this batch */
	struct batch_slot slots[BATCH_WRITES];
	struct log_entry entries[BATCH_WRITES];
	size_t slots_len, entries_len;
	char message[ERROR_MESSAGE_SIZE]; /* why the last append failed */
	_Atomic(uint64_t) commits, batches;
};

void committer_init(struct committer *committer, struct store_backend *backend, const struct store_options *options);
void committer_release(struct committer *committer);
/*
 * Commits the writes linked from @first, in batches, and deletes what has expired; lets go of revisions below
 * @compact and of what the window has passed.  True: there is more to do beside writing, soon.
 */
bool committer_run(struct committer *committer, struct store_write *first, uint64_t compact);
/* Lets the back end do what there is to do beside writing; true as above. */
bool committer_tend(struct committer *committer);
/* When there is something to do without a write, by committer_now(); INT64_MAX: never. */
int64_t committer_due(const struct committer *committer);
int64_t committer_now(const struct committer *committer);

#endif
