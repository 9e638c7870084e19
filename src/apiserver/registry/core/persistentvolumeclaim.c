/* Claims for persistent volumes. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/volume_check.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/struct_diff.h"
#include "apiserver/registry/warnings.h"

#define CLASS_ANNOTATION "volume.beta.kubernetes.io/storage-class"

/* The old annotation, else the field. */
static struct str class_of(const struct meta_v1_object_meta *meta, struct str name)
{
	const struct str *annotation = str_map_get(&meta->annotations, STR(CLASS_ANNOTATION));

	return annotation ? *annotation : name;
}

/* dataSource and dataSourceRef say the same, where the older one can. */
static void mirror_data_source(struct arena *arena, struct core_v1_persistent_volume_claim_spec *spec)
{
	struct core_v1_typed_object_reference *ref;
	struct core_v1_typed_local_object_reference *source;

	if (spec->data_source && !spec->data_source_ref) {
		ref = ARENA_NEW(arena, struct core_v1_typed_object_reference);
		ref->api_group = spec->data_source->api_group;
		ref->kind = spec->data_source->kind;
		ref->name = spec->data_source->name;
		spec->data_source_ref = ref;
	} else if (spec->data_source_ref && !spec->data_source &&
		   (!spec->data_source_ref->namespace || !spec->data_source_ref->namespace->len)) {
		source = ARENA_NEW(arena, struct core_v1_typed_local_object_reference);
		source->api_group = spec->data_source_ref->api_group;
		source->kind = spec->data_source_ref->kind;
		source->name = spec->data_source_ref->name;
		spec->data_source = source;
	}
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct core_v1_persistent_volume_claim *claim = object;

	claim->status.phase = STR("Pending");
	mirror_data_source(context->arena, &claim->spec);
}

static void prepare_update(struct strategy_context *context, void *object, const void *old UNUSED)
{
	mirror_data_source(context->arena, &((struct core_v1_persistent_volume_claim *)object)->spec);
}

void check_access_modes(struct field_errors *errors, const struct path *path, const struct str_slice *modes)
{
	bool once = false, others = false;

	SLICE_FOREACH (mode, *modes) {
		if (str_eq_c(*mode, "ReadWriteOncePod"))
			once = true;
		else if (is_one_of(*mode, "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", NULL))
			others = true;
		else
			field_not_supported_c(errors, path, VALUE(*mode), "ReadOnlyMany", "ReadWriteMany",
					      "ReadWriteOnce", "ReadWriteOncePod", NULL);
	}
	if (once && others)
		field_forbidden(errors, path, "may not use ReadWriteOncePod with other access modes");
}

void check_positive_quantity(struct field_errors *errors, const struct path *path, const struct quantity *quantity)
{
	if (quantity_sign(quantity) <= 0)
		field_invalid(errors, path, field_value_text(quantity_format(quantity, errors->arena)),
			      "must be greater than zero");
}

static void check_modes(struct field_errors *errors, const struct path *path, const void *value)
{
	check_access_modes(errors, path, value);
}

static void check_resources(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_volume_resource_requirements *resources_ = value;
	const struct quantity *storage = quantity_map_get(&resources_->requests, STR("storage"));

	if (!storage)
		field_required(errors, KEY(path, STR("storage")), NULL);
	else
		check_positive_quantity(errors, KEY(path, STR("storage")), storage);
}

