/*
 * The slices that a service should have, from its pods and the slices that are there; see endpoints.h.
 *
 * Pods whose named ports resolve alike share slices of at most 100 endpoints.  What stays in a slice stays where it is;
 * what is new goes first to slices that change anyway, then to one that has room, then to new ones.  A family without
 * any endpoint has one slice that says so.
 */
#include "controllers/endpoints.h"

#include "logic/owner.h"
#include "logic/pod.h"
#include "logic/service.h"
#include "types/copy.h"
#include "types/selector.h"

#define ENDPOINTS_MAX  100
#define LABEL_ZONE     "topology.kubernetes.io/zone"
#define TOPOLOGY_MODE  "service.kubernetes.io/topology-mode"
#define TOPOLOGY_HINTS "service.kubernetes.io/topology-aware-hints" /* what it was called before */

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
	const struct endpointslice_inputs *inputs;
	const struct core_v1_service *service;
	VEC_OF(struct group) groups;
	bool same_zone, same_node; /* hints, by spec.trafficDistribution */
	/* At the end: what is made takes the place of what is deleted, as far as it goes. */
	VEC_OF(struct discovery_v1_endpoint_slice *) made;
	VEC_OF(const struct discovery_v1_endpoint_slice *) deleted;
};

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

bool endpointslice_same_ports(struct discovery_v1_endpoint_port_slice a, struct discovery_v1_endpoint_port_slice b)
{
	struct discovery_v1_endpoint_slice x = {.ports = a}, y = {.ports = b};

	return equal_struct(&schema_discovery_v1_endpoint_slice, &x, &y);
}

static struct group *group_of(struct planning *p, struct str type, struct discovery_v1_endpoint_port_slice ports)
{
	for (size_t i = 0; i < p->groups.len; i++)
		if (str_eq(p->groups.items[i].address_type, type) &&
		    endpointslice_same_ports(p->groups.items[i].ports, ports))
			return &p->groups.items[i];
	vec_push(p->plan->arena, &p->groups, (struct group){.address_type = type, .ports = ports});
	return &p->groups.items[p->groups.len - 1];
}

/* Who should rather take this endpoint's traffic; NULL: anybody. */
static const struct discovery_v1_endpoint_hints *hints_of(const struct planning *p, const struct str *zone,
							  const struct str *node)
{
	struct discovery_v1_endpoint_hints hints = {0};
	struct arena *arena = p->plan->arena;

	if (zone && p->same_zone)
		hints.for_zones = (struct discovery_v1_for_zone_slice){
			ARENA_DUP(arena, struct discovery_v1_for_zone, (&(struct discovery_v1_for_zone){*zone})), 1};
	if (node && p->same_node)
		hints.for_nodes = (struct discovery_v1_for_node_slice){
			ARENA_DUP(arena, struct discovery_v1_for_node, (&(struct discovery_v1_for_node){*node})), 1};
	return hints.for_zones.len || hints.for_nodes.len ? ARENA_DUP(arena, struct discovery_v1_endpoint_hints, &hints)
							  : NULL;
}

const struct str *endpointslice_zone(const struct object *node)
{
	const struct str *zone = node ? str_map_get(&node->meta->labels, STR(LABEL_ZONE)) : NULL;

	return zone && zone->len ? zone : NULL;
}

