/* Step: the body becomes a struct of the kind that belongs there; what is wrong with it is told in upstream's words. */
#include "apiserver/action.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "types/copy.h"

#define EXCERPT_SIZE 30
#define SCHEME	     "pkg/api/legacyscheme/scheme.go:30"
#define META_SCHEME  "pkg/apis/meta/internalversion/scheme/register.go:27"

/* The start of a body for a message: JSON objects as text, everything else as hexadecimal digits. */
static struct str excerpt(struct request *request, enum media_format format)
{
	struct str body = request->body, part = str_sub(body, 0, EXCERPT_SIZE);
	struct buf cleanup_buf hex = {0};

	if (body.len == 0)
		return STR("<empty>");
	if (format != MEDIA_JSON || body.data[0] != '{') {
		buf_init(&hex, 2 * EXCERPT_SIZE + 1);
		hex_encode((struct bytes){(const uint8_t *)part.data, part.len}, &hex);
		part = arena_str(&request->arena, buf_view(&hex));
	}
	return body.len > EXCERPT_SIZE ? arena_concat(&request->arena, part, STR(" ...")) : part;
}

/* The kind that belongs in this body. */
struct expected {
	const struct schema *schema;
	struct str internal_group; /* as upstream's internal type names it */
};

static enum step_result unrecognized(struct request *request, const struct expected *expected, enum media_format format,
				     struct str why)
{
	struct str part = excerpt(request, format);

	return status_bad_request(
		request, "the object provided is unrecognized (must be of type " STR_FMT "): " STR_FMT " (" STR_FMT ")",
		STR_ARG(expected->schema->kind), STR_ARG(why), STR_ARG(part));
}

static enum step_result cannot_be_handled(struct request *request, const struct expected *expected,
					  struct str api_version, struct str kind, struct str why)
{
	struct str group, version;

	if (!str_cut(api_version, '/', &group, &version))
		version = api_version;
	return status_bad_request(request,
				  STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT ": " STR_FMT,
				  STR_ARG(kind), STR_ARG(version), STR_ARG(expected->schema->kind), STR_ARG(why));
}

/* Is what the body says it is what belongs here?  What it does not say is filled in. */
static enum step_result check_kind(struct request *request, const struct expected *expected, enum media_format format,
				   const struct decode_report *report)
{
	const struct schema *schema = expected->schema;
	struct str kind = report->kind.len ? report->kind : schema->kind;
	struct str version = report->api_version.len ? report->api_version : schema->api_version;
	ptrdiff_t slash = str_index(version, '/');
	struct arena *arena = &request->arena;
	struct str group = schema->group, short_group, rest;

	if (str_eq(kind, schema->kind) && str_eq(version, schema->api_version))
		return STEP_NEXT;
	if (slash >= 0 && str_index(str_from_at(version, (size_t)slash + 1), '/') >= 0)
		return unrecognized(request, expected, format,
				    arena_printf(arena, "unexpected GroupVersion string: " STR_FMT, STR_ARG(version)));
	if (!schema_by_kind(version, kind))
		return cannot_be_handled(request, expected, version, kind,
					 arena_printf(arena,
						      "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
						      "\" in scheme \"" SCHEME "\"",
						      STR_ARG(kind), STR_ARG(version)));
	str_cut(group.len ? group : STR("core"), '.', &short_group, &rest);
	return cannot_be_handled(request, expected, version, kind,
				 arena_printf(arena,
					      "converting (" STR_FMT "." STR_FMT ") to (" STR_FMT "." STR_FMT
					      "): unknown conversion",
					      STR_ARG(schema_by_kind(version, kind)->version), STR_ARG(kind),
					      STR_ARG(short_group), STR_ARG(schema->kind)));
}

/* Repeated keys of YAML come as one text, a line each. */
static void push_warnings(struct request *request, struct str problem)
{
	struct str line, rest;

	if (!str_has_prefix(problem, STR("yaml: unmarshal errors:"))) {
		vec_push(&request->arena, &request->context.warnings, problem);
		return;
	}
	str_cut(problem, '\n', &line, &rest);
	while (rest.len) {
		str_cut(rest, '\n', &line, &rest);
		vec_push(&request->arena, &request->context.warnings, str_trim(line));
	}
}

