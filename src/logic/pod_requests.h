/*
 * What a pod asks of a node: its requests and limits as the scheduler, quotas and the kubelet count them.
 *
 * Upstream's rule (component-helpers, resource.PodRequests): the containers and sidecars together, or the largest stage
 * of starting (an init container beside the sidecars started before it), whichever is more, for each resource; requests
 * at pod level in their place where there are any; the runtime's overhead on top.
 */
#ifndef WHERRY_LOGIC_POD_REQUESTS_H
#define WHERRY_LOGIC_POD_REQUESTS_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/* Processors in thousandths, all else in whole units, fractions rounded up; sums saturate. */
struct resource_amount {
	struct str name;
	int64_t amount;
};
struct resource_amounts {
	struct resource_amount *items;
	size_t len, cap;
};

struct pod_requests_options {
	/* A container being resized counts as the most of what it has, was promised and wants. */
	bool use_status;
	/* What a container that asks for no processor, or no memory, is taken to ask for: 0 unless one compares load.
	 */
	int64_t default_cpu, default_memory;
};

/* Of all @pod; a resource is listed once, in no order.  Names point into @pod. */
void pod_requests(const struct core_v1_pod *pod, const struct pod_requests_options *options, struct arena *arena,
		  struct resource_amounts *ret);
/*
 * The limits of all @pod, summed as its requests are (PodLimits).  One that not every container has is the sum of the
 * others': whoever enforces it asks first who has none.  Overhead comes on top of limits only where there is one.
 */
void pod_limits(const struct core_v1_pod *pod, struct arena *arena, struct resource_amounts *ret);
/* The amount of @quantity of the resource @name in the units above. */
int64_t resource_amount_of(struct str name, const struct quantity *quantity);
/* Of that name, 0 when it is not listed. */
int64_t resource_amounts_get(const struct resource_amounts *amounts, struct str name);

#endif