static struct discovery_v1_endpoint endpoint_of(const struct planning *p, const struct object *object,
						const struct object *node, const struct str *ip)
{
	static const bool no = false, yes = true;
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	bool serving = pod_is_ready(pod), terminating = pod->metadata.deletion_timestamp != NULL;
	bool ready = (serving && !terminating) || p->service->spec.publish_not_ready_addresses;
	struct str hostname = service_pods_hostname(p->service, pod);
	const struct str *node_name = pod->spec.node_name.len ? &pod->spec.node_name : NULL;

	return (struct discovery_v1_endpoint){
		.addresses = {ip, 1},
		.conditions = {ready ? &yes : &no, serving ? &yes : &no, terminating ? &yes : &no},
		.hostname = hostname.len ? ARENA_DUP(p->plan->arena, struct str, &hostname) : NULL,
		.target_ref = service_pods_reference(object, p->plan->arena),
		.node_name = node_name,
		.zone = endpointslice_zone(node),
		.hints = ready ? hints_of(p, endpointslice_zone(node), node_name) : NULL,
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

static void sort_pod(struct planning *p, const struct object *object, const struct object *node)
{
	static const struct str families[] = {STR_INIT("IPv4"), STR_INIT("IPv6")};
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	struct discovery_v1_endpoint_port_slice ports = ports_for(p, pod);

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct group *group;

		if (!serves_family(p->service, families[i]))
			continue;
		group = group_of(p, families[i], ports);
		SLICE_FOREACH (address, pod->status.pod_ips)
			if ((str_index(address->ip, ':') >= 0) == (i == 1))
				vec_push(p->plan->arena, &group->endpoints, endpoint_of(p, object, node, &address->ip));
	}
}

/* A pod of a node that is not there, or not yet, waits for it, unless those that are not ready are wanted too. */
static void sort_pods(struct planning *p)
{
	for (size_t i = 0; i < p->inputs->pods.len; i++) {
		const struct object *object = p->inputs->pods.items[i];

		if (p->inputs->nodes[i] || p->service->spec.publish_not_ready_addresses ||
		    !OBJECT_AS(core_v1_pod, object)->spec.node_name.len)
			sort_pod(p, object, p->inputs->nodes[i]);
	}
}

/* --- Where it goes ---------------------------------------------------------------------------------------------- */

static struct str_map labels_of(const struct planning *p)
{
	struct arena *arena = p->plan->arena;
	struct str_map labels = str_map_without(&p->service->metadata.labels, STR(HEADLESS_LABEL), arena);

	if (service_is_headless(p->service))
		labels = str_map_set(&labels, STR(HEADLESS_LABEL), STR(""), arena);
	labels = str_map_set(&labels, STR(SLICE_SERVICE_LABEL), p->service->metadata.name, arena);
	return str_map_set(&labels, STR(SLICE_MANAGER_LABEL), STR(SLICE_MANAGER), arena);
}

static void make(struct planning *p, struct str address_type, struct discovery_v1_endpoint_port_slice ports,
		 struct discovery_v1_endpoints_slice endpoints)
{
	struct discovery_v1_endpoint_slice *slice = ARENA_NEW(p->plan->arena, struct discovery_v1_endpoint_slice);
	struct meta_v1_owner_reference *owner = ARENA_NEW(p->plan->arena, struct meta_v1_owner_reference);

	*owner = owner_reference(p->inputs->service);
	slice->metadata = (struct meta_v1_object_meta){
		.generate_name = arena_printf(p->plan->arena, STR_FMT "-", STR_ARG(p->service->metadata.name)),
		.namespace = p->service->metadata.namespace,
		.labels = labels_of(p),
		.owner_references = {owner, 1},
	};
	slice->address_type = address_type;
	slice->ports = ports;
	slice->endpoints = endpoints;
	vec_push(p->plan->arena, &p->made, slice);
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

static void explain(struct change *change, const struct planning *p)
{
	if (change)
		change->on_failure = (struct change_event){
			"FailedToUpdateEndpointSlices",
			str_c(arena_printf(p->plan->arena,
					   "Error updating Endpoint Slices for Service " STR_FMT "/" STR_FMT ": %%s",
					   STR_ARG(p->service->metadata.namespace),
					   STR_ARG(p->service->metadata.name)))};
}

static void plan_update_to(const struct planning *p, const struct discovery_v1_endpoint_slice *present,
			   struct discovery_v1_endpoint_slice *next)
{
	/* The time of the last change is no change. */
	if (!str_empty(client_diff(p->inputs->slices->schema, present, next, NULL, p->plan->arena)))
		next->metadata.annotations =
			service_pods_annotate(next->metadata.annotations, p->inputs->changed, p->plan->arena);
	explain(plan_diff(p->plan, p->inputs->slices, present, next, NULL, NULL), p);
}

static void plan_slot(struct planning *p, const struct slot *slot)
{
	struct discovery_v1_endpoint_slice next = *slot->slice;

	if (!slot->kept.len && slot->slice->endpoints.len) {
		vec_push(p->plan->arena, &p->deleted, slot->slice);
		return;
	}
	next.metadata.labels = labels_of(p);
	next.endpoints = (struct discovery_v1_endpoints_slice){slot->kept.items, slot->kept.len};
	plan_update_to(p, slot->slice, &next);
}

static int fullest_first(const void *a, const void *b)
{
	const struct slot *x = *(struct slot *const *)a, *y = *(struct slot *const *)b;

	if (x->kept.len != y->kept.len)
		return x->kept.len > y->kept.len ? -1 : 1;
	return str_cmp(x->slice->metadata.name, y->slice->metadata.name);
}

/* Is the slice one of this service's present life? */
static bool is_own(const struct planning *p, const struct discovery_v1_endpoint_slice *slice)
{
	return owner_is(&slice->metadata, p->service->metadata.uid);
}

static bool is_of(const struct discovery_v1_endpoint_slice *slice, const struct group *group)
{
	return str_eq(slice->address_type, group->address_type) && endpointslice_same_ports(slice->ports, group->ports);
}

/* Puts what no slice has into those that change anyway, then all of the rest into one with room, fullest first. */
static void place_rest(const struct planning *p, struct group *group, struct slot **slots, size_t len)
{
	if (len)
		qsort(slots, len, sizeof(struct slot *), fullest_first);
	for (size_t i = 0; i < len; i++)
		if (slots[i]->changed && slots[i]->kept.len)
			fill(p, group, slots[i]);
	for (size_t i = 0; i < len; i++)
		if (group->endpoints.len && !slots[i]->changed &&
		    slots[i]->kept.len + group->endpoints.len <= ENDPOINTS_MAX)
			fill(p, group, slots[i]);
}

/* Places one group into its slices, in upstream's order of preference. */
static void place(struct planning *p, struct group *group)
{
	struct arena *arena = p->plan->arena;
	VEC_OF(struct slot *) slots = {0};

	for (size_t i = 0; i < p->inputs->present.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, p->inputs->present.items[i]);
		struct slot *slot;

		if (!is_own(p, slice) || !is_of(slice, group))
			continue;
		slot = ARENA_NEW(arena, struct slot);
		*slot = (struct slot){.slice = slice};
		keep(p, group, slot);
		vec_push(arena, &slots, slot);
	}
	place_rest(p, group, slots.items, slots.len);
	for (size_t i = 0; i < slots.len; i++)
		plan_slot(p, slots.items[i]);
	for (size_t at = 0; at < group->endpoints.len; at += ENDPOINTS_MAX)
		make(p, group->address_type, group->ports,
		     (struct discovery_v1_endpoints_slice){group->endpoints.items + at,
							   MIN(group->endpoints.len - at, (size_t)ENDPOINTS_MAX)});
}

static bool has_group(const struct planning *p, const struct discovery_v1_endpoint_slice *slice)
{
	for (size_t i = 0; i < p->groups.len; i++)
		if (is_of(slice, &p->groups.items[i]))
			return true;
	return false;
}

/* Slices of families the service no longer has, of ports that no pod has, and of a service of this name before. */
static void drop_stale(struct planning *p)
{
	for (size_t i = 0; i < p->inputs->present.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, p->inputs->present.items[i]);

		if (!is_own(p, slice) || !has_group(p, slice))
			vec_push(p->plan->arena, &p->deleted, slice);
	}
}

