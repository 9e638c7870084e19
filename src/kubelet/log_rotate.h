/*
 * Logs of containers kept within bounds, by upstream's rules: a log that has grown to the limit is renamed to
 * NAME.YYYYMMDD-hhmmss (UTC) and its container writes to a new file; of the earlier ones the newest stays as it is
 * until the next time, so that readers finish, and the others are NAME.YYYYMMDD-hhmmss.gz; the oldest go.
 */
#ifndef WHERRY_KUBELET_LOG_ROTATE_H
#define WHERRY_KUBELET_LOG_ROTATE_H

#include "kubelet/context.h"

struct log_rotator;
struct loop;
struct worker_pool;

/* Looks at the running containers' logs every few seconds, on a worker. */
struct log_rotator *log_rotator_new(const struct kubelet_context *context, struct loop *loop);
/* Loop thread. */
void log_rotator_start(struct log_rotator *rotator);
void log_rotator_stop(struct log_rotator *rotator);
/* After the pool and the loop are freed; NULL is fine; returns NULL. */
struct log_rotator *log_rotator_free(struct log_rotator *rotator);

struct log_policy {
	int64_t max_size;  /* bytes; negative: logs grow */
	int64_t max_files; /* with the one written to; at least 2 */
};

/*
 * Rotates the log at @path when it has grown to the limit; @now (ns since 1970) names what is renamed.  @reopen makes
 * the container write to a new file; when it fails the old name is given back.  What an earlier turn that was cut short
 * has left is put right.  Blocks.
 */
int log_rotate(const struct log_policy *policy, struct str path, int64_t now,
	       int (*reopen)(void *cookie, struct error *err), void *cookie, struct error *err) MUST_CHECK;
/* Removes the log at @path and all that was rotated away from it. */
int log_remove(struct str path, struct error *err) MUST_CHECK;
/*
 * Opens the newest file that was rotated away from the log at @path and is not compressed: what was written just before
 * the present one.  *ret_fd -1: there is none, or it has just been compressed.
 */
int log_open_rotated(struct str path, int *ret_fd, struct error *err) MUST_CHECK;

#endif
