/* Endpoints. */
#include "apiserver/registry/core/service.h"

static void check_address(struct field_errors *errors, const struct path *path,
			  const struct core_v1_endpoint_address *address)
{
	check_legacy_ip(errors, FIELD(path, "ip"), address->ip);
	if (address->hostname.len)
		check_name(errors, FIELD(path, "hostname"), address->hostname, name_is_dns_label(address->hostname));
	if (address->node_name)
		check_name(errors, FIELD(path, "nodeName"), *address->node_name,
			   name_is_dns_subdomain(*address->node_name));
	check_endpoint_ip(errors, FIELD(path, "ip"), address->ip);
}

static void check_port(struct field_errors *errors, const struct path *path, const struct core_v1_endpoint_port *port,
		       bool named)
{
	if (named && !port->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else if (port->name.len)
		check_name(errors, FIELD(path, "name"), port->name, name_is_dns_label(port->name));
	check_port_number(errors, FIELD(path, "port"), port->port);
	if (!port->protocol.len)
		field_required(errors, FIELD(path, "protocol"), NULL);
	else if (!field_in_enum(port->protocol, &schema_core_v1_endpoint_port, "protocol"))
		field_not_in_enum(errors, FIELD(path, "protocol"), port->protocol, &schema_core_v1_endpoint_port,
				  "protocol");
	if (port->app_protocol)
		check_name(errors, FIELD(path, "appProtocol"), *port->app_protocol,
			   name_is_qualified(*port->app_protocol));
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_endpoint_subset_slice *subsets = &((const struct core_v1_endpoints *)object)->subsets;

	for (size_t i = 0; i < subsets->len; i++) {
		const struct core_v1_endpoint_subset *subset = &subsets->items[i];
		const struct path *at = INDEX(FIELD(NULL, "subsets"), i);

		if (!subset->addresses.len && !subset->not_ready_addresses.len)
			field_required(errors, at, "must specify `addresses` or `notReadyAddresses`");
		for (size_t j = 0; j < subset->addresses.len; j++)
			check_address(errors, INDEX(FIELD(at, "addresses"), j), &subset->addresses.items[j]);
		for (size_t j = 0; j < subset->not_ready_addresses.len; j++)
			check_address(errors, INDEX(FIELD(at, "notReadyAddresses"), j),
				      &subset->not_ready_addresses.items[j]);
		for (size_t j = 0; j < subset->ports.len; j++)
			check_port(errors, INDEX(FIELD(at, "ports"), j), &subset->ports.items[j],
				   subset->ports.len > 1);
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static struct str host_port(struct arena *arena, struct str ip, int32_t port)
{
	return str_index(ip, ':') >= 0 ? arena_printf(arena, "[" STR_FMT "]:%d", STR_ARG(ip), port)
				       : arena_printf(arena, STR_FMT ":%d", STR_ARG(ip), port);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_endpoints *endpoints = object;
	VEC_OF(struct str) list = {0};

	SLICE_FOREACH (subset, endpoints->subsets) {
		if (!subset->ports.len)
			SLICE_FOREACH (address, subset->addresses)
				vec_push(row->arena, &list, address->ip);
		SLICE_FOREACH (port, subset->ports)
			SLICE_FOREACH (address, subset->addresses)
				vec_push(row->arena, &list, host_port(row->arena, address->ip, port->port));
	}
	table_cell_str(row, endpoints->metadata.name);
	cell_first_three(row, list.items, list.len, endpoints->subsets.len ? "" : "<none>");
	table_cell_age(row, endpoints->metadata.creation_timestamp);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Endpoints", "string", 0), COLUMN_AGE};

const struct strategy strategy_core_endpoints = {
	.group = STR_INIT(""),
	.plural = STR_INIT("endpoints"),
	.allow_create_on_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