static bool is_placeholder(const struct planning *p, const struct discovery_v1_endpoint_slice *slice)
{
	return is_own(p, slice) && !slice->endpoints.len && !slice->ports.len;
}

/* A family without any endpoint has one slice that says so. */
static void keep_placeholder(struct planning *p, struct str family)
{
	size_t deleted = 0, placeholder = 0;

	SLICE_FOREACH (slice, p->made)
		if (str_eq((*slice)->address_type, family))
			return;
	for (size_t i = 0; i < p->inputs->present.len; i++) {
		const struct discovery_v1_endpoint_slice *slice =
			OBJECT_AS(discovery_v1_endpoint_slice, p->inputs->present.items[i]);
		bool goes = false;

		if (!str_eq(slice->address_type, family))
			continue;
		for (size_t j = 0; j < p->deleted.len; j++)
			if (p->deleted.items[j] == slice) {
				goes = true;
				placeholder = is_placeholder(p, slice) ? j + 1 : placeholder;
			}
		if (!goes)
			return;
		deleted++;
	}
	if (deleted == 1 && placeholder) {
		const struct discovery_v1_endpoint_slice *slice = p->deleted.items[placeholder - 1];
		struct discovery_v1_endpoint_slice next = *slice;

		p->deleted.items[placeholder - 1] = p->deleted.items[--p->deleted.len];
		next.metadata.labels = labels_of(p);
		plan_update_to(p, slice, &next);
		return;
	}
	make(p, family, (struct discovery_v1_endpoint_port_slice){0}, (struct discovery_v1_endpoints_slice){0});
}

