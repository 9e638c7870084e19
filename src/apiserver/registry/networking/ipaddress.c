/* Addresses given to objects: the name is the address. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

/* Any text: what is wrong with an address is said by validate_create. */
static struct name_problems validate_name(struct str name UNUSED)
{
	return (struct name_problems){.len = 0};
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct networking_v1_ip_address *address = object;
	const struct networking_v1_parent_reference *parent = address->spec.parent_ref;

	check_ip(errors, FIELD(NULL, "metadata.name"), address->metadata.name);
	if (!parent) {
		field_required(errors, FIELD(SPEC, "parentRef"), NULL);
		return;
	}
	if (parent->group.len)
		check_name(errors, FIELD(SPEC, "parentRef.group"), parent->group, name_is_dns_subdomain(parent->group));
	if (!parent->resource.len)
		field_required(errors, FIELD(SPEC, "parentRef.resource"), NULL);
	else
		check_name(errors, FIELD(SPEC, "parentRef.resource"), parent->resource,
			   name_is_path_segment(parent->resource));
	if (!parent->name.len)
		field_required(errors, FIELD(SPEC, "parentRef.name"), NULL);
	else
		check_name(errors, FIELD(SPEC, "parentRef.name"), parent->name, name_is_path_segment(parent->name));
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct networking_v1_parent_reference *now =
		((const struct networking_v1_ip_address *)object)->spec.parent_ref;
	const struct networking_v1_parent_reference *was =
		((const struct networking_v1_ip_address *)old)->spec.parent_ref;
	struct str parts[4];

	if (!now || !was || equal_struct(&schema_networking_v1_parent_reference, now, was))
		return;
	parts[0] = quote_go(now->group, errors->arena);
	parts[1] = quote_go(now->resource, errors->arena);
	parts[2] = quote_go(now->namespace, errors->arena);
	parts[3] = quote_go(now->name, errors->arena);
	field_invalid(errors, FIELD(SPEC, "parentRef"),
		      field_value_json(arena_printf(errors->arena,
						    "{\"Group\":" STR_FMT ",\"Resource\":" STR_FMT
						    ",\"Namespace\":" STR_FMT ",\"Name\":" STR_FMT "}",
						    STR_ARG(parts[0]), STR_ARG(parts[1]), STR_ARG(parts[2]),
						    STR_ARG(parts[3]))),
		      "field is immutable");
}

static void cell_parent(struct table_row *row, const struct networking_v1_parent_reference *parent)
{
	if (!parent)
		table_cell_str(row, STR("<none>"));
	else
		cell_printf(row, STR_FMT "%s" STR_FMT "/" STR_FMT "%s" STR_FMT, STR_ARG(parent->resource),
			    parent->group.len ? "." : "", STR_ARG(parent->group), STR_ARG(parent->namespace),
			    parent->namespace.len ? "/" : "", STR_ARG(parent->name));
}

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_ip_address *address = object;

	table_cell_str(row, address->metadata.name);
	cell_parent(row, address->spec.parent_ref);
	table_cell_age(row, address->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("ParentRef", "string", 0),
};

const struct strategy strategy_networking_ipaddresses = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("ipaddresses"),
	.validate_name = validate_name,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
