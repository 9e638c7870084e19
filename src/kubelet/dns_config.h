/* What a pod's resolv.conf says: dnsPolicy, the cluster's DNS, the node's file, and dnsConfig over them.  Reads that
 * file. */
#ifndef WHERRY_KUBELET_DNS_CONFIG_H
#define WHERRY_KUBELET_DNS_CONFIG_H

#include "kubelet/context.h"

int dns_config(const struct kubelet_context *context, const struct core_v1_pod *pod, struct arena *arena,
	       struct runtime_dns_config *ret, struct error *err) MUST_CHECK;
/* The lines of a resolv.conf. */
struct runtime_dns_config resolv_conf_parse(struct str text, struct arena *arena);

#endif
