/*
 * The Endpoints controller: the older form of who is behind a service, one object of the service's name.
 *
 * Addresses of the service's first family, ready and not ready apart, in subsets of pods whose ports resolve alike; at
 * most 1000. Rules: facts/controllers.txt, `ep`.
 */
#include "controllers/service_pods.h"
#include "logic/pod.h"
#include "logic/service.h"
#include "types/copy.h"
#include "types/selector.h"

#define ADDRESSES_MAX	 1000
#define OVER_CAPACITY	 "endpoints.kubernetes.io/over-capacity"
#define LABEL_MANAGED_BY "endpoints.kubernetes.io/managed-by"

struct endpoints {
	struct reconciler *reconciler;
	const struct resource *services, *pods, *endpoints;
	struct informer *service_informer, *pod_informer, *endpoints_informer;
	int services_by_namespace, pods_by_namespace;
};

struct inputs {
	const struct endpoints *controller;
	struct object *object, *endpoints;
	struct object_slice pods;
};

struct subset {
	struct core_v1_endpoint_port_slice ports;
	VEC_OF(struct core_v1_endpoint_address) ready, not_ready;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct endpoints *controller = cookie;
	struct object *object = informer_get(controller->service_informer, key);
	struct object *endpoints = informer_get(controller->endpoints_informer, key);
	struct inputs *inputs;

	if (!object && !endpoints)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	inputs->endpoints = reconciler_hold(arena, endpoints);
	if (object)
		inputs->pods = service_pods_gather(arena, controller->pod_informer, controller->pods_by_namespace,
						   OBJECT_AS(core_v1_service, object));
	return inputs;
}

static struct core_v1_endpoint_port_slice ports_for(const struct core_v1_service *service,
						    const struct core_v1_pod *pod, struct arena *arena)
{
	VEC_OF(struct core_v1_endpoint_port) ports = {0};

	SLICE_FOREACH (port, service->spec.ports) {
		int32_t number = service_target_port(port, pod);

		if (number)
			vec_push(
				arena, &ports,
				(struct core_v1_endpoint_port){port->name, number, port->protocol, port->app_protocol});
	}
	return (struct core_v1_endpoint_port_slice){ports.items, ports.len};
}

static bool same_ports(struct core_v1_endpoint_port_slice a, struct core_v1_endpoint_port_slice b)
{
	struct core_v1_endpoint_subset x = {.ports = a}, y = {.ports = b};

	return equal_struct(&schema_core_v1_endpoint_subset, &x, &y);
}

/* The address of the service's first family, or empty. */
static struct str address_of(const struct core_v1_service *service, const struct core_v1_pod *pod)
{
	bool v6 = service->spec.ip_families.len && str_eq(service->spec.ip_families.items[0], STR("IPv6"));

	SLICE_FOREACH (address, pod->status.pod_ips)
		if ((str_index(address->ip, ':') >= 0) == v6)
			return address->ip;
	return STR_EMPTY;
}

static struct core_v1_endpoint_subset_slice subsets_of(const struct inputs *inputs,
						       const struct core_v1_service *service, struct arena *arena,
						       bool *ret_truncated)
{
	VEC_OF(struct subset) subsets = {0};
	VEC_OF(struct core_v1_endpoint_subset) out = {0};
	size_t total = 0;

	*ret_truncated = inputs->pods.len > ADDRESSES_MAX;
	for (size_t i = 0; i < inputs->pods.len && total < ADDRESSES_MAX; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, inputs->pods.items[i]);
		struct core_v1_endpoint_address address = {
			.ip = address_of(service, pod),
			.hostname = service_pods_hostname(service, pod),
			.node_name = pod->spec.node_name.len ? &pod->spec.node_name : NULL,
			.target_ref = service_pods_reference(inputs->pods.items[i], arena)};
		struct core_v1_endpoint_port_slice ports = ports_for(service, pod, arena);
		struct subset *subset = NULL;

		if (!address.ip.len || (pod->metadata.deletion_timestamp && !service->spec.publish_not_ready_addresses))
			continue;
		for (size_t j = 0; j < subsets.len && !subset; j++)
			if (same_ports(subsets.items[j].ports, ports))
				subset = &subsets.items[j];
		if (!subset) {
			vec_push(arena, &subsets, (struct subset){.ports = ports});
			subset = &subsets.items[subsets.len - 1];
		}
		total++;
		if (pod_is_ready(pod) || service->spec.publish_not_ready_addresses)
			vec_push(arena, &subset->ready, address);
		else
			vec_push(arena, &subset->not_ready, address);
	}
	for (size_t i = 0; i < subsets.len; i++)
		vec_push(arena, &out,
			 (struct core_v1_endpoint_subset){
				 {subsets.items[i].ready.items, subsets.items[i].ready.len},
				 {subsets.items[i].not_ready.items, subsets.items[i].not_ready.len},
				 subsets.items[i].ports});
	return (struct core_v1_endpoint_subset_slice){out.items, out.len};
}

