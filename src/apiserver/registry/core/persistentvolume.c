/* Persistent volumes. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/volume_check.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/struct_diff.h"
#include "apiserver/registry/warnings.h"

/* The old annotation, else the field. */
static struct str class_of(const struct meta_v1_object_meta *meta, struct str name)
{
	const struct str *annotation = str_map_get(&meta->annotations, STR("volume.beta.kubernetes.io/storage-class"));

	return annotation ? *annotation : name;
}

/* Not of the type: a volume inside a VolumeAttachment has none of these. */
static void default_object(struct strategy_context *context, void *object)
{
	struct core_v1_persistent_volume *volume = object;
	struct str *mode;

	if (!volume->spec.persistent_volume_reclaim_policy.len)
		volume->spec.persistent_volume_reclaim_policy = STR("Retain");
	if (!volume->spec.volume_mode) {
		mode = ARENA_NEW(context->arena, struct str);
		*mode = STR("Filesystem");
		volume->spec.volume_mode = mode;
	}
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct core_v1_persistent_volume *volume = object;
	struct timestamp *now = ARENA_NEW(context->arena, struct timestamp);

	*now = context->now;
	now->nanos = 0;
	volume->status.phase = STR("Pending");
	volume->status.last_phase_transition_time = now;
}

static void check_modes(struct field_errors *errors, const struct path *path, const void *value)
{
	check_access_modes(errors, path, value);
}

static struct field_value capacity_value(const struct quantity_map *capacity, struct arena *arena)
{
	struct str text = STR("{");

	if (!capacity->items)
		return VALUE_NULL;
	SLICE_FOREACH (pair, *capacity)
		text = arena_printf(arena, STR_FMT "%s" STR_FMT ":\"" STR_FMT "\"", STR_ARG(text),
				    pair == capacity->items ? "" : ",", STR_ARG(quote_go(pair->key, arena)),
				    STR_ARG(quantity_format(&pair->value, arena)));
	return field_value_json(arena_concat(arena, text, STR("}")));
}

static void check_capacity(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct quantity_map *capacity = value;

	if (!quantity_map_get(capacity, STR("storage")) || capacity->len > 1)
		field_not_supported_c(errors, path, capacity_value(capacity, errors->arena), "storage", NULL);
	SLICE_FOREACH (pair, *capacity) {
		if (quantity_sign(&pair->value) < 0)
			field_invalid(errors, KEY(path, pair->key), VALUE(quantity_value(&pair->value)),
				      "must be a valid resource quantity");
		check_positive_quantity(errors, KEY(path, pair->key), &pair->value);
	}
}

static void check_node_affinity(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_volume_node_affinity *affinity = value;

	if (affinity->required)
		check_node_selector(errors, FIELD(path, "required"), affinity->required);
	else
		field_required(errors, FIELD(path, "required"), "must specify required node constraints");
}

static void check_attributes_class(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str name = *(const struct str *)value;

	if (name.len)
		check_name(errors, path, name, name_is_dns_subdomain(name));
	else
		field_required(errors, path, "an empty string is disallowed");
}

/* Does the path name the root, however it is written? */
static bool is_root(struct str path)
{
	struct str rest = path, step;
	bool more = path.len && path.data[0] == '/';

	if (!more)
		return false;
	while (more) {
		more = str_cut(rest, '/', &step, &rest);
		if (step.len && !str_eq_c(step, "."))
			return false;
	}
	return true;
}

static const struct rule first_rules[] = {
	RULE_REQUIRED("accessModes"),
	RULE_CHECK("accessModes", check_modes),
	RULE_REQUIRED("capacity"),
	RULE_CHECK("capacity", check_capacity),
	RULE_ONE_OF("persistentVolumeReclaimPolicy", "Delete", "Recycle", "Retain"),
	RULE_CHECK("nodeAffinity", check_node_affinity),
};
static const struct rule last_rules[] = {
	RULE_NAME("storageClassName", name_is_dns_subdomain),
	RULE_ONE_OF("volumeMode", "Block", "Filesystem"),
	RULE_CHECK("volumeAttributesClassName", check_attributes_class),
};