/* Unknown and repeated fields: refused, told, or let pass. */
static enum step_result judge_problems(struct request *request, const struct expected *expected,
				       const struct decode_report *report)
{
	struct arena *arena = &request->arena;
	struct str list = STR_EMPTY;

	if (report->problems.len == 0 || request->options.field_validation == FIELD_VALIDATION_IGNORE)
		return STEP_NEXT;
	for (size_t i = 0; i < report->problems.len; i++) {
		struct str problem = report->problems.items[i];

		if (request->options.field_validation == FIELD_VALIDATION_WARN)
			push_warnings(request, problem);
		else
			list = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(list), i ? ", " : "",
					    STR_ARG(problem));
	}
	if (request->options.field_validation == FIELD_VALIDATION_WARN)
		return STEP_NEXT;
	return cannot_be_handled(request, expected, expected->schema->api_version, expected->schema->kind,
				 arena_printf(arena, "strict decoding error: " STR_FMT, STR_ARG(list)));
}

static enum step_result decode_failed(struct request *request, const struct expected *expected,
				      enum media_format format, const struct decode_report *report,
				      const struct error *err)
{
	struct str message = arena_str_c(&request->arena, err->message);
	bool field = str_contains(message, STR("Go struct field")) || str_has_prefix(message, STR("quantities must")) ||
		     !str_has_prefix(message, STR("json: "));
	enum step_result result;

	if (err->code == ERR_TOO_LARGE)
		return status_from_error(request, err);
	/* Text that cannot be read at all names no kind; all else got as far as a member. */
	if (format == MEDIA_JSON &&
	    (str_has_prefix(message, STR("invalid character")) || str_has_prefix(message, STR("unexpected end")) ||
	     str_has_prefix(message, STR("exceeded max depth")) || !field))
		return unrecognized(
			request, expected, format,
			arena_concat(&request->arena, STR("couldn't get version/kind; json parse error: "), message));
	if (format == MEDIA_YAML && str_has_prefix(message, STR("yaml: ")))
		return unrecognized(request, expected, format, message);
	result = check_kind(request, expected, format, report);
	if (result != STEP_NEXT)
		return result;
	return cannot_be_handled(request, expected, expected->schema->api_version, expected->schema->kind, message);
}

static enum step_result decode_protobuf(struct request *request, const struct expected *expected, void **ret)
{
	struct bytes bytes = {(const uint8_t *)request->body.data, request->body.len};
	struct decode_report report = {.arena = &request->arena};
	struct proto_envelope envelope;
	struct error err = {0};
	enum step_result result;

	if (decode_envelope(bytes, &request->arena, &envelope, &err) < 0)
		return unrecognized(request, expected, MEDIA_PROTOBUF, arena_str_c(&request->arena, err.message));
	report.kind = envelope.kind;
	report.api_version = envelope.api_version;
	result = check_kind(request, expected, MEDIA_PROTOBUF, &report);
	if (result != STEP_NEXT)
		return result;
	if (decode_proto(expected->schema, envelope.raw, &request->arena, ret, &err) < 0)
		return cannot_be_handled(request, expected, expected->schema->api_version, expected->schema->kind,
					 arena_str_c(&request->arena, err.message));
	return STEP_NEXT;
}

static enum step_result decode_body(struct request *request, const struct expected *expected, void **ret)
{
	struct decode_report report = {.arena = &request->arena};
	enum media_format format;
	struct error err = {0};
	enum step_result result;
	int failed;

	if (!negotiate_content(request->content_type, &format))
		return status_fail(request, ERR_UNSUPPORTED_MEDIA_TYPE,
				   "the body of the request was in an unknown format - accepted media types include: "
				   "application/json, application/yaml, application/vnd.kubernetes.protobuf");
	if (format == MEDIA_PROTOBUF)
		return decode_protobuf(request, expected, ret);
	failed = format == MEDIA_YAML
			 ? decode_yaml(expected->schema, request->body, &request->arena, &report, ret, &err)
			 : decode_json(expected->schema, request->body, &request->arena, &report, ret, &err);
	if (failed < 0)
		return decode_failed(request, expected, format, &report, &err);
	result = check_kind(request, expected, format, &report);
	if (result != STEP_NEXT)
		return result;
	return judge_problems(request, expected, &report);
}

