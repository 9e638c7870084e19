/*
 * SubjectAccessReview, SelfSubjectAccessReview and LocalSubjectAccessReview: may somebody do that?
 *
 * All three ask the authorizers the same question; they differ in whom it is about and what they insist on.
 */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/registry/common.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "codec/json.h"
#include "types/gen/authorization_v1.h"

#define AUTHORIZATION_GROUP "authorization.k8s.io"

/* --- Checks */

/* As the original shows it: by the names of its own struct. */
static struct field_value show_paths(const struct authorization_v1_non_resource_attributes *asked, struct arena *arena)
{
	struct buf cleanup_buf text;

	buf_init(&text, 64 * KIB);
	buf_c(&text, "{\"Path\":");
	json_write_str(asked->path, &text);
	buf_c(&text, ",\"Verb\":");
	json_write_str(asked->verb, &text);
	buf_char(&text, '}');
	return field_value_json(arena_str(arena, buf_view(&text)));
}

static void check_selector(struct field_errors *errors, const char *name, struct str raw, size_t requirements)
{
	const struct path *path = FIELD(FIELD(SPEC, "resourceAttributes"), name);

	if (raw.len && requirements)
		field_invalid(errors, FIELD(path, "rawSelector"), VALUE(raw),
			      "may not specified at the same time as requirements");
	if (raw.len == 0 && requirements == 0) {
		struct str why = arena_printf(errors->arena,
					      "when spec.resourceAttributes.%s is specified, requirements or "
					      "rawSelector is required",
					      name);

		field_required(errors, FIELD(path, "requirements"), str_c(why));
	}
}

static void check_spec(struct field_errors *errors, const struct authorization_v1_subject_access_review_spec *spec,
		       bool about_self)
{
	const struct authorization_v1_resource_attributes *resource = spec->resource_attributes;

	if (resource && spec->non_resource_attributes)
		field_invalid(errors, FIELD(SPEC, "nonResourceAttributes"),
			      show_paths(spec->non_resource_attributes, errors->arena),
			      "cannot be specified in combination with resourceAttributes");
	if (!resource && !spec->non_resource_attributes)
		field_invalid(errors, FIELD(SPEC, "resourceAttributes"), VALUE_NULL,
			      "exactly one of nonResourceAttributes or resourceAttributes must be specified");
	if (!about_self && spec->user.len == 0 && spec->groups.len == 0)
		field_invalid(errors, FIELD(SPEC, "user"), VALUE(spec->user),
			      "at least one of user or group must be specified");
	if (resource && resource->field_selector)
		check_selector(errors, "fieldSelector", resource->field_selector->raw_selector,
			       resource->field_selector->requirements.len);
	if (resource && resource->label_selector)
		check_selector(errors, "labelSelector", resource->label_selector->raw_selector,
			       resource->label_selector->requirements.len);
}

static void check_metadata(struct field_errors *errors, const struct meta_v1_object_meta *meta, bool in_namespace)
{
	struct meta_v1_object_meta rest = *meta;

	rest.managed_fields.len = 0;
	if (in_namespace)
		rest.namespace = STR_EMPTY;
	if (!empty_struct(&schema_meta_v1_object_meta, &rest))
		field_invalid(errors, FIELD(NULL, "metadata"),
			      field_value_struct(&schema_meta_v1_object_meta, meta, errors->arena), "%s",
			      in_namespace ? "must be empty except for namespace" : "must be empty");
}

static enum step_result refuse(struct request *request, const struct field_errors *errors)
{
	return status_field_errors(request, STR(AUTHORIZATION_GROUP), STR_EMPTY, STR_EMPTY, errors);
}

/* --- The question */

/* What restricts the list most plainly: requirements that name one value. */
static struct str field_selector(const struct authorization_v1_field_selector_attributes *selector, struct arena *arena)
{
	struct str text = STR_EMPTY;

	if (!selector || selector->raw_selector.len)
		return selector ? selector->raw_selector : STR_EMPTY;
	SLICE_FOREACH (item, selector->requirements)
		if (str_eq(item->operator, STR("In")) && item->values.len == 1)
			text = arena_printf(arena, STR_FMT "%s" STR_FMT "=" STR_FMT, STR_ARG(text), text.len ? "," : "",
					    STR_ARG(item->key), STR_ARG(item->values.items[0]));
	return text;
}

