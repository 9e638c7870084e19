/* Picking addresses and ports; see allocator.h. */
#include "apiserver/allocator.h"

#include "apiserver/registry/core/service.h"
#include "apiserver/stored.h"
#include "base/list.h"
#include "base/random.h"
#include "sys/thread.h"

#define RANDOM_TRIES	64
#define STATIC_BAND_MAX 256 /* offsets below are given only when all others are taken: they are asked for by name */

/* One value handed to a request that has not ended. */
struct reservation {
	struct list node;
	struct allocator *allocator;
	uint32_t value;
	bool port;
};

struct allocator {
	struct allocator_config config;
	struct store *store;
	struct mutex lock;
	struct list reservations; /* guarded by lock */
};

/* What is taken, as one allocation sees it: offsets of addresses in the range, and ports. */
struct taken {
	struct allocator *allocator;
	struct arena *arena;
	struct str own_key; /* the service's, which takes nothing away from itself */
	VEC_OF(uint32_t) offsets;
	VEC_OF(uint32_t) ports;
};

struct allocator *allocator_new(const struct allocator_config *config, struct store *store)
{
	struct allocator *allocator = XNEW(struct allocator);

	allocator->config = *config;
	allocator->config.range = ip_prefix_masked(&config->range);
	allocator->store = store;
	mutex_init(&allocator->lock);
	list_init(&allocator->reservations);
	return allocator;
}

struct allocator *allocator_free(struct allocator *allocator)
{
	if (!allocator)
		return NULL;
	assert(list_empty(&allocator->reservations));
	mutex_release(&allocator->lock);
	free(allocator);
	return NULL;
}

struct str_slice allocator_families(const struct allocator *allocator)
{
	static const struct str families[] = {STR_INIT("IPv4"), STR_INIT("IPv6")};

	return (struct str_slice){&families[allocator->config.range.address.family == IP_V6], 1};
}

/* How many offsets the range has, the last of a large one left out. */
static uint32_t range_size(const struct allocator *allocator)
{
	unsigned bits = ip_family_bits(allocator->config.range.address.family) - allocator->config.range.length;

	return bits >= 24 ? UINT32_C(1) << 24 : UINT32_C(1) << bits;
}

/* The place of @ip in the range; false when it is outside. */
static bool offset_of(const struct allocator *allocator, const struct ip_address *ip, uint32_t *ret)
{
	unsigned size = ip_family_bits(ip->family) / 8;
	uint32_t value = 0;

	if (!ip_prefix_contains(&allocator->config.range, ip))
		return false;
	for (unsigned i = size - 4; i < size; i++)
		value = value << 8 | (ip->bytes[i] ^ allocator->config.range.address.bytes[i]);
	*ret = value;
	return true;
}

static void take_ip(struct taken *taken, struct str text)
{
	struct ip_address ip;
	uint32_t offset;

	if (ip_parse_sloppy(text, &ip) == 0 && offset_of(taken->allocator, &ip, &offset))
		vec_push(taken->arena, &taken->offsets, offset);
}

static void take_service(struct taken *taken, const struct core_v1_service *service)
{
	SLICE_FOREACH (ip, service->spec.cluster_ips)
		take_ip(taken, *ip);
	SLICE_FOREACH (port, service->spec.ports)
		if (port->node_port)
			vec_push(taken->arena, &taken->ports, (uint32_t)port->node_port);
	if (service->spec.health_check_node_port)
		vec_push(taken->arena, &taken->ports, (uint32_t)service->spec.health_check_node_port);
}

static enum store_visit visit_service(void *data, const struct store_record *record)
{
	struct taken *taken = data;
	struct object *object;
	struct error err = {0};

