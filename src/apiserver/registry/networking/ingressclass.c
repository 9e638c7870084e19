/* Ingress classes: the controller never changes. */
#include "apiserver/registry/rule.h"
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

#define CONTROLLER_MAX 250

static void check_controller(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str controller = *(const struct str *)value;

	if (controller.len > CONTROLLER_MAX)
		field_too_long(errors, path, CONTROLLER_MAX);
	check_domain_path(errors, path, controller);
}

static const struct rule parameters_rules[] = {
	RULE_NAME("apiGroup", name_is_dns_subdomain),	  RULE_REQUIRED_NAME("kind", name_is_path_segment),
	RULE_REQUIRED_NAME("name", name_is_path_segment), RULE_REQUIRED("scope"),
	RULE_ONE_OF("scope", "Cluster", "Namespace"),
};

static void check_scope(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_ingress_class_parameters_reference *parameters = value;
	const struct str *name_space = parameters->namespace;
	struct str scope = parameters->scope ? *parameters->scope : STR_EMPTY;

	if (str_eq_c(scope, "Namespace") && !name_space)
		field_required(errors, FIELD(path, "namespace"), "`parameters.scope` is set to 'Namespace'");
	else if (str_eq_c(scope, "Namespace"))
		check_name(errors, FIELD(path, "namespace"), *name_space, name_is_dns_label(*name_space));
	else if (str_eq_c(scope, "Cluster") && name_space)
		field_forbidden(errors, FIELD(path, "namespace"), "`parameters.scope` is set to 'Cluster'");
}

static const struct rule rules[] = {
	RULE_CHECK("spec.controller", check_controller),
	RULE_OF("spec.parameters", parameters_rules),
	RULE_CHECK("spec.parameters", check_scope),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_networking_v1_ingress_class, object, rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_immutable_str(errors, FIELD(SPEC, "controller"),
			    ((const struct networking_v1_ingress_class *)object)->spec.controller,
			    ((const struct networking_v1_ingress_class *)old)->spec.controller);
	validate_create(context, object, errors);
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
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
