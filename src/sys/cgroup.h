/*
 * Control groups, v1 and v2 and both at once, behind one set of calls.
 *
 * A group is a path from the hierarchies' roots ("/wherry/kubepods/pod1"), the same in each: calls act on the directory
 * of that path in every hierarchy that has a part in it.  Which hierarchies there are is read from mountinfo once
 * (cgroup_detect); a host has v1 hierarchies, or the unified one, or v1 with a unified one beside them (hybrid).
 *
 * Directories that were there before belong to the machine.  Callers make their own root and remove what they made;
 * cgroup_remove() takes a whole subtree, deepest first, and only directories.
 *
 * Limits use v1's scale for cpu shares; on v2 they become a weight as the kubelet computes it.  Any thread.
 */
#ifndef WHERRY_SYS_CGROUP_H
#define WHERRY_SYS_CGROUP_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_FREEZER,
	CGROUP_DEVICES,
	CGROUP_BLKIO,
	CGROUP_HUGETLB,
	CGROUP_CONTROLLER_MAX
};

#define CGROUP_HIERARCHIES_MAX 16
#define CGROUP_MOUNT_SIZE      256

struct cgroup_hierarchy {
	char mount[CGROUP_MOUNT_SIZE];
	unsigned controllers; /* bits 1 << enum cgroup_controller; v1 only, on v2 read as needed */
	bool unified;
};

struct cgroup_host {
	struct cgroup_hierarchy items[CGROUP_HIERARCHIES_MAX];
	size_t len;
	int unified; /* index, or -1 */
	bool hybrid; /* v1 hierarchies and a unified one */
};

/* Reads this machine's hierarchies from the thread's mountinfo. */
int cgroup_detect(struct cgroup_host *ret, struct error *err) MUST_CHECK;
/* The same from a given text, whose mount points get @prefix before them: a tree made for a test. */
int cgroup_detect_from(struct str mountinfo, const char *prefix, struct cgroup_host *ret, struct error *err) MUST_CHECK;
/* Pure v2? */
bool cgroup_is_unified(const struct cgroup_host *host);

/* Makes the group in every hierarchy, and what is above it; on v2 hands the controllers down to it. */
int cgroup_create(const struct cgroup_host *host, struct str path, struct error *err) MUST_CHECK;
/* The names of the groups right below it, in any hierarchy, each once; strings in @arena.  Absent: none. */
int cgroup_children(const struct cgroup_host *host, struct str path, struct arena *arena, struct str **ret,
		    size_t *ret_len, struct error *err) MUST_CHECK;
bool cgroup_exists(const struct cgroup_host *host, struct str path);
int cgroup_add_process(const struct cgroup_host *host, struct str path, pid_t pid, struct error *err) MUST_CHECK;

/* Zero: leave as it is; -1: no limit. */
struct cgroup_limits {
	int64_t cpu_shares;	       /* 2 ... 262144 */
	int64_t cpu_quota, cpu_period; /* microseconds */
	int64_t memory_limit;	       /* bytes */
	int64_t memory_swap;	       /* bytes, memory and swap together */
	int64_t pids_limit;
	struct str cpuset_cpus, cpuset_mems;
};
int cgroup_set(const struct cgroup_host *host, struct str path, const struct cgroup_limits *limits,
	       struct error *err) MUST_CHECK;
/* v1's cpu shares as v2's weight, 1 ... 10000. */
int64_t cgroup_weight_from_shares(int64_t shares);

struct cgroup_usage {
	uint64_t cpu_usage_ns;
	uint64_t memory_usage, memory_working_set, memory_rss;
	uint64_t pids;
	uint64_t oom_kills;
};
/* What cannot be read stays 0; fails with ERR_NOT_FOUND when the group is gone. */
int cgroup_usage(const struct cgroup_host *host, struct str path, struct cgroup_usage *ret,
		 struct error *err) MUST_CHECK;
/* The file that counts the group's OOM kills in a line "oom_kill N". */
int cgroup_oom_file(const struct cgroup_host *host, struct str path, char *out, size_t size) MUST_CHECK;
/* Is any process in the group or below it? */
bool cgroup_populated(const struct cgroup_host *host, struct str path);
/* Kills everything in it and below, and waits until it is gone, at most @timeout_ms. */
int cgroup_kill(const struct cgroup_host *host, struct str path, int64_t timeout_ms, struct error *err) MUST_CHECK;
/* Removes the group and all below it in every hierarchy; absent is success, processes in it are -EBUSY's error. */
int cgroup_remove(const struct cgroup_host *host, struct str path, struct error *err) MUST_CHECK;

#endif
