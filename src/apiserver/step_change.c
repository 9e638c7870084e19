/* Step: the body, or the present object with a patch applied, becomes the new object, in the stored version. */
#include "apiserver/apply.h"
#include "apiserver/convert.h"
#include "apiserver/patch.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "types/defaults.h"

static struct meta_v1_object_meta *meta_of(struct request *request)
{
	return EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));
}

/* Path and body must speak of the same object; what the body leaves out is the path's. */
static enum step_result check_identity(struct request *request)
{
	struct meta_v1_object_meta *meta = meta_of(request);
	const struct request_info *info = &request->info;

	if (request->operation != OP_CREATE) {
		if (meta->name.len == 0)
			return status_bad_request(request,
						  "the name of the object (" STR_FMT
						  " based on URL) was undeterminable: name must be provided",
						  STR_ARG(info->name));
		if (!str_eq(meta->name, info->name))
			return status_bad_request(request,
						  "the name of the object (" STR_FMT
						  ") does not match the name on the URL (" STR_FMT ")",
						  STR_ARG(meta->name), STR_ARG(info->name));
	}
	if (!request->resource->namespaced) {
		meta->namespace = STR_EMPTY;
		return STEP_NEXT;
	}
	if (meta->namespace.len == 0)
		meta->namespace = info->name_space;
	if (!str_eq(meta->namespace, info->name_space))
		return status_bad_request(request,
					  "the namespace of the provided object does not match the namespace sent "
					  "on the request");
	return STEP_NEXT;
}

enum step_result step_change(struct request *request)
{
	enum step_result result;

	if (request->operation == OP_PATCH) {
		result = request_applies(request) ? apply_object(request) : patch_object(request);
		if (result != STEP_NEXT)
			return result;
	}
	request->object = request->decoded;
	if (request->body_schema != request->schema)
		request->object =
			convert_struct(request->body_schema, request->schema, request->decoded, &request->arena);
	result = check_identity(request);
	if (result != STEP_NEXT)
		return result;
	if (request->strategy->default_object)
		request->strategy->default_object(&request->context, request->object);
	default_struct(request->schema, request->object, &request->arena);
	return STEP_NEXT;
}
