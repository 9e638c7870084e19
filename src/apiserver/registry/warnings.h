/*
 * Warnings: what is allowed and yet probably not meant, told in Warning headers.
 *
 * A strategy's `warnings` calls these; each adds its texts to context->warnings in upstream's words.
 */
#ifndef WHERRY_APISERVER_REGISTRY_WARNINGS_H
#define WHERRY_APISERVER_REGISTRY_WARNINGS_H

#include "apiserver/registry/common.h"

/* "spec.replicas: text" */
void warn(struct strategy_context *context, const struct path *path, const char *format, ...) PRINTF_LIKE(3, 4);

/* A pod, or a pod template at @path. */
void warn_pod(struct strategy_context *context, const struct core_v1_pod *pod);
void warn_template(struct strategy_context *context, const struct path *path,
		   const struct core_v1_pod_template_spec *template);
/* The same of a kind whose generation tells that its spec changed: nothing is said again.  @old is NULL on create. */
void warn_changed_template(struct strategy_context *context, const struct path *path,
			   const struct core_v1_pod_template_spec *template, const struct meta_v1_object_meta *meta,
			   const struct meta_v1_object_meta *old);
/* Names that become part of pods' names should be DNS labels. */
void warn_of_name(struct strategy_context *context, struct str name);
/* Both, of a kind that names its pods after itself and has their template in spec.template. */
void warn_workload(struct strategy_context *context, const struct core_v1_pod_template_spec *template,
		   const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old);
/* Fractions of bytes in a quantity, and in a claim's requests and limits. */
void warn_of_fraction(struct strategy_context *context, const struct path *path, const struct quantity_map *map,
		      const char *key);
void warn_claim_spec(struct strategy_context *context, const struct path *path,
		     const struct core_v1_persistent_volume_claim_spec *spec);

/* Labels of nodes that have other names now. */
void warn_node_terms(struct strategy_context *context, const struct path *path,
		     const struct core_v1_node_selector_term_slice *terms);
/* What to say of a node's label; NULL: nothing. */
const char *deprecated_node_label(struct str key);

struct deprecated_annotation {
	const char *key, *message;
};
void warn_annotations(struct strategy_context *context, const struct path *path, const struct str_map *annotations,
		      const struct deprecated_annotation *deprecated, size_t len);

#endif
