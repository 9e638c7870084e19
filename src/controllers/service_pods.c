/* What the two endpoint controllers share; see service_pods.h. */
#include "controllers/service_pods.h"

#include "logic/service.h"
#include "types/selector.h"

size_t service_pods_index_namespace(const struct object *object, struct arena *arena UNUSED, struct str *values)
{
	values[0] = object->meta->namespace;
	return 1;
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

size_t service_pods_keys(const struct informer *services, int by_namespace, const struct object *pod,
			 struct arena *arena, struct str *keys)
{
	size_t len = 0;

	INFORMER_FOREACH_INDEXED(it, services, by_namespace, pod->meta->namespace)
	{
		const struct core_v1_service *service = OBJECT_AS(core_v1_service, it->object);
		struct selector selector = selector_from_map(&service->spec.selector, arena);

		if (len < INFORMER_INDEX_VALUES && service_selects(service) &&
		    selector_matches(&selector, &pod->meta->labels))
			keys[len++] = object_key(it->object, arena);
	}
	return len;
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
