/* Endpoint slices: the address type never changes; generation counts labels too. */
#include "apiserver/registry/core/service.h"
#include "apiserver/registry/rule.h"
#include "types/gen/discovery_v1.h"

static void cell_ports(struct table_row *row, const struct discovery_v1_endpoint_port_slice *ports)
{
	struct str *list = ARENA_NEW_N(row->arena, struct str, ports->len);

	for (size_t i = 0; i < ports->len; i++) {
		const struct discovery_v1_endpoint_port *port = &ports->items[i];

		list[i] = port->port			  ? arena_printf(row->arena, "%d", *port->port)
			  : port->name && port->name->len ? *port->name
							  : STR("*");
	}
	cell_first_three(row, list, ports->len, "<unset>");
}

static void cell_endpoints(struct table_row *row, const struct discovery_v1_endpoints_slice *endpoints)
{
	VEC_OF(struct str) list = {0};

	SLICE_FOREACH (endpoint, *endpoints)
		SLICE_FOREACH (address, endpoint->addresses)
			vec_push(row->arena, &list, *address);
	cell_first_three(row, list.items, list.len, "<unset>");
}

static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	((struct discovery_v1_endpoint_slice *)object)->metadata.generation = 1;
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct discovery_v1_endpoint_slice *slice = object;
	const struct discovery_v1_endpoint_slice *before = old;
	struct discovery_v1_endpoint_slice a = *slice, b = *before;

	a.metadata = (struct meta_v1_object_meta){.labels = slice->metadata.labels};
	b.metadata = (struct meta_v1_object_meta){.labels = before->metadata.labels};
	bump_generation(&slice->metadata, &before->metadata,
			!equal_struct(&schema_discovery_v1_endpoint_slice, &a, &b));
}

#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100
#define PORTS_MAX     20000
#define TOPOLOGY_MAX  16
#define HINTS_MAX     8

static const struct rule port_rules[] = {
	RULE_REQUIRED("protocol"),
	RULE_ONE_OF("protocol", "SCTP", "TCP", "UDP"),
	RULE_NAME("appProtocol", name_is_qualified),
};

static void check_port(struct field_errors *errors, const struct path *path,
		       const struct discovery_v1_endpoint_port *port, bool repeated)
{
	struct str name = port->name ? *port->name : STR_EMPTY;

	if (name.len)
		check_name(errors, FIELD(path, "name"), name, name_is_dns_label(name));
	if (repeated)
		field_duplicate(errors, FIELD(path, "name"), VALUE(name));
	CHECK_RULES(errors, path, &schema_discovery_v1_endpoint_port, port, port_rules);
}

static void check_ports(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct discovery_v1_endpoint_port_slice *ports = value;
	struct str *names = ARENA_NEW_N(errors->arena, struct str, ports->len);
	const bool *repeated;

	if (ports->len > PORTS_MAX) {
		field_too_many(errors, path, ports->len, PORTS_MAX);
		return;
	}
	for (size_t i = 0; i < ports->len; i++)
		names[i] = ports->items[i].name ? *ports->items[i].name : STR_EMPTY;
	repeated = mark_repeated(names, sizeof(*names), ports->len, errors->arena);
	for (size_t i = 0; i < ports->len; i++)
		check_port(errors, INDEX(path, i), &ports->items[i], repeated[i]);
}

/* Upstream tells a wrong family of the list, all else of the address. */
static void check_address(struct field_errors *errors, const struct path *list, size_t index, struct str type,
			  struct str address)
{
	const struct path *path = INDEX(list, index);
	bool wants_four = str_eq_c(type, "IPv4");
	struct ip_address parsed;
	size_t before = errors->len;

	if (str_eq_c(type, "FQDN"))
		check_domain_of_two(errors, path, address);
	if (!is_one_of(type, "IPv4", "IPv6", NULL))
		return;
	if (wants_four)
		check_legacy_ip(errors, path, address);
	else
		check_ip(errors, path, address);
	if (errors->len != before || ip_parse_sloppy(address, &parsed) < 0)
		return;
	if (wants_four != (parsed.family == IP_V4))
		field_invalid(errors, list, VALUE(address), "must be an %s address", wants_four ? "IPv4" : "IPv6");
	check_endpoint_ip(errors, path, address);
}

