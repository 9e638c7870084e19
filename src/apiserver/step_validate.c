/* Step: is the new object one the kind allows?  All that is wrong is told at once. */
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "types/copy.h"
#include "types/meta_validate.h"

static void validate_subresource(struct request *request, const void *old, struct field_errors *errors)
{
	const struct strategy *strategy = request->strategy;

	if (str_eq(request->info.subresource, STR("status"))) {
		if (strategy->validate_status)
			strategy->validate_status(&request->context, request->object, old, errors);
		return;
	}
	for (size_t i = 0; i < strategy->subresources_len; i++)
		if (str_eq(strategy->subresources[i].name, request->info.subresource) &&
		    strategy->subresources[i].validate_update)
			strategy->subresources[i].validate_update(&request->context, request->object, old, errors);
}

/* Upstream's registry checks metadata, and so does each kind once more: causes come in pairs. */
static void check_update_twice(struct field_errors *errors, const struct path *path,
			       const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old)
{
	check_object_meta_update(errors, path, meta, old);
	check_object_meta_update(errors, path, meta, old);
}

static void validate(struct request *request, const struct meta_v1_object_meta *meta, struct field_errors *errors)
{
	const struct strategy *strategy = request->strategy;
	const struct path *path = FIELD(NULL, "metadata");

	if (request->created) {
		check_object_meta(errors, path, meta, request->resource->namespaced, strategy->validate_name);
		if (strategy->validate_create)
			strategy->validate_create(&request->context, request->object, errors);
		return;
	}
	check_update_twice(errors, path, meta, request->old->meta);
	if (request->info.subresource.len)
		validate_subresource(request, request->old->data, errors);
	else if (strategy->validate_update)
		strategy->validate_update(&request->context, request->object, request->old->data, errors);
}

/* Kinds that may not be replaced blindly; the error speaks of the resource, not of the kind. */
static bool lacks_version(const struct request *request, const struct meta_v1_object_meta *meta)
{
	return !request->created && request->strategy->forbid_unconditional_update && request->operation == OP_UPDATE &&
	       !meta->resource_version.len;
}

enum step_result step_validate(struct request *request)
{
	struct field_errors *errors = ARENA_NEW(&request->arena, struct field_errors);
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);
	const struct strategy *strategy = request->strategy;

	errors->arena = &request->arena;
	if (lacks_version(request, meta)) {
		field_invalid(errors, FIELD(NULL, "metadata.resourceVersion"), VALUE((int64_t)0),
			      "must be specified for an update");
		return status_field_errors(request, request->resource->group, request->resource->plural, meta->name,
					   errors);
	}
	validate(request, meta, errors);
	if (errors->len)
		return status_field_errors(request, request->schema->group, request->schema->kind, meta->name, errors);
	if (strategy->warnings && !request->subresource)
		strategy->warnings(&request->context, request->object, request->old ? request->old->data : NULL);
	if (strategy->canonicalize)
		strategy->canonicalize(&request->context, request->object);
	drop_empty_lists(request->schema, request->object);
	return STEP_NEXT;
}
