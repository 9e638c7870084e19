/*
 * The EndpointSlice controller: who is behind each service.
 *
 * Inputs: Services, Pods, EndpointSlices, and Nodes for their zones.  What becomes of them is endpointslice_plan.c's.
 * Rules: facts/controllers.txt, `eps`.
 */
#include "controllers/endpoints.h"

#include "logic/service.h"
#include "types/selector.h"

struct endpointslices {
	struct service_pods shared; /* first: it is the cookie of both */
	const struct resource *resource;
	struct informer *slice_informer, *node_informer;
	struct informer_handler node_handler;
	int slices_by_service, pods_by_node;
};

static void index_by_service(const struct object *slice, struct informer_keys *values)
{
	const struct str *name = str_map_get(&slice->meta->labels, STR(SLICE_SERVICE_LABEL));
	const struct str *manager = str_map_get(&slice->meta->labels, STR(SLICE_MANAGER_LABEL));

	if (name && manager && str_eq(*manager, STR(SLICE_MANAGER)))
		informer_keys_add_named(values, slice->meta->namespace, *name);
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct endpointslices *controller = cookie;
	struct object *object = informer_get(controller->shared.service_informer, key);
	const struct core_v1_service *service;
	struct endpointslice_inputs *inputs;

	if (!object)
		service_pods_forget(&controller->shared, key);
	if (!object || object->meta->deletion_timestamp || !service_selects(OBJECT_AS(core_v1_service, object)))
		return NULL; /* the slices of a service that is gone go with their owner */
	service = OBJECT_AS(core_v1_service, object);
	inputs = ARENA_NEW(arena, struct endpointslice_inputs);
	inputs->slices = controller->resource;
	inputs->service = reconciler_hold(arena, object);
	inputs->pods = service_pods_gather(&controller->shared, service, arena);
	inputs->present =
		reconciler_hold_indexed(arena, controller->slice_informer, controller->slices_by_service, key);
	inputs->changed = service_pods_changed(&controller->shared, key, service, inputs->pods);
	inputs->nodes = ARENA_NEW_N(arena, struct object *, inputs->pods.len + 1);
	for (size_t i = 0; i < inputs->pods.len; i++)
		inputs->nodes[i] = reconciler_hold(
			arena, informer_get(controller->node_informer,
					    OBJECT_AS(core_v1_pod, inputs->pods.items[i])->spec.node_name));
	return inputs;
}

static void map_slice(void *cookie UNUSED, const struct object *slice, struct informer_keys *keys)
{
	index_by_service(slice, keys);
}

static void index_by_node(const struct object *pod, struct informer_keys *values)
{
	const struct core_v1_pod *typed = OBJECT_AS(core_v1_pod, pod);

	if (typed->spec.node_name.len)
		informer_keys_add(values, typed->spec.node_name);
}

static bool same_zone(const struct object *a, const struct object *b)
{
	const struct str *x = endpointslice_zone(a), *y = endpointslice_zone(b);

	return x && y ? str_eq(*x, *y) : x == y;
}

/* A node that comes, goes or moves to another zone concerns the services of its pods. */
static void on_node(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct endpointslices *controller = CONTAINER_OF(handler, struct endpointslices, node_handler);
	struct arena cleanup_arena arena = {0};
	struct informer_keys keys = {.arena = &arena};

	if (old && new_ && same_zone(old, new_))
		return;
	INFORMER_FOREACH_INDEXED(pod, controller->shared.pod_informer, controller->pods_by_node,
				 (new_ ? new_ : old)->meta->name)
	service_pods_keys(&controller->shared, pod->object, &keys);
	SLICE_FOREACH (key, keys.found)
		reconciler_queue(controller->shared.reconciler, *key);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "endpoint-slice-controller", .gather = gather, .plan = endpointslice_plan, .workers = 5};
	struct endpointslices *controller = XNEW(struct endpointslices);
	struct informer_set *set = context->informers;

	controller->resource = client_resource("discovery.k8s.io", "v1", "endpointslices");
	controller->slice_informer = informer_set_get(set, controller->resource);
	controller->slices_by_service = informer_set_index(set, controller->resource, index_by_service);
	controller->node_informer = informer_set_get(set, client_resource("", "v1", "nodes"));
	controller->pods_by_node = informer_set_index(set, client_resource("", "v1", "pods"), index_by_node);
	controller->node_handler.changed = on_node;
	service_pods_start(&controller->shared, context, &ops);
	reconciler_add_source(controller->shared.reconciler, controller->slice_informer, map_slice);
	reconciler_add_input(controller->shared.reconciler, controller->node_informer);
	informer_add_handler(controller->node_informer, &controller->node_handler);
	return controller;
}

const struct controller controller_endpointslice = {"endpointslice-controller", "endpointslice-controller", start,
						    service_pods_stop, service_pods_free};
