/* What the files of the cgroup module share; see cgroup.h. */
#ifndef WHERRY_SYS_CGROUP_INTERNAL_H
#define WHERRY_SYS_CGROUP_INTERNAL_H

#include "sys/cgroup.h"

#define CGROUP_PATH_SIZE 1024

/* The directory (or the @file in it) of group @path in a hierarchy; -ENAMETOOLONG, -EINVAL for "..". */
int cgroup_path(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file,
		char out[CGROUP_PATH_SIZE]) MUST_CHECK;
/* The v1 hierarchy that has @controller, or NULL. */
const struct cgroup_hierarchy *cgroup_v1_of(const struct cgroup_host *host, enum cgroup_controller controller);
/* Reads @file of the group as text; negative errno. */
int cgroup_read(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file, char *out,
		size_t size) MUST_CHECK;
int cgroup_write(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file,
		 struct str value) MUST_CHECK;

#endif
