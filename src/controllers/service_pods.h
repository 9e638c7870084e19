/*
 * What the two endpoint controllers share: services, the pods behind them, and when these changed.
 *
 * A controller embeds struct service_pods as its first member, so that it is the cookie of both.  Loop thread.
 */
#ifndef WHERRY_CONTROLLERS_SERVICE_PODS_H
#define WHERRY_CONTROLLERS_SERVICE_PODS_H

#include "base/map.h"
#include "controllers/controller.h"
#include "types/gen/core_v1.h"

#define LAST_CHANGE_ANNOTATION "endpoints.kubernetes.io/last-change-trigger-time"
#define HEADLESS_LABEL	       "service.kubernetes.io/headless"

struct service_pods {
	struct reconciler *reconciler;
	struct informer *service_informer, *pod_informer;
	int services_by_namespace, pods_by_namespace;
	struct map times; /* service's key -> when it and its pods changed, as last seen */
};

/* Makes the reconciler, with the services and, by their services, the pods as its sources. */
void service_pods_start(struct service_pods *shared, struct controller_context *context,
			const struct reconciler_ops *ops);
/* A controller's stop and free; the latter frees @state itself. */
void service_pods_stop(void *state);
void service_pods_free(void *state);

/* The pods @service selects that count, held in @arena, sorted by name. */
struct object_slice service_pods_gather(const struct service_pods *shared, const struct core_v1_service *service,
					struct arena *arena);
/*
 * The earliest of the changes of @service and its @pods since this was asked last, in seconds since 1970; 0: nothing
 * has changed.  Of one not asked about before it is the service's creation.  What the annotation
 * LAST_CHANGE_ANNOTATION tells, by which upstream measures how long programming the network takes.
 */
int64_t service_pods_changed(struct service_pods *shared, struct str key, const struct core_v1_service *service,
			     struct object_slice pods);
/* The service is gone. */
void service_pods_forget(struct service_pods *shared, struct str key);
/* Sets or clears the annotation of something that is written because of a change at @time. */
struct str_map service_pods_annotate(struct str_map annotations, int64_t time, struct arena *arena);

/* Index of namespaced objects: by namespace. */
void service_pods_index_namespace(const struct object *object, struct informer_keys *values);
/* Adds the keys of the services that select @pod. */
void service_pods_keys(const struct service_pods *shared, const struct object *pod, struct informer_keys *keys);
/* The reference an endpoint has to its pod. */
struct core_v1_object_reference *service_pods_reference(const struct object *pod, struct arena *arena);
/* The name under which a pod's hostname is served; empty: none. */
struct str service_pods_hostname(const struct core_v1_service *service, const struct core_v1_pod *pod);

#endif
