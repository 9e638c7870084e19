/* Failures in upstream's words; see status.h. */
#include "apiserver/status.h"

#include "types/field_error.h"

struct str status_resource_name(struct arena *arena, struct str group, struct str plural)
{
	if (group.len == 0)
		return plural;
	return arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(plural), STR_ARG(group));
}

/* The Status of the request, its code and reason from @code; details are the caller's to fill in. */
static struct meta_v1_status *make(struct request *request, enum error_code code, struct str message)
{
	struct meta_v1_status *status = ARENA_NEW(&request->arena, struct meta_v1_status);

	status->status = STR("Failure");
	status->reason = str_from(error_code_reason(code));
	status->code = error_code_http(code);
	status->message = message;
	request->status = status;
	return status;
}

static struct meta_v1_status_details *details_of(struct request *request, struct meta_v1_status *status,
						 struct str group, struct str kind, struct str name)
{
	struct meta_v1_status_details *details = ARENA_NEW(&request->arena, struct meta_v1_status_details);

	details->group = group;
	details->kind = kind;
	details->name = name;
	status->details = details;
	return details;
}

static void set_cause(struct request *request, struct meta_v1_status_details *details, struct str reason,
		      struct str field, struct str message)
{
	struct meta_v1_status_cause *cause = ARENA_NEW(&request->arena, struct meta_v1_status_cause);

	cause->reason = reason;
	cause->field = field;
	cause->message = message;
	details->causes = (struct meta_v1_status_cause_slice){cause, 1};
}

enum step_result status_fail(struct request *request, enum error_code code, const char *format, ...)
{
	va_list args;
	struct str message;

	va_start(args, format);
	message = arena_vprintf(&request->arena, format, args);
	va_end(args);
	make(request, code, message);
	return STEP_DONE;
}

enum step_result status_bad_request(struct request *request, const char *format, ...)
{
	va_list args;
	struct str message;

	va_start(args, format);
	message = arena_vprintf(&request->arena, format, args);
	va_end(args);
	make(request, ERR_BAD_REQUEST, message);
	return STEP_DONE;
}

enum step_result status_from_error(struct request *request, const struct error *err)
{
	make(request, err->code, arena_str_c(&request->arena, err->message));
	return STEP_DONE;
}

enum step_result status_not_found_in(struct request *request, struct str group, struct str plural, struct str name)
{
	struct str message = arena_printf(&request->arena, STR_FMT " \"" STR_FMT "\" not found",
					  STR_ARG(status_resource_name(&request->arena, group, plural)), STR_ARG(name));

	details_of(request, make(request, ERR_NOT_FOUND, message), group, plural, name);
	return STEP_DONE;
}

enum step_result status_not_found(struct request *request, struct str name)
{
	return status_not_found_in(request, request->resource->group, request->resource->plural, name);
}

enum step_result status_already_exists(struct request *request, struct str name)
{
	const struct resource *resource = request->resource;
	struct str full = status_resource_name(&request->arena, resource->group, resource->plural);
	bool deleting = request->new_record && request->old && request->old->meta->deletion_timestamp;
	struct str message = arena_printf(&request->arena, "%s" STR_FMT " \"" STR_FMT "\" already exists",
					  deleting ? "object is being deleted: " : "", STR_ARG(full), STR_ARG(name));

	details_of(request, make(request, ERR_ALREADY_EXISTS, message), resource->group, resource->plural, name);
	return STEP_DONE;
}

static enum step_result conflict(struct request *request, struct str group, struct str what, struct str name,
				 const char *why)
{
	struct str full = status_resource_name(&request->arena, group, what);
	struct str message =
		arena_printf(&request->arena, "Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT "\": %s",
			     STR_ARG(full), STR_ARG(name), why);

	details_of(request, make(request, ERR_CONFLICT, message), group, what, name);
	return STEP_DONE;
}

enum step_result status_conflict(struct request *request, struct str name, const char *why)
{
	return conflict(request, request->resource->group, request->resource->plural, name, why);
}