static void check_source(struct field_errors *errors, const struct path *path, const struct str *group, struct str kind)
{
	if (group && group->len)
		check_name(errors, FIELD(path, "apiGroup"), *group, name_is_dns_subdomain(*group));
	else if (!str_eq_c(kind, "PersistentVolumeClaim"))
		field_invalid(errors, path, VALUE(kind),
			      "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
}

static void check_data_source(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_typed_local_object_reference *source = value;

	check_source(errors, path, source->api_group, source->kind);
}

static void check_data_source_ref(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_typed_object_reference *source = value;

	check_source(errors, path, source->api_group, source->kind);
	if (source->namespace && source->namespace->len)
		check_name(errors, FIELD(path, "namespace"), *source->namespace, name_is_dns_label(*source->namespace));
}

static bool same_source(const struct core_v1_typed_local_object_reference *a,
			const struct core_v1_typed_object_reference *b)
{
	return str_eq(a->kind, b->kind) && str_eq(a->name, b->name) && !a->api_group == !b->api_group &&
	       (!a->api_group || str_eq(*a->api_group, *b->api_group));
}

/* Upstream shows the path it compared, which has no exported member and so is always {}. */
static void check_both_sources(struct field_errors *errors, const struct path *path,
			       const struct core_v1_persistent_volume_claim_spec *spec)
{
	const struct core_v1_typed_object_reference *ref = spec->data_source_ref;

	if (!spec->data_source || !ref)
		return;
	if (ref->namespace && ref->namespace->len)
		field_invalid(errors, path, field_value_json(STR("{}")),
			      "may not be specified when dataSourceRef.namespace is specified");
	else if (!same_source(spec->data_source, ref))
		field_invalid(errors, path, field_value_json(STR("{}")), "must match dataSourceRef");
}

/* The empty name is a class of its own: none. */
static void check_class(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str name = *(const struct str *)value;

	if (name.len)
		check_name(errors, path, name, name_is_dns_subdomain(name));
}

static const struct rule spec_rules[] = {
	RULE_REQUIRED_SAYING("accessModes", "at least 1 access mode is required"),
	RULE_SELECTOR("selector"),
	RULE_CHECK("accessModes", check_modes),
	RULE_CHECK("resources", check_resources),
	RULE_CHECK("storageClassName", check_class),
	RULE_ONE_OF("volumeMode", "Block", "Filesystem"),
};

static const struct rule source_rules[] = {RULE_REQUIRED("name"), RULE_REQUIRED("kind")};
static const struct rule sources_rules[] = {
	RULE_OF("dataSource", source_rules),
	RULE_CHECK("dataSource", check_data_source),
	RULE_OF("dataSourceRef", source_rules),
	RULE_CHECK("dataSourceRef", check_data_source_ref),
};
static const struct rule attributes_rules[] = {RULE_CHECK("volumeAttributesClassName", check_class)};

void check_claim_spec(struct field_errors *errors, const struct path *path,
		      const struct core_v1_persistent_volume_claim_spec *spec)
{
	const struct schema *schema = &schema_core_v1_persistent_volume_claim_spec;

	CHECK_RULES(errors, path, schema, spec, spec_rules);
	CHECK_RULES(errors, path, schema, spec, sources_rules);
	check_both_sources(errors, path, spec);
	CHECK_RULES(errors, path, schema, spec, attributes_rules);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_claim_spec(errors, SPEC, &((const struct core_v1_persistent_volume_claim *)object)->spec);
}

/* The request of a bound claim may be another, and what has no volume yet may get one. */
static struct core_v1_persistent_volume_claim_spec with_old_size(const struct core_v1_persistent_volume_claim *claim,
								 const struct core_v1_persistent_volume_claim *old,
								 struct arena *arena)
{
	struct core_v1_persistent_volume_claim_spec spec = claim->spec;
	const struct quantity *size = quantity_map_get(&old->spec.resources.requests, STR("storage"));
	struct quantity_pair *pairs;

	if (!str_eq_c(claim->status.phase, "Bound"))
		return spec;
	pairs = arena_memdup(arena, spec.resources.requests.items, spec.resources.requests.len * sizeof(*pairs));
	for (size_t i = 0; i < spec.resources.requests.len; i++)
		if (size && str_eq_c(pairs[i].key, "storage"))
			pairs[i].value = *size;
	spec.resources.requests.items = pairs;
	spec.volume_attributes_class_name = old->spec.volume_attributes_class_name;
	return spec;
}

static bool has_class_annotation(const struct core_v1_persistent_volume_claim *claim, struct str *ret)
{
	const struct str *text = str_map_get(&claim->metadata.annotations, STR(CLASS_ANNOTATION));

	*ret = text ? *text : STR_EMPTY;
	return text;
}

/* What the old annotation said may move to the field, and a class may be given once where there was none. */
static void keep_class(struct field_errors *errors, const struct core_v1_persistent_volume_claim *claim,
		       const struct core_v1_persistent_volume_claim *old,
		       struct core_v1_persistent_volume_claim_spec *spec)
{
	struct str now, was;
	bool annotated = has_class_annotation(old, &was);

	has_class_annotation(claim, &now);
	if (annotated && !old->spec.storage_class_name && spec->storage_class_name &&
	    str_eq(*spec->storage_class_name, was)) {
		spec->storage_class_name = NULL;
		return;
	}
	if (!str_eq(now, was))
		field_invalid(errors, FIELD(FIELD(NULL, "metadata.annotations"), CLASS_ANNOTATION), VALUE(now),
			      "field is immutable");
	if (!annotated && !old->spec.storage_class_name && spec->storage_class_name)
		spec->storage_class_name = NULL;
}

static void check_size(struct field_errors *errors, const struct core_v1_persistent_volume_claim *claim,
		       const struct core_v1_persistent_volume_claim *old)
{
	const struct quantity *now = quantity_map_get(&claim->spec.resources.requests, STR("storage"));
	const struct quantity *was = quantity_map_get(&old->spec.resources.requests, STR("storage"));
	const struct quantity *given = quantity_map_get(&old->status.capacity, STR("storage"));

	if (now && was && quantity_cmp(now, was) < 0 &&
	    (given ? quantity_cmp(now, given) <= 0 : quantity_sign(now) <= 0))
		field_forbidden(errors, FIELD(SPEC, "resources.requests.storage"),
				"field can not be less than status.capacity");
}

static void check_attributes_class(struct field_errors *errors, const struct core_v1_persistent_volume_claim *claim,
				   const struct core_v1_persistent_volume_claim *old)
{
	const struct str *now = claim->spec.volume_attributes_class_name;
	const struct str *was = old->spec.volume_attributes_class_name;

	if (!old->status.current_volume_attributes_class_name || (now && was ? str_eq(*now, *was) : now == was))
		return;
	if (!now)
		field_forbidden(errors, FIELD(SPEC, "volumeAttributesClassName"),
				"update to nil is forbidden when status.currentVolumeAttributesClassName is not nil");
	else if (!now->len)
		field_forbidden(errors, FIELD(SPEC, "volumeAttributesClassName"),
				"update to empty string is forbidden when status.currentVolumeAttributesClassName is "
				"not nil");
}

static const struct rule update_rules[] = {RULE_IMMUTABLE("volumeMode")};

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_persistent_volume_claim *claim = object, *before = old;
	struct core_v1_persistent_volume_claim_spec spec = with_old_size(claim, before, context->arena);
	struct core_v1_persistent_volume_claim_spec old_spec = before->spec;
	const struct schema *schema = &schema_core_v1_persistent_volume_claim_spec;
	struct str diff;

	check_claim_spec(errors, SPEC, &claim->spec);
	if (!old_spec.volume_name.len)
		old_spec.volume_name = spec.volume_name;
	keep_class(errors, claim, before, &spec);
	if (!equal_struct(schema, &spec, &old_spec)) {
		diff = struct_diff(schema, &old_spec, &spec, errors->arena);
		field_forbidden(errors, SPEC,
				"spec is immutable after creation except resources.requests and "
				"volumeAttributesClassName for bound claims\n" STR_FMT,
				STR_ARG(diff));
	}
	check_size(errors, claim, before);
	CHECK_UPDATE_RULES(errors, NULL, schema, &claim->spec, &before->spec, update_rules);
	check_attributes_class(errors, claim, before);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_persistent_volume_claim *claim = object;

	const struct core_v1_persistent_volume_claim_spec *spec = &claim->spec;

	table_cell_str(row, claim->metadata.name);
	table_cell_str(row, claim->metadata.deletion_timestamp ? STR("Terminating") : claim->status.phase);
	table_cell_str(row, spec->volume_name);
	if (spec->volume_name.len) {
		cell_quantity(row, &claim->status.capacity, "storage");
		cell_access_modes(row, &claim->status.access_modes);
	} else {
		table_cell_str(row, STR_EMPTY);
		table_cell_str(row, STR_EMPTY);
	}
	table_cell_str(row,
		       class_of(&claim->metadata, spec->storage_class_name ? *spec->storage_class_name : STR_EMPTY));
	table_cell_str(row, spec->volume_attributes_class_name ? *spec->volume_attributes_class_name : STR("<unset>"));
	table_cell_age(row, claim->metadata.creation_timestamp);
	table_cell_str(row, spec->volume_mode ? *spec->volume_mode : STR("<unset>"));
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	static const struct deprecated_annotation deprecated[] = {
		{CLASS_ANNOTATION, "deprecated since v1.8; use \"storageClassName\" attribute instead"}};
	const struct core_v1_persistent_volume_claim *claim = object;

	warn_annotations(context, NULL, &claim->metadata.annotations, deprecated, ARRAY_LEN(deprecated));
	warn_claim_spec(context, SPEC, &claim->spec);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Status", "string", 0),
	COLUMN("Volume", "string", 0),
	COLUMN("Capacity", "string", 0),
	COLUMN("Access Modes", "string", 0),
	COLUMN("StorageClass", "string", 0),
	COLUMN("VolumeAttributesClass", "string", 0),
	COLUMN_AGE,
	COLUMN("VolumeMode", "string", 1),
};

const struct strategy strategy_core_persistentvolumeclaims = {
	.group = STR_INIT(""),
	.plural = STR_INIT("persistentvolumeclaims"),
	.delete_returns_object = true,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
