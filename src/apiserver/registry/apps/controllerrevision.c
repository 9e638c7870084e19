/* Controller revisions: data that never changes. */
#include "apiserver/registry/common.h"
#include "types/gen/apps_v1.h"

/* "statefulset.apps/web" */
static void cell_controller(struct table_row *row, const struct meta_v1_object_meta *meta)
{
	SLICE_FOREACH (owner, meta->owner_references) {
		struct str group, version, kind;

		if (!owner->controller || !*owner->controller)
			continue;
		kind = str_lower(owner->kind, row->arena);
		if (str_cut(owner->api_version, '/', &group, &version))
			cell_printf(row, STR_FMT "." STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(group),
				    STR_ARG(owner->name));
		else
			cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(kind), STR_ARG(owner->name));
		return;
	}
	table_cell_str(row, STR("<none>"));
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apps_v1_controller_revision *revision = object;
	struct str data = revision->data.text;

	if (!data.len || str_eq_c(data, "null"))
		field_required(errors, FIELD(NULL, "data"), "data is mandatory");
	else if (data.data[0] != '{')
		field_required(errors, FIELD(NULL, "data"), "data must be a valid JSON object");
	check_not_negative(errors, FIELD(NULL, "revision"), revision->revision);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct apps_v1_controller_revision *revision = object, *before = old;

	validate_create(context, object, errors);
	if (!str_eq(revision->data.text, before->data.text))
		field_invalid(errors, FIELD(NULL, "data"), field_value_json(revision->data.text), "field is immutable");
}

static void cells(struct table_row *row, const void *object)
{
	const struct apps_v1_controller_revision *revision = object;

	table_cell_str(row, revision->metadata.name);
	cell_controller(row, &revision->metadata);
	table_cell_int(row, revision->revision);
	table_cell_age(row, revision->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Controller", "string", 0),
	COLUMN("Revision", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_apps_controllerrevisions = {
	.group = STR_INIT("apps"),
	.plural = STR_INIT("controllerrevisions"),
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