enum step_result status_conflict_kind(struct request *request, struct str name, const char *why)
{
	return conflict(request, request->schema->group, request->schema->kind, name, why);
}

enum step_result status_apply_conflict(struct request *request, const struct meta_v1_status_cause_slice *causes,
				       struct str message)
{
	details_of(request, make(request, ERR_CONFLICT, message), STR_EMPTY, STR_EMPTY, STR_EMPTY)->causes = *causes;
	return STEP_DONE;
}

enum step_result status_plain(struct request *request, int code, struct str message)
{
	struct meta_v1_status *status = make(request, ERR_INTERNAL, message);

	status->reason = STR_EMPTY;
	status->code = code;
	return STEP_DONE;
}

enum step_result status_forbidden(struct request *request, struct str group, struct str plural, struct str name,
				  struct str why)
{
	struct str full = status_resource_name(&request->arena, group, plural), message;

	if (plural.len == 0)
		message = arena_printf(&request->arena, "forbidden: " STR_FMT, STR_ARG(why));
	else if (name.len == 0)
		message = arena_printf(&request->arena, STR_FMT " is forbidden: " STR_FMT, STR_ARG(full), STR_ARG(why));
	else
		message = arena_printf(&request->arena, STR_FMT " \"" STR_FMT "\" is forbidden: " STR_FMT,
				       STR_ARG(full), STR_ARG(name), STR_ARG(why));
	details_of(request, make(request, ERR_FORBIDDEN, message), group, plural, name);
	return STEP_DONE;
}

enum step_result status_namespace_terminating(struct request *request, struct str name_space)
{
	const struct resource *resource = request->resource;
	const struct meta_v1_object_meta *meta =
		request->decoded ? object_meta_of(request->body_schema, request->decoded) : NULL;
	struct str why = arena_printf(
		&request->arena, "unable to create new content in namespace " STR_FMT " because it is being terminated",
		STR_ARG(name_space));

	status_forbidden(request, resource->group, resource->plural, meta ? meta->name : STR_EMPTY, why);
	set_cause(request, EDIT(struct meta_v1_status_details, request->status->details), STR("NamespaceTerminating"),
		  STR("metadata.namespace"),
		  arena_printf(&request->arena, "namespace " STR_FMT " is being terminated", STR_ARG(name_space)));
	return STEP_DONE;
}

enum step_result status_no_such_path(struct request *request)
{
	struct meta_v1_status *status =
		make(request, ERR_NOT_FOUND, STR("the server could not find the requested resource"));

	details_of(request, status, STR_EMPTY, STR_EMPTY, STR_EMPTY);
	return STEP_DONE;
}

enum step_result status_method_not_allowed(struct request *request)
{
	struct meta_v1_status *status = make(request, ERR_METHOD_NOT_ALLOWED,
					     STR("the server does not allow this method on the requested resource"));

	details_of(request, status, STR_EMPTY, STR_EMPTY, STR_EMPTY);
	return STEP_DONE;
}

enum step_result status_invalid(struct request *request, struct str group, struct str kind, struct str name,
				const struct meta_v1_status_cause_slice *causes, struct str message)
{
	details_of(request, make(request, ERR_INVALID, message), group, kind, name)->causes = *causes;
	return STEP_DONE;
}

enum step_result status_field_errors(struct request *request, struct str group, struct str kind, struct str name,
				     const struct field_errors *errors)
{
	struct meta_v1_status_cause *causes = ARENA_NEW_N(&request->arena, struct meta_v1_status_cause, errors->len);
	struct meta_v1_status_cause_slice slice = {causes, errors->len};

	for (size_t i = 0; i < errors->len; i++) {
		causes[i].reason = str_from(field_error_reason(errors->items[i].type));
		causes[i].field = errors->items[i].field;
		causes[i].message = errors->items[i].message;
	}
	return status_invalid(request, group, kind, name, &slice,
			      field_errors_message(errors, group, kind, name, &request->arena));
}

enum step_result status_bad_patch(struct request *request, struct str shown, struct str why)
{
	struct field_errors errors = {.arena = &request->arena};

