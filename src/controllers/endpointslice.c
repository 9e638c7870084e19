/*
 * The EndpointSlice controller: who is behind each service.
 *
 * Inputs: Services, Pods, EndpointSlices.  Pods whose named ports resolve alike share slices of at most 100 endpoints.
 * What stays in a slice stays where it is; what is new goes first to slices that change anyway, then to one that has
 * room, then to new ones.  Rules: facts/controllers.txt, `eps`.
 */
#include "controllers/service_pods.h"
#include "logic/owner.h"
#include "logic/pod.h"
#include "logic/service.h"
#include "types/copy.h"
#include "types/gen/discovery_v1.h"
#include "types/selector.h"

#define ENDPOINTS_MAX	 100
#define LABEL_SERVICE	 "kubernetes.io/service-name"
#define LABEL_MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER		 "endpointslice-controller.k8s.io"

struct endpointslices {
	struct reconciler *reconciler;
	const struct resource *services, *pods, *slices;
	struct informer *service_informer, *pod_informer, *slice_informer;
	int services_by_namespace, pods_by_namespace, slices_by_service;
};

struct inputs {
	const struct endpointslices *controller;
	struct object *object; /* the service */
	struct object_slice pods, slices;
};

/* Pods with the same resolved ports, of one family. */
struct group {
	struct str address_type;
	struct discovery_v1_endpoint_port_slice ports;
	VEC_OF(struct discovery_v1_endpoint) endpoints;
};

/* An existing slice of the group, with what it keeps. */
struct slot {
	const struct discovery_v1_endpoint_slice *slice;
	VEC_OF(struct discovery_v1_endpoint) kept;
	bool changed;
};

struct planning {
	struct plan *plan;
	const struct inputs *inputs;
	const struct core_v1_service *service;
	VEC_OF(struct group) groups;
};

static void index_by_service(const struct object *slice, struct informer_keys *values)
{
	const struct str *name = str_map_get(&slice->meta->labels, STR(LABEL_SERVICE));
	const struct str *manager = str_map_get(&slice->meta->labels, STR(LABEL_MANAGED_BY));

	if (name && manager && str_eq(*manager, STR(MANAGER)))
		informer_keys_add_named(values, slice->meta->namespace, *name);
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct endpointslices *controller = cookie;
	struct object *object = informer_get(controller->service_informer, key);
	struct inputs *inputs;

	if (!object || object->meta->deletion_timestamp || !service_selects(OBJECT_AS(core_v1_service, object)))
		return NULL; /* the slices of a service that is gone go with their owner */
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	inputs->pods = service_pods_gather(arena, controller->pod_informer, controller->pods_by_namespace,
					   OBJECT_AS(core_v1_service, object));
	inputs->slices = reconciler_hold_indexed(arena, controller->slice_informer, controller->slices_by_service, key);
	return inputs;
}

/* --- What is wanted --------------------------------------------------------------------------------------------- */

static struct discovery_v1_endpoint_port_slice ports_for(const struct planning *p, const struct core_v1_pod *pod)
{
	VEC_OF(struct discovery_v1_endpoint_port) ports = {0};

	SLICE_FOREACH (port, p->service->spec.ports) {
		int32_t number = service_target_port(port, pod);

		if (number)
			vec_push(
				p->plan->arena, &ports,
				(struct discovery_v1_endpoint_port){.name = &port->name,
								    .protocol = &port->protocol,
								    .port = ARENA_DUP(p->plan->arena, int32_t, &number),
								    .app_protocol = port->app_protocol});
	}
	return (struct discovery_v1_endpoint_port_slice){ports.items, ports.len};
}

static bool same_ports(struct discovery_v1_endpoint_port_slice a, struct discovery_v1_endpoint_port_slice b)
{
	struct discovery_v1_endpoint_slice x = {.ports = a}, y = {.ports = b};

	return equal_struct(&schema_discovery_v1_endpoint_slice, &x, &y);
}

static struct group *group_of(struct planning *p, struct str type, struct discovery_v1_endpoint_port_slice ports)
{
	for (size_t i = 0; i < p->groups.len; i++)
		if (str_eq(p->groups.items[i].address_type, type) && same_ports(p->groups.items[i].ports, ports))
			return &p->groups.items[i];
	vec_push(p->plan->arena, &p->groups, (struct group){.address_type = type, .ports = ports});
	return &p->groups.items[p->groups.len - 1];
}

