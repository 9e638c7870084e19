/* API services: those without a service are served here. */
#include "apiserver/registry/common.h"
#include "types/gen/apiregistration_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
