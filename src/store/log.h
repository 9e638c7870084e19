/*
 * The log: segments in a folder, the newest of which is appended to.  The back end `embedded`.
 *
 * log.c appends, begins new segments and seals full ones; recover.c opens a folder and fills the head from it.  What
 * happens if the machine stops at any point is argued in README.md.
 *
 * A full segment is sealed (its index written behind it, the rest of its space given back) by a thread of its own, off
 * every writer's path; until then, and after a crash in between, it is read record by record.  With `manual` the
 * sealing happens in the committer's place, so that tests repeat.
 *
 * Segments are extents (record.h): one is unmapped and closed when the log and all records have let go of it.
 */
#ifndef WHERRY_STORE_LOG_H
#define WHERRY_STORE_LOG_H

#include "store/backend.h"
#include "store/disk.h"
#include "store/segment.h"
#include "sys/thread.h"

/*
 * After an unclean stop the revision counter jumps by this much.  It is more than can have been given out and lost:
 * at most LOG_UNSYNCED_MAX revisions and one batch are between two syncs.
 */
#define LOG_REVISION_JUMP ((uint64_t)1 << 20)
#define LOG_UNSYNCED_MAX  ((uint64_t)1 << 19)

struct segment {
	struct store_extent extent;
	struct disk_file *file;
	const char *map;
	size_t map_size;
	struct segment_header header;
	uint32_t end;	/* of its records */
	uint32_t chain; /* of the last */
	atomic_bool sealed;
	struct segment_index index; /* of one opened sealed */
};

struct log {
	struct store_backend backend;
	struct disk *disk;
	uint32_t segment_size;
	bool manual;
	struct segment **segments; /* oldest first; the last is appended to, if there is any */
	size_t segments_len;
	uint32_t synced;   /* of the last segment: known to be on the disk up to here */
	uint64_t unsynced; /* revisions since the last sync */
	uint64_t revision; /* the newest given to append or found at the start */
	bool appended;	   /* since the start: the log does not end in CLOSE */
	bool close_needed; /* the next start must see a CLOSE to know that this one ended well */
	char *buffer;	   /* a batch, encoded */
	size_t buffer_cap;
	struct thread *sealer;
	atomic_uint_least64_t syncs, bytes, segments_now, segments_size;
};

struct head;

struct log *log_new(struct disk *disk, const struct store_options *options);
/* Reads what is there into @head; leaves the log ready to be appended to.  @now is the wall clock. */
int log_recover(struct log *log, struct head *head, int64_t now, int64_t window_ns, uint64_t window_bytes,
		struct error *err) MUST_CHECK;
/* Seals full segments that are not, on another thread or with `manual` right here. */
void log_seal_full(struct log *log);
/* Adds an opened segment at the end; the log takes the reference. */
void log_add_segment(struct log *log, struct segment *segment);
/* Maps @file, which it takes over, also when it fails; one reference. */
int segment_new(struct disk_file *file, struct segment **ret, struct error *err) MUST_CHECK;

#endif
