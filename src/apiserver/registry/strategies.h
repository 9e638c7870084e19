/*
 * The strategies there are: one line each, strategy_<name> defined in registry/<group>/<kind>.c.
 *
 * Included by registry/strategies.c alone, which makes the look-up table of it.
 */
#ifndef WHERRY_APISERVER_REGISTRY_STRATEGIES_H
#define WHERRY_APISERVER_REGISTRY_STRATEGIES_H

#include "apiserver/strategy.h"

/* clang-format off: it breaks a macro of this length anew each time. */
#define STRATEGIES(X)                                                                                                  \
	X(admissionregistration_mutatingadmissionpolicies)                                                             \
	X(admissionregistration_mutatingadmissionpolicybindings)                                                       \
	X(admissionregistration_mutatingwebhookconfigurations)                                                         \
	X(admissionregistration_validatingadmissionpolicies)                                                           \
	X(admissionregistration_validatingadmissionpolicybindings)                                                     \
	X(admissionregistration_validatingwebhookconfigurations)                                                       \
	X(apiextensions_customresourcedefinitions)                                                                     \
	X(apiregistration_apiservices)                                                                                 \
	X(apps_controllerrevisions)                                                                                    \
	X(apps_daemonsets)                                                                                             \
	X(apps_deployments)                                                                                            \
	X(apps_replicasets)                                                                                            \
	X(apps_statefulsets)                                                                                           \
	X(autoscaling_horizontalpodautoscalers)                                                                        \
	X(batch_cronjobs)                                                                                              \
	X(batch_jobs)                                                                                                  \
	X(certificates_certificatesigningrequests)                                                                     \
	X(coordination_leases)                                                                                         \
	X(core_configmaps)                                                                                             \
	X(core_endpoints)                                                                                              \
	X(core_events)                                                                                                 \
	X(core_limitranges)                                                                                            \
	X(core_namespaces)                                                                                             \
	X(core_nodes)                                                                                                  \
	X(core_persistentvolumeclaims)                                                                                 \
	X(core_persistentvolumes)                                                                                      \
	X(core_pods)                                                                                                   \
	X(core_podtemplates)                                                                                           \
	X(core_replicationcontrollers)                                                                                 \
	X(core_resourcequotas)                                                                                         \
	X(core_secrets)                                                                                                \
	X(core_serviceaccounts)                                                                                        \
	X(core_services)                                                                                               \
	X(discovery_endpointslices)                                                                                    \
	X(events_events)                                                                                               \
	X(flowcontrol_flowschemas)                                                                                     \
	X(flowcontrol_prioritylevelconfigurations)                                                                     \
	X(networking_ingressclasses)                                                                                   \
	X(networking_ingresses)                                                                                        \
	X(networking_ipaddresses)                                                                                      \
	X(networking_networkpolicies)                                                                                  \
	X(networking_servicecidrs)                                                                                     \
	X(node_runtimeclasses)                                                                                         \
	X(policy_poddisruptionbudgets)                                                                                 \
	X(rbac_clusterrolebindings)                                                                                    \
	X(rbac_clusterroles)                                                                                           \
	X(rbac_rolebindings)                                                                                           \
	X(rbac_roles)                                                                                                  \
	X(resource_deviceclasses)                                                                                      \
	X(resource_resourceclaims)                                                                                     \
	X(resource_resourceclaimtemplates)                                                                             \
	X(resource_resourceslices)                                                                                     \
	X(scheduling_priorityclasses)                                                                                  \
	X(storage_csidrivers)                                                                                          \
	X(storage_csinodes)                                                                                            \
	X(storage_csistoragecapacities)                                                                                \
	X(storage_storageclasses)                                                                                      \
	X(storage_volumeattachments)                                                                                   \
	X(storage_volumeattributesclasses)
/* clang-format on */

#define X(name) extern const struct strategy strategy_##name;
STRATEGIES(X)
#undef X

#endif
