/*
 * What the log does beside writing: sealing full segments and compaction, on a thread of their own, and moving the
 * head's records to where compaction has put their bytes.
 *
 * One piece of upkeep at a time.  The committer decides what is to be done (log_tend, after each batch) and hands the
 * thread references and a view; the thread touches files only; when it has ended, the committer takes the outcome.  So
 * nothing but `done` and `stop` is shared, and no writer ever waits for the thread.
 *
 * After a compaction the records in the head still lie in the old segments, whose files are gone from the folder but
 * not from the disk.  The committer puts records that lie in the new one in their place, some at a time, so that no
 * writer waits longer than MOVE_NS for it.  When the last record and reader have left an old segment, the thread lets
 * go of it; versions that are within the window's reach stay there until the window has passed.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/compact.h"
#include "store/head.h"

#define INDEX_LIMIT ((size_t)512 * MIB)
#define MOVE_NS	    NS_PER_MS
/* So many writes may have left garbage worth a look. */
#define LOOK_WRITES 4096

struct upkeep {
	struct store_backend *backend;
	struct segment **full; /* to seal */
	size_t full_len;
	struct segment **gone; /* to let go of: unmapping one and giving its space back takes a while */
	size_t gone_len;
	struct compaction compaction; /* its segments: none, or references */
	uint64_t kept;
	/* The outcome. */
	struct segment *made;
	struct error err;
	struct thread *thread;
	atomic_bool stop, done;
};

/* --- On the thread --- */

static void release_segments(struct segment **segments, size_t len)
{
	for (size_t i = 0; i < len; i++)
		store_extent_unref(&segments[i]->extent);
	free(segments);
}

static int seal(struct segment *segment, struct error *err)
{
	struct disk_file *file = segment->file;
	const struct disk_ops *ops = file->disk->ops;
	struct buf cleanup_buf index;
	int r;

	buf_init(&index, INDEX_LIMIT);
	r = segment_encode_index(segment->map, segment->end, &segment->header, 0, &index, err);
	if (r == 0)
		r = ops->write(file, index.data, index.len, segment->end, err);
	if (r == 0)
		r = ops->sync(file, err);
	if (r == 0)
		r = ops->truncate(file, segment->end + index.len, err);
	if (r == 0)
		atomic_store(&segment->sealed, true);
	return r;
}

static void run_upkeep(void *data)
{
	struct upkeep *upkeep = data;

	release_segments(TAKE_PTR(upkeep->gone), upkeep->gone_len);
	upkeep->gone_len = 0;
	/* A segment that cannot be sealed now stays as it is: it is read record by record until a later try succeeds.
	 */
	for (size_t i = 0; i < upkeep->full_len && !atomic_load(&upkeep->stop); i++) {
		struct error err = {0};

		if (seal(upkeep->full[i], &err) < 0)
			log_debug("segment not sealed", "number=%" PRIu64 " error=%s", upkeep->full[i]->header.number,
				  err.message);
	}
	if (upkeep->compaction.len && compact_segments(&upkeep->compaction, &upkeep->made, &upkeep->err) < 0)
		log_debug("compaction failed", "error=%s", upkeep->err.message);
	atomic_store(&upkeep->done, true);
	upkeep->backend->wake(upkeep->backend->wake_data);
}

/* --- Its outcome --- */

static void upkeep_free(struct upkeep *upkeep)
{
	thread_join(upkeep->thread);
	release_segments(upkeep->full, upkeep->full_len);
	release_segments(upkeep->gone, upkeep->gone_len);
	release_segments(upkeep->compaction.segments, upkeep->compaction.len);
	if (upkeep->made)
		store_extent_unref(&upkeep->made->extent);
	free(upkeep);
}

/* Puts the new segment in the place of those it stands for. */
static void adopt(struct log *log, struct upkeep *upkeep)
{
	const struct compaction *compaction = &upkeep->compaction;
	struct segment *made = TAKE_PTR(upkeep->made);
	uint64_t size = 0;
	size_t first = 0;

	while (log->segments[first] != compaction->segments[0])
		first++;
	log->leaving = xrealloc_array(log->leaving, log->leaving_len + compaction->len, sizeof(*log->leaving));
	for (size_t i = 0; i < compaction->len; i++) {
		size += log->disk->ops->size(log->segments[first + i]->file);
		log->leaving[log->leaving_len++] = log->segments[first + i];
	}
	log->segments[first] = made;
	memmove(&log->segments[first + 1], &log->segments[first + compaction->len],
		(log->segments_len - first - compaction->len) * sizeof(*log->segments));
	log->segments_len -= compaction->len - 1;
	log->settled -= compaction->len - 1;
	atomic_fetch_add_explicit(&log->compactions, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&log->compacted, compaction->written, memory_order_relaxed);
	atomic_fetch_add_explicit(&log->freed, size - made->map_size, memory_order_relaxed);
	atomic_fetch_add_explicit(&made->extent.refs, 1, memory_order_relaxed);
	log->moving = made;
	log->moved = 0;
}

static void finish_upkeep(struct log *log)
{
	struct upkeep *upkeep = TAKE_PTR(log->upkeep);
	const struct error *err = &upkeep->err;

	if (upkeep->made)
		adopt(log, upkeep);
	log_count(log);
	if (err->os_errno == ENOSPC || err->os_errno == EDQUOT)
		/* What frees most for the least room comes first then; see begin_segment() for the way back. */
		log->compact_most = upkeep->kept / 2;
	else if (err->code)
		/* Whatever it is, it is likely to come again, and what is there is whole. */
		atomic_store(&log->compaction_failed, true);
	upkeep_free(upkeep);
}

