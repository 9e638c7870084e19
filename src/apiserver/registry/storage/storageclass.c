/* Storage classes. */
#include "apiserver/registry/rule.h"
#include "apiserver/registry/storage/class_check.h"
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

static void check_topology(struct field_errors *errors, const struct path *path,
			   const struct core_v1_topology_selector_term *term)
{
	const struct core_v1_topology_selector_label_requirement_slice *list = &term->match_label_expressions;
	const bool *repeated = REPEATED_BY(list, key, errors->arena);

	for (size_t i = 0; i < list->len; i++) {
		const struct str_slice *values = &list->items[i].values;
		const bool *repeated_values = REPEATED(values, errors->arena);
		const struct path *at = INDEX(path, i);
		struct str key = list->items[i].key;

		if (!values->len)
			field_required(errors, FIELD(at, "values"), NULL);
		for (size_t j = 0; j < values->len; j++)
			if (repeated_values[j])
				field_duplicate(errors, INDEX(FIELD(at, "values"), j), VALUE(values->items[j]));
		check_name(errors, FIELD(at, "key"), key, name_is_qualified(key));
		if (repeated[i])
			field_duplicate(errors, FIELD(at, "key"), VALUE(key));
	}
}

static void check_topologies(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_topology_selector_term_slice *terms = value;
	const struct schema *schema = &schema_core_v1_topology_selector_term;

	for (size_t i = 0; i < terms->len; i++) {
		bool seen = false;

		check_topology(errors, FIELD(INDEX(path, i), "matchLabelExpressions"), &terms->items[i]);
		for (size_t j = 0; j < i && !seen; j++)
			seen = equal_struct(schema, &terms->items[j], &terms->items[i]);
		if (seen)
			field_duplicate(errors, FIELD(INDEX(path, i), "matchLabelExpressions"), VALUE(STR_EMPTY));
	}
}

static const struct rule rules[] = {
	RULE_CHECK("provisioner", check_provisioner),
	RULE_CHECK("parameters", check_parameters),
	RULE_ONE_OF("reclaimPolicy", "Delete", "Retain"),
	RULE_REQUIRED("volumeBindingMode"),
	RULE_ONE_OF("volumeBindingMode", "Immediate", "WaitForFirstConsumer"),
	RULE_CHECK("allowedTopologies", check_topologies),
};
static const struct rule update_rules[] = {
	RULE_IMMUTABLE("parameters"),
	RULE_IMMUTABLE("provisioner"),
	RULE_IMMUTABLE("reclaimPolicy"),
	RULE_IMMUTABLE("volumeBindingMode"),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_storage_v1_storage_class, object, rules);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	CHECK_UPDATE_RULES(errors, NULL, &schema_storage_v1_storage_class, object, old, update_rules);
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
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
