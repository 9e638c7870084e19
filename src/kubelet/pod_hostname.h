/* What a pod's machine is called, by upstream's rules.  Pure. */
#ifndef WHERRY_KUBELET_POD_HOSTNAME_H
#define WHERRY_KUBELET_POD_HOSTNAME_H

#include "base/arena.h"
#include "base/error.h"
#include "types/gen/core_v1.h"

struct pod_hostname {
	struct str name;   /* cut to 63 bytes, with no dash or dot at the cut */
	struct str domain; /* "sub.namespace.svc.cluster.local"; empty: none */
};

struct pod_hostname pod_hostname(const struct core_v1_pod *pod, struct str cluster_domain, struct arena *arena);
/* What the kernel is told: the name, or with setHostnameAsFQDN the full one, which must not be too long for it. */
int pod_kernel_hostname(const struct core_v1_pod *pod, struct str cluster_domain, struct arena *arena, struct str *ret,
			struct error *err) MUST_CHECK;

#endif
