/*
 * Step: deletecollection: every object the selectors choose, deleted one after the other as a delete of its own.
 *
 * Runs on a handler thread and waits for each commit; what vanishes meanwhile is no failure.
 */
#include "apiserver/encode.h"
#include "apiserver/local.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

struct victims {
	struct request *request;
	VEC_OF(const struct store_record *) items;
};

static enum store_visit collect(void *data, const struct store_record *record)
{
	struct victims *victims = data;

	if (!request_selects(victims->request, record))
		return STORE_VISIT_PASSED;
	request_hold_record(victims->request, store_record_ref(record));
	vec_push(&victims->request->arena, &victims->items, record);
	return STORE_VISIT_TAKEN;
}

static int delete_one(struct request *request, const struct store_record *record, struct error *err)
{
	struct local_answer answer = {0};
	struct object *object;
	struct local_call call = {
		.user = &request->user,
		.verb = STR("delete"),
		.resource = request->resource,
		.delete_options = request->delete_options,
	};

	if (stored_object(record, request->schema, &object, err) < 0)
		return -(int)err->code;
	request_hold_object(request, object);
	call.name = object->meta->name;
	call.name_space = object->meta->namespace;
	call.trusted = true;
	if (apiserver_call(request->server, &call, &answer, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -(int)err->code;
		error_clear(err);
	}
	object_unref(answer.object);
	return 0;
}

enum step_result step_collection(struct request *request)
{
	struct victims victims = {.request = request};
	struct store_range range = {
		.scope = stored_key(request->resource, request->info.name_space, STR_EMPTY, &request->arena),
		.limit = request->options.limit > 0 ? (size_t)request->options.limit : 0,
	};
	struct store_view *view = store_view_acquire(request->server->store);
	struct store_range_result result;
	struct list_answer answer;
	struct error err = {0};
	int failed = store_view_scan(view, &range, collect, &victims, &result, &err);

	store_view_release(view);
	if (failed < 0)
		return status_from_error(request, &err);
	list_answer_start(&answer, request, result.revision);
	for (size_t i = 0; i < victims.items.len; i++) {
		if (!request->options.dry_run && delete_one(request, victims.items.items[i], &err) < 0)
			return status_from_error(request, &err);
		if (!list_answer_add(&answer, victims.items.items[i]))
			return status_from_error(request, &answer.err);
	}
	return list_answer_finish(&answer, STR_EMPTY, -1);
}