/* The slice to be deleted whose place @made may take, taken out of the list; NULL: none. */
static const struct discovery_v1_endpoint_slice *take_place(struct planning *p,
							    const struct discovery_v1_endpoint_slice *made)
{
	for (size_t i = 0; i < p->deleted.len; i++) {
		const struct discovery_v1_endpoint_slice *slice = p->deleted.items[i];

		if (!is_own(p, slice) || !str_eq(slice->address_type, made->address_type))
			continue;
		p->deleted.items[i] = p->deleted.items[--p->deleted.len];
		return slice;
	}
	return NULL;
}

static void plan_made_and_deleted(struct planning *p)
{
	SLICE_FOREACH (made, p->made) {
		const struct discovery_v1_endpoint_slice *place = take_place(p, *made);

		if (place) {
			struct discovery_v1_endpoint_slice next = *place;

			next.metadata.labels = (*made)->metadata.labels;
			next.ports = (*made)->ports;
			next.endpoints = (*made)->endpoints;
			plan_update_to(p, place, &next);
			continue;
		}
		(*made)->metadata.annotations =
			service_pods_annotate((*made)->metadata.annotations, p->inputs->changed, p->plan->arena);
		explain(plan_create(p->plan, p->inputs->slices, *made), p);
	}
	SLICE_FOREACH (slice, p->deleted)
		explain(plan_delete(p->plan, p->inputs->slices, &(*slice)->metadata), p);
}

/* The annotation of former days, where it is set, stands above spec.trafficDistribution. */
static void read_distribution(struct planning *p)
{
	const struct str *distribution = p->service->spec.traffic_distribution;
	const struct str_map *annotations = &p->service->metadata.annotations;
	const struct str *mode = str_map_get(annotations, STR(TOPOLOGY_HINTS));

	if (!mode)
		mode = str_map_get(annotations, STR(TOPOLOGY_MODE));
	if (!distribution || (mode && (str_eq(*mode, STR("Auto")) || str_eq(*mode, STR("auto")))))
		return;
	p->same_node = str_eq(*distribution, STR("PreferSameNode"));
	p->same_zone = p->same_node || str_eq(*distribution, STR("PreferClose")) ||
		       str_eq(*distribution, STR("PreferSameZone"));
}

void endpointslice_plan(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct endpointslice_inputs *inputs = data;
	struct planning p = {.plan = plan, .inputs = inputs, .service = OBJECT_AS(core_v1_service, inputs->service)};

	plan->involved = inputs->service;
	read_distribution(&p);
	sort_pods(&p);
	drop_stale(&p);
	for (size_t i = 0; i < p.groups.len; i++)
		place(&p, &p.groups.items[i]);
	if (serves_family(p.service, STR("IPv4")))
		keep_placeholder(&p, STR("IPv4"));
	if (serves_family(p.service, STR("IPv6")))
		keep_placeholder(&p, STR("IPv6"));
	plan_made_and_deleted(&p);
}
