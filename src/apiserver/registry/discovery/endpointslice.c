/* Endpoint slices: the address type never changes; generation counts labels too. */
#include "apiserver/registry/common.h"
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

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_immutable_str(errors, FIELD(NULL, "addressType"),
			    ((const struct discovery_v1_endpoint_slice *)object)->address_type,
			    ((const struct discovery_v1_endpoint_slice *)old)->address_type);
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
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
