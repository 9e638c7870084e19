/* Storage classes. */
#include "apiserver/registry/common.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/storage_v1.h"

static bool is_default(const struct meta_v1_object_meta *meta)
{
	static const char *const keys[] = {"storageclass.kubernetes.io/is-default-class",
					   "storageclass.beta.kubernetes.io/is-default-class"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct str *value = str_map_get(&meta->annotations, str_from(keys[i]));

		if (value && str_eq_c(*value, "true"))
			return true;
	}
	return false;
}

static bool same_parameters(const struct str_map *a, const struct str_map *b)
{
	struct storage_v1_storage_class x = {.parameters = *a}, y = {.parameters = *b};

	return equal_struct(&schema_storage_v1_storage_class, &x, &y);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct storage_v1_storage_class *class = object, *before = old;

	if (!same_parameters(&class->parameters, &before->parameters))
		field_invalid(errors, FIELD(NULL, "parameters"), field_value_map(&class->parameters, errors->arena),
			      "field is immutable");
	check_immutable_str(errors, FIELD(NULL, "provisioner"), class->provisioner, before->provisioner);
	if (class->reclaim_policy && before->reclaim_policy)
		check_immutable_str(errors, FIELD(NULL, "reclaimPolicy"), *class->reclaim_policy,
				    *before->reclaim_policy);
	if (class->volume_binding_mode && before->volume_binding_mode)
		check_immutable_str(errors, FIELD(NULL, "volumeBindingMode"), *class->volume_binding_mode,
				    *before->volume_binding_mode);
}

static void cells(struct table_row *row, const void *object)
{
	const struct storage_v1_storage_class *class = object;

	cell_printf(row, STR_FMT "%s", STR_ARG(class->metadata.name), is_default(&class->metadata) ? " (default)" : "");
	table_cell_str(row, class->provisioner);
	table_cell_str(row, class->reclaim_policy ? *class->reclaim_policy : STR("Delete"));
	table_cell_str(row, class->volume_binding_mode ? *class->volume_binding_mode : STR("Immediate"));
	cell_bool_or(row, class->allow_volume_expansion, false);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	const struct storage_v1_storage_class *class = object;

	for (size_t i = 0; i < class->allowed_topologies.len; i++) {
		const struct core_v1_topology_selector_label_requirement_slice *all =
			&class->allowed_topologies.items[i].match_label_expressions;
		const struct path *at = FIELD(INDEX(FIELD(NULL, "allowedTopologies"), i), "matchLabelExpressions");

		for (size_t j = 0; j < all->len; j++) {
			const char *message = deprecated_node_label(all->items[j].key);

			if (message)
				warn(context, FIELD(INDEX(at, j), "key"), "%s", message);
		}
	}
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Provisioner", "string", 0),
	COLUMN("ReclaimPolicy", "string", 0),
	COLUMN("VolumeBindingMode", "string", 0),
	COLUMN("AllowVolumeExpansion", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_storage_storageclasses = {
	.group = STR_INIT("storage.k8s.io"),
	.plural = STR_INIT("storageclasses"),
	.delete_returns_object = true,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
