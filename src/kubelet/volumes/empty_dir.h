/* Empty folders, on disk or in memory: the emptyDir kind and what the ConfigMap-like kinds write into. */
#ifndef WHERRY_KUBELET_VOLUMES_EMPTY_DIR_H
#define WHERRY_KUBELET_VOLUMES_EMPTY_DIR_H

#include "base/arena.h"
#include "base/error.h"

struct empty_dir_options {
	bool memory;		 /* a tmpfs */
	int64_t size;		 /* of the tmpfs, bytes; 0: the kernel's default */
	const int64_t *fs_group; /* NULL: none */
};

/* Makes it unless it is there; what is in it stays.  Everyone may write, upstream's way. */
int empty_dir_make(struct str path, const struct empty_dir_options *options, struct arena *arena,
		   struct error *err) MUST_CHECK;

#endif
