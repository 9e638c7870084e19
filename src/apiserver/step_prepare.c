/* Step: what the server decides: metadata it owns, members clients may not set, the kind's own rules. */
#include "apiserver/fields.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "base/random.h"
#include "types/copy.h"
#include "types/field_error.h"

#define GENERATED_SUFFIX 5
#define GENERATED_BASE	 58

static struct meta_v1_object_meta *meta_of(struct request *request)
{
	return EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));
}

static bool has_status_subresource(const struct request *request)
{
	return resource_subresource(request->resource, STR("status")) != NULL;
}

/* name from generateName: what fits of it and five random characters. */
static void generate_name(struct request *request, struct meta_v1_object_meta *meta)
{
	char suffix[GENERATED_SUFFIX + 1];

	if (meta->name.len || meta->generate_name.len == 0)
		return;
	random_name_suffix(suffix, GENERATED_SUFFIX);
	meta->name = arena_printf(&request->arena, STR_FMT "%s",
				  STR_ARG(str_sub(meta->generate_name, 0, GENERATED_BASE)), suffix);
	request->generated_name = true;
}

static enum step_result prepare_create(struct request *request)
{
	const struct strategy *strategy = request->strategy;
	struct meta_v1_object_meta *meta = meta_of(request);
	char uid[UUID_SIZE];

	/* One that is given to what turned out not to be there is ignored. */
	if (request->operation == OP_CREATE && meta->resource_version.len && !str_eq(meta->resource_version, STR("0")))
		return status_plain(request, 500, STR("resourceVersion should not be set on objects to be created"));
	meta->resource_version = STR_EMPTY;
	meta->deletion_timestamp = NULL;
	meta->deletion_grace_period_seconds = NULL;
	meta->self_link = STR_EMPTY;
	meta->managed_fields = request->managed_fields;
	random_uuid(uid);
	meta->uid = arena_str_c(&request->arena, uid);
	meta->creation_timestamp = (struct timestamp){request->now.seconds, 0, true};
	generate_name(request, meta);
	/* Kinds that do not count keep what the client gave. */
	if (strategy->generation == GENERATION_SPEC || strategy->generation == GENERATION_CONSTANT)
		meta->generation = 1;
	if (has_status_subresource(request) && !strategy->keep_status_on_create)
		field_clear(request->schema, STR("status"), request->object);
	if (strategy->prepare_create)
		strategy->prepare_create(&request->context, request->object);
	return STEP_NEXT;
}

static enum step_result conflict_uid(struct request *request, struct str given)
{
	return status_conflict(
		request, request->info.name,
		str_c(arena_printf(&request->arena,
				   "StorageError: invalid object, Code: 4, Key: " STR_FMT
				   ", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
				   "precondition: " STR_FMT ", UID in object meta: " STR_FMT,
				   STR_ARG(store_record_key(request->old_record)), STR_ARG(given),
				   STR_ARG(request->old->meta->uid))));
}

/* Is the object the client changed still the present one? */
static enum step_result check_version(struct request *request, const struct meta_v1_object_meta *meta)
{
	uint64_t revision;

	if (meta->resource_version.len == 0 || str_eq(meta->resource_version, STR("0")))
		return STEP_NEXT;
	if (str_parse_uint64(meta->resource_version, &revision) < 0)
		return status_bad_request(request, "invalid resource version: " STR_FMT,
					  STR_ARG(meta->resource_version));
	if (revision != request->old->revision)
		return status_conflict(request, request->info.name, STATUS_MODIFIED);
	return STEP_NEXT;
}

/* Metadata that updates may not touch. */
static void keep_metadata(struct request *request, struct meta_v1_object_meta *meta)
{
	const struct meta_v1_object_meta *old = request->old->meta;

	if (meta->uid.len == 0)
		meta->uid = old->uid;
	meta->creation_timestamp = old->creation_timestamp;
	meta->generation = old->generation;
	meta->generate_name = old->generate_name;
	meta->self_link = STR_EMPTY;
	meta->managed_fields = request->managed_fields;
	if (old->deletion_timestamp)
		meta->deletion_timestamp = old->deletion_timestamp;
	if (!meta->deletion_grace_period_seconds)
		meta->deletion_grace_period_seconds = old->deletion_grace_period_seconds;
}

