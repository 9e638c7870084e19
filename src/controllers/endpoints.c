/*
 * The Endpoints controller: the older form of who is behind a service, one object of the service's name.
 *
 * Addresses of the service's first family, ready and not ready apart, in subsets of pods whose ports resolve alike; at
 * most 1000. Rules: facts/controllers.txt, `ep`.
 */
#include "controllers/endpoints.h"

#include "logic/pod.h"
#include "logic/service.h"
#include "types/copy.h"
#include "types/selector.h"

#define ADDRESSES_MAX	 1000
#define OVER_CAPACITY	 "endpoints.kubernetes.io/over-capacity"
#define LABEL_MANAGED_BY "endpoints.kubernetes.io/managed-by"

struct endpoints {
	struct service_pods shared; /* first: it is the cookie of both */
	const struct resource *resource;
	struct informer *informer;
};

struct subset {
	struct core_v1_endpoint_port_slice ports;
	VEC_OF(struct core_v1_endpoint_address) ready, not_ready;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct endpoints *controller = cookie;
	struct object *object = informer_get(controller->shared.service_informer, key);
	struct object *present = informer_get(controller->informer, key);
	struct endpoints_inputs *inputs;

	if (!object)
		service_pods_forget(&controller->shared, key);
	if (!object && !present)
		return NULL;
	inputs = ARENA_NEW(arena, struct endpoints_inputs);
	inputs->endpoints = controller->resource;
	inputs->service = reconciler_hold(arena, object);
	inputs->present = reconciler_hold(arena, present);
	if (object) {
		const struct core_v1_service *service = OBJECT_AS(core_v1_service, object);

		inputs->pods = service_pods_gather(&controller->shared, service, arena);
		inputs->changed = service_pods_changed(&controller->shared, key, service, inputs->pods);
	}
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

static struct subset *subset_of(struct core_v1_endpoint_port_slice ports, struct subset *subsets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (same_ports(subsets[i].ports, ports))
			return &subsets[i];
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct core_v1_endpoint_address *x = a, *y = b;
	int order = str_cmp(x->ip, y->ip);

	return order ? order : str_cmp(x->target_ref->uid, y->target_ref->uid);
}

static void sort_addresses(struct core_v1_endpoint_address *items, size_t len)
{
	if (len)
		qsort(items, len, sizeof(*items), by_address);
}

/*
 * Cuts lists of @total addresses down to @room, each to its share rounded up, so that the last get less.  @place: of
 * the list's length in a subset.
 */
static void cut(struct subset *subsets, size_t len, size_t total, size_t room, size_t *(*place)(struct subset *))
{
	size_t left = room;

	for (size_t i = 0; i < len; i++) {
		size_t *count = place(&subsets[i]), share = total ? (*count * room + total - 1) / total : 0;

		*count = MIN(*count, MIN(share, left));
		left -= *count;
	}
}

static size_t *ready_len(struct subset *subset)
{
	return &subset->ready.len;
}

static size_t *not_ready_len(struct subset *subset)
{
	return &subset->not_ready.len;
}

/* Not more than upstream's limit, those that are ready first; true: some were left out. */
static bool shorten(struct subset *subsets, size_t len)
{
	size_t ready = 0, not_ready = 0;

	for (size_t i = 0; i < len; i++) {
		ready += subsets[i].ready.len;
		not_ready += subsets[i].not_ready.len;
	}
	if (ready + not_ready <= ADDRESSES_MAX)
		return false;
	cut(subsets, len, not_ready, ready < ADDRESSES_MAX ? ADDRESSES_MAX - ready : 0, not_ready_len);
	if (ready > ADDRESSES_MAX)
		cut(subsets, len, ready, ADDRESSES_MAX, ready_len);
	return true;
}

static bool is_listed(const struct core_v1_service *service, const struct core_v1_pod *pod)
{
	return !pod->metadata.deletion_timestamp || service->spec.publish_not_ready_addresses;
}

static struct core_v1_endpoint_subset_slice subsets_of(const struct endpoints_inputs *inputs,
						       const struct core_v1_service *service, struct arena *arena,
						       bool *ret_truncated)
{
	VEC_OF(struct subset) subsets = {0};
	VEC_OF(struct core_v1_endpoint_subset) out = {0};

	for (size_t i = 0; i < inputs->pods.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, inputs->pods.items[i]);
		struct core_v1_endpoint_address address = {
			.ip = address_of(service, pod),
			.hostname = service_pods_hostname(service, pod),
			.node_name = pod->spec.node_name.len ? &pod->spec.node_name : NULL,
			.target_ref = service_pods_reference(inputs->pods.items[i], arena)};
		struct core_v1_endpoint_port_slice ports = ports_for(service, pod, arena);
		struct subset *subset = subset_of(ports, subsets.items, subsets.len);

		/* Only a headless service may be without ports. */
		if (!address.ip.len || !is_listed(service, pod) ||
		    (!ports.len && (service->spec.ports.len || !service_is_headless(service))))
			continue;
		if (!subset) {
			vec_push(arena, &subsets, (struct subset){.ports = ports});
			subset = &subsets.items[subsets.len - 1];
		}
		if (pod_is_ready(pod) || service->spec.publish_not_ready_addresses)
			vec_push(arena, &subset->ready, address);
		else
			vec_push(arena, &subset->not_ready, address);
	}
	for (size_t i = 0; i < subsets.len; i++) {
		sort_addresses(subsets.items[i].ready.items, subsets.items[i].ready.len);
		sort_addresses(subsets.items[i].not_ready.items, subsets.items[i].not_ready.len);
	}
	*ret_truncated = shorten(subsets.items, subsets.len);
	for (size_t i = 0; i < subsets.len; i++)
		vec_push(arena, &out,
			 (struct core_v1_endpoint_subset){
				 {subsets.items[i].ready.items, subsets.items[i].ready.len},
				 {subsets.items[i].not_ready.items, subsets.items[i].not_ready.len},
				 subsets.items[i].ports});
	return (struct core_v1_endpoint_subset_slice){out.items, out.len};
}

