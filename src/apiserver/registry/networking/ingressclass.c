/* Ingress classes: the controller never changes. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

static void cell_parameters(struct table_row *row, const struct networking_v1_ingress_class_parameters_reference *p)
{
	if (!p)
		table_cell_str(row, STR("<none>"));
	else if (p->api_group)
		cell_printf(row, STR_FMT "." STR_FMT "/" STR_FMT, STR_ARG(p->kind), STR_ARG(*p->api_group),
			    STR_ARG(p->name));
	else
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(p->kind), STR_ARG(p->name));
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_immutable_str(errors, FIELD(SPEC, "controller"),
			    ((const struct networking_v1_ingress_class *)object)->spec.controller,
			    ((const struct networking_v1_ingress_class *)old)->spec.controller);
}

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_ingress_class *class = object;

	const struct str *mark =
		str_map_get(&class->metadata.annotations, STR("ingressclass.kubernetes.io/is-default-class"));

	cell_printf(row, STR_FMT "%s", STR_ARG(class->metadata.name),
		    mark && str_eq_c(*mark, "true") ? " (default)" : "");
	table_cell_str(row, class->spec.controller);
	cell_parameters(row, class->spec.parameters);
	table_cell_age(row, class->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Controller", "string", 0),
	COLUMN("Parameters", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_networking_ingressclasses = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("ingressclasses"),
	.generation = GENERATION_SPEC,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
