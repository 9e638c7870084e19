/*
 * Parts of volumes: subPath.
 *
 * What a container writes into a volume must not lead its neighbours out of it: the part is resolved beneath the volume
 * by the kernel (openat2) and bound, through the descriptor that was found, to a place of the kubelet's own, which is
 * what the container mounts.  A link that is changed afterwards changes nothing.
 */
#ifndef WHERRY_KUBELET_SUBPATH_H
#define WHERRY_KUBELET_SUBPATH_H

#include "base/arena.h"
#include "base/error.h"

/* The words of a path that is no subPath: absolute, or with ".." in it. */
int subpath_check(struct str path, struct error *err) MUST_CHECK;
/*
 * Opens (O_PATH) @path beneath the folder @volume; what is missing is made as folders with the volume's mode.  Returns
 * the descriptor or a negative errno; -EXDEV when it would lead out.
 */
int subpath_open(struct str volume, struct str path, struct arena *arena) MUST_CHECK;
/* Binds what @fd names to @target, anew; makes @target, a file or folder as needed, and what is above it. */
int subpath_bind(int fd, struct str target, struct arena *arena, struct error *err) MUST_CHECK;

#endif
