/* Ranges of service addresses. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct networking_v1_service_cidr *cidr = object, *before = old;

	for (size_t i = 0; i < before->spec.cidrs.len; i++) {
		struct str now = i < cidr->spec.cidrs.len ? cidr->spec.cidrs.items[i] : STR_EMPTY;

		check_immutable_str(errors, INDEX(FIELD(SPEC, "cidrs"), i), now, before->spec.cidrs.items[i]);
	}
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
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
