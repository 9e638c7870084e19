/* Step: what was written becomes the answer; what was not, a failure or another try. */
#include "apiserver/encode.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

#define CONFLICT_ATTEMPTS 5
#define GENERATE_ATTEMPTS 8

static enum step_result failed(struct request *request)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);
	enum error_code code = (enum error_code) - request->write.result;
	struct error err = {0};

	if (code == ERR_ALREADY_EXISTS && request->generated_name && request->attempts < GENERATE_ATTEMPTS)
		return STEP_RETRY;
	/* Made by somebody else between the look and the write. */
	if (code == ERR_ALREADY_EXISTS && request->operation & OP_CHANGES && request->attempts < CONFLICT_ATTEMPTS)
		return STEP_RETRY;
	/* Gone or changed between the look and the write. */
	if ((code == ERR_CONFLICT || (code == ERR_NOT_FOUND && request->operation != OP_DELETE)) &&
	    (request->unconditional || request->operation == OP_DELETE) && request->attempts < CONFLICT_ATTEMPTS)
		return STEP_RETRY;
	if (code == ERR_ALREADY_EXISTS && request->new_record && !request->old)
		(void)!stored_object(request->new_record, request->schema, &request->old, &err);
	return status_from_store(request, request->write.result, meta->name, request->write.message);
}

/* A delete that removed the object shows it, or says that it is gone. */
static enum step_result respond_deleted(struct request *request)
{
	/* In process nothing is what is left of it. */
	if (request->local && request->operation == OP_DELETE) {
		request->response.code = 200;
		return STEP_DONE;
	}
	if (request->operation == OP_DELETE && !request->strategy->delete_returns_object)
		return status_deleted(request, request->old->meta);
	return respond_stored(request, 200, request->object, request->old->revision);
}

enum step_result step_respond(struct request *request)
{
	int code = request->created ? 201 : 200;

	if (request->submitted) {
		request->submitted = false;
		request_metrics_stored(request);
		if (request->write.result < 0)
			return failed(request);
		if (request->delete_next)
			return STEP_RETRY;
		if (request->delete_now) {
			request->response.revision = request->write.revision;
			return respond_deleted(request);
		}
		return respond_record(request, code, request->new_record);
	}
	/* Nothing was written: no change, or a dry run. */
	if (request->delete_now)
		return respond_deleted(request);
	if (request->unchanged)
		return respond_record(request, code, request->old_record);
	return respond_stored(request, code, request->object, request->old ? request->old->revision : 0);
}
