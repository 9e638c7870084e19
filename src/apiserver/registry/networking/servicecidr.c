/* Ranges of service addresses. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

static void check_cidrs(struct field_errors *errors, const struct path *path, const struct str_slice *cidrs)
{
	struct field_value value = field_value_list(cidrs, errors->arena);
	struct ip_prefix prefixes[2];
	bool known = cidrs->len == 2;

	if (!cidrs->len) {
		field_required(errors, path, "at least one CIDR required");
		return;
	}
	if (cidrs->len > ARRAY_LEN(prefixes)) {
		field_invalid(
			errors, path,
			field_value_json(arena_printf(errors->arena, "{\"CIDRs\":" STR_FMT "}", STR_ARG(value.text))),
			"may only hold up to 2 values");
		return;
	}
	for (size_t i = 0; i < cidrs->len; i++) {
		check_cidr(errors, INDEX(path, i), cidrs->items[i]);
		known = known && ip_prefix_parse(cidrs->items[i], &prefixes[i]) == 0;
	}
	if (known && prefixes[0].address.family == prefixes[1].address.family)
		field_invalid(errors, path, value,
			      "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
			      "2001:db8::/64");
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_cidrs(errors, FIELD(SPEC, "cidrs"), &((const struct networking_v1_service_cidr *)object)->spec.cidrs);
}

/* A range of the other family may be added to a single one; all else stays. */
static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct str_slice *now = &((const struct networking_v1_service_cidr *)object)->spec.cidrs;
	const struct str_slice *was = &((const struct networking_v1_service_cidr *)old)->spec.cidrs;
	const struct path *path = FIELD(SPEC, "cidrs");
	bool added = was->len == 1 && now->len == 2;

	if (now->len != was->len && !added) {
		field_invalid(errors, path, field_value_list(now, errors->arena), "field is immutable");
		return;
	}
	for (size_t i = 0; i < was->len; i++)
		check_immutable_str(errors, INDEX(path, i), now->items[i], was->items[i]);
	if (added)
		check_cidrs(errors, path, now);
}

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_service_cidr *cidr = object;

	table_cell_str(row, cidr->metadata.name);
	cell_list(row, &cidr->spec.cidrs, ",", "");
	table_cell_age(row, cidr->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("CIDRs", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_networking_servicecidrs = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("servicecidrs"),
	.status_resets_metadata = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
