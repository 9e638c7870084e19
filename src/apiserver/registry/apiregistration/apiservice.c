/* API services: those without a service are served here. */
#include "apiserver/registry/common.h"
#include "types/gen/apiregistration_v1.h"

/* The name follows from the spec: validate_create says so. */
static struct name_problems validate_name(struct str name)
{
	return name_is_path_segment(name);
}

static void check_priority(struct field_errors *errors, const char *field, int32_t value, int32_t max)
{
	if (value <= 0 || value > max)
		field_invalid(errors, FIELD(SPEC, field), VALUE(value), "must be positive and less than %d", max);
}

static void check_service(struct field_errors *errors, const struct path *path,
			  const struct apiregistration_v1_service_reference *service)
{
	int32_t port = service->port ? *service->port : 443;

	if (!service->namespace.len)
		field_required(errors, FIELD(path, "namespace"), NULL);
	if (!service->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	if (port < 1 || port > 65535)
		field_invalid(errors, FIELD(path, "port"), VALUE(port),
			      "port is not valid: must be between 1 and 65535, inclusive");
}

/* Where the service is: elsewhere, or here, where there is nothing to verify. */
static void check_backend(struct field_errors *errors, const struct apiregistration_v1_api_service_spec *spec)
{
	if (spec->service) {
		check_service(errors, FIELD(SPEC, "service"), spec->service);
		if (spec->insecure_skip_tls_verify && spec->ca_bundle.len)
			field_invalid(errors, FIELD(SPEC, "insecureSkipTLSVerify"),
				      VALUE(spec->insecure_skip_tls_verify), "may not be true if caBundle is present");
		return;
	}
	if (spec->ca_bundle.len)
		field_invalid(errors, FIELD(SPEC, "caBundle"),
			      VALUE(arena_printf(errors->arena, "%zu bytes", spec->ca_bundle.len)),
			      "local APIServices may not have a caBundle");
	if (spec->insecure_skip_tls_verify)
		field_invalid(errors, FIELD(SPEC, "insecureSkipTLSVerify"), VALUE(spec->insecure_skip_tls_verify),
			      "local APIServices may not have insecureSkipTLSVerify");
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct apiregistration_v1_api_service *service = object;
	const struct apiregistration_v1_api_service_spec *spec = &service->spec;
	struct str name =
		arena_printf(errors->arena, STR_FMT "." STR_FMT, STR_ARG(spec->version), STR_ARG(spec->group));
	struct str quoted = quote_go(name, errors->arena);

	if (name_ok(name_is_path_segment(service->metadata.name)) && !str_eq(service->metadata.name, name))
		field_invalid(errors, FIELD(NULL, "metadata.name"), VALUE(service->metadata.name),
			      "must be `spec.version+\".\"+spec.group`: " STR_FMT, STR_ARG(quoted));
	if (spec->group.len)
		check_name(errors, FIELD(SPEC, "group"), spec->group, name_is_dns_subdomain(spec->group));
	else if (!str_eq_c(spec->version, "v1"))
		field_required(errors, FIELD(SPEC, "group"),
			       "only v1 may have an empty group and it better be legacy kube");
	check_name(errors, FIELD(SPEC, "version"), spec->version, name_is_dns1035_label(spec->version));
	check_priority(errors, "groupPriorityMinimum", spec->group_priority_minimum, 20000);
	check_priority(errors, "versionPriority", spec->version_priority, 1000);
	check_backend(errors, spec);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct apiregistration_v1_api_service_condition_slice *conditions =
		&((const struct apiregistration_v1_api_service *)object)->status.conditions;

	for (size_t i = 0; i < conditions->len; i++)
		if (!is_one_of(conditions->items[i].status, "True", "False", "Unknown", NULL))
			field_not_supported_c(errors, FIELD(INDEX(FIELD(NULL, "status.conditions"), i), "status"),
					      VALUE(conditions->items[i].status), "True", "False", "Unknown", NULL);
}

static void cell_available(struct table_row *row, const struct apiregistration_v1_api_service_status *status)
{
	SLICE_FOREACH (condition, status->conditions) {
		if (!str_eq_c(condition->type, "Available"))
			continue;
		if (str_eq_c(condition->status, "True") || !condition->reason.len)
			table_cell_str(row, condition->status);
		else
			cell_printf(row, STR_FMT " (" STR_FMT ")", STR_ARG(condition->status),
				    STR_ARG(condition->reason));
		return;
	}
	table_cell_str(row, STR("Unknown"));
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct apiregistration_v1_api_service *service = object;
	struct apiregistration_v1_api_service_condition *condition;

	if (service->spec.service)
		return;
	condition = ARENA_NEW(context->arena, struct apiregistration_v1_api_service_condition);
	condition->type = STR("Available");
	condition->status = STR("True");
	condition->reason = STR("Local");
	condition->message = STR("Local APIServices are always available");
	condition->last_transition_time = context->now;
	service->status.conditions = (struct apiregistration_v1_api_service_condition_slice){condition, 1};
}

static void cells(struct table_row *row, const void *object)
{
	const struct apiregistration_v1_api_service *service = object;

	const struct apiregistration_v1_service_reference *reference = service->spec.service;

	table_cell_str(row, service->metadata.name);
	if (reference)
		cell_printf(row, STR_FMT "/" STR_FMT, STR_ARG(reference->namespace), STR_ARG(reference->name));
	else
		table_cell_str(row, STR("Local"));
	cell_available(row, &service->status);
	table_cell_age(row, service->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Service", "string", 0),
	COLUMN("Available", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_apiregistration_apiservices = {
	.group = STR_INIT("apiregistration.k8s.io"),
	.plural = STR_INIT("apiservices"),
	.forbid_unconditional_update = true,
	.prepare_create = prepare_create,
	.status_resets_metadata = true,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	.validate_name = validate_name,
	COLUMNS(columns),
	.cells = cells,
};
