/*
 * The strategies there are: one line each, strategy_<name> defined in registry/<group>/<kind>.c.
 *
 * Included by registry/strategies.c alone, which makes the look-up table of it.
 */
#ifndef WHERRY_APISERVER_REGISTRY_STRATEGIES_H
#define WHERRY_APISERVER_REGISTRY_STRATEGIES_H

#include "apiserver/strategy.h"

#define STRATEGIES(X)                                                                                                  \
	X(apps_deployments)                                                                                            \
	X(apps_replicasets)                                                                                            \
	X(core_configmaps)                                                                                             \
	X(core_endpoints)                                                                                              \
	X(core_namespaces)                                                                                             \
	X(core_nodes)                                                                                                  \
	X(core_pods)                                                                                                   \
	X(core_secrets)                                                                                                \
	X(core_serviceaccounts)                                                                                        \
	X(core_services)                                                                                               \
	X(rbac_clusterrolebindings)                                                                                    \
	X(rbac_clusterroles)                                                                                           \
	X(rbac_rolebindings)                                                                                           \
	X(rbac_roles)

#define X(name) extern const struct strategy strategy_##name;
STRATEGIES(X)
#undef X

#endif
