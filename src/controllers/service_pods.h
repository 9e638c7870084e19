/* What the two endpoint controllers share: the pods behind a service, and which services a pod concerns. */
#ifndef WHERRY_CONTROLLERS_SERVICE_PODS_H
#define WHERRY_CONTROLLERS_SERVICE_PODS_H

#include "controllers/controller.h"
#include "types/gen/core_v1.h"

#define LAST_CHANGE_ANNOTATION "endpoints.kubernetes.io/last-change-trigger-time"
#define HEADLESS_LABEL	       "service.kubernetes.io/headless"

/* Index of namespaced objects: by namespace. */
void service_pods_index_namespace(const struct object *object, struct informer_keys *values);
/* The pods @service selects that count, held in @arena, sorted by name. */
struct object_slice service_pods_gather(struct arena *arena, const struct informer *pods, int by_namespace,
					const struct core_v1_service *service);
/* Keys of the services that select @pod. */
void service_pods_keys(const struct informer *services, int by_namespace, const struct object *pod,
		       struct informer_keys *keys);
/* The reference an endpoint has to its pod. */
struct core_v1_object_reference *service_pods_reference(const struct object *pod, struct arena *arena);
/* The name under which a pod's hostname is served; empty: none. */
struct str service_pods_hostname(const struct core_v1_service *service, const struct core_v1_pod *pod);

#endif