static struct str_map labels_of(const struct core_v1_service *service, struct arena *arena)
{
	struct str_map labels = str_map_without(&service->metadata.labels, STR(HEADLESS_LABEL), arena);

	if (service_is_headless(service))
		labels = str_map_set(&labels, STR(HEADLESS_LABEL), STR(""), arena);
	return str_map_set(&labels, STR(LABEL_MANAGED_BY), STR("endpoint-controller"), arena);
}

/* What an event says when the change fails; the error follows. */
static const char *failure(const char *what, const struct core_v1_service *service, struct arena *arena)
{
	return str_c(arena_printf(arena, "%s " STR_FMT "/" STR_FMT ": %%s", what, STR_ARG(service->metadata.namespace),
				  STR_ARG(service->metadata.name)));
}

static void plan_present(struct plan *plan, const struct endpoints_inputs *inputs,
			 const struct core_v1_service *service, struct core_v1_endpoints *next)
{
	struct change *change;

	/* The time of the last change is no change. */
	if (!str_empty(client_diff(inputs->endpoints->schema, inputs->present->data, next, NULL, plan->arena)))
		next->metadata.annotations =
			service_pods_annotate(next->metadata.annotations, inputs->changed, plan->arena);
	change = plan_diff(plan, inputs->endpoints, inputs->present->data, next, NULL, NULL);
	if (change)
		change->on_failure = (struct change_event){"FailedToUpdateEndpoint",
							   failure("Failed to update endpoint", service, plan->arena)};
}

static void plan_new(struct plan *plan, const struct endpoints_inputs *inputs, const struct core_v1_service *service,
		     struct core_v1_endpoints *next)
{
	struct change *change;

	next->metadata.annotations = service_pods_annotate(next->metadata.annotations, inputs->changed, plan->arena);
	change = plan_create(plan, inputs->endpoints, next);
	change->tolerate_existing = true;
	change->on_failure = (struct change_event){
		"FailedToCreateEndpoint", failure("Failed to create endpoint for service", service, plan->arena)};
}

void endpoints_plan(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct endpoints_inputs *inputs = data;
	const struct core_v1_service *service;
	struct core_v1_endpoints *next = ARENA_NEW(plan->arena, struct core_v1_endpoints);
	bool truncated;

	if (!inputs->service) {
		/* The service is gone; Endpoints somebody else made for no service stay. */
		if (str_map_get(&inputs->present->meta->labels, STR(LABEL_MANAGED_BY)))
			plan_delete(plan, inputs->endpoints, inputs->present->meta);
		return;
	}
	plan->involved = inputs->service;
	service = OBJECT_AS(core_v1_service, inputs->service);
	if (!service_selects(service) || service->metadata.deletion_timestamp)
		return;
	if (inputs->present)
		*next = *OBJECT_AS(core_v1_endpoints, inputs->present);
	next->metadata.name = service->metadata.name;
	next->metadata.namespace = service->metadata.namespace;
	next->metadata.labels = labels_of(service, plan->arena);
	next->subsets = subsets_of(inputs, service, plan->arena, &truncated);
	next->metadata.annotations =
		truncated ? str_map_set(&next->metadata.annotations, STR(OVER_CAPACITY), STR("truncated"), plan->arena)
			  : str_map_without(&next->metadata.annotations, STR(OVER_CAPACITY), plan->arena);
	if (inputs->present)
		plan_present(plan, inputs, service, next);
	else
		plan_new(plan, inputs, service, next);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "endpoint-controller", .gather = gather, .plan = endpoints_plan, .workers = 5};
	struct endpoints *controller = XNEW(struct endpoints);

	controller->resource = client_resource("", "v1", "endpoints");
	controller->informer = informer_set_get(context->informers, controller->resource);
	service_pods_start(&controller->shared, context, &ops);
	reconciler_add_source(controller->shared.reconciler, controller->informer, NULL);
	return controller;
}

const struct controller controller_endpoints = {"endpoints-controller", "endpoint-controller", start, service_pods_stop,
						service_pods_free};
