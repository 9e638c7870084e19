/* Carrying out a plan's changes, one request each, in order; see apply.h. */
#include "client/apply.h"

static bool tolerated(const struct change *change, const struct error *err)
{
	return (change->tolerate_missing && err->code == ERR_NOT_FOUND) ||
	       (change->tolerate_existing && err->code == ERR_ALREADY_EXISTS);
}

static void tell(const struct plan *plan, struct recorder *recorder, const char *type, const struct change_event *event,
		 struct str text)
{
	struct str format = str_from(event->format), before, after;
	struct event_record record = {.type = str_from(type), .reason = str_from(event->reason)};
	const char *mark;

	if (!event->reason || !plan->involved || !recorder)
		return;
	/* The only conversion a format may have is one %s. */
	mark = strstr(event->format, "%s");
	before = mark ? str_sub(format, 0, (size_t)(mark - event->format)) : format;
	after = mark ? str_from(mark + 2) : STR_EMPTY;
	if (!mark)
		text = STR_EMPTY;
	record.involved = recorder_reference(plan->involved, STR_EMPTY, plan->arena);
	record.message =
		arena_printf(plan->arena, STR_FMT STR_FMT STR_FMT, STR_ARG(before), STR_ARG(text), STR_ARG(after));
	recorder_record(recorder, &record);
}

static void await(struct plan *plan, const struct change *change, const struct api_response *response,
		  struct apply_result *result)
{
	const struct api_request *request = &change->request;
	struct awaited awaited = {.resource = request->resource, .revision = response->revision};

	if (request->operation == API_DELETE) {
		awaited.revision = 0;
		awaited.uid = request->precondition_uid;
		awaited.key = str_empty(request->namespace)
				      ? request->name
				      : arena_printf(plan->arena, STR_FMT "/" STR_FMT, STR_ARG(request->namespace),
						     STR_ARG(request->name));
	} else if (!response->revision) {
		return;
	}
	vec_push(plan->arena, &result->awaited, awaited);
}

/* Returns false when the changes after this one are not to be tried. */
static bool apply_change(struct plan *plan, struct change *change, struct transport *transport,
			 struct recorder *recorder, struct apply_result *result)
{
	struct api_response response = {0};
	struct error err = {0};

	if (transport->ops->call(transport, &change->request, &response, &err) == 0) {
		await(plan, change, &response, result);
		tell(plan, recorder, "Normal", &change->on_success,
		     response.object && response.object->meta ? response.object->meta->name : change->request.name);
		api_response_release(&response);
		return true;
	}
	if (tolerated(change, &err))
		return true;
	if (err.code == ERR_CONFLICT) {
		result->conflict = true;
	} else {
		tell(plan, recorder, "Warning", &change->on_failure, str_from(err.message));
		vec_push(plan->arena, &result->failures,
			 (struct change_failure){change->request.resource, change->request.operation,
						 arena_str_c(plan->arena, err.message)});
	}
	result->failed = true;
	if (result->err.code == ERR_NONE)
		result->err = err;
	return change->independent;
}

void apply_plan(struct plan *plan, struct transport *transport, struct str field_manager, struct recorder *recorder,
		struct apply_result *ret)
{
	*ret = (struct apply_result){0};
	for (size_t i = 0; i < plan->changes.len; i++) {
		plan->changes.items[i].request.field_manager = field_manager;
		if (!apply_change(plan, &plan->changes.items[i], transport, recorder, ret))
			return;
	}
	for (size_t i = 0; recorder && i < plan->events.len; i++)
		recorder_record(recorder, &plan->events.items[i]);
}
