/* Pod templates. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/core_v1.h"

static void default_object(struct strategy_context *context, void *object)
{
	default_pod_spec(context->arena, &((struct core_v1_pod_template *)object)->template.spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_pod_template(errors, FIELD(NULL, "template"), &((const struct core_v1_pod_template *)object)->template);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_pod_template *template = object;

	table_cell_str(row, template->metadata.name);
	cell_containers(row, &template->template.spec.containers);
	table_cell_labels(row, &template->template.metadata.labels);
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct core_v1_pod_template *now = object, *before = old;

	warn_changed_template(context, FIELD(NULL, "template"), &now->template, &now->metadata,
			      before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Containers", "string", 0),
	COLUMN("Images", "string", 0),
	COLUMN("Pod Labels", "string", 0),
};

const struct strategy strategy_core_podtemplates = {
	.group = STR_INIT(""),
	.plural = STR_INIT("podtemplates"),
	.generation = GENERATION_SPEC,
	.delete_returns_object = true,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