static void ask(struct request *request, const struct authorization_v1_subject_access_review_spec *spec,
		const struct user_info *user, struct authorization_v1_subject_access_review_status *ret)
{
	const struct authorization_v1_resource_attributes *resource = spec->resource_attributes;
	struct authorization_attributes asked = {.user = user};
	enum authorization_decision decision;

	if (resource) {
		asked.is_resource = true;
		asked.verb = resource->verb;
		asked.group = resource->group;
		asked.version = resource->version;
		asked.resource = resource->resource;
		asked.subresource = resource->subresource;
		asked.name = resource->name;
		asked.name_space = resource->namespace;
		asked.field_selector = field_selector(resource->field_selector, &request->arena);
	} else {
		asked.verb = spec->non_resource_attributes->verb;
		asked.path = spec->non_resource_attributes->path;
	}
	*ret = (struct authorization_v1_subject_access_review_status){0};
	decision = apiserver_authorize(request->server, &asked, &request->arena, &ret->reason);
	ret->allowed = decision == AUTHORIZATION_ALLOW;
	ret->denied = decision == AUTHORIZATION_DENY;
}

static struct user_info user_of(const struct authorization_v1_subject_access_review_spec *spec)
{
	return (struct user_info){.name = spec->user, .uid = spec->uid, .groups = spec->groups, .extra = spec->extra};
}

static enum step_result run_subject(struct request *request)
{
	struct authorization_v1_subject_access_review *review = request->decoded;
	struct field_errors errors = {.arena = &request->arena};
	struct user_info user = user_of(&review->spec);

	check_spec(&errors, &review->spec, false);
	check_metadata(&errors, &review->metadata, false);
	if (errors.len)
		return refuse(request, &errors);
	ask(request, &review->spec, &user, &review->status);
	return respond_struct(request, 201, &schema_authorization_v1_subject_access_review, review);
}

static enum step_result run_self(struct request *request)
{
	struct authorization_v1_self_subject_access_review *review = request->decoded;
	const struct authorization_v1_subject_access_review_spec spec = {
		.resource_attributes = review->spec.resource_attributes,
		.non_resource_attributes = review->spec.non_resource_attributes,
	};
	struct field_errors errors = {.arena = &request->arena};

	check_spec(&errors, &spec, true);
	check_metadata(&errors, &review->metadata, false);
	if (errors.len)
		return refuse(request, &errors);
	ask(request, &spec, &request->user, &review->status);
	return respond_struct(request, 201, &schema_authorization_v1_self_subject_access_review, review);
}

static enum step_result run_local(struct request *request)
{
	struct authorization_v1_local_subject_access_review *review = request->decoded;
	const struct authorization_v1_resource_attributes *resource = review->spec.resource_attributes;
	struct field_errors errors = {.arena = &request->arena};
	struct user_info user = user_of(&review->spec);

	check_spec(&errors, &review->spec, false);
	check_metadata(&errors, &review->metadata, true);
	if (resource && !str_eq(resource->namespace, review->metadata.namespace))
		field_invalid(&errors, FIELD(FIELD(SPEC, "resourceAttributes"), "namespace"),
			      VALUE(resource->namespace), "must match metadata.namespace");
	if (review->spec.non_resource_attributes)
		field_invalid(&errors, FIELD(SPEC, "nonResourceAttributes"),
			      show_paths(review->spec.non_resource_attributes, &request->arena),
			      "disallowed on this kind of request");
	if (errors.len)
		return refuse(request, &errors);
	if (!str_eq(review->metadata.namespace, request->info.name_space))
		return status_bad_request(request, "spec.resourceAttributes.namespace must match namespace: " STR_FMT,
					  STR_ARG(request->info.name_space));
	ask(request, &review->spec, &user, &review->status);
	return respond_struct(request, 201, &schema_authorization_v1_local_subject_access_review, review);
}

const struct action action_subject_access_review = {
	.group = STR_INIT(AUTHORIZATION_GROUP),
	.plural = STR_INIT("subjectaccessreviews"),
	.verbs = VERB_CREATE,
	.run = run_subject,
};
const struct action action_self_subject_access_review = {
	.group = STR_INIT(AUTHORIZATION_GROUP),
	.plural = STR_INIT("selfsubjectaccessreviews"),
	.verbs = VERB_CREATE,
	.run = run_self,
};
const struct action action_local_subject_access_review = {
	.group = STR_INIT(AUTHORIZATION_GROUP),
	.plural = STR_INIT("localsubjectaccessreviews"),
	.verbs = VERB_CREATE,
	.run = run_local,
};
