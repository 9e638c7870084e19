/* Replication controllers: selector and labels default to the template's. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/core_v1.h"

static const struct core_v1_container_slice none;

static void default_object(struct strategy_context *context, void *object)
{
	struct core_v1_replication_controller *rc = object;
	struct core_v1_pod_template_spec *template = EDIT(struct core_v1_pod_template_spec, rc->spec.template);

	if (!template)
		return;
	if (template->metadata.labels.items && !rc->spec.selector.len)
		rc->spec.selector = template->metadata.labels;
	if (template->metadata.labels.items && !rc->metadata.labels.len)
		rc->metadata.labels = template->metadata.labels;
	default_pod_spec(context->arena, &template->spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_replication_controller_spec *spec =
		&((const struct core_v1_replication_controller *)object)->spec;
	struct selector selector = selector_from_map(&spec->selector, errors->arena);
	const struct path *path = FIELD(SPEC, "template");

	check_not_negative(errors, FIELD(SPEC, "minReadySeconds"), spec->min_ready_seconds);
	if (!spec->selector.len)
		field_required(errors, FIELD(SPEC, "selector"), NULL);
	if (spec->replicas)
		check_not_negative(errors, FIELD(SPEC, "replicas"), *spec->replicas);
	if (!spec->template) {
		field_required(errors, path, NULL);
		return;
	}
	if (spec->selector.len && !selector_matches(&selector, &spec->template->metadata.labels))
		field_invalid(errors, FIELD(path, "metadata.labels"),
			      field_value_map(&spec->template->metadata.labels, errors->arena),
			      "`selector` does not match template `labels`");
	check_pod_template(errors, path, spec->template);
	if (!str_eq_c(spec->template->spec.restart_policy, "Always"))
		field_not_supported_c(errors, FIELD(path, "spec.restartPolicy"),
				      VALUE(spec->template->spec.restart_policy), "Always", NULL);
	if (spec->template->spec.active_deadline_seconds)
		field_forbidden(errors, FIELD(path, "spec.activeDeadlineSeconds"),
				"activeDeadlineSeconds in ReplicationController is not Supported");
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena)
{
	return arena_printf(arena, "%d", ((const struct core_v1_replication_controller *)object)->status.replicas);
}

static const struct str fields[] = {STR_INIT("status.replicas")};

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_replication_controller *rc = object;

	table_cell_str(row, rc->metadata.name);
	table_cell_int(row, rc->spec.replicas ? *rc->spec.replicas : 0);
	table_cell_int(row, rc->status.replicas);
	table_cell_int(row, rc->status.ready_replicas);
	table_cell_age(row, rc->metadata.creation_timestamp);
	cell_containers(row, rc->spec.template ? &rc->spec.template->spec.containers : &none);
	table_cell_labels(row, &rc->spec.selector);
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct core_v1_replication_controller *now = object, *before = old;

	warn_workload(context, now->spec.template, &now->metadata, before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Desired", "integer", 0),
	COLUMN("Current", "integer", 0),
	COLUMN("Ready", "integer", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_core_replicationcontrollers = {
	.group = STR_INIT(""),
	.plural = STR_INIT("replicationcontrollers"),
	.generation = GENERATION_SPEC,
	.collection_default = COLLECT_ORPHAN,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
