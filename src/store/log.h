/*
 * The log: segments in a folder, the newest of which is appended to.  The back end `embedded`.
 *
 * log.c appends and begins new segments; recover.c opens a folder and fills the head from it.  What
 * happens if the machine stops at any point is argued in README.md.
 *
 * upkeep.c seals full segments (the index written behind the records, the rest of the space given back) and has
 * compact.c merge those that hold little, on a thread of its own, off every writer's path.  With `manual` both happen
 * in the committer's place, so that tests repeat.
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

/* Classes of age, each twice as wide as the one before. */
#define SEGMENT_AGES 65

struct segment {
	struct store_extent extent;
	struct disk_file *file;
	const char *map;
	size_t map_size;
	struct segment_header header;
	uint32_t end;			  /* of its records */
	uint32_t chain;			  /* of the last */
	uint64_t deletions[SEGMENT_AGES]; /* bytes of them, by age: see segment_note_deletion() */
	/* Of one made by compaction: what the window still shows and records in memory have elsewhere, until it ends.
	 */
	uint64_t lagging, lagging_until;
	atomic_bool sealed;
	struct segment_index index; /* of one opened sealed, or made by compaction */
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
	/* Replaced by compaction and still referred to by records: no files any more, but space on the disk. */
	struct segment **leaving;
	size_t leaving_len;
	struct upkeep *upkeep;	       /* under way */
	size_t settled;		       /* so many segments, from the oldest on, are outside the window */
	bool look;		       /* there may be something to seal or to compact */
	uint64_t looked_at;	       /* the revision then */
	uint64_t looked_oldest;	       /* where the window began then */
	uint64_t compact_most;	       /* how many bytes a compaction may copy */
	struct segment *moving;	       /* made by compaction; the head's records are being moved to it */
	size_t moved;		       /* entries of its index */
	atomic_bool compaction_failed; /* no more of it in this life */
	atomic_uint_least64_t syncs, bytes, segments_now, segments_size, compactions, compacted, freed;
};

struct head;

struct log *log_new(struct disk *disk, const struct store_options *options);
/* Reads what is there into @head; leaves the log ready to be appended to.  @now is the wall clock. */
int log_recover(struct log *log, struct head *head, int64_t now, int64_t window_ns, uint64_t window_bytes,
		struct error *err) MUST_CHECK;
/* See backend.h. */
bool log_tend(struct store_backend *backend, struct head *head);
void log_stop(struct store_backend *backend);
/* Brings what has been appended to the disk. */
int log_sync(struct log *log, struct error *err) MUST_CHECK;
/* Adds an opened segment at the end; the log takes the reference. */
void log_add_segment(struct log *log, struct segment *segment);
/* Brings the figures of segments and their size up to date. */
void log_count(struct log *log);
/* Maps @file, which it takes over, also when it fails; one reference. */
int segment_new(struct disk_file *file, struct segment **ret, struct error *err) MUST_CHECK;

#define SEGMENT_NAME_SIZE 32
/* The name of a file; and while compaction writes it. */
void segment_name(uint64_t number, char *out);
void segment_draft_name(uint64_t number, char *out);
/*
 * Counts a deletion of @size bytes of a key that was made at @create_revision.  How long before the segment that was
 * is its age: compaction drops it when it begins with a segment as old.
 */
void segment_note_deletion(struct segment *segment, uint64_t create_revision, uint64_t size);
/* The bytes of deletions of keys that may have been made at or before @revision; no less than it is. */
uint64_t segment_deletions_from(const struct segment *segment, uint64_t revision);
/* Where the segment, or the last of those it stands for, ended: what the next one's header says. */
void segment_known_end(const struct segment *segment, uint32_t *ret_end, uint32_t *ret_chain);

#endif
