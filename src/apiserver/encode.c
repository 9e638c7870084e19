/* Answers made of objects; see encode.h. */
#include "apiserver/encode.h"

#include "apiserver/convert.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"

struct str response_content_type(const struct request *request)
{
	return media_format_name(request->accepted.format);
}

static void set_body(struct request *request, int code, struct buf *body)
{
	buf_release(&request->response.body);
	request->response.body = *body;
	request->response.code = code;
	request->response.content_type = response_content_type(request);
}

enum step_result respond_json_body(struct request *request, int code)
{
	struct response *response = &request->response;
	struct error err = {0};
	struct value *tree;
	struct buf out;

	if (response->body.overflow)
		return status_fail(request, ERR_INTERNAL, "the answer is larger than %d bytes", LIMIT_RESPONSE_BODY);
	response->code = code;
	if (request->accepted.format == MEDIA_PROTOBUF)
		request->accepted.format = MEDIA_JSON;
	response->content_type = response_content_type(request);
	if (request->accepted.format == MEDIA_JSON && !request->accepted.pretty) {
		/* Go's encoder ends what it writes with a line feed. */
		if (response->body.len == 0 || response->body.data[response->body.len - 1] != '\n')
			buf_char(&response->body, '\n');
		return STEP_DONE;
	}
	if (json_parse(buf_view(&response->body), &request->arena, NULL, &tree, &err) < 0)
		return status_from_error(request, &err);
	buf_init(&out, LIMIT_RESPONSE_BODY);
	if (request->accepted.format == MEDIA_YAML)
		yaml_write(tree, &out);
	else
		json_write_indented(tree, STR("  "), &out);
	set_body(request, code, &out);
	return STEP_DONE;
}

enum step_result respond_text(struct request *request, int code, struct str content_type, struct str text)
{
	request->response.code = code;
	request->response.content_type = content_type;
	buf_clear(&request->response.body);
	buf_str(&request->response.body, text);
	return STEP_DONE;
}

enum step_result respond_struct(struct request *request, int code, const struct schema *schema, const void *data)
{
	struct buf *body = &request->response.body;

	request->response.code = code;
	if (request->local) {
		request->response.object = object_publish(schema, data);
		return STEP_DONE;
	}
	buf_clear(body);
	if (request->accepted.format == MEDIA_PROTOBUF) {
		encode_envelope(schema, data, body);
		request->response.content_type = response_content_type(request);
		return STEP_DONE;
	}
	encode_json(schema, data, ENCODE_KIND, body);
	return respond_json_body(request, code);
}

void encode_status_response(struct request *request)
{
	const struct meta_v1_status *status = request->status;
	int code = status->code ? status->code : 200;

	/* A failure may come before the form was negotiated. */
	if (!request->accepted.negotiated && !negotiate_accept(request->accept, NEGOTIATE_TABLE | NEGOTIATE_PARTIAL,
							       &request->arena, &request->accepted))
		request->accepted = (struct answer_form){0};
	request->status = NULL;
	respond_struct(request, code, &schema_meta_v1_status, status);
	if (status->details && status->details->retry_after_seconds)
		response_header(request, STR("retry-after"),
				arena_printf(&request->arena, "%d", status->details->retry_after_seconds));
}

const void *request_version_of(struct request *request, const void *data)
{
	if (request->resource->schema == request->schema)
		return data;
	return convert_struct(request->schema, request->resource->schema, data, &request->arena);
}

/* Whole objects of the stored version in JSON need no decoding. */
static bool plain_json(const struct request *request)
{
	return request->accepted.kind == MEDIA_OBJECT && request->accepted.format != MEDIA_PROTOBUF &&
	       request->resource->schema == request->schema;
}

struct meta_v1_object_meta partial_meta(const struct request *request, const struct object *object, struct arena *arena)
{
	struct str hidden = request->strategy->whole_annotation;
	struct meta_v1_object_meta meta = *object->meta;
	struct str_pair *items;
	size_t len = 0;

	if (!hidden.len || !str_map_get(&meta.annotations, hidden))
		return meta;
	items = ARENA_NEW_N(arena, struct str_pair, meta.annotations.len);
	SLICE_FOREACH (pair, object->meta->annotations)
		if (!str_eq(pair->key, hidden))
			items[len++] = *pair;
	meta.annotations = (struct str_map){items, len};
	return meta;
}

