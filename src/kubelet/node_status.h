/* What the Node object says of this machine: labels, capacity, conditions, versions.  Reads the machine; no API. */
#ifndef WHERRY_KUBELET_NODE_STATUS_H
#define WHERRY_KUBELET_NODE_STATUS_H

#include "kubelet/context.h"

/* Labels and annotations of a new Node. */
struct core_v1_node node_initial(const struct kubelet_context *context, struct arena *arena);
/* The status at @now; times of conditions are kept from @before where nothing changed. */
struct core_v1_node_status node_status(const struct kubelet_context *context, const struct core_v1_node_status *before,
				       int64_t now, struct arena *arena);
/* The amounts of the node that pods may have. */
struct quantity_map node_allocatable(const struct kubelet_context *context, struct arena *arena);
/* Is the Ready condition True? */
bool node_status_ready(const struct core_v1_node_status *status);
/* Do they differ in more than heartbeat times? */
bool node_status_differs(const struct core_v1_node_status *a, const struct core_v1_node_status *b, struct arena *arena);

#endif