/* A delete may bring options: in the body, which then is all that counts, or in the query. */
static enum step_result decode_delete_options(struct request *request)
{
	const struct schema *schema = &schema_meta_v1_delete_options;
	struct decode_report report = {.arena = &request->arena};
	enum media_format format;
	struct error err = {0};
	void *options = NULL;

	if (request->local)
		return request->delete_options ? options_parse_delete(request, request->delete_options)
					       : options_parse_delete(request, NULL);
	if (request->body.len == 0)
		return options_parse_delete(request, NULL);
	if (!negotiate_content(request->content_type, &format))
		return status_fail(request, ERR_UNSUPPORTED_MEDIA_TYPE,
				   "the body of the request was in an unknown format - accepted media types include: "
				   "application/json, application/yaml, application/vnd.kubernetes.protobuf");
	if (format == MEDIA_PROTOBUF) {
		struct expected expected = {.schema = schema};

		if (decode_protobuf(request, &expected, &options) != STEP_NEXT)
			return STEP_DONE;
		return options_parse_delete(request, options);
	}
	if ((format == MEDIA_YAML ? decode_yaml(schema, request->body, &request->arena, &report, &options, &err)
				  : decode_json(schema, request->body, &request->arena, &report, &options, &err)) < 0)
		return status_bad_request(request, "%s%s",
					  format == MEDIA_JSON ? "couldn't get version/kind; json parse error: " : "",
					  err.message);
	if (report.kind.len && !str_eq(report.kind, STR("DeleteOptions")))
		return status_bad_request(request,
					  "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
					  "\" in scheme \"" META_SCHEME "\"",
					  STR_ARG(report.kind), STR_ARG(report.api_version));
	return options_parse_delete(request, options);
}

/* Who deletes and does not think of dependents may not mean what becomes of them. */
static enum step_result warn_of_orphans(struct request *request)
{
	const struct meta_v1_delete_options *options = request->delete_options;

	if (request->strategy->orphan_warning.len && !options->orphan_dependents && !options->propagation_policy)
		vec_push(&request->arena, &request->context.warnings, request->strategy->orphan_warning);
	return STEP_NEXT;
}

static enum step_result check_patch_type(struct request *request)
{
	static const struct str types[] = {
		STR_INIT("application/json-patch+json"), STR_INIT("application/merge-patch+json"),
		STR_INIT("application/strategic-merge-patch+json"), STR_INIT("application/apply-patch+yaml")};
	struct str type = content_type_name(request->content_type);

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(type, types[i]))
			return STEP_NEXT;
	return status_unsupported(request);
}

enum step_result step_decode(struct request *request)
{
	struct expected expected = {.schema = request->resource->schema};
	enum step_result result;

	if (request->body_too_large)
		return status_fail(request, ERR_TOO_LARGE, "Request entity too large: limit is %d", LIMIT_REQUEST_BODY);
	if (request->operation == OP_PATCH ||
	    (request->operation == OP_ACTION && str_eq(request->method, STR("PATCH"))))
		return check_patch_type(request);
	if (request->operation & (OP_DELETE | OP_DELETE_COLLECTION)) {
		result = decode_delete_options(request);
		return result == STEP_NEXT ? warn_of_orphans(request) : result;
	}
	/* What is sent to a process in a pod is no object. */
	if (request->subresource && request->subresource->connect)
		return STEP_NEXT;
	if (request->operation == OP_ACTION && (request->action->any_method || str_eq(request->method, STR("GET")) ||
						str_eq(request->method, STR("DELETE"))))
		return STEP_NEXT;
	if (request->subresource && request->subresource->schema)
		expected.schema = request->subresource->schema;
	request->body_schema = expected.schema;
	if (request->local) {
		request->body_schema = request->local_schema;
		request->decoded = copy_struct(request->local_schema, request->local_body, &request->arena);
		return STEP_NEXT;
	}
	return decode_body(request, &expected, &request->decoded);
}
