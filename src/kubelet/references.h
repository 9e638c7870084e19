/*
 * The ConfigMaps and Secrets that pods refer to: the first look asks the API, from then on a watch of that one object
 * keeps it here, and the pods that use it are woken when it changes.
 *
 * A node may only see what its pods name, so there is one watch per object, as long as some pod on the node uses it.
 * Nothing is polled, and a turn of a pod whose references are known costs no request.
 *
 * Threads: the watches live on the kubelet's loop; reference_*() and references_forget() may be called on any thread.
 * A missing object is ERR_NOT_FOUND in the words pods show: `configmap "x" not found`; when it appears the pod is
 * woken.
 */
#ifndef WHERRY_KUBELET_REFERENCES_H
#define WHERRY_KUBELET_REFERENCES_H

#include "kubelet/context.h"

struct loop;
struct references;

struct references *references_new(const struct kubelet_context *context, struct loop *loop);
/* Ends the watches: after the loop has ended and before it is freed. */
void references_stop(struct references *references);
/* After the loop was freed; NULL is fine; returns NULL. */
struct references *references_free(struct references *references);

/* *ret is held by @arena.  Without context->references every look is a request. */
int reference_config_map(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
			 struct arena *arena, const struct core_v1_config_map **ret, struct error *err) MUST_CHECK;
int reference_secret(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
		     struct arena *arena, const struct core_v1_secret **ret, struct error *err) MUST_CHECK;
/* The pod @uid uses nothing any more. */
void references_forget(struct references *references, struct str uid);

#endif
