/*
 * Container logs read back: files of CRI's form, a line each, "TIME stdout F text", P for a part that the next line
 * goes on with.
 *
 * What comes out is the text alone (or after its time), as upstream's kubelet gives it out.  A reader is pulled: it
 * reads the file on and says whether there is more, whether it has met the end of what there is, or whether it is done.
 * A file that was renamed away and made anew (rotation) is left for the one after it once it is read to its end.  The
 * caller knows when the container writes no more: log_reader_finish() then makes the end of the file the end.
 *
 * Of the files that were rotated away the newest is still read; the older ones are compressed by then (log_rotate.h),
 * and a follower so far behind goes on with what is not: at the default size of 10 MiB it has to be more than 10 MiB
 * behind.  Upstream goes on with the present file at once.
 *
 * One thread at a time; reading blocks for the disk.
 */
#ifndef WHERRY_KUBELET_LOG_READER_H
#define WHERRY_KUBELET_LOG_READER_H

#include "base/buf.h"
#include "base/error.h"

struct log_reader;

struct log_options {
	bool follow;
	bool timestamps;
	int64_t tail;  /* how many lines of the file's end; negative: all */
	int64_t limit; /* bytes; negative: no limit */
	int64_t since; /* lines older than this (ns since 1970) are left out */
};

enum log_read {
	LOG_READ_MORE, /* call again */
	LOG_READ_WAIT, /* all that is there has been read; call again when the folder has changed (following) */
	LOG_READ_END,  /* nothing comes any more */
};

/* Opens and finds the beginning. */
int log_reader_open(struct str path, const struct log_options *options, struct log_reader **ret,
		    struct error *err) MUST_CHECK;
/* Appends to @out until about @max bytes were appended, or as the result says. */
int log_reader_read(struct log_reader *reader, size_t max, struct buf *out, enum log_read *ret,
		    struct error *err) MUST_CHECK;
/* Nothing is written any more: what is there is read, and then comes the end. */
void log_reader_finish(struct log_reader *reader);
/* NULL is fine; returns NULL. */
struct log_reader *log_reader_free(struct log_reader *reader);

#endif
