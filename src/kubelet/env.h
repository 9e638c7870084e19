/*
 * A container's environment, command and arguments.
 *
 * Order and rules are upstream's: service variables first, then envFrom in order, then env in order with $(VAR)
 * expanded from what came before ($$ escapes, unknown names stay); a later one of the same name wins.  ConfigMaps and
 * Secrets are read through the context's client; a missing one that is not optional is ERR_NOT_FOUND in upstream's
 * words, which become the message of CreateContainerConfigError.
 */
#ifndef WHERRY_KUBELET_ENV_H
#define WHERRY_KUBELET_ENV_H

#include "kubelet/context.h"

/* What the downward API knows besides the pod object. */
struct downward {
	struct runtime_ips pod_ips, host_ips;
	struct quantity_map node_allocatable; /* what a missing limit means */
};

int env_resolve(const struct kubelet_context *context, const struct core_v1_pod *pod,
		const struct core_v1_container *container, const struct downward *downward, struct arena *arena,
		struct runtime_pairs *ret, struct error *err) MUST_CHECK;
/* $(VAR) expansion of one string. */
struct str env_expand(struct str text, struct runtime_pairs envs, struct arena *arena);
/* The same, but every name must have a value that is not empty: else false, and *ret is the first that is not. */
bool env_expand_known(struct str text, struct runtime_pairs envs, struct arena *arena, struct str *ret) MUST_CHECK;
/* The value of a downward API field ("metadata.labels['a']", "status.podIP"); ERR_BAD_REQUEST for what is no field. */
int downward_field(const struct core_v1_pod *pod, const struct downward *downward, struct str path, struct arena *arena,
		   struct str *ret, struct error *err) MUST_CHECK;
/* The value of resourceFieldRef; @container is the one it names. */
int downward_resource(const struct core_v1_container *container, const struct downward *downward,
		      const struct core_v1_resource_field_selector *selector, struct arena *arena, struct str *ret,
		      struct error *err) MUST_CHECK;

#endif
