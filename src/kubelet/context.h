/*
 * What the kubelet's parts share: configuration, clients, and ways to wake a pod.  Immutable once the kubelet runs, so
 * any of its threads may read it.
 */
#ifndef WHERRY_KUBELET_CONTEXT_H
#define WHERRY_KUBELET_CONTEXT_H

#include "client/client.h"
#include "client/recorder.h"
#include "kubelet/kubelet.h"
#include "sys/cgroup.h"

struct kubelet_context {
	const struct kubelet_config *config;
	struct client client; /* as the node */
	struct runtime *runtime;
	struct recorder *recorder;
	struct worker_pool *pool; /* the kubelet's: for short jobs */
	struct probes *probes;
	struct tokens *tokens;
	struct references *references;
	struct kubelet_metrics *metrics; /* NULL in tests of parts */
	struct cgroup_host cgroups;	 /* of this machine */
	const struct resource *pods, *nodes, *leases, *configmaps, *secrets, *services, *serviceaccounts;
	/* Any thread: the pod's machine shall look again.  @uid is copied. */
	void (*wake)(void *cookie, struct str pod_uid);
	void *cookie;
	/*
	 * The services whose variables a pod of @namespace gets, from the kubelet's informer; references held by
	 * @arena. Any thread (an immutable snapshot).
	 */
	void (*services_of)(void *cookie, struct str namespace, struct arena *arena, struct object ***ret,
			    size_t *ret_len);
};

/* "metadata.name_namespace(uid)": how messages name a pod. */
struct str pod_text(const struct core_v1_pod *pod, struct arena *arena);

/* Events about a pod; @container NULL: about the pod itself. */
void pod_event(const struct kubelet_context *context, const struct object *pod, const char *field, struct str container,
	       const char *type, const char *reason, const char *format, ...) PRINTF_LIKE(7, 8);

#endif
