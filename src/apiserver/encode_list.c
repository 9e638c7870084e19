/* Lists: one pass over the records, written as they come; see encode.h. */
#include "apiserver/convert.h"
#include "apiserver/encode.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "base/limits.h"

void list_answer_start(struct list_answer *answer, struct request *request, uint64_t revision)
{
	*answer = (struct list_answer){.request = request, .revision = revision};
	buf_clear(&request->response.body);
}

static bool is_table(const struct request *request)
{
	return request->accepted.kind == MEDIA_TABLE;
}

static bool is_partial(const struct request *request)
{
	return request->accepted.kind == MEDIA_PARTIAL || request->accepted.kind == MEDIA_PARTIAL_LIST;
}

/* Forms that are made when all objects are known. */
static bool needs_objects(const struct request *request)
{
	return request->local || (request->accepted.format == MEDIA_PROTOBUF && !is_table(request));
}

/* Items are written behind each other; what stands before them is known at the end, and put before them then. */
bool list_answer_add(struct list_answer *answer, const struct store_record *record)
{
	struct request *request = answer->request;
	struct buf *body = &request->response.body;
	struct object *object;
	bool first = answer->len++ == 0;

	if (!needs_objects(request) && !is_table(request) && !is_partial(request) &&
	    request->resource->schema == request->schema) {
		if (!first)
			buf_char(body, ',');
		stored_append(record, true, body);
		return true;
	}
	if (answer_object(request, record, &object, &answer->err) < 0)
		return false;
	if (request->local) {
		vec_push(&request->arena, &request->response.items, object);
		return true;
	}
	if (needs_objects(request)) {
		vec_push(&request->arena, &answer->objects, object);
		request_hold_object(request, object);
		return true;
	}
	if (is_table(request)) {
		table_row_json(request, object, first, body);
	} else {
		if (!first)
			buf_char(body, ',');
		if (is_partial(request))
			partial_json(request, object, body);
		else
			encode_json(request->resource->schema, request_version_of(request, object->data),
				    ENCODE_NESTED_KIND, body);
	}
	object_unref(object);
	return true;
}

static void list_meta_json(const struct list_answer *answer, struct str continue_token, int64_t remaining,
			   struct buf *out)
{
	buf_printf(out, "\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)answer->revision);
	if (continue_token.len) {
		buf_c(out, ",\"continue\":\"");
		buf_str(out, continue_token);
		buf_char(out, '"');
	}
	if (remaining > 0)
		buf_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
	buf_c(out, "},\"items\":[");
}

static void list_head_json(const struct list_answer *answer, struct str continue_token, int64_t remaining,
			   struct buf *out)
{
	const struct request *request = answer->request;

	if (is_table(request)) {
		table_begin(answer->request, answer->revision, continue_token, remaining, true, out);
		return;
	}
	if (is_partial(request)) {
		buf_c(out, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/");
		buf_str(out, request->accepted.kind_version);
	} else {
		buf_c(out, "{\"kind\":\"");
		buf_str(out, request->resource->list_kind);
		buf_c(out, "\",\"apiVersion\":\"");
		buf_str(out, request->resource->api_version);
	}
	buf_c(out, "\",");
	list_meta_json(answer, continue_token, remaining, out);
}

/* A list struct of @schema with the items behind each other, as encoders want it. */
static enum step_result respond_list_proto(struct list_answer *answer, const struct schema *schema,
					   const struct schema *item, struct str continue_token, int64_t remaining)
{
	struct request *request = answer->request;
	char *list = arena_zalloc(&request->arena, schema->size);
	char *items = arena_calloc(&request->arena, answer->objects.len, item->size);
	const struct schema_field *metadata = schema_find(schema, STR("metadata"));
	const struct schema_field *field = schema_find(schema, STR("items"));
	struct meta_v1_list_meta *meta = (void *)(list + metadata->offset);
	struct any_slice *slice = (void *)(list + field->offset);

	for (size_t i = 0; i < answer->objects.len; i++) {
		struct meta_v1_partial_object_metadata partial = {
			.metadata = partial_meta(request, answer->objects.items[i], &request->arena)};
		const void *data = is_partial(request) ? (const void *)&partial
						       : request_version_of(request, answer->objects.items[i]->data);

		memcpy(items + i * item->size, data, item->size);
	}
	meta->resource_version = arena_printf(&request->arena, "%llu", (unsigned long long)answer->revision);
	meta->continue_ = continue_token;
	if (remaining > 0)
		meta->remaining_item_count = ARENA_DUP(&request->arena, int64_t, &remaining);
	*slice = (struct any_slice){items, answer->objects.len};
	buf_clear(&request->response.body);
	encode_envelope(schema, list, &request->response.body);
	request->response.code = 200;
	request->response.content_type = response_content_type(request);
	return STEP_DONE;
}

enum step_result list_answer_finish(struct list_answer *answer, struct str continue_token, int64_t remaining)
{
	struct request *request = answer->request;
	struct buf whole, *items = &request->response.body;

	request->response.revision = answer->revision;
	if (request->local) {
		request->response.code = 200;
		return STEP_DONE;
	}
	if (needs_objects(request)) {
		if (is_partial(request))
			return respond_list_proto(answer, &schema_meta_v1_partial_object_metadata_list,
						  &schema_meta_v1_partial_object_metadata, continue_token, remaining);
		return respond_list_proto(answer, request->resource->list_schema, request->resource->schema,
					  continue_token, remaining);
	}
	buf_init(&whole, LIMIT_RESPONSE_BODY);
	list_head_json(answer, continue_token, remaining, &whole);
	buf_append(&whole, items->data, items->len);
	if (items->overflow)
		whole.overflow = true;
	buf_c(&whole, "]}\n");
	buf_release(items);
	*items = whole;
	return respond_json_body(request, 200);
}
