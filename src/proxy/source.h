/*
 * From the API's Services and EndpointSlices to the engine's services.
 *
 * Which services count, which endpoints of a slice belong to which port, and what their conditions mean, is as the
 * upstream proxy has it (1.36).  Pure; everything made lives in the arena and points into nothing else.
 *
 * Not served: a load balancer's address with loadBalancerSourceRanges.  Leading everybody there would open what its
 * owner meant to close.
 */
#ifndef WHERRY_PROXY_SOURCE_H
#define WHERRY_PROXY_SOURCE_H

#include "base/arena.h"
#include "proxy/proxy.h"
#include "types/gen/core_v1.h"
#include "types/gen/discovery_v1.h"

/* What to watch: services of other proxies and headless ones are none of ours. */
#define PROXY_SERVICE_SELECTOR "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"
#define PROXY_SLICE_SELECTOR   "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"
#define PROXY_SLICE_SERVICE    "kubernetes.io/service-name" /* a slice's label with its service */

struct proxy_source {
	struct arena *arena;
	struct str node_name; /* ours: its endpoints are local */
	VEC_OF(struct proxy_service) services;
};

/* Adds each port of @service, unless it has no cluster address; @slices are those of its name. */
void proxy_source_add(struct proxy_source *source, const struct core_v1_service *service,
		      const struct discovery_v1_endpoint_slice *const *slices, size_t slices_len);

#endif
