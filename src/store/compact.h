/*
 * Compaction: a run of neighbouring segments becomes one that holds what is still wanted of them.
 *
 * Only segments outside the window take part, and never the last one: everything in them is on the disk and final.  A
 * run is chosen when at least as much goes as has to be copied; so compaction writes no more than writers did, and of
 * any run that would fit into one segment less than half is garbage, or less than an eighth of a segment's size.
 *
 * What is wanted is judged by one view, taken when all it shows is on the disk: of the puts those that the view's
 * oldest revision shows.  A deletion is wanted as long as an older segment may hold a version of its key, and those it
 * ended have its create revision or a later one: it goes when that is within the run.
 *
 * A pass runs on any thread and knows the head by its view alone.  README.md has the argument for crashes.
 */
#ifndef WHERRY_STORE_COMPACT_H
#define WHERRY_STORE_COMPACT_H

#include "store/log.h"
#include "store/view.h"

struct compact_run {
	size_t first, len;
	uint64_t kept, freed; /* bytes, about */
};

/*
 * Finds the run among the first @len segments that frees most and copies at most @most bytes; false when none is worth
 * it.  @oldest is the window's start.  On the committer's thread.
 */
bool compact_choose(const struct log *log, size_t len, uint64_t oldest, uint64_t most, struct compact_run *ret);

/* One pass. */
struct compaction {
	struct disk *disk;
	struct segment **segments; /* of the run, oldest first; the owner keeps references */
	size_t len;
	struct store_view *view; /* given back as soon as all is judged */
	const atomic_bool *stop; /* give up */
	uint64_t written;	 /* bytes */
};

/*
 * Writes the new segment, gives it its name and removes the files it stands for.  On success *ret is it, one reference.
 * On failure the folder is as before, or has both, which the next start sorts out.  ERR_SYSTEM with ENOSPC: nothing was
 * done and a smaller run may fit; ERR_SERVICE_UNAVAILABLE: it was told to stop.
 */
int compact_segments(struct compaction *compaction, struct segment **ret, struct error *err) MUST_CHECK;

#endif
