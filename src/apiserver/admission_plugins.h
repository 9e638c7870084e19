/* The admission plug-ins there are, in upstream's order: admission_<name>, each in admission/<name>.c. */
#ifndef WHERRY_APISERVER_ADMISSION_PLUGINS_H
#define WHERRY_APISERVER_ADMISSION_PLUGINS_H

#include "apiserver/admission.h"

#define ADMISSION_PLUGINS(X)                                                                                           \
	X(namespace_lifecycle)                                                                                         \
	X(limit_ranger)                                                                                                \
	X(node_restriction)                                                                                            \
	X(service_account)                                                                                             \
	X(taint_nodes_by_condition)                                                                                    \
	X(priority)                                                                                                    \
	X(default_toleration_seconds)                                                                                  \
	X(default_storage_class)                                                                                       \
	X(storage_protection)                                                                                          \
	X(default_ingress_class)                                                                                       \
	X(rbac_escalation)

#define X(name) extern const struct admission_plugin admission_##name;
ADMISSION_PLUGINS(X)
#undef X

#endif