	if (str_eq(store_record_key(record), taken->own_key) ||
	    stored_object(record, &schema_core_v1_service, &object, &err) < 0)
		return STORE_VISIT_PASSED;
	take_service(taken, OBJECT_AS(core_v1_service, object));
	object_unref(object);
	return STORE_VISIT_PASSED;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Under the lock: all that is stored or reserved. */
static int gather(struct taken *taken, struct str scope, struct error *err)
{
	struct store_view *view = store_view_acquire(taken->allocator->store);
	struct store_range range = {.scope = scope};
	struct store_range_result seen;
	int result = store_view_scan(view, &range, visit_service, taken, &seen, err);

	store_view_release(view);
	LIST_FOREACH (struct reservation, reservation, &taken->allocator->reservations, node) {
		if (reservation->port)
			vec_push(taken->arena, &taken->ports, reservation->value);
		else
			vec_push(taken->arena, &taken->offsets, reservation->value);
	}
	if (taken->offsets.len)
		qsort(taken->offsets.items, taken->offsets.len, sizeof(uint32_t), compare_numbers);
	if (taken->ports.len)
		qsort(taken->ports.items, taken->ports.len, sizeof(uint32_t), compare_numbers);
	return result;
}

static bool is_taken(const uint32_t *sorted, size_t len, uint32_t value)
{
	return len && bsearch(&value, sorted, len, sizeof(value), compare_numbers);
}

/* A free number in [min, max): by chance, else the first after a chance one; false when there is none. */
static bool pick(const uint32_t *sorted, size_t len, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint32_t span = max - min, start = 0;

	if (min >= max)
		return false;
	for (int i = 0; i < RANDOM_TRIES; i++) {
		start = (uint32_t)random_below(span);
		if (!is_taken(sorted, len, min + start)) {
			*ret = min + start;
			return true;
		}
	}
	for (uint32_t i = 0; i < span; i++)
		if (!is_taken(sorted, len, min + (start + i) % span)) {
			*ret = min + (start + i) % span;
			return true;
		}
	return false;
}

static void drop_reservation(void *data)
{
	struct reservation *reservation = data;
	struct allocator *allocator = reservation->allocator;

	MUTEX_GUARD(&allocator->lock);
	list_remove(&reservation->node);
}

/* The reservation lies in the arena whose end ends it; sorted lists get the value too. */
static void reserve(struct taken *taken, uint32_t value, bool port)
{
	struct reservation *reservation = ARENA_NEW(taken->arena, struct reservation);

	*reservation = (struct reservation){.allocator = taken->allocator, .value = value, .port = port};
	list_append(&taken->allocator->reservations, &reservation->node);
	arena_defer(taken->arena, drop_reservation, reservation);
	if (port) {
		vec_push(taken->arena, &taken->ports, value);
		qsort(taken->ports.items, taken->ports.len, sizeof(uint32_t), compare_numbers);
	} else {
		vec_push(taken->arena, &taken->offsets, value);
		qsort(taken->offsets.items, taken->offsets.len, sizeof(uint32_t), compare_numbers);
	}
}

static bool pick_offset(struct taken *taken, uint32_t *ret)
{
	uint32_t size = range_size(taken->allocator), end = size ? size - 1 : 0;
	uint32_t band = MIN(MIN(MAX(16U, size / 16), (uint32_t)STATIC_BAND_MAX), end);

	/* The first and the last address of a range are not for services. */
	return pick(taken->offsets.items, taken->offsets.len, band, end, ret) ||
	       pick(taken->offsets.items, taken->offsets.len, 1, band, ret);
}

static void take_asked_ip(struct taken *taken, const struct core_v1_service *service, struct str text,
			  struct field_errors *errors)
{
	const struct path *path = FIELD(SPEC, "clusterIPs");
	struct field_value value = field_value_list(&service->spec.cluster_ips, errors->arena);
	struct ip_address ip;
	uint32_t offset;

