/*
 * The EndpointSlice mirroring controller: Endpoints that somebody keeps by hand, for a service without a selector, are
 * told as slices too, since those are all that proxies read.
 *
 * Inputs: Endpoints, Services, EndpointSlices.  A subset becomes one slice for each family.  Rules:
 * facts/controllers.txt, `epm`.
 */
#include "controllers/endpoints.h"

#include "logic/owner.h"
#include "types/selector.h"

#define ADDRESSES_MAX 1000 /* of one subset */
#define MANAGER	      "endpointslicemirroring-controller.k8s.io"
#define SKIP_LABEL    "endpointslice.kubernetes.io/skip-mirror"
#define LEADER	      "control-plane.alpha.kubernetes.io/leader" /* a lock in the form of Endpoints, of former days */
#define LAST_APPLIED  "kubectl.kubernetes.io/last-applied-configuration"

struct mirroring {
	struct reconciler *reconciler;
	const struct resource *slices;
	struct informer *endpoints_informer, *service_informer, *slice_informer;
	int slices_by_service;
};

/* What is to be in one slice. */
struct mirrored {
	struct str address_type;
	struct discovery_v1_endpoint_port_slice ports;
	VEC_OF(struct discovery_v1_endpoint) endpoints;
};

struct mirrored_list {
	VEC_OF(struct mirrored) all;
	size_t skipped;
};

static void index_by_service(const struct object *slice, struct informer_keys *values)
{
	const struct str *name = str_map_get(&slice->meta->labels, STR(SLICE_SERVICE_LABEL));
	const struct str *manager = str_map_get(&slice->meta->labels, STR(SLICE_MANAGER_LABEL));

	if (name && manager && str_eq(*manager, STR(MANAGER)))
		informer_keys_add_named(values, slice->meta->namespace, *name);
}

static bool is_mirrored(const struct object *endpoints, const struct object *service)
{
	const struct str *skip = endpoints ? str_map_get(&endpoints->meta->labels, STR(SKIP_LABEL)) : NULL;

	return endpoints && service && !OBJECT_AS(core_v1_service, service)->spec.selector.len &&
	       !(skip && str_eq(*skip, STR("true"))) && !str_map_get(&endpoints->meta->annotations, STR(LEADER));
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct mirroring *controller = cookie;
	struct object *endpoints = informer_get(controller->endpoints_informer, key);
	struct object_slice present =
		reconciler_hold_indexed(arena, controller->slice_informer, controller->slices_by_service, key);
	struct mirroring_inputs *inputs;

	if (!is_mirrored(endpoints, informer_get(controller->service_informer, key)))
		endpoints = NULL;
	if (!endpoints && !present.len)
		return NULL;
	inputs = ARENA_NEW(arena, struct mirroring_inputs);
	inputs->slices = controller->slices;
	inputs->endpoints = reconciler_hold(arena, endpoints);
	inputs->present = present;
	return inputs;
}

/* --- What is wanted --------------------------------------------------------------------------------------------- */

static struct discovery_v1_endpoint_port_slice ports_of(const struct core_v1_endpoint_subset *subset,
							struct arena *arena)
{
	VEC_OF(struct discovery_v1_endpoint_port) ports = {0};

	SLICE_FOREACH (port, subset->ports)
		vec_push(arena, &ports,
			 (struct discovery_v1_endpoint_port){&port->name, &port->protocol, &port->port,
							     port->app_protocol});
	return (struct discovery_v1_endpoint_port_slice){ports.items, ports.len};
}

static struct mirrored *mirrored_of(struct mirrored_list *list, struct str type,
				    struct discovery_v1_endpoint_port_slice ports, struct arena *arena)
{
	SLICE_FOREACH (mirrored, list->all)
		if (str_eq(mirrored->address_type, type) && endpointslice_same_ports(mirrored->ports, ports))
			return mirrored;
	vec_push(arena, &list->all, (struct mirrored){.address_type = type, .ports = ports});
	return &list->all.items[list->all.len - 1];
}

static void add_addresses(struct mirrored_list *list, const struct core_v1_endpoint_subset *subset,
			  const struct core_v1_endpoint_address_slice *addresses, const bool *ready, size_t *left,
			  struct arena *arena)
{
	struct discovery_v1_endpoint_port_slice ports = ports_of(subset, arena);

	SLICE_FOREACH (address, *addresses) {
		struct str type = str_index(address->ip, ':') >= 0 ? STR("IPv6") : STR("IPv4");

		if (!*left) {
			list->skipped++;
			continue;
		}
		--*left;
		vec_push(arena, &mirrored_of(list, type, ports, arena)->endpoints,
			 (struct discovery_v1_endpoint){
				 .addresses = {&address->ip, 1},
				 .conditions = {.ready = ready},
				 .hostname = address->hostname.len ? &address->hostname : NULL,
				 .target_ref = address->target_ref,
				 .node_name = address->node_name,
			 });
	}
}

static struct mirrored_list wanted(const struct core_v1_endpoints *endpoints, struct arena *arena)
{
	static const bool yes = true, no = false;
	struct mirrored_list list = {0};

	SLICE_FOREACH (subset, endpoints->subsets) {
		size_t left = ADDRESSES_MAX;

		add_addresses(&list, subset, &subset->addresses, &yes, &left, arena);
		add_addresses(&list, subset, &subset->not_ready_addresses, &no, &left, arena);
	}
	return list;
}

/* --- What is done ----------------------------------------------------------------------------------------------- */