/* Did anything but metadata and status change? */
static bool content_changed(struct request *request)
{
	struct arena scratch = {0};
	void *copy = arena_memdup(&scratch, request->object, request->schema->size);
	bool changed;

	field_copy(request->schema, STR("metadata"), copy, request->old->data);
	field_copy(request->schema, STR("status"), copy, request->old->data);
	changed = !equal_struct(request->schema, copy, request->old->data);
	arena_release(&scratch);
	return changed;
}

static const struct strategy_subresource *find_subresource(const struct request *request)
{
	const struct strategy *strategy = request->strategy;

	for (size_t i = 0; i < strategy->subresources_len; i++)
		if (str_eq(strategy->subresources[i].name, request->info.subresource))
			return &strategy->subresources[i];
	return NULL;
}

static void reset_metadata(struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old)
{
	meta->labels = old->labels;
	meta->annotations = old->annotations;
	meta->finalizers = old->finalizers;
	meta->owner_references = old->owner_references;
	meta->deletion_timestamp = old->deletion_timestamp;
}

static void prepare_kind(struct request *request, struct meta_v1_object_meta *meta)
{
	const struct strategy *strategy = request->strategy;
	const void *old = request->old->data;
	const struct strategy_subresource *subresource;

	if (str_eq(request->info.subresource, STR("status"))) {
		fields_copy_but(request->schema, STR("status"), request->object, old);
		if (strategy->status_resets_metadata)
			reset_metadata(meta, request->old->meta);
		if (strategy->prepare_status)
			strategy->prepare_status(&request->context, request->object, old);
		return;
	}
	if (request->info.subresource.len) {
		subresource = find_subresource(request);
		if (subresource && subresource->prepare_update)
			subresource->prepare_update(&request->context, request->object, old);
		return;
	}
	if (has_status_subresource(request))
		field_copy(request->schema, STR("status"), request->object, old);
	if (strategy->prepare_update)
		strategy->prepare_update(&request->context, request->object, old);
}

static enum step_result prepare_update(struct request *request)
{
	struct meta_v1_object_meta *meta = meta_of(request);
	enum step_result result;

	request->unconditional = meta->resource_version.len == 0 || str_eq(meta->resource_version, STR("0")) ||
				 request->operation == OP_PATCH;
	result = check_version(request, meta);
	if (result != STEP_NEXT)
		return result;
	if (meta->uid.len && !str_eq(meta->uid, request->old->meta->uid) && request->operation == OP_UPDATE)
		return conflict_uid(request, meta->uid);
	keep_metadata(request, meta);
	/* Who names no version means the present one, where the kind allows that. */
	if (meta->resource_version.len == 0 && !request->strategy->forbid_unconditional_update)
		meta->resource_version = request->old->meta->resource_version;
	prepare_kind(request, meta);
	if (request->strategy->generation == GENERATION_SPEC && content_changed(request))
		meta->generation = request->old->meta->generation + 1;
	return STEP_NEXT;
}

/* What only the server can pick; of an object that is replaced as a whole or made. */
static enum step_result allocate(struct request *request)
{
	struct field_errors *errors;
	const void *old = request->created ? NULL : request->old->data;

	if (!request->strategy->allocate || request->info.subresource.len)
		return STEP_NEXT;
	errors = ARENA_NEW(&request->arena, struct field_errors);
	errors->arena = &request->arena;
	request->strategy->allocate(&request->context, request->object, old, errors);
	if (errors->len)
		return status_field_errors(request, request->schema->group, request->schema->kind,
					   meta_of(request)->name, errors);
	return STEP_NEXT;
}

enum step_result step_prepare(struct request *request)
{
	enum step_result result = request->created ? prepare_create(request) : prepare_update(request);

	return result == STEP_NEXT ? allocate(request) : result;
}
