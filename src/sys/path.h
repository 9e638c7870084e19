/*
 * Paths that outside data has a say in, and the small file operations around them.
 *
 * Names that come from an archive, an image or a container are never resolved by hand: path_open_beneath() and
 * path_open_in_root() let the kernel keep the walk under a directory (openat2(2)), whatever links lie on the way.
 *
 * Functions that return a descriptor or a length return a negative errno on failure; those with a struct error set it.
 * Any thread.
 */
#ifndef WHERRY_SYS_PATH_H
#define WHERRY_SYS_PATH_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

/* Opens @path below @dir; a component or link that leads out of it is -EXDEV. */
int path_open_beneath(int dir, const char *path, int flags, mode_t mode) MUST_CHECK;
/* Opens @path as if @dir were the root directory: absolute links and ".." stay inside, as chroot would have it. */
int path_open_in_root(int dir, const char *path, int flags, mode_t mode) MUST_CHECK;
/* Makes @path (below @dir, or absolute with AT_FDCWD) and what is missing above it; there already is success. */
int path_make_dirs(int dir, const char *path, mode_t mode) MUST_CHECK;
/* Makes directories as path_make_dirs() but inside the root @dir; returns a descriptor (O_PATH) of the last. */
int path_make_dirs_in_root(int dir, const char *path, mode_t mode) MUST_CHECK;
/*
 * Removes @name under @dir with all below it, links not followed, mounted file systems not entered (then -EBUSY);
 * absent is success.
 */
int path_remove_tree(int dir, const char *name) MUST_CHECK;
/* Removes what is in the directory @dir and keeps it. */
int path_remove_children(int dir) MUST_CHECK;
/* Appends a whole file; -EFBIG past the buffer's ceiling. */
int path_read(int dir, const char *path, struct buf *out) MUST_CHECK;
/* Reads at most @size - 1 bytes of a short file and ends them with a NUL; returns the length. */
int path_read_small(int dir, const char *path, char *out, size_t size) MUST_CHECK;
/* Writes @data to an existing file (a control file) in one write. */
int path_write(int dir, const char *path, struct str data) MUST_CHECK;
/*
 * Replaces @name in @dir at once: a reader sees the old content or the new, never part of it, also when the writer is
 * killed.  With @sync also when the machine stops.
 */
int path_write_atomic(int dir, const char *name, struct str data, mode_t mode, bool sync) MUST_CHECK;
/* write() until all is out. */
int path_write_all(int fd, const void *data, size_t size) MUST_CHECK;

#endif