static void fill(struct discovery_v1_endpoint_slice *slice, const struct mirrored *mirrored,
		 const struct core_v1_endpoints *endpoints, struct arena *arena)
{
	struct str_map annotations =
		str_map_without(&endpoints->metadata.annotations, STR(LAST_CHANGE_ANNOTATION), arena);
	struct str_map labels = endpoints->metadata.labels;

	labels = str_map_set(&labels, STR(SLICE_SERVICE_LABEL), endpoints->metadata.name, arena);
	slice->metadata.labels = str_map_set(&labels, STR(SLICE_MANAGER_LABEL), STR(MANAGER), arena);
	slice->metadata.annotations = str_map_without(&annotations, STR(LAST_APPLIED), arena);
	slice->ports = mirrored->ports;
	slice->endpoints = (struct discovery_v1_endpoints_slice){mirrored->endpoints.items, mirrored->endpoints.len};
}

static void plan_new(struct plan *plan, const struct mirroring_inputs *inputs, const struct mirrored *mirrored)
{
	const struct core_v1_endpoints *endpoints = OBJECT_AS(core_v1_endpoints, inputs->endpoints);
	struct discovery_v1_endpoint_slice *slice = ARENA_NEW(plan->arena, struct discovery_v1_endpoint_slice);
	struct meta_v1_owner_reference *owner = ARENA_NEW(plan->arena, struct meta_v1_owner_reference);

	*owner = owner_reference(inputs->endpoints);
	slice->metadata.generate_name = arena_printf(plan->arena, STR_FMT "-", STR_ARG(endpoints->metadata.name));
	slice->metadata.namespace = endpoints->metadata.namespace;
	slice->metadata.owner_references = (struct meta_v1_owner_reference_slice){owner, 1};
	slice->address_type = mirrored->address_type;
	fill(slice, mirrored, endpoints, plan->arena);
	plan_create(plan, inputs->slices, slice);
}

/* A present slice that takes @mirrored: one of its ports, or else one whose ports nobody wants, of its family. */
static const struct discovery_v1_endpoint_slice *place_for(const struct mirrored *mirrored, struct object_slice present,
							   const bool *taken, bool same_ports, size_t *ret)
{
	for (size_t i = 0; i < present.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, present.items[i]);

		if (taken[i] || !str_eq(slice->address_type, mirrored->address_type) ||
		    (same_ports && !endpointslice_same_ports(slice->ports, mirrored->ports)))
			continue;
		*ret = i;
		return slice;
	}
	return NULL;
}

static void plan_wanted(struct plan *plan, const struct mirroring_inputs *inputs, const struct mirrored_list *list,
			bool *taken)
{
	const struct core_v1_endpoints *endpoints = OBJECT_AS(core_v1_endpoints, inputs->endpoints);
	bool *placed = ARENA_NEW_N(plan->arena, bool, list->all.len + 1);

	/* Those that have their slice first, so that no other takes it. */
	for (int same_ports = 1; same_ports >= 0; same_ports--)
		for (size_t i = 0, place; i < list->all.len; i++) {
			const struct mirrored *mirrored = &list->all.items[i];
			const struct discovery_v1_endpoint_slice *slice;
			struct discovery_v1_endpoint_slice next;

			if (placed[i])
				continue;
			slice = place_for(mirrored, inputs->present, taken, same_ports, &place);
			if (!slice)
				continue;
			placed[i] = taken[place] = true;
			next = *slice;
			fill(&next, mirrored, endpoints, plan->arena);
			plan_diff(plan, inputs->slices, slice, &next, NULL, NULL);
		}
	for (size_t i = 0; i < list->all.len; i++)
		if (!placed[i] && !endpoints->metadata.deletion_timestamp)
			plan_new(plan, inputs, &list->all.items[i]);
}

void mirroring_plan(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct mirroring_inputs *inputs = data;
	bool *taken = ARENA_NEW_N(plan->arena, bool, inputs->present.len + 1);

	if (inputs->endpoints) {
		struct mirrored_list list = wanted(OBJECT_AS(core_v1_endpoints, inputs->endpoints), plan->arena);

		plan->involved = inputs->endpoints;
		plan_wanted(plan, inputs, &list, taken);
		if (list.skipped)
			plan_event(plan, "Warning", "TooManyAddressesToMirror",
				   "A max of %d addresses can be mirrored to EndpointSlices per Endpoints subset. "
				   "%zu addresses were skipped",
				   ADDRESSES_MAX, list.skipped);
	}
	for (size_t i = 0; i < inputs->present.len; i++)
		if (!taken[i])
			plan_delete(plan, inputs->slices, inputs->present.items[i]->meta);
}

/* --- Joining ---------------------------------------------------------------------------------------------------- */

static void map_slice(void *cookie UNUSED, const struct object *slice, struct informer_keys *keys)
{
	index_by_service(slice, keys);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "endpoint-slice-mirroring-controller", .gather = gather, .plan = mirroring_plan, .workers = 5};
	struct mirroring *controller = XNEW(struct mirroring);
	struct informer_set *set = context->informers;

	controller->slices = client_resource("discovery.k8s.io", "v1", "endpointslices");
	controller->endpoints_informer = informer_set_get(set, client_resource("", "v1", "endpoints"));
	controller->service_informer = informer_set_get(set, client_resource("", "v1", "services"));
	controller->slice_informer = informer_set_get(set, controller->slices);
	controller->slices_by_service = informer_set_index(set, controller->slices, index_by_service);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->endpoints_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->service_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->slice_informer, map_slice);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct mirroring *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct mirroring *)state)->reconciler);
	free(state);
}

const struct controller controller_endpointslicemirroring = {"endpointslice-mirroring-controller",
							     "endpointslicemirroring-controller", start, stop, release};