static void plan_endpoints(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_service *service;
	struct core_v1_endpoints *next = ARENA_NEW(plan->arena, struct core_v1_endpoints);
	struct change *change;
	bool truncated;

	if (!inputs->object) {
		/* The service is gone; Endpoints somebody else made for no service stay. */
		if (str_map_get(&inputs->endpoints->meta->labels, STR(LABEL_MANAGED_BY)))
			plan_delete(plan, inputs->controller->endpoints, inputs->endpoints->meta);
		return;
	}
	plan->involved = inputs->object;
	service = OBJECT_AS(core_v1_service, inputs->object);
	if (!service_selects(service) || service->metadata.deletion_timestamp)
		return;
	if (inputs->endpoints)
		*next = *OBJECT_AS(core_v1_endpoints, inputs->endpoints);
	next->metadata.name = service->metadata.name;
	next->metadata.namespace = service->metadata.namespace;
	next->metadata.labels = service->metadata.labels;
	if (service_is_headless(service))
		next->metadata.labels = str_map_set(&next->metadata.labels, STR(HEADLESS_LABEL), STR(""), plan->arena);
	next->metadata.labels =
		str_map_set(&next->metadata.labels, STR(LABEL_MANAGED_BY), STR("endpoint-controller"), plan->arena);
	next->subsets = subsets_of(inputs, service, plan->arena, &truncated);
	if (truncated)
		next->metadata.annotations =
			str_map_set(&next->metadata.annotations, STR(OVER_CAPACITY), STR("truncated"), plan->arena);
	if (inputs->endpoints) {
		change = plan_diff(plan, inputs->controller->endpoints, inputs->endpoints->data, next, NULL, NULL);
		if (change)
			change->on_failure =
				(struct change_event){"FailedToUpdateEndpoint", "Failed to update endpoint: %s"};
		return;
	}
	change = plan_create(plan, inputs->controller->endpoints, next);
	change->tolerate_existing = true;
	change->on_failure = (struct change_event){"FailedToCreateEndpoint", "Failed to create endpoint: %s"};
}

static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	struct endpoints *controller = cookie;

	service_pods_keys(controller->service_informer, controller->services_by_namespace, pod, keys);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "endpoint-controller", .gather = gather, .plan = plan_endpoints, .workers = 5};
	struct endpoints *controller = XNEW(struct endpoints);
	struct informer_set *set = context->informers;

	controller->services = client_resource("", "v1", "services");
	controller->pods = client_resource("", "v1", "pods");
	controller->endpoints = client_resource("", "v1", "endpoints");
	controller->service_informer = informer_set_get(set, controller->services);
	controller->pod_informer = informer_set_get(set, controller->pods);
	controller->endpoints_informer = informer_set_get(set, controller->endpoints);
	controller->services_by_namespace = informer_set_index(set, controller->services, service_pods_index_namespace);
	controller->pods_by_namespace = informer_set_index(set, controller->pods, service_pods_index_namespace);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->service_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_pod);
	reconciler_add_source(controller->reconciler, controller->endpoints_informer, NULL);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct endpoints *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct endpoints *)state)->reconciler);
	free(state);
}

const struct controller controller_endpoints = {"endpoints-controller", "endpoint-controller", start, stop, release};
