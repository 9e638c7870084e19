/* Roles and bindings every cluster has: constant data made of bootstrap.rbac by tools/generate_policy.py. */
#ifndef WHERRY_APISERVER_POLICY_BOOTSTRAP_POLICY_H
#define WHERRY_APISERVER_POLICY_BOOTSTRAP_POLICY_H

#include "types/gen/rbac_v1.h"

extern const struct rbac_v1_cluster_role policy_cluster_roles[];
extern const size_t policy_cluster_roles_len;
extern const struct rbac_v1_role policy_roles[];
extern const size_t policy_roles_len;
extern const struct rbac_v1_cluster_role_binding policy_cluster_role_bindings[];
extern const size_t policy_cluster_role_bindings_len;
extern const struct rbac_v1_role_binding policy_role_bindings[];
extern const size_t policy_role_bindings_len;

#endif