/* What stands in an attachment is a CSI volume; what is said of a volume of its own may not be there. */
static void check_inline(struct field_errors *errors, const struct path *path,
			 const struct core_v1_persistent_volume_spec *spec)
{
	static const char outside[] = "may not be specified in the context of inline volumes";
	struct str policy = spec->persistent_volume_reclaim_policy;

	if (spec->claim_ref)
		field_forbidden(errors, FIELD(path, "claimRef"), outside);
	if (spec->capacity.len)
		field_forbidden(errors, FIELD(path, "capacity"), outside);
	if (!spec->persistent_volume_source.csi)
		field_required(errors, FIELD(path, "csi"), "has to be specified in the context of inline volumes");
	if (!spec->access_modes.len)
		field_required(errors, FIELD(path, "accessModes"), NULL);
	check_access_modes(errors, FIELD(path, "accessModes"), &spec->access_modes);
	if (policy.len && !str_eq_c(policy, "Retain"))
		field_forbidden(errors, FIELD(path, "persistentVolumeReclaimPolicy"),
				"may only be Retain in the context of inline volumes");
	if (spec->node_affinity)
		field_forbidden(errors, FIELD(path, "nodeAffinity"), outside);
	check_volume_source(errors, path, spec);
	if (spec->storage_class_name.len)
		field_forbidden(errors, FIELD(path, "storageClassName"), outside);
	if (spec->volume_mode && !str_eq_c(*spec->volume_mode, "Filesystem"))
		field_forbidden(errors, FIELD(path, "volumeMode"),
				"may not specify volumeMode other than Filesystem in the context of inline volumes");
}

void check_volume_spec(struct field_errors *errors, const struct path *path,
		       const struct core_v1_persistent_volume_spec *spec, bool inline_)
{
	const struct schema *schema = &schema_core_v1_persistent_volume_spec;
	const struct core_v1_host_path_volume_source *host_path = spec->persistent_volume_source.host_path;

	if (inline_) {
		check_inline(errors, path, spec);
		return;
	}
	CHECK_RULES(errors, path, schema, spec, first_rules);
	check_volume_source(errors, path, spec);
	if (host_path && is_root(host_path->path) && str_eq_c(spec->persistent_volume_reclaim_policy, "Recycle"))
		field_forbidden(errors, FIELD(path, "persistentVolumeReclaimPolicy"),
				"may not be 'recycle' for a hostPath mount of '/'");
	CHECK_RULES(errors, path, schema, spec, last_rules);
	if (spec->volume_attributes_class_name && !spec->persistent_volume_source.csi)
		field_required(errors, FIELD(path, "csi"), "has to be specified when using volumeAttributesClassName");
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_volume_spec(errors, SPEC, &((const struct core_v1_persistent_volume *)object)->spec, false);
}

/* The secret that expansion needs may be added to a CSI volume later. */
static bool same_source(const struct core_v1_persistent_volume_source *now,
			const struct core_v1_persistent_volume_source *old)
{
	struct core_v1_persistent_volume_source source = *now;
	struct core_v1_csi_persistent_volume_source csi;

	if (now->csi && old->csi && !old->csi->controller_expand_secret_ref) {
		csi = *now->csi;
		csi.controller_expand_secret_ref = NULL;
		source.csi = &csi;
	}
	return equal_struct(&schema_core_v1_persistent_volume_source, &source, old);
}

static const struct rule update_rules[] = {RULE_IMMUTABLE("volumeMode")};
static const struct rule affinity_rules[] = {RULE_IMMUTABLE("nodeAffinity")};

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct schema *schema = &schema_core_v1_persistent_volume_spec;
	const struct core_v1_persistent_volume_spec *now = &((const struct core_v1_persistent_volume *)object)->spec;
	const struct core_v1_persistent_volume_spec *was = &((const struct core_v1_persistent_volume *)old)->spec;
	struct str diff;

	validate_create(context, object, errors);
	if (!same_source(&now->persistent_volume_source, &was->persistent_volume_source)) {
		diff = struct_diff(&schema_core_v1_persistent_volume_source, &was->persistent_volume_source,
				   &now->persistent_volume_source, errors->arena);
		field_forbidden(errors, FIELD(SPEC, "persistentvolumesource"),
				"spec.persistentvolumesource is immutable after creation\n" STR_FMT, STR_ARG(diff));
	}
	CHECK_UPDATE_RULES(errors, NULL, schema, now, was, update_rules);
	if (was->node_affinity)
		CHECK_UPDATE_RULES(errors, NULL, schema, now, was, affinity_rules);
	if (was->volume_attributes_class_name && !now->volume_attributes_class_name)
		field_forbidden(errors, FIELD(SPEC, "volumeAttributesClassName"),
				"update from non-nil value to nil is forbidden");
}

