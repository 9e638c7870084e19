/* From requests and limits to cgroup numbers; formulas are upstream's (facts/node.txt: cg, oom).  Pure. */
#ifndef WHERRY_KUBELET_RESOURCES_H
#define WHERRY_KUBELET_RESOURCES_H

#include "kubelet/context.h"

/* The value of a resource ("cpu", "memory") in a list, or NULL. */
const struct quantity *resource_get(const struct quantity_map *list, const char *name);
/* 0 milli: 2, the least. */
int64_t cpu_shares(int64_t milli);
/* Microseconds of processor time in each period; 0 milli: 0, which is no limit. */
#define CPU_PERIOD_US 100000
int64_t cpu_quota(int64_t milli);
struct runtime_linux_resources container_resources(const struct kubelet_config *config, const struct core_v1_pod *pod,
						   const struct core_v1_container *container, uint64_t node_memory);
/* Bytes of memory the machine has. */
uint64_t machine_memory(void);

#endif