static struct discovery_v1_endpoint endpoint_of(const struct planning *p, const struct object *object,
						const struct str *ip)
{
	static const bool no = false, yes = true;
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	bool serving = pod_is_ready(pod), terminating = pod->metadata.deletion_timestamp != NULL;
	bool ready = (serving && !terminating) || p->service->spec.publish_not_ready_addresses;
	struct str hostname = service_pods_hostname(p->service, pod);

	return (struct discovery_v1_endpoint){
		.addresses = {ip, 1},
		.conditions = {ready ? &yes : &no, serving ? &yes : &no, terminating ? &yes : &no},
		.hostname = hostname.len ? ARENA_DUP(p->plan->arena, struct str, &hostname) : NULL,
		.target_ref = service_pods_reference(object, p->plan->arena),
		.node_name = pod->spec.node_name.len ? &pod->spec.node_name : NULL,
	};
}

static bool serves_family(const struct core_v1_service *service, struct str family)
{
	if (!service->spec.ip_families.len)
		return str_eq(family, STR("IPv4"));
	SLICE_FOREACH (wanted, service->spec.ip_families)
		if (str_eq(*wanted, family))
			return true;
	return false;
}

static void sort_pods(struct planning *p)
{
	for (size_t i = 0; i < p->inputs->pods.len; i++) {
		const struct object *object = p->inputs->pods.items[i];
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
		struct discovery_v1_endpoint_port_slice ports = ports_for(p, pod);

		SLICE_FOREACH (address, pod->status.pod_ips) {
			struct str family = str_index(address->ip, ':') >= 0 ? STR("IPv6") : STR("IPv4");
			struct group *group;

			if (!serves_family(p->service, family))
				continue;
			group = group_of(p, family, ports);
			vec_push(p->plan->arena, &group->endpoints, endpoint_of(p, object, &address->ip));
		}
	}
	if (!p->groups.len) /* a placeholder says: nobody */
		(void)group_of(p, serves_family(p->service, STR("IPv4")) ? STR("IPv4") : STR("IPv6"),
			       (struct discovery_v1_endpoint_port_slice){0});
}

/* --- Where it goes ---------------------------------------------------------------------------------------------- */

static struct str_map labels_of(const struct planning *p)
{
	struct str_map labels = p->service->metadata.labels;
	struct arena *arena = p->plan->arena;

	if (service_is_headless(p->service))
		labels = str_map_set(&labels, STR(HEADLESS_LABEL), STR(""), arena);
	labels = str_map_set(&labels, STR(LABEL_SERVICE), p->service->metadata.name, arena);
	return str_map_set(&labels, STR(LABEL_MANAGED_BY), STR(MANAGER), arena);
}

static void plan_new(const struct planning *p, const struct group *group, struct discovery_v1_endpoints_slice endpoints)
{
	struct discovery_v1_endpoint_slice *slice = ARENA_NEW(p->plan->arena, struct discovery_v1_endpoint_slice);
	struct meta_v1_owner_reference *owner = ARENA_NEW(p->plan->arena, struct meta_v1_owner_reference);
	struct change *change;

	*owner = owner_reference(p->inputs->object);
	slice->metadata = (struct meta_v1_object_meta){
		.generate_name = arena_printf(p->plan->arena, STR_FMT "-", STR_ARG(p->service->metadata.name)),
		.namespace = p->service->metadata.namespace,
		.labels = labels_of(p),
		.owner_references = {owner, 1},
	};
	slice->address_type = group->address_type;
	slice->ports = group->ports;
	slice->endpoints = endpoints;
	change = plan_create(p->plan, p->inputs->controller->slices, slice);
	change->on_failure =
		(struct change_event){"FailedToUpdateEndpointSlices", "Error updating Endpoint Slices: %s"};
}

static bool same_target(const struct discovery_v1_endpoint *a, const struct discovery_v1_endpoint *b)
{
	return a->addresses.len && b->addresses.len && str_eq(a->addresses.items[0], b->addresses.items[0]) &&
	       a->target_ref && b->target_ref && str_eq(a->target_ref->uid, b->target_ref->uid);
}

/* Moves what @slot's slice has and the group still wants into the slot; the rest stays in the group. */
static void keep(const struct planning *p, struct group *group, struct slot *slot)
{
	SLICE_FOREACH (before, slot->slice->endpoints) {
		bool found = false;

		for (size_t i = 0; i < group->endpoints.len && !found; i++) {
			struct discovery_v1_endpoint *wanted = &group->endpoints.items[i];

			if (!same_target(before, wanted))
				continue;
			found = true;
			slot->changed = slot->changed || !equal_struct(&schema_discovery_v1_endpoint, before, wanted);
			vec_push(p->plan->arena, &slot->kept, *wanted);
			memmove(wanted, wanted + 1, (group->endpoints.len - i - 1) * sizeof(*wanted));
			group->endpoints.len--;
		}
		slot->changed = slot->changed || !found;
	}
}

