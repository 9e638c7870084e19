/*
 * The scale subresource: the number of replicas of any kind that has some, seen and changed as a Scale.
 *
 * Deployments, ReplicaSets, StatefulSets and ReplicationControllers all have spec.replicas, spec.selector and
 * status.replicas; they are found by name in the kind's schema.  A change is made as an update of the object itself, so
 * the kind's own rules apply.
 */
#include "apiserver/actions.h"
#include "apiserver/apply.h"
#include "apiserver/encode.h"
#include "apiserver/local.h"
#include "apiserver/managed_fields.h"
#include "apiserver/patch.h"
#include "apiserver/scale_owners.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "types/field_error.h"
#include "types/gen/autoscaling_v1.h"
#include "types/selector.h"

#define ATTEMPTS 5

/* A member of a member, `spec.replicas`; NULL when the kind has none. */
static const void *member(const struct schema *schema, const void *data, struct str outer, struct str inner,
			  const struct schema_field **ret)
{
	const struct schema_field *field = schema_find(schema, outer), *below;
	const char *base = (const char *)data;

	if (!field || field->type != FIELD_MESSAGE)
		return NULL;
	base += field->offset;
	if (field->shape == SHAPE_OPTIONAL) {
		base = *(const char *const *)(const void *)base;
		if (!base)
			return NULL;
	}
	below = schema_find(field->message, inner);
	if (!below)
		return NULL;
	*ret = below;
	return base + below->offset;
}

static int32_t read_int(const struct schema *schema, const void *data, struct str outer, struct str inner)
{
	const struct schema_field *field;
	const void *at = member(schema, data, outer, inner, &field);

	if (!at || field->type != FIELD_INT32)
		return 0;
	if (field->shape == SHAPE_OPTIONAL) {
		const int32_t *number = *(const int32_t *const *)at;

		return number ? *number : 0;
	}
	return *(const int32_t *)at;
}

/* The selector as text: labels of a map, or a LabelSelector. */
static struct str read_selector(const struct schema *schema, const void *data, struct arena *arena)
{
	const struct schema_field *field;
	const void *at = member(schema, data, STR("spec"), STR("selector"), &field);
	struct selector selector = {0};
	struct error err = {0};

	if (!at)
		return STR_EMPTY;
	if (field->shape == SHAPE_MAP) {
		selector = selector_from_map(at, arena);
		return selector_format(&selector, arena);
	}
	if (selector_from_label_selector(*(const struct meta_v1_label_selector *const *)at, arena, &selector, &err) < 0)
		return STR_EMPTY;
	return selector_format(&selector, arena);
}

static void make_scale(struct request *request, const struct object *object, struct autoscaling_v1_scale *ret)
{
	const struct meta_v1_object_meta *meta = object->meta;

	*ret = (struct autoscaling_v1_scale){
		.metadata =
			{
				.name = meta->name,
				.namespace = meta->namespace,
				.uid = meta->uid,
				.resource_version = meta->resource_version,
				.creation_timestamp = meta->creation_timestamp,
			},
		.spec = {.replicas = read_int(object->schema, object->data, STR("spec"), STR("replicas"))},
		.status =
			{
				.replicas = read_int(object->schema, object->data, STR("status"), STR("replicas")),
				.selector = read_selector(object->schema, object->data, &request->arena),
			},
	};
}

static enum step_result fetch(struct request *request, struct object **ret)
{
	struct str key = stored_key(request->resource, request->info.name_space, request->info.name, &request->arena);
	const struct store_record *record = store_get(request->server->store, key);
	struct error err = {0};
	int result;

	if (!record)
		return status_not_found(request, request->info.name);
	result = stored_object(record, request->schema, ret, &err);
	store_record_unref(record);
	if (result < 0)
		return status_from_error(request, &err);
	request_hold_object(request, *ret);
	return STEP_NEXT;
}

/* A copy of the object with spec.replicas set, and those who own it now. */
static void *with_replicas(struct request *request, const struct object *object, int32_t replicas,
			   const struct field_owners *owners)
{
	char *copy = arena_memdup(&request->arena, object->data, object->schema->size);
	const struct schema_field *field;
	const void *at = member(object->schema, copy, STR("spec"), STR("replicas"), &field);

	EDIT(struct meta_v1_object_meta, object_meta_of(object->schema, copy))->managed_fields =
		field_owners_write(owners);
	if (!at)
		return copy;
	if (field->shape == SHAPE_OPTIONAL)
		*EDIT(const int32_t *, at) = ARENA_DUP(&request->arena, int32_t, &replicas);
	else
		*EDIT(int32_t, at) = replicas;
	return copy;
}