	if (ip_parse_sloppy(text, &ip) < 0)
		return;
	if (!offset_of(taken->allocator, &ip, &offset))
		field_invalid(errors, path, value,
			      "failed to allocate IP " STR_FMT
			      ": the provided network does not match the current range",
			      STR_ARG(text));
	else if (is_taken(taken->offsets.items, taken->offsets.len, offset))
		field_invalid(errors, path, value,
			      "failed to allocate IP " STR_FMT ": provided IP is already allocated", STR_ARG(text));
	else
		reserve(taken, offset, false);
}

static void allocate_ips(struct taken *taken, struct core_v1_service *service, struct field_errors *errors)
{
	struct ip_address ip;
	char text[IP_TEXT_SIZE];
	uint32_t offset;

	if (!service_needs_cluster_ip(service) || service_is_headless(service))
		return;
	SLICE_FOREACH (asked, service->spec.cluster_ips)
		take_asked_ip(taken, service, *asked, errors);
	if (service->spec.cluster_ips.len || errors->len)
		return;
	if (!pick_offset(taken, &offset) || !ip_add(&taken->allocator->config.range.address, offset, &ip)) {
		field_internal(errors, FIELD(SPEC, "clusterIPs"), "failed to allocate a serviceIP: range is full");
		return;
	}
	reserve(taken, offset, false);
	ip_format(&ip, text);
	service->spec.cluster_ip = arena_str_c(taken->arena, text);
	service->spec.cluster_ips = one_str(taken->arena, service->spec.cluster_ip);
}

static void take_asked_port(struct taken *taken, const struct path *path, int32_t port, struct field_errors *errors)
{
	const struct allocator_config *config = &taken->allocator->config;

	if (port < config->node_port_min || port > config->node_port_max)
		field_invalid(errors, path, VALUE(port),
			      "provided port is not in the valid range. The range of valid ports is %d-%d",
			      config->node_port_min, config->node_port_max);
	else if (is_taken(taken->ports.items, taken->ports.len, (uint32_t)port))
		field_invalid(errors, path, VALUE(port), "provided port is already allocated");
	else
		reserve(taken, (uint32_t)port, true);
}

static int32_t new_port(struct taken *taken, const struct path *path, struct field_errors *errors)
{
	const struct allocator_config *config = &taken->allocator->config;
	uint32_t port;

	if (!pick(taken->ports.items, taken->ports.len, config->node_port_min, config->node_port_max + 1U, &port)) {
		field_internal(errors, path, "failed to allocate a nodePort: range is full");
		return 0;
	}
	reserve(taken, port, true);
	return (int32_t)port;
}

/* The node port another port of the same number has: TCP and UDP of one service share it. */
static int32_t shared_port(const struct core_v1_service_port_slice *ports, size_t index)
{
	for (size_t i = 0; i < ports->len; i++)
		if (i != index && ports->items[i].port == ports->items[index].port && ports->items[i].node_port &&
		    !str_eq(ports->items[i].protocol, ports->items[index].protocol))
			return ports->items[i].node_port;
	return 0;
}

static bool listed_before(const struct core_v1_service_port_slice *ports, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (ports->items[i].node_port == ports->items[index].node_port)
			return true;
	return false;
}

static void allocate_ports(struct taken *taken, struct core_v1_service *service, struct field_errors *errors)
{
	const struct core_v1_service_port_slice *ports = &service->spec.ports;

	if (!is_one_of(service->spec.type, "NodePort", "LoadBalancer", NULL))
		return;
	for (size_t i = 0; i < ports->len; i++)
		if (ports->items[i].node_port && !listed_before(ports, i))
			take_asked_port(taken, FIELD(INDEX(FIELD(SPEC, "ports"), i), "nodePort"),
					ports->items[i].node_port, errors);
	for (size_t i = 0; service_needs_node_ports(service) && i < ports->len; i++) {
		struct core_v1_service_port *port = EDIT(struct core_v1_service_port, &ports->items[i]);

		if (!port->node_port)
			port->node_port = shared_port(ports, i);
		if (!port->node_port)
			port->node_port = new_port(taken, FIELD(INDEX(FIELD(SPEC, "ports"), i), "nodePort"), errors);
	}
	if (!service_needs_health_check(service))
		return;
	if (service->spec.health_check_node_port)
		take_asked_port(taken, FIELD(SPEC, "healthCheckNodePort"), service->spec.health_check_node_port,
				errors);
	else
		service->spec.health_check_node_port = new_port(taken, FIELD(SPEC, "healthCheckNodePort"), errors);
}

void allocator_allocate(struct allocator *allocator, struct arena *arena, struct core_v1_service *service,
			struct field_errors *errors)
{
	const struct resource *resource = resource_find(STR(""), STR("v1"), STR("services"));
	struct taken taken = {.allocator = allocator, .arena = arena};
	struct error err = {0};

	taken.own_key = stored_key(resource, service->metadata.namespace, service->metadata.name, arena);
	MUTEX_GUARD(&allocator->lock);
	if (gather(&taken, stored_key(resource, STR_EMPTY, STR_EMPTY, arena), &err) < 0) {
		field_internal(errors, SPEC, "%s", err.message);
		return;
	}
	allocate_ips(&taken, service, errors);
	allocate_ports(&taken, service, errors);
}