/* --- Deciding --- */

static struct segment *segment_ref(struct segment *segment)
{
	atomic_fetch_add_explicit(&segment->extent.refs, 1, memory_order_relaxed);
	return segment;
}

static void add_full(const struct log *log, struct upkeep *upkeep)
{
	for (size_t i = 0; i + 1 < log->segments_len; i++) {
		if (atomic_load(&log->segments[i]->sealed))
			continue;
		upkeep->full = xrealloc_array(upkeep->full, upkeep->full_len + 1, sizeof(*upkeep->full));
		upkeep->full[upkeep->full_len++] = segment_ref(log->segments[i]);
	}
}

/* Those that nobody refers to but the log. */
static void add_gone(struct log *log, struct upkeep *upkeep)
{
	size_t kept = 0;

	for (size_t i = 0; i < log->leaving_len; i++) {
		struct segment *segment = log->leaving[i];

		if (atomic_load_explicit(&segment->extent.refs, memory_order_acquire) > 1) {
			log->leaving[kept++] = segment;
			continue;
		}
		upkeep->gone = xrealloc_array(upkeep->gone, upkeep->gone_len + 1, sizeof(*upkeep->gone));
		upkeep->gone[upkeep->gone_len++] = segment;
	}
	log->leaving_len = kept;
}

/*
 * What a compaction leaves out must be replaced by something that is on the disk.  So the view it judges by is taken
 * when nothing is left to sync.
 */
static void add_compaction(struct log *log, struct head *head, struct upkeep *upkeep)
{
	struct compaction *compaction = &upkeep->compaction;
	struct compact_run run;
	struct error err = {0};

	if (atomic_load(&log->compaction_failed) ||
	    !compact_choose(log, log->settled, head->oldest, log->compact_most, &run) || log_sync(log, &err) < 0)
		return;
	*compaction = (struct compaction){.disk = log->disk, .len = run.len, .stop = &upkeep->stop};
	compaction->segments = xcalloc(run.len, sizeof(*compaction->segments));
	for (size_t i = 0; i < run.len; i++)
		compaction->segments[i] = segment_ref(log->segments[run.first + i]);
	compaction->view = view_chain_acquire(&head->views);
	upkeep->kept = run.kept;
}

static void start_upkeep(struct log *log, struct head *head)
{
	struct upkeep *upkeep = XNEW(struct upkeep);
	struct error err = {0};

	log->look = false;
	log->looked_at = log->revision;
	log->looked_oldest = head->oldest;
	upkeep->backend = &log->backend;
	add_full(log, upkeep);
	add_gone(log, upkeep);
	add_compaction(log, head, upkeep);
	if (!upkeep->full_len && !upkeep->gone_len && !upkeep->compaction.len) {
		upkeep_free(upkeep);
		return;
	}
	log->upkeep = upkeep;
	if (log->manual || thread_start("upkeep", run_upkeep, upkeep, &upkeep->thread, &err) < 0)
		run_upkeep(upkeep);
}

/* --- Moving --- */

static void move_record(struct log *log, struct head *head, size_t i)
{
	struct segment *segment = log->moving;
	const struct store_record *record;
	struct segment_entry entry;

	if (!segment_index_get(&segment->index, i, &entry))
		return;
	record = head_get(head, entry.parts.key);
	if (entry.type == SEGMENT_DELETE) {
		segment_note_deletion(segment, entry.parts.create_revision, entry.end - entry.offset);
	} else if (record && record->revision == entry.parts.revision) {
		head_move_record(head, store_record_new_in(&segment->extent, entry.key, entry.rest, &entry.parts,
							   log->backend.objects));
	} else {
		segment->lagging += entry.end - entry.offset;
		segment->lagging_until = head->revision;
	}
}

static bool move_records(struct log *log, struct head *head)
{
	int64_t until = clock_monotonic_ns() + MOVE_NS;
	size_t len = log->moving->index.len;

	while (log->moved < len) {
		move_record(log, head, log->moved++);
		if (log->moved % 64 == 0 && clock_monotonic_ns() > until)
			break;
	}
	head_publish(head);
	if (log->moved == len) {
		store_extent_unref(&TAKE_PTR(log->moving)->extent);
		log->look = true;
	}
	return true;
}

bool log_tend(struct store_backend *backend, struct head *head)
{
	struct log *log = CONTAINER_OF(backend, struct log, backend);

	if (log->upkeep && atomic_load(&log->upkeep->done))
		finish_upkeep(log);
	if (log->moving)
		return move_records(log, head);
	while (log->settled + 1 < log->segments_len &&
	       log->segments[log->settled + 1]->header.revision <= head->oldest) {
		log->settled++;
		log->look = true;
	}
	log->look |= log->revision - log->looked_at >= LOOK_WRITES;
	/* Nothing will come of waiting: the window has passed all there is. */
	log->look |= head->history.len == 0 && log->looked_oldest != head->oldest;
	if (log->look && !log->upkeep && !atomic_load(&backend->failed))
		start_upkeep(log, head);
	/* With `manual` it has ended by now. */
	return log->upkeep && atomic_load(&log->upkeep->done);
}

void log_stop(struct store_backend *backend)
{
	struct log *log = CONTAINER_OF(backend, struct log, backend);

	if (log->upkeep) {
		atomic_store(&log->upkeep->stop, true);
		upkeep_free(TAKE_PTR(log->upkeep));
	}
	if (log->moving)
		store_extent_unref(&TAKE_PTR(log->moving)->extent);
}
