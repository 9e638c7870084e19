/* The taints a node's conditions ask for. Pure. */
#ifndef WHERRY_CONTROLLERS_NODE_TAINTS_H
#define WHERRY_CONTROLLERS_NODE_TAINTS_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/*
 * The node's taints as they should be: those of conditions and of spec.unschedulable set right, all others kept.  A
 * taint that stays keeps its time.
 */
struct core_v1_taint_slice node_taints(const struct core_v1_node *node, int64_t now, struct arena *arena);
/* The status of a condition: "True", "False", "Unknown", or empty. */
struct str node_condition_status(const struct core_v1_node *node, struct str type);

#endif