	field_invalid(&errors, FIELD(NULL, "patch"), VALUE(shown), STR_FMT, STR_ARG(why));
	return status_field_errors(request, STR_EMPTY, STR_EMPTY, STR_EMPTY, &errors);
}

enum step_result status_unauthorized(struct request *request)
{
	make(request, ERR_UNAUTHORIZED, STR("Unauthorized"));
	return STEP_DONE;
}

enum step_result status_continue_expired(struct request *request, struct str token)
{
	static const struct str message = STR_INIT(
		"The provided continue parameter is too old to display a consistent list result. You can start a new "
		"list without the continue parameter, or use the continue token in this response to retrieve the "
		"remainder of the results. Continuing with the provided token results in an inconsistent list - "
		"objects that were created, modified, or deleted between the time the first chunk was returned and "
		"now may show up in the list.");

	make(request, ERR_EXPIRED, message)->metadata.continue_ = token;
	return STEP_DONE;
}

enum step_result status_too_large_version(struct request *request, uint64_t asked, uint64_t current)
{
	struct str message = arena_printf(&request->arena, "Timeout: Too large resource version: %llu, current: %llu",
					  (unsigned long long)asked, (unsigned long long)current);
	struct meta_v1_status_details *details =
		details_of(request, make(request, ERR_TIMEOUT, message), STR_EMPTY, STR_EMPTY, STR_EMPTY);

	details->retry_after_seconds = 1;
	set_cause(request, details, STR("ResourceVersionTooLarge"), STR_EMPTY, STR("Too large resource version"));
	return STEP_DONE;
}

enum step_result status_unsupported(struct request *request)
{
	struct meta_v1_status *status = make(request, ERR_UNSUPPORTED_MEDIA_TYPE, STR("415: Unsupported Media Type"));

	details_of(request, status, STR_EMPTY, STR_EMPTY, STR_EMPTY);
	return STEP_DONE;
}

enum step_result status_not_acceptable(struct request *request)
{
	struct meta_v1_status *status;

	if (accept_names_any(request->accept, &request->arena))
		return status_fail(request, ERR_NOT_ACCEPTABLE,
				   "only the following media types are accepted: application/json, application/yaml, "
				   "application/vnd.kubernetes.protobuf");
	status = make(request, ERR_NOT_ACCEPTABLE,
		      STR("406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
			  "application/vnd.kubernetes.protobuf"));
	details_of(request, status, STR_EMPTY, STR_EMPTY, STR_EMPTY);
	return STEP_DONE;
}

enum step_result status_from_store(struct request *request, int result, struct str name, const char *message)
{
	switch (-result) {
	case ERR_NOT_FOUND:
		return status_not_found(request, name);
	case ERR_ALREADY_EXISTS:
		return status_already_exists(request, name);
	case ERR_CONFLICT:
		return status_conflict(request, name, STATUS_MODIFIED);
	case ERR_TOO_LARGE:
		/* etcd's words, which clients of upstream know. */
		return status_fail(request, ERR_INTERNAL, "etcdserver: request is too large");
	default:
		return status_fail(request, (enum error_code) - result, "%s",
				   message ? message : "the store is not available");
	}
}

enum step_result status_deleted(struct request *request, const struct meta_v1_object_meta *meta)
{
	struct meta_v1_status *status = ARENA_NEW(&request->arena, struct meta_v1_status);
	struct meta_v1_status_details *details;

	status->status = STR("Success");
	details = details_of(request, status, request->resource->group, request->resource->plural, meta->name);
	details->uid = meta->uid;
	request->status = status;
	return STEP_DONE;
}

void status_encode(const struct meta_v1_status *status, struct buf *out)
{
	encode_json(&schema_meta_v1_status, status, ENCODE_KIND, out);
}

int status_to_error(const struct meta_v1_status *status, struct error *err)
{
	return error_set(err, error_code_from_reason(str_c(status->reason), status->code), STR_FMT,
			 STR_ARG(status->message));
}
