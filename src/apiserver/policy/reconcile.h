/*
 * Brings the bootstrap policy (bootstrap_policy.h) into the store at the start.
 *
 * Upstream's rules: what is missing is made; what carries rbac.authorization.kubernetes.io/autoupdate=false is left
 * alone; otherwise rules, subjects, labels, annotations and selectors that are missing are added, and what somebody
 * added stays.  A binding that refers to another role is made anew.  What lacks nothing is not written.
 */
#ifndef WHERRY_APISERVER_POLICY_RECONCILE_H
#define WHERRY_APISERVER_POLICY_RECONCILE_H

#include "base/error.h"
#include "types/gen/rbac_v1.h"

struct apiserver;
struct arena;

/* Any thread that may block. */
int policy_reconcile(struct apiserver *server, struct error *err) MUST_CHECK;

/* True: @role, a copy of what there is, lacked something of @wanted and now has it. */
bool policy_complete_cluster_role(struct rbac_v1_cluster_role *role, const struct rbac_v1_cluster_role *wanted,
				  struct arena *arena);
bool policy_complete_role(struct rbac_v1_role *role, const struct rbac_v1_role *wanted, struct arena *arena);

#endif
