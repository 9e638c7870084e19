/* Step: what is there now: the object a write is about, and the namespace it lives in. */
#include "apiserver/apply.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

/* New objects need a namespace that exists and is not going. */
static enum step_result check_namespace(struct request *request)
{
	struct str name_space = request->info.name_space;
	const struct store_record *record;
	struct stored_header header;
	bool terminating;
	struct str key;

	if (!request->resource->namespaced || name_space.len == 0)
		return STEP_NEXT;
	key = arena_concat(&request->arena, STR("/registry/namespaces/"), name_space);
	record = store_get(request->server->store, key);
	if (!record)
		return status_not_found_in(request, STR_EMPTY, STR("namespaces"), name_space);
	terminating = stored_header_parse(store_record_header(record), &header) && header.flags & STORED_TERMINATING;
	store_record_unref(record);
	if (!terminating)
		return STEP_NEXT;
	return status_namespace_terminating(request, name_space);
}

static enum step_result fetch(struct request *request)
{
	struct str key = stored_key(request->resource, request->info.name_space, request->info.name, &request->arena);
	struct error err = {0};

	request->old_record = store_get(request->server->store, key);
	if (!request->old_record)
		return STEP_NEXT;
	if (stored_object(request->old_record, request->schema, &request->old, &err) < 0)
		return status_from_error(request, &err);
	return STEP_NEXT;
}

/* A PUT of what is not there creates it, for the kinds that allow it; an apply always does. */
static bool may_create(const struct request *request)
{
	if (request->operation == OP_UPDATE)
		return request->strategy->allow_create_on_update;
	return request->operation == OP_PATCH && request_applies(request);
}

/* Who may change objects need not be allowed to make them. */
static enum step_result authorize_create(struct request *request)
{
	struct authorization_attributes asked = request_attributes(request);

	asked.verb = STR("create");
	return request_authorize(request, &asked);
}

enum step_result step_current(struct request *request)
{
	enum step_result result;

	request->attempts++;
	if (request->operation == OP_CREATE && !request->subresource) {
		request->created = true;
		return check_namespace(request);
	}
	result = fetch(request);
	if (result != STEP_NEXT || request->old)
		return result;
	if (!request->subresource && may_create(request)) {
		request->created = true;
		result = authorize_create(request);
		return result == STEP_NEXT ? check_namespace(request) : result;
	}
	return status_not_found(request, request->info.name);
}