static void fill(const struct planning *p, struct group *group, struct slot *slot)
{
	while (group->endpoints.len && slot->kept.len < ENDPOINTS_MAX) {
		vec_push(p->plan->arena, &slot->kept, group->endpoints.items[--group->endpoints.len]);
		slot->changed = true;
	}
}

static void plan_slot(const struct planning *p, const struct slot *slot, bool keep_empty)
{
	struct discovery_v1_endpoint_slice next = *slot->slice;

	if (!slot->kept.len && !keep_empty) {
		plan_delete(p->plan, p->inputs->controller->slices, &slot->slice->metadata);
		return;
	}
	next.metadata.labels = labels_of(p);
	next.endpoints = (struct discovery_v1_endpoints_slice){slot->kept.items, slot->kept.len};
	plan_diff(p->plan, p->inputs->controller->slices, slot->slice, &next, NULL, NULL);
}

/* Places one group into its slices, in upstream's order of preference. */
static void place(struct planning *p, struct group *group, bool only_group)
{
	struct arena *arena = p->plan->arena;
	VEC_OF(struct slot) slots = {0};

	for (size_t i = 0; i < p->inputs->slices.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, p->inputs->slices.items[i]);

		if (str_eq(slice->address_type, group->address_type) && same_ports(slice->ports, group->ports))
			vec_push(arena, &slots, (struct slot){.slice = slice});
	}
	for (size_t i = 0; i < slots.len; i++)
		keep(p, group, &slots.items[i]);
	for (size_t i = 0; i < slots.len; i++)
		if (slots.items[i].changed)
			fill(p, group, &slots.items[i]);
	for (size_t i = 0; i < slots.len; i++)
		if (group->endpoints.len && slots.items[i].kept.len + group->endpoints.len <= ENDPOINTS_MAX)
			fill(p, group, &slots.items[i]);
	for (size_t i = 0; i < slots.len; i++)
		plan_slot(p, &slots.items[i], only_group && i == 0);
	if (!slots.len && !group->endpoints.len)
		plan_new(p, group, (struct discovery_v1_endpoints_slice){0});
	for (size_t at = 0; at < group->endpoints.len; at += ENDPOINTS_MAX)
		plan_new(p, group,
			 (struct discovery_v1_endpoints_slice){group->endpoints.items + at,
							       MIN(group->endpoints.len - at, (size_t)ENDPOINTS_MAX)});
}

/* Slices whose ports no group has any more. */
static void plan_stale(const struct planning *p)
{
	for (size_t i = 0; i < p->inputs->slices.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, p->inputs->slices.items[i]);
		bool wanted = false;

		for (size_t j = 0; j < p->groups.len; j++)
			wanted = wanted || (str_eq(slice->address_type, p->groups.items[j].address_type) &&
					    same_ports(slice->ports, p->groups.items[j].ports));
		if (!wanted)
			plan_delete(p->plan, p->inputs->controller->slices, &slice->metadata);
	}
}

static void plan_slices(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct inputs *inputs = data;
	struct planning p = {.plan = plan, .inputs = inputs, .service = OBJECT_AS(core_v1_service, inputs->object)};

	plan->involved = inputs->object;
	sort_pods(&p);
	plan_stale(&p);
	for (size_t i = 0; i < p.groups.len; i++)
		place(&p, &p.groups.items[i], p.groups.len == 1);
}

/* --- Joining ---------------------------------------------------------------------------------------------------- */

static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	struct endpointslices *controller = cookie;

	service_pods_keys(controller->service_informer, controller->services_by_namespace, pod, keys);
}

static void map_slice(void *cookie UNUSED, const struct object *slice, struct informer_keys *keys)
{
	index_by_service(slice, keys);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "endpoint-slice-controller", .gather = gather, .plan = plan_slices, .workers = 5};
	struct endpointslices *controller = XNEW(struct endpointslices);
	struct informer_set *set = context->informers;

	controller->services = client_resource("", "v1", "services");
	controller->pods = client_resource("", "v1", "pods");
	controller->slices = client_resource("discovery.k8s.io", "v1", "endpointslices");
	controller->service_informer = informer_set_get(set, controller->services);
	controller->pod_informer = informer_set_get(set, controller->pods);
	controller->slice_informer = informer_set_get(set, controller->slices);
	controller->services_by_namespace = informer_set_index(set, controller->services, service_pods_index_namespace);
	controller->pods_by_namespace = informer_set_index(set, controller->pods, service_pods_index_namespace);
	controller->slices_by_service = informer_set_index(set, controller->slices, index_by_service);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->service_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_pod);
	reconciler_add_source(controller->reconciler, controller->slice_informer, map_slice);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct endpointslices *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct endpointslices *)state)->reconciler);
	free(state);
}

const struct controller controller_endpointslice = {"endpointslice-controller", "endpointslice-controller", start, stop,
						    release};
