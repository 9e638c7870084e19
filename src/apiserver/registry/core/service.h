/* Services, by subject: families and addresses, what an update carries over, checks. */
#ifndef WHERRY_APISERVER_REGISTRY_CORE_SERVICE_H
#define WHERRY_APISERVER_REGISTRY_CORE_SERVICE_H

#include "apiserver/registry/common.h"
#include "logic/service.h"

/* clusterIPs[0] is "None". */
bool service_needs_cluster_ip(const struct core_v1_service *service);
bool service_needs_node_ports(const struct core_v1_service *service);
bool service_needs_health_check(const struct core_v1_service *service);
bool service_is_externally_accessible(const struct core_v1_service *service);

/* One text as a list. */
struct str_slice one_str(struct arena *arena, struct str text);

/* Carries over from @old what the client left out, and takes away what the new type has no use for. */
void service_carry_over(struct arena *arena, struct core_v1_service *service, const struct core_v1_service *old);
/* ipFamilyPolicy and ipFamilies of a cluster with the families in @cluster ("IPv4"). */
void service_set_families(struct field_errors *errors, struct core_v1_service *service,
			  const struct core_v1_service *old, const struct str_slice *cluster);
void check_cluster_ips(struct field_errors *errors, const struct core_v1_service *service);
void check_service(struct field_errors *errors, const struct core_v1_service *service);
void check_service_update(struct field_errors *errors, const struct core_v1_service *service,
			  const struct core_v1_service *old);
/* Not unspecified, loopback or link-local: an address that traffic may be sent to. */
void check_endpoint_ip(struct field_errors *errors, const struct path *path, struct str text);

#endif
