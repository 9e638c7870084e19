/*
 * The namespace controller: empties a namespace that is being deleted, and lets it go.
 *
 * What is in a namespace is asked of the server, resource by resource (observe): a cache may not show yet what was
 * made last.  Informers only say when to look again: when something has gone from such a namespace, for pods when the
 * last one has; metadata is enough for that.  Behaviour: facts/controllers.txt, `nsc`.
 */
#include "controllers/namespace.h"

#include "controllers/service_pods.h"
#include "logic/pod.h"
#include "types/gen/core_v1.h"

/* Something that a namespace may contain. */
struct content {
	struct informer_handler handler;
	struct namespaces *controller;
	struct informer *informer;
};

struct namespaces {
	struct reconciler *reconciler;
	const struct resource *resource, *pods;
	struct informer *informer, *pod_informer;
	int pods_by_namespace;
	struct content *contents;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct namespaces *controller = cookie;
	struct object *object = informer_get(controller->informer, key);
	struct namespace_inputs *inputs;

	if (!object || !object->meta->deletion_timestamp)
		return NULL;
	inputs = ARENA_NEW(arena, struct namespace_inputs);
	inputs->namespaces = controller->resource;
	inputs->pods = controller->pods;
	inputs->object = reconciler_hold(arena, object);
	return inputs;
}

static bool is_content(const struct resource *resource)
{
	return resource->namespaced && resource->stability == STABILITY_GA && resource->schema &&
	       (resource->verbs & VERB_DELETE) && (resource->verbs & VERB_LIST) &&
	       str_eq(resource->api_version, resource->storage_version);
}

/* How long the pods may take: the longest grace period of those that have not ended. */
static int64_t grace_seconds(const struct api_response *pods)
{
	int64_t longest = 0;

	for (size_t i = 0; i < pods->items_len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, pods->items[i]);

		if (!pod_is_finished(pod) && pod->spec.termination_grace_period_seconds)
			longest = MAX(longest, *pod->spec.termination_grace_period_seconds);
	}
	return longest;
}

static int count(struct namespace_inputs *inputs, const struct resource *resource, const struct client *client,
		 struct arena *arena, struct error *err)
{
	struct api_response list = {0};
	struct namespace_remaining remaining = {.resource = resource};
	size_t finalizers = inputs->finalizers.len;

	if (client_list(client, resource, inputs->object->meta->name, STR_EMPTY, STR_EMPTY, &list, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < list.items_len; i++) {
		remaining.untouched += !list.items[i]->meta->deletion_timestamp;
		SLICE_FOREACH (finalizer, list.items[i]->meta->finalizers)
			vec_push(arena, &inputs->finalizers, arena_str(arena, *finalizer));
	}
	remaining.count = list.items_len;
	remaining.finalizers = inputs->finalizers.len - finalizers;
	if (remaining.count)
		vec_push(arena, &inputs->remaining, remaining);
	if (resource == inputs->pods)
		inputs->pod_grace_seconds = grace_seconds(&list);
	api_response_release(&list);
	return 0;
}

static int observe(void *cookie UNUSED, void *data, const struct client *client, struct arena *arena, struct error *err)
{
	struct namespace_inputs *inputs = data;

	if (count(inputs, inputs->pods, client, arena, err) < 0)
		return -(int)err->code;
	if (inputs->remaining.len)
		return 0; /* nothing else is touched before the pods are gone */
	for (size_t i = 0; i < resources_len; i++)
		if (is_content(&resources[i]) && &resources[i] != inputs->pods &&
		    count(inputs, &resources[i], client, arena, err) < 0)
			return -(int)err->code;
	return 0;
}

/* --- When to look ----------------------------------------------------------------------------------------------- */

static bool pods_remain(const struct namespaces *controller, struct str namespace)
{
	INFORMER_FOREACH_INDEXED(pod, controller->pod_informer, controller->pods_by_namespace, namespace)
	return true;
	return false;
}

static void on_content(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct content *content = CONTAINER_OF(handler, struct content, handler);
	struct namespaces *controller = content->controller;
	struct object *namespace;

	if (new_)
		return;
	namespace = informer_get(controller->informer, old->meta->namespace);
	if (!namespace || !namespace->meta->deletion_timestamp)
		return;
	if (content->informer == controller->pod_informer && pods_remain(controller, old->meta->namespace))
		return;
	reconciler_queue(controller->reconciler, old->meta->namespace);
}

static void watch_contents(struct namespaces *controller, struct informer_set *set)
{
	controller->contents = xcalloc(resources_len, sizeof(*controller->contents));
	for (size_t i = 0; i < resources_len; i++) {
		struct content *content = &controller->contents[i];

		if (!is_content(&resources[i]))
			continue;
		*content = (struct content){.handler = {.changed = on_content},
					    .controller = controller,
					    .informer = informer_set_get_metadata(set, &resources[i])};
		informer_add_handler(content->informer, &content->handler);
	}
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {.name = "namespace-controller",
						  .gather = gather,
						  .observe = observe,
						  .plan = namespace_plan,
						  .workers = 10};
	struct namespaces *controller = XNEW(struct namespaces);
	struct informer_set *set = context->informers;

	controller->resource = client_resource("", "v1", "namespaces");
	controller->pods = client_resource("", "v1", "pods");
	controller->informer = informer_set_get(set, controller->resource);
	controller->pod_informer = informer_set_get(set, controller->pods);
	controller->pods_by_namespace = informer_set_index(set, controller->pods, service_pods_index_namespace);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->informer, NULL);
	watch_contents(controller, set);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct namespaces *)state)->reconciler);
}

static void release(void *state)
{
	struct namespaces *controller = state;

	reconciler_free(controller->reconciler);
	free(controller->contents);
	free(controller);
}

const struct controller controller_namespace = {"namespace-controller", "namespace-controller", start, stop, release};
