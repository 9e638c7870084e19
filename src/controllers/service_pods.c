/* What the two endpoint controllers share; see service_pods.h. */
#include "controllers/service_pods.h"

#include "logic/pod.h"
#include "logic/service.h"
#include "types/selector.h"
#include "types/timestamp.h"

/* --- Which pods, which services */

void service_pods_index_namespace(const struct object *object, struct informer_keys *values)
{
	informer_keys_add(values, object->meta->namespace);
}

static int by_name(const void *a, const void *b)
{
	return str_cmp((*(struct object *const *)a)->meta->name, (*(struct object *const *)b)->meta->name);
}

struct object_slice service_pods_gather(const struct service_pods *shared, const struct core_v1_service *service,
					struct arena *arena)
{
	struct selector selector = selector_from_map(&service->spec.selector, arena);
	VEC_OF(struct object *) found = {0};

	INFORMER_FOREACH_INDEXED(it, shared->pod_informer, shared->pods_by_namespace, service->metadata.namespace)
	if (selector_matches(&selector, &it->object->meta->labels) &&
	    service_pod_counts(OBJECT_AS(core_v1_pod, it->object)))
		vec_push(arena, &found, reconciler_hold(arena, it->object));
	if (found.len)
		qsort(found.items, found.len, sizeof(*found.items), by_name);
	return (struct object_slice){found.items, found.len};
}

void service_pods_keys(const struct service_pods *shared, const struct object *pod, struct informer_keys *keys)
{
	INFORMER_FOREACH_INDEXED(it, shared->service_informer, shared->services_by_namespace, pod->meta->namespace)
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

/* --- When they changed */

/* As last seen: the pods' times by name, sorted. */
struct times {
	struct arena arena;
	struct str key;
	int64_t service;
	struct pod_time {
		struct str name;
		int64_t time;
	} * pods;
	size_t len;
};

static struct times *times_free(struct times *times)
{
	if (!times)
		return NULL;
	arena_release(&times->arena);
	free(times);
	return NULL;
}

static int by_pod_name(const void *key, const void *item)
{
	return str_cmp(*(const struct str *)key, ((const struct pod_time *)item)->name);
}

static int64_t time_of(const struct times *times, struct str name)
{
	const struct pod_time *found =
		times && times->len ? bsearch(&name, times->pods, times->len, sizeof(*times->pods), by_pod_name) : NULL;

	return found ? found->time : 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || b < a ? b : a;
}

int64_t service_pods_changed(struct service_pods *shared, struct str key, const struct core_v1_service *service,
			     struct object_slice pods)
{
	struct times *before = map_get(&shared->times, key), *now = XNEW(struct times);
	int64_t created = service->metadata.creation_timestamp.seconds, changed = 0;

	now->key = arena_str(&now->arena, key);
	now->service = created;
	now->pods = ARENA_NEW_N(&now->arena, struct pod_time, pods.len + 1);
	for (size_t i = 0; i < pods.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, pods.items[i]);
		const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));
		int64_t time = ready ? ready->last_transition_time.seconds : 0;

		now->pods[now->len++] = (struct pod_time){arena_str(&now->arena, pod->metadata.name), time};
		if (time > time_of(before, pod->metadata.name))
			changed = earlier(changed, time);
	}
	if (before && created > before->service)
		changed = earlier(changed, created);
	if (!before)
		changed = created;
	service_pods_forget(shared, key);
	map_set(&shared->times, now->key, now);
	return changed;
}

void service_pods_forget(struct service_pods *shared, struct str key)
{
	struct times *times = map_get(&shared->times, key);

	if (!times)
		return;
	map_remove(&shared->times, key);
	times_free(times);
}

struct str_map service_pods_annotate(struct str_map annotations, int64_t time, struct arena *arena)
{
	char text[TIMESTAMP_TEXT_SIZE];
	size_t len;

	if (!time)
		return str_map_without(&annotations, STR(LAST_CHANGE_ANNOTATION), arena);
	len = timestamp_format(timestamp_make(time, 0), text);
	return str_map_set(&annotations, STR(LAST_CHANGE_ANNOTATION), arena_str(arena, (struct str){text, len}), arena);
}

/* --- Life */

static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	service_pods_keys(cookie, pod, keys);
}

void service_pods_start(struct service_pods *shared, struct controller_context *context,
			const struct reconciler_ops *ops)
{
	const struct resource *services = client_resource("", "v1", "services"),
			      *pods = client_resource("", "v1", "pods");
	struct informer_set *set = context->informers;

	shared->service_informer = informer_set_get(set, services);
	shared->pod_informer = informer_set_get(set, pods);
	shared->services_by_namespace = informer_set_index(set, services, service_pods_index_namespace);
	shared->pods_by_namespace = informer_set_index(set, pods, service_pods_index_namespace);
	shared->reconciler = controller_reconciler(context, ops, shared);
	reconciler_add_source(shared->reconciler, shared->service_informer, NULL);
	reconciler_add_source(shared->reconciler, shared->pod_informer, map_pod);
}

void service_pods_stop(void *state)
{
	reconciler_stop(((struct service_pods *)state)->reconciler);
}

void service_pods_free(void *state)
{
	struct service_pods *shared = state;

	reconciler_free(shared->reconciler);
	MAP_FOREACH (it, &shared->times)
		times_free(it->value);
	map_release(&shared->times);
	free(shared);
}