void partial_json(struct request *request, const struct object *object, struct buf *out)
{
	struct arena cleanup_arena arena = {0};
	struct meta_v1_object_meta meta = partial_meta(request, object, &arena);

	buf_c(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/");
	buf_str(out, request->accepted.kind_version);
	buf_c(out, "\",\"metadata\":");
	encode_json(&schema_meta_v1_object_meta, &meta, 0, out);
	buf_char(out, '}');
}

/* An object as JSON in the form that was asked for. */
static void append_object(struct request *request, const struct object *object, bool headers, struct buf *out)
{
	switch (request->accepted.kind) {
	case MEDIA_TABLE:
		table_begin(request, object->revision, STR_EMPTY, -1, headers, out);
		table_row_json(request, object, true, out);
		table_end(out);
		break;
	case MEDIA_PARTIAL:
	case MEDIA_PARTIAL_LIST:
		partial_json(request, object, out);
		break;
	default:
		encode_json(request->resource->schema, request_version_of(request, object->data),
			    ENCODE_KIND | ENCODE_NESTED_KIND, out);
	}
}

int answer_object(const struct request *request, const struct store_record *record, struct object **ret,
		  struct error *err)
{
	if (request->accepted.kind == MEDIA_PARTIAL || request->accepted.kind == MEDIA_PARTIAL_LIST)
		return stored_metadata(record, ret, err);
	return stored_object(record, request->schema, ret, err);
}

int encode_object_json(struct request *request, const struct store_record *record, uint64_t revision, bool headers,
		       struct buf *out, struct error *err)
{
	struct object *object;
	int result;

	if (plain_json(request)) {
		stored_append_bytes(store_record_value(record), store_record_header(record), revision, false, out);
		return 0;
	}
	result = answer_object(request, record, &object, err);
	if (result < 0)
		return result;
	if (object->revision != revision) {
		/* A deletion shows the last version under the deletion's revision. */
		struct object *again = object_publish(object->schema, object->data);

		object_unref(object);
		object_set_revision(again, revision);
		object = again;
	}
	append_object(request, object, headers, out);
	object_unref(object);
	return 0;
}

static enum step_result respond_published(struct request *request, int code, const struct object *object)
{
	struct response *response = &request->response;

	buf_clear(&response->body);
	response->code = code;
	if (request->accepted.kind == MEDIA_PARTIAL_LIST)
		return status_fail(request, ERR_NOT_ACCEPTABLE,
				   "you requested PartialObjectMetadataList, but the requested "
				   "object is not a list (*%s." STR_FMT ")",
				   request->resource->group.len ? str_c(request->resource->group) : "core",
				   STR_ARG(request->resource->kind));
	if (request->accepted.format != MEDIA_PROTOBUF || request->accepted.kind == MEDIA_TABLE) {
		append_object(request, object, true, &response->body);
		return respond_json_body(request, code);
	}
	if (request->accepted.kind == MEDIA_PARTIAL) {
		struct meta_v1_partial_object_metadata partial = {
			.metadata = partial_meta(request, object, &request->arena)};

		encode_envelope(&schema_meta_v1_partial_object_metadata, &partial, &response->body);
	} else {
		encode_envelope(request->resource->schema, request_version_of(request, object->data), &response->body);
	}
	response->content_type = response_content_type(request);
	return STEP_DONE;
}

bool check_include_object(struct request *request)
{
	struct str include = request->options.include_object;

	if (request->accepted.kind != MEDIA_TABLE || include.len == 0 || str_eq(include, STR("None")) ||
	    str_eq(include, STR("Metadata")) || str_eq(include, STR("Object")))
		return true;
	status_bad_request(request,
			   "Unable to convert to Table as requested: includeObject: Invalid value: \"" STR_FMT
			   "\": must be 'Metadata', 'Object', 'None', or empty",
			   STR_ARG(include));
	return false;
}

enum step_result respond_record(struct request *request, int code, const struct store_record *record)
{
	struct object *object;
	struct error err = {0};
	enum step_result result;

	request->response.revision = store_record_revision(record);
	if (!request->local && plain_json(request)) {
		buf_clear(&request->response.body);
		stored_append(record, false, &request->response.body);
		return respond_json_body(request, code);
	}
	if (!check_include_object(request))
		return STEP_DONE;
	if (stored_object(record, request->schema, &object, &err) < 0)
		return status_from_error(request, &err);
	if (request->local) {
		request->response.code = code;
		request->response.object = object;
		return STEP_DONE;
	}
	result = respond_published(request, code, object);
	object_unref(object);
	return result;
}

enum step_result respond_stored(struct request *request, int code, const void *data, uint64_t revision)
{
	struct object *object = object_publish(request->schema, data);
	enum step_result result;

	if (revision)
		object_set_revision(object, revision);
	if (request->local) {
		request->response.code = code;
		request->response.object = object;
		return STEP_DONE;
	}
	result = respond_published(request, code, object);
	object_unref(object);
	return result;
}

void encode_bookmark_json(struct request *request, uint64_t revision, bool initial_end, struct buf *out)
{
	static const struct str_pair end_annotation[] = {{STR_INIT("k8s.io/initial-events-end"), STR_INIT("true")}};
	void *empty = arena_zalloc(&request->arena, request->schema->size);
	struct meta_v1_object_meta *meta = EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, empty));
	struct object *object;

	if (initial_end)
		meta->annotations = (struct str_map){end_annotation, 1};
	object = object_publish(request->schema, empty);
	object_set_revision(object, revision);
	append_object(request, object, false, out);
	object_unref(object);
}
