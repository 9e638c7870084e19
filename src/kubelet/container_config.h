/* From API objects to the runtime's words: sandboxes and containers.  Pure but for the files it is told the paths of.
 */
#ifndef WHERRY_KUBELET_CONTAINER_CONFIG_H
#define WHERRY_KUBELET_CONTAINER_CONFIG_H

#include "kubelet/pod_view.h"
#include "kubelet/volumes.h"

int sandbox_config(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena,
		   struct runtime_sandbox_config *ret, struct error *err) MUST_CHECK;

struct container_inputs {
	const struct pod_view *view;
	const struct container_view *container;
	struct str image_ref; /* of the image that is present */
	struct runtime_pairs envs;
	const struct runtime_mount *mounts; /* volumes, hosts file, termination log */
	size_t mounts_len;
};
int container_config(const struct kubelet_context *context, const struct container_inputs *inputs, struct arena *arena,
		     struct runtime_container_config *ret, struct error *err) MUST_CHECK;

#endif