/* Volumes remember when they came into their phase. */
static void prepare_status(struct strategy_context *context, void *object, const void *old)
{
	struct core_v1_persistent_volume_status *now = &((struct core_v1_persistent_volume *)object)->status;
	const struct core_v1_persistent_volume_status *before =
		&((const struct core_v1_persistent_volume *)old)->status;
	const struct timestamp *then = before->last_phase_transition_time;
	struct timestamp time = {.seconds = context->now.seconds, .is_set = true};

	if (str_eq(now->phase, before->phase)) {
		if (!now->last_phase_transition_time)
			now->last_phase_transition_time = then;
	} else if (!now->last_phase_transition_time ||
		   (then && now->last_phase_transition_time->seconds == then->seconds)) {
		now->last_phase_transition_time = ARENA_DUP(context->arena, struct timestamp, &time);
	}
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_persistent_volume *volume = object;

	const struct core_v1_object_reference *claim = volume->spec.claim_ref;

	table_cell_str(row, volume->metadata.name);
	cell_quantity(row, &volume->spec.capacity, "storage");
	cell_access_modes(row, &volume->spec.access_modes);
	table_cell_str(row, volume->spec.persistent_volume_reclaim_policy);
	table_cell_str(row, volume->metadata.deletion_timestamp ? STR("Terminating") : volume->status.phase);
	if (claim)
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(claim->namespace), STR_ARG(claim->name));
	else
		table_cell_str(row, STR_EMPTY);
	table_cell_str(row, class_of(&volume->metadata, volume->spec.storage_class_name));
	table_cell_str(row, volume->spec.volume_attributes_class_name ? *volume->spec.volume_attributes_class_name
								      : STR("<unset>"));
	table_cell_str(row, volume->status.reason);
	table_cell_age(row, volume->metadata.creation_timestamp);
	table_cell_str(row, volume->spec.volume_mode ? *volume->spec.volume_mode : STR("<unset>"));
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	static const struct deprecated_annotation annotations[] = {
		{"volume.beta.kubernetes.io/storage-class",
		 "deprecated since v1.8; use \"storageClassName\" attribute instead"},
		{"volume.beta.kubernetes.io/mount-options",
		 "deprecated since v1.31; use \"mountOptions\" attribute instead"}};
	const struct core_v1_persistent_volume_spec *spec = &((const struct core_v1_persistent_volume *)object)->spec;
	const struct core_v1_persistent_volume_source *source = &spec->persistent_volume_source;
	const struct {
		const void *used;
		const char *name, *message;
	} plugins[] = {
		{source->cephfs, "cephfs", "deprecated in v1.28, non-functional in v1.31+"},
		{source->photon_persistent_disk, "photonPersistentDisk",
		 "deprecated in v1.11, non-functional in v1.16+"},
		{source->scale_io, "scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
		{source->storageos, "storageOS", "deprecated in v1.22, non-functional in v1.25+"},
		{source->glusterfs, "glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
		{source->rbd, "rbd", "deprecated in v1.28, non-functional in v1.31+"},
	};

	warn_annotations(context, NULL, &((const struct core_v1_persistent_volume *)object)->metadata.annotations,
			 annotations, ARRAY_LEN(annotations));
	if (str_eq_c(spec->persistent_volume_reclaim_policy, "Recycle"))
		warn(context, FIELD(SPEC, "persistentVolumeReclaimPolicy"),
		     "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic "
		     "provisioning.");
	if (spec->node_affinity && spec->node_affinity->required)
		warn_node_terms(context, FIELD(SPEC, "nodeAffinity.required.nodeSelectorTerms"),
				&spec->node_affinity->required->node_selector_terms);
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		if (plugins[i].used)
			warn(context, FIELD(SPEC, plugins[i].name), "%s", plugins[i].message);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Capacity", "string", 0),
	COLUMN("Access Modes", "string", 0),
	COLUMN("Reclaim Policy", "string", 0),
	COLUMN("Status", "string", 0),
	COLUMN("Claim", "string", 0),
	COLUMN("StorageClass", "string", 0),
	COLUMN("VolumeAttributesClass", "string", 0),
	COLUMN("Reason", "string", 0),
	COLUMN_AGE,
	COLUMN("VolumeMode", "string", 1),
};

const struct strategy strategy_core_persistentvolumes = {
	.group = STR_INIT(""),
	.plural = STR_INIT("persistentvolumes"),
	.delete_returns_object = true,
	.default_object = default_object,
	.prepare_create = prepare_create,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.prepare_status = prepare_status,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
