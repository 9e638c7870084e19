/* Patches applied; see patch.h. */
#include "apiserver/patch.h"

#include "apiserver/encode.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "codec/json.h"
#include "types/patch.h"

static enum step_result rejected(struct request *request)
{
	struct meta_v1_status *status = ARENA_NEW(&request->arena, struct meta_v1_status);

	status->status = STR("Failure");
	status->message = STR("the server rejected our request due to an error in our request");
	status->reason = STR("Invalid");
	status->details = ARENA_NEW(&request->arena, struct meta_v1_status_details);
	status->code = 422;
	request->status = status;
	return STEP_DONE;
}

/* Unknown and repeated fields in what came out. */
static enum step_result judge(struct request *request, const struct decode_report *report, struct str shown)
{
	struct arena *arena = &request->arena;
	struct str list = STR_EMPTY;

	if (report->problems.len == 0 || request->options.field_validation == FIELD_VALIDATION_IGNORE)
		return STEP_NEXT;
	for (size_t i = 0; i < report->problems.len; i++) {
		struct str problem = report->problems.items[i];

		if (request->options.field_validation == FIELD_VALIDATION_WARN)
			vec_push(arena, &request->context.warnings, problem);
		else
			list = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(list), i ? ", " : "",
					    STR_ARG(problem));
	}
	if (request->options.field_validation == FIELD_VALIDATION_WARN)
		return STEP_NEXT;
	return status_bad_patch(request, shown, arena_printf(arena, "strict decoding error: " STR_FMT, STR_ARG(list)));
}

static struct str tree_text(struct request *request, const struct value *tree)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RESPONSE_BODY);
	json_write(tree, &text);
	return arena_str(&request->arena, buf_view(&text));
}

static enum step_result read_back(struct request *request, const struct schema *schema, const struct value *tree,
				  bool strategic, void **ret)
{
	struct decode_report report = {.arena = &request->arena};
	struct error err = {0};
	struct str kind = value_get_str(value_get(tree, STR("kind")), schema->kind);

	/* A strategic patch works on the struct, which has no kind to change. */
	if (!str_eq(kind, schema->kind) && !strategic)
		return status_bad_patch(request, tree_text(request, tree),
					arena_printf(&request->arena,
						     "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
						     "\"",
						     STR_ARG(kind), STR_ARG(schema->api_version)));
	if (decode_value(schema, tree, &request->arena, &report, ret, &err) < 0)
		return status_bad_patch(request, tree_text(request, tree), arena_str_c(&request->arena, err.message));
	if (report.problems.len == 0)
		return STEP_NEXT;
	return judge(request, &report, tree_text(request, tree));
}

static enum step_result apply_json_patch(struct request *request, const struct value *document,
					 const struct value *patch, struct value **ret)
{
	struct error err = {0};

	if (patch->kind != VALUE_ARRAY)
		return status_bad_request(request,
					  "error decoding patch: json: cannot unmarshal %s into Go value of type "
					  "[]handlers.jsonPatchOp",
					  value_kind_name(patch->kind));
	if (patch_json(document, patch, &request->arena, ret, &err) == 0)
		return STEP_NEXT;
	if (err.code == ERR_INVALID)
		return rejected(request);
	return status_from_error(request, &err);
}

/* A patch that cannot be understood is an error upstream did not foresee. */
static enum step_result patch_failed(struct request *request, const struct error *err)
{
	static const struct str prefix = STR_INIT("Internal error occurred: ");
	struct str message = arena_str_c(&request->arena, err->message);

	if (err->code != ERR_INTERNAL)
		return status_from_error(request, err);
	return status_plain(request, 500, str_has_prefix(message, prefix) ? str_from_at(message, prefix.len) : message);
}

static enum step_result apply_merge_patch(struct request *request, const struct schema *schema,
					  const struct value *document, const struct value *patch, bool strategic,
					  struct value **ret)
{
	struct error err = {0};

	if (value_is_null(patch) && !strategic)
		return status_bad_request(request, "Invalid JSON Patch");
	if (value_is_null(patch))
		patch = value_object(&request->arena);
	if (patch->kind != VALUE_OBJECT)
		return status_bad_request(request,
					  "%sjson: cannot unmarshal %s into Go value of type map[string]interface {}",
					  strategic ? "" : "error decoding patch: ", value_kind_name(patch->kind));
	if ((strategic ? patch_strategic(schema, document, patch, &request->arena, ret, &err)
		       : patch_merge(document, patch, &request->arena, ret, &err)) < 0)
		return patch_failed(request, &err);
	return STEP_NEXT;
}

enum step_result patch_struct(struct request *request, const struct schema *schema, const void *data, void **ret)
{
	struct str type = content_type_name(request->content_type);
	bool strategic = str_eq(type, STR("application/strategic-merge-patch+json"));
	struct value *document, *patch, *patched;
	struct error err = {0};
	enum step_result result;

	if (json_parse(request->body, &request->arena, NULL, &patch, &err) < 0) {
		if (!strategic)
			error_wrap(&err, "error decoding patch");
		return status_from_error(request, &err);
	}
	document = encode_value(schema, data, ENCODE_KIND, &request->arena);
	if (str_eq(type, STR("application/json-patch+json")))
		result = apply_json_patch(request, document, patch, &patched);
	else
		result = apply_merge_patch(request, schema, document, patch, strategic, &patched);
	if (result != STEP_NEXT)
		return result;
	return read_back(request, schema, patched, strategic, ret);
}

enum step_result patch_object(struct request *request)
{
	const struct schema *schema = request->resource->schema;

	request->body_schema = schema;
	return patch_struct(request, schema, request_version_of(request, request->old->data), &request->decoded);
}
