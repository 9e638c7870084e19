/* Registry credentials of a pod: its imagePullSecrets, read when a pull needs them. */
#ifndef WHERRY_KUBELET_PULL_SECRETS_H
#define WHERRY_KUBELET_PULL_SECRETS_H

#include "kubelet/pod_view.h"

/* Fills @ret when a secret names @image's registry, else leaves it empty; a missing secret is told by an event. */
void pull_secrets_find(const struct kubelet_context *context, const struct pod_view *view, struct str image,
		       struct arena *arena, struct runtime_auth *ret);

#endif
