/*
 * Images of containers: pull policy, back-off, and upstream's words for what goes wrong.
 *
 * Runs on the pod's worker.  What waits is written into the container's memory (ErrImagePull, ImagePullBackOff,
 * ErrImageNeverPull, InvalidImageName).
 */
#ifndef WHERRY_KUBELET_IMAGES_H
#define WHERRY_KUBELET_IMAGES_H

#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"

/*
 * Makes sure that the container's image is here.  True: *ret is it.  False: the container waits; *ret_wake_at is when
 * to try again (0: not by itself).
 */
bool image_ensure(const struct kubelet_context *context, const struct pod_view *view,
		  const struct container_view *container, struct container_memory *memory, int64_t now,
		  struct arena *arena, struct runtime_image *ret, int64_t *ret_wake_at);

#endif
