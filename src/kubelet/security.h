/* A container's security context in the runtime's words: the container's settings over the pod's. Pure. */
#ifndef WHERRY_KUBELET_SECURITY_H
#define WHERRY_KUBELET_SECURITY_H

#include "kubelet/context.h"

void container_security(const struct core_v1_pod *pod, const struct core_v1_container *container, struct arena *arena,
			struct runtime_security_context *ret);
/* runAsNonRoot: ERR_INVALID in upstream's words when the container would run as root. */
int container_verify_non_root(const struct core_v1_pod *pod, const struct core_v1_container *container,
			      const struct runtime_image *image, struct arena *arena, struct error *err) MUST_CHECK;

#endif
