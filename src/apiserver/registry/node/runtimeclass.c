/* Runtime classes: the handler never changes. */
#include "apiserver/registry/common.h"
#include "apiserver/registry/warnings.h"
#include "types/gen/node_v1.h"

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct node_v1_runtime_class *class = object;

	check_name(errors, FIELD(NULL, "handler"), class->handler, name_is_dns_label(class->handler));
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct node_v1_runtime_class *class = object, *before = old;

	check_immutable_str(errors, FIELD(NULL, "handler"), class->handler, before->handler);
}

static void cells(struct table_row *row, const void *object)
{
	const struct node_v1_runtime_class *class = object;

	table_cell_str(row, class->metadata.name);
	table_cell_str(row, class->handler);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	const struct node_v1_runtime_class *class = object;

	if (!class->scheduling)
		return;
	SLICE_FOREACH (pair, class->scheduling->node_selector) {
		const char *message = deprecated_node_label(pair->key);

		if (message)
			warn(context, FIELD(NULL, "scheduling.nodeSelector"), "%s", message);
	}
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Handler", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_node_runtimeclasses = {
	.group = STR_INIT("node.k8s.io"),
	.plural = STR_INIT("runtimeclasses"),
	.allow_create_on_update = true,
	.forbid_unconditional_update = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
