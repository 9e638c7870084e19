/* What the endpoint controllers decide from; see endpoints.c, endpointslice_plan.c and endpointslicemirroring.c. */
#ifndef WHERRY_CONTROLLERS_ENDPOINTS_H
#define WHERRY_CONTROLLERS_ENDPOINTS_H

#include "controllers/service_pods.h"
#include "types/gen/discovery_v1.h"

struct endpoints_inputs {
	const struct resource *endpoints;
	struct object *service, *present; /* either may be missing */
	struct object_slice pods;
	int64_t changed; /* service_pods_changed() */
};

void endpoints_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#define SLICE_SERVICE_LABEL "kubernetes.io/service-name"
#define SLICE_MANAGER_LABEL "endpointslice.kubernetes.io/managed-by"
#define SLICE_MANAGER	    "endpointslice-controller.k8s.io"

struct endpointslice_inputs {
	const struct resource *slices;
	struct object *service;
	struct object_slice pods, present;
	struct object **nodes; /* of the pods, NULL where there is none */
	int64_t changed;
};

/* The zone a node says it is in, or NULL. */
const struct str *endpointslice_zone(const struct object *node);
/* Do they resolve to the same, in the same order? */
bool endpointslice_same_ports(struct discovery_v1_endpoint_port_slice a, struct discovery_v1_endpoint_port_slice b);
void endpointslice_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

struct mirroring_inputs {
	const struct resource *slices;
	struct object *endpoints; /* NULL: not, or no longer, to be mirrored */
	struct object_slice present;
};

void mirroring_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

#endif
