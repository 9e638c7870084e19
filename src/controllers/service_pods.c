/* What the two endpoint controllers share; see service_pods.h. */
#include "controllers/service_pods.h"

#include "logic/service.h"
#include "types/selector.h"

void service_pods_index_namespace(const struct object *object, struct informer_keys *values)
{
	informer_keys_add(values, object->meta->namespace);
}

static int by_name(const void *a, const void *b)
{
	return str_cmp((*(struct object *const *)a)->meta->name, (*(struct object *const *)b)->meta->name);
}

struct object_slice service_pods_gather(struct arena *arena, const struct informer *pods, int by_namespace,
					const struct core_v1_service *service)
{
	struct selector selector = selector_from_map(&service->spec.selector, arena);
	VEC_OF(struct object *) found = {0};

	INFORMER_FOREACH_INDEXED(it, pods, by_namespace, service->metadata.namespace)
	if (selector_matches(&selector, &it->object->meta->labels) &&
	    service_pod_counts(OBJECT_AS(core_v1_pod, it->object)))
		vec_push(arena, &found, reconciler_hold(arena, it->object));
	if (found.len)
		qsort(found.items, found.len, sizeof(*found.items), by_name);
	return (struct object_slice){found.items, found.len};
}

void service_pods_keys(const struct informer *services, int by_namespace, const struct object *pod,
		       struct informer_keys *keys)
{
	INFORMER_FOREACH_INDEXED(it, services, by_namespace, pod->meta->namespace)
	{
		const struct core_v1_service *service = OBJECT_AS(core_v1_service, it->object);
		struct selector selector = selector_from_map(&service->spec.selector, keys->arena);

		if (service_selects(service) && selector_matches(&selector, &pod->meta->labels))
			informer_keys_add(keys, object_key(it->object, keys->arena));
	}
}

struct core_v1_object_reference *service_pods_reference(const struct object *pod, struct arena *arena)
{
	struct core_v1_object_reference *reference = ARENA_NEW(arena, struct core_v1_object_reference);

	*reference = (struct core_v1_object_reference){
		.kind = STR("Pod"), .namespace = pod->meta->namespace, .name = pod->meta->name, .uid = pod->meta->uid};
	return reference;
}

struct str service_pods_hostname(const struct core_v1_service *service, const struct core_v1_pod *pod)
{
	return pod->spec.hostname.len && str_eq(pod->spec.subdomain, service->metadata.name) ? pod->spec.hostname
											     : STR_EMPTY;
}