static enum step_result check(struct request *request, const struct autoscaling_v1_scale *scale,
			      const struct object *object)
{
	struct field_errors errors = {.arena = &request->arena};

	if (!str_eq(scale->metadata.name, request->info.name))
		return status_bad_request(request,
					  "the name of the object (" STR_FMT
					  ") does not match the name on the URL (" STR_FMT ")",
					  STR_ARG(scale->metadata.name), STR_ARG(request->info.name));
	if (scale->spec.replicas < 0)
		field_invalid(&errors, FIELD(NULL, "spec.replicas"), VALUE(scale->spec.replicas),
			      "must be greater than or equal to 0");
	if (errors.len)
		return status_field_errors(request, STR("autoscaling"), STR("Scale"), scale->metadata.name, &errors);
	if (scale->metadata.resource_version.len &&
	    !str_eq(scale->metadata.resource_version, object->meta->resource_version))
		return status_conflict(request, request->info.name, STATUS_MODIFIED);
	return STEP_NEXT;
}

/* What the client wants of the object's Scale; @owners of the object change accordingly. */
static enum step_result want(struct request *request, const struct autoscaling_v1_scale *present,
			     struct field_owners *owners, const struct autoscaling_v1_scale **ret)
{
	const struct schema *schema = &schema_autoscaling_v1_scale;
	struct field_change change = managed_change(request, schema, present);
	struct field_actor actor = managed_actor(request, schema->api_version);
	struct field_owners mine = scale_owners_of(owners);
	void *wanted = request->decoded;
	enum step_result result = STEP_NEXT;

	if (request_applies(request))
		result = apply_struct(request, &change, &mine, &wanted);
	else if (str_eq(request->method, STR("PATCH")))
		result = patch_struct(request, schema, present, &wanted);
	if (result != STEP_NEXT)
		return result;
	if (!request_applies(request) && mine.list.len)
		field_owners_update(&mine, &change, encode_value(schema, wanted, ENCODE_KIND, &request->arena), &actor);
	scale_owners_return(&mine, request->resource->api_version, owners);
	*ret = wanted;
	return STEP_NEXT;
}

/* One try: read, change, write; -ERR_CONFLICT: somebody was faster. */
static enum step_result change(struct request *request, struct error *err)
{
	struct local_answer answer = {0};
	const struct autoscaling_v1_scale *wanted;
	struct autoscaling_v1_scale present;
	struct field_owners owners;
	struct object *object;
	struct local_call call = {
		.user = &request->user,
		.verb = STR("update"),
		.resource = request->resource,
		.body_schema = request->schema,
		.name = request->info.name,
		.name_space = request->info.name_space,
		.dry_run = request->options.dry_run,
		.managed = true,
		.trusted = true,
	};
	enum step_result result = fetch(request, &object);

	if (result != STEP_NEXT)
		return result;
	make_scale(request, object, &present);
	owners = managed_owners(&object->meta->managed_fields, &request->arena);
	result = want(request, &present, &owners, &wanted);
	if (result == STEP_NEXT)
		result = check(request, wanted, object);
	if (result != STEP_NEXT)
		return result;
	call.body = with_replicas(request, object, wanted->spec.replicas, &owners);
	if (apiserver_call(request->server, &call, &answer, err) < 0)
		return status_from_error(request, err);
	request_hold_object(request, answer.object);
	make_scale(request, answer.object, &present);
	return respond_struct(request, 200, &schema_autoscaling_v1_scale, &present);
}

static enum step_result run(struct request *request)
{
	struct autoscaling_v1_scale scale;
	enum step_result result;
	struct object *object;

	if (str_eq(request->method, STR("GET"))) {
		result = fetch(request, &object);
		if (result != STEP_NEXT)
			return result;
		make_scale(request, object, &scale);
		return respond_struct(request, 200, &schema_autoscaling_v1_scale, &scale);
	}
	for (int attempt = 1;; attempt++) {
		struct error err = {0};

		result = change(request, &err);
		if (err.code != ERR_CONFLICT || attempt == ATTEMPTS)
			return result;
		request->status = NULL;
	}
}

const struct action action_scale = {
	.plural = STR_INIT("*"),
	.subresource = STR_INIT("scale"),
	.verbs = VERB_GET | VERB_UPDATE | VERB_PATCH,
	.may_block = true,
	.run = run,
};