static void check_zones(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct discovery_v1_for_zone_slice *zones = value;
	const bool *repeated = REPEATED_BY(zones, name, errors->arena);

	if (zones->len > HINTS_MAX) {
		field_too_many(errors, path, zones->len, HINTS_MAX);
		return;
	}
	for (size_t i = 0; i < zones->len; i++) {
		const struct path *at = FIELD(INDEX(path, i), "name");

		if (repeated[i])
			field_duplicate(errors, at, VALUE(zones->items[i].name));
		check_name(errors, at, zones->items[i].name, name_is_label_value(zones->items[i].name));
	}
}

static void check_nodes(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct discovery_v1_for_node_slice *nodes = value;
	const bool *repeated = REPEATED_BY(nodes, name, errors->arena);

	if (nodes->len > HINTS_MAX) {
		field_too_many(errors, path, nodes->len, HINTS_MAX);
		return;
	}
	for (size_t i = 0; i < nodes->len; i++) {
		const struct path *at = FIELD(INDEX(path, i), "name");

		if (repeated[i])
			field_duplicate(errors, at, VALUE(nodes->items[i].name));
		check_name(errors, at, nodes->items[i].name, name_is_dns_subdomain(nodes->items[i].name));
	}
}

static void check_topology(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_map *topology = value;

	if (topology->len > TOPOLOGY_MAX)
		field_too_many(errors, path, topology->len, TOPOLOGY_MAX);
	check_labels(errors, path, topology);
}

static const struct rule hint_rules[] = {RULE_CHECK("forZones", check_zones), RULE_CHECK("forNodes", check_nodes)};
static const struct rule endpoint_rules[] = {
	RULE_NAME("nodeName", name_is_dns_subdomain),
	RULE_CHECK("deprecatedTopology", check_topology),
	RULE_NAME("hostname", name_is_dns_label),
	RULE_OF("hints", hint_rules),
};

static void check_endpoints(struct field_errors *errors, const struct path *path,
			    const struct discovery_v1_endpoint_slice *slice)
{
	if (slice->endpoints.len > ENDPOINTS_MAX) {
		field_too_many(errors, path, slice->endpoints.len, ENDPOINTS_MAX);
		return;
	}
	for (size_t i = 0; i < slice->endpoints.len; i++) {
		const struct discovery_v1_endpoint *endpoint = &slice->endpoints.items[i];
		const struct path *at = FIELD(INDEX(path, i), "addresses");

		if (!endpoint->addresses.len)
			field_required(errors, at, "must contain at least 1 address");
		else if (endpoint->addresses.len > ADDRESSES_MAX)
			field_too_many(errors, at, endpoint->addresses.len, ADDRESSES_MAX);
		for (size_t j = 0; j < endpoint->addresses.len; j++)
			check_address(errors, at, j, slice->address_type, endpoint->addresses.items[j]);
		CHECK_RULES(errors, INDEX(path, i), &schema_discovery_v1_endpoint, endpoint, endpoint_rules);
	}
}

static const struct rule rules[] = {
	RULE_REQUIRED_ONE_OF("addressType", "FQDN", "IPv4", "IPv6"),
	RULE_CHECK("ports", check_ports),
};
static const struct rule update_rules[] = {RULE_IMMUTABLE("addressType")};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_discovery_v1_endpoint_slice, object, rules);
	check_endpoints(errors, FIELD(NULL, "endpoints"), object);
}

/* Endpoints that were let in before and have not changed are let pass. */
static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct discovery_v1_endpoint_slice *slice = object, *before = old;
	struct discovery_v1_endpoint_slice a = {.endpoints = slice->endpoints}, b = {.endpoints = before->endpoints};

	CHECK_RULES(errors, NULL, &schema_discovery_v1_endpoint_slice, object, rules);
	if (!equal_struct(&schema_discovery_v1_endpoint_slice, &a, &b))
		check_endpoints(errors, FIELD(NULL, "endpoints"), slice);
	CHECK_UPDATE_RULES(errors, NULL, &schema_discovery_v1_endpoint_slice, object, old, update_rules);
}

static void cells(struct table_row *row, const void *object)
{
	const struct discovery_v1_endpoint_slice *slice = object;

	table_cell_str(row, slice->metadata.name);
	table_cell_str(row, slice->address_type);
	cell_ports(row, &slice->ports);
	cell_endpoints(row, &slice->endpoints);
	table_cell_age(row, slice->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME, COLUMN("AddressType", "string", 0), COLUMN("Ports", "string", 0), COLUMN("Endpoints", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_discovery_endpointslices = {
	.group = STR_INIT("discovery.k8s.io"),
	.plural = STR_INIT("endpointslices"),
	.generation = GENERATION_CUSTOM,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
