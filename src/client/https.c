/*
 * The transport over HTTPS; see https.h.
 *
 * Watches: the sink is called on the transport's thread with the watch's lock held, and closing takes that lock; so
 * once watch_close() has returned the sink is never called again.  The HTTP call itself is cancelled on the loop
 * afterwards.
 */
#include "client/https.h"

#include "base/clock.h"
#include "base/limits.h"
#include "client/https_path.h"
#include "net/http_client.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/codec.h"

#define HEADER_TIMEOUT_NS (30 * NS_PER_SEC)
#define LINE_MAX	  (2 * (size_t)LIMIT_OBJECT)
#define HEADERS_MAX	  4
#define ACCEPT_OBJECTS	  "application/json"
#define ACCEPT_METADATA	  "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

struct https {
	struct transport transport;
	struct arena arena; /* of the configuration */
	struct str server, server_name, user_agent;
	struct credentials *credentials;
	struct loop *loop;
	struct thread *thread;
	struct http_client *http;
};

/* --- Calls ------------------------------------------------------------------------------------------------------ */

static size_t add_headers(const struct https *https, const char *accept, const char *content_type, struct arena *arena,
			  struct http_header *out)
{
	struct str token = credentials_token(https->credentials, arena);
	size_t len = 0;

	out[len++] = (struct http_header){STR("accept"), str_from(accept)};
	if (content_type)
		out[len++] = (struct http_header){STR("content-type"), str_from(content_type)};
	if (token.len)
		out[len++] = (struct http_header){STR("authorization"), arena_concat(arena, STR("Bearer "), token)};
	return len;
}

static void on_rotation(void *data)
{
	http_client_reset(((struct https *)data)->http);
}

/* Before a call or a watch, on its caller's thread, which may read files. */
static void refresh(struct https *https)
{
	if (credentials_refresh(https->credentials, clock_monotonic_ns()))
		loop_post(https->loop, on_rotation, https);
}

/* What came of it: there may be newer credentials than those that were not taken. */
static void judge(struct https *https, int status, const struct error *err)
{
	if (status == 401 || (err && err->code == ERR_CLOSED))
		credentials_doubt(https->credentials);
}

static const char *patch_content_type(enum patch_type type)
{
	switch (type) {
	case PATCH_TYPE_JSON:
		return "application/json-patch+json";
	case PATCH_TYPE_MERGE:
		return "application/merge-patch+json";
	case PATCH_TYPE_STRATEGIC:
		return "application/strategic-merge-patch+json";
	case PATCH_TYPE_APPLY:
		return "application/apply-patch+yaml";
	}
	return NULL;
}

static struct str delete_body(const struct api_request *request, struct arena *arena)
{
	struct meta_v1_preconditions preconditions = {.uid = request->precondition_uid.len ? &request->precondition_uid
											   : NULL};
	struct meta_v1_delete_options options = {
		.grace_period_seconds = request->grace_period_seconds,
		.preconditions = preconditions.uid ? &preconditions : NULL,
		.propagation_policy = request->propagation_policy.len ? &request->propagation_policy : NULL};
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	encode_json(&schema_meta_v1_delete_options, &options, ENCODE_KIND, &text);
	return arena_str(arena, buf_view(&text));
}

static int body_of(const struct api_request *request, struct arena *arena, struct str *ret, const char **ret_type,
		   struct error *err)
{
	struct buf cleanup_buf text = {0};

	buf_init(&text, LIMIT_REQUEST_BODY);
	*ret = STR_EMPTY;
	*ret_type = NULL;
	if (request->operation == API_PATCH) {
		*ret = request->patch;
		*ret_type = patch_content_type(request->patch_type);
	} else if (request->operation == API_DELETE) {
		*ret = delete_body(request, arena);
		*ret_type = "application/json";
	} else if (request->body) {
		encode_json(request->body_schema, request->body, ENCODE_KIND, &text);
		if (text.overflow)
			return error_set(err, ERR_TOO_LARGE, "the object is larger than %d bytes", LIMIT_REQUEST_BODY);
		*ret = arena_str(arena, buf_view(&text));
		*ret_type = "application/json";
	}
	return 0;
}

/* The Status a server answered with, or what can be said without one. */
static int fail(int http, struct str body, struct arena *arena, struct error *err)
{
	struct error ignored = {0};
	void *data;

	if (decode_json(&schema_meta_v1_status, body, arena, NULL, &data, &ignored) == 0) {
		const struct meta_v1_status *status = data;

		if (status->message.len)
			return error_set(err, error_code_from_reason(str_c(status->reason), http), STR_FMT,
					 STR_ARG(status->message));
	}
	return error_set(err, error_code_from_reason("", http), "the server answered with HTTP status %d", http);
}

static void stamp(struct object *object, struct str resource_version)
{
	uint64_t revision;

	if (str_parse_uint64(resource_version, &revision) == 0)
		object_set_revision(object, revision);
}

/* @data was decoded in @arena, which the object takes over. */
static struct object *adopt(const struct schema *schema, const void *data, struct arena *arena)
{
	const struct meta_v1_object_meta *meta = object_meta_of(schema, data);
	struct str version = meta ? meta->resource_version : STR_EMPTY;
	struct object *object = object_adopt(schema, data, arena);

	stamp(object, version);
	return object;
}

static int take_list(const struct api_request *request, struct str body, struct arena *arena, struct api_response *ret,
		     struct error *err)
{
	const struct schema *list = request->resource->list_schema, *schema = request->resource->schema;
	const struct schema_field *items = schema_find(list, STR("items")),
				  *metadata = schema_find(list, STR("metadata"));
	const struct meta_v1_list_meta *meta;
	const struct any_slice *slice;
	void *data;

	if (decode_json(list, body, arena, NULL, &data, err) < 0)
		return -(int)err->code;
	slice = (const struct any_slice *)(const void *)((const char *)data + items->offset);
	meta = (const struct meta_v1_list_meta *)(const void *)((const char *)data + metadata->offset);
	ret->items = xcalloc(slice->len + 1, sizeof(struct object *));
	for (size_t i = 0; i < slice->len; i++) {
		const void *item = (const char *)slice->items + i * schema->size;

		ret->items[i] = object_publish(schema, item);
		stamp(ret->items[i], object_meta_of(schema, item)->resource_version);
	}
	ret->items_len = slice->len;
	if (str_parse_uint64(meta->resource_version, &ret->revision) < 0)
		ret->revision = 0;
	return 0;
}

static int take_object(const struct api_request *request, struct str body, struct api_response *ret, struct error *err)
{
	const struct schema *schema = request->resource->schema;
	struct arena arena = {0}; /* the object's, when there is one */
	struct decode_report report = {.arena = &arena};
	void *data;

	if (request->subresource.len && request->body_schema)
		schema = request->body_schema;
	if (decode_json(schema, body, &arena, &report, &data, err) < 0) {
		arena_release(&arena);
		return -(int)err->code;
	}
	if (str_eq(report.kind, STR("Status")) && !str_eq(schema->kind, STR("Status"))) {
		arena_release(&arena); /* done, and nothing is left of it */
		return 0;
	}
	ret->object = adopt(schema, data, &arena);
	ret->revision = ret->object->revision;
	return 0;
}

static int https_call(struct transport *transport, const struct api_request *request, struct api_response *ret,
		      struct error *err)
{
	static const char *const methods[API_OPERATION_MAX] = {"GET", "GET", "POST", "PUT", "PATCH", "DELETE"};
	struct https *https = CONTAINER_OF(transport, struct https, transport);
	struct arena cleanup_arena arena;
	struct http_header headers[HEADERS_MAX];
	struct api_response response = {0};
	struct http_result result;
	const char *content_type;
	struct str body;
	int r;

	arena_init(&arena, LIMIT_RESPONSE_BODY);
	refresh(https);
	if (body_of(request, &arena, &body, &content_type, err) < 0)
		return -(int)err->code;
	if (http_client_do(https->http,
			   &(struct http_call_config){.method = methods[request->operation],
						      .url = https_url(https->server, request, &arena),
						      .headers = {headers, add_headers(https, ACCEPT_OBJECTS,
										       content_type, &arena, headers)},
						      .body = PAYLOAD(body),
						      .timeout = LIMIT_CLIENT_CALL_SECONDS * NS_PER_SEC},
			   &arena, &result, err) < 0) {
		judge(https, 0, err);
		return -(int)err->code;
	}
	judge(https, result.status, NULL);
	if (result.status < 200 || result.status > 299)
		return fail(result.status, result.body, &arena, err);
	r = request->operation == API_LIST ? take_list(request, result.body, &arena, &response, err)
					   : take_object(request, result.body, &response, err);
	if (r < 0)
		return error_wrap(err, "the server's answer");
	*ret = response;
	return 0;
}

/* --- Watches ---------------------------------------------------------------------------------------------------- */

struct transport_watch {
	struct https *https;
	struct arena arena;
	const struct schema *schema; /* of its objects */
	const char *accept;
	struct str url;
	struct mutex lock;	 /* guards sink, and is held while it is called */
	struct watch_sink *sink; /* NULL: closed */
	/* The loop's: */
	struct loop_call start, stop;
	struct http_call *call;
	bool ended;
	int status;
	struct buf line;
	struct error failure; /* of an event that could not be read */
};

static void watch_free(struct transport_watch *watch)
{
	buf_release(&watch->line);
	mutex_release(&watch->lock);
	arena_release(&watch->arena);
	free(watch);
}

static enum watch_event_type event_type(struct str type)
{
	return str_eq(type, STR("ADDED"))      ? WATCH_ADDED
	       : str_eq(type, STR("MODIFIED")) ? WATCH_MODIFIED
	       : str_eq(type, STR("DELETED"))  ? WATCH_DELETED
	       : str_eq(type, STR("BOOKMARK")) ? WATCH_BOOKMARK
					       : WATCH_EVENT_MAX;
}

static bool ends_initial(const struct object *object)
{
	SLICE_FOREACH (pair, object->meta->annotations)
		if (str_eq(pair->key, STR("k8s.io/initial-events-end")))
			return str_eq(pair->value, STR("true"));
	return false;
}

static int take_event(struct transport_watch *watch, struct str line, struct error *err)
{
	struct arena cleanup_arena scratch = {0};
	struct arena arena = {0}; /* the object's */
	const struct meta_v1_watch_event *event;
	enum watch_event_type type;
	struct object *object;
	void *data;

	if (decode_json(&schema_meta_v1_watch_event, line, &scratch, NULL, &data, err) < 0)
		return -(int)err->code;
	event = data;
	type = event_type(event->type);
	if (type == WATCH_EVENT_MAX) {
		struct error status = {0};

		(void)fail(500, event->object.text, &scratch, &status);
		return error_pass(err, &status);
	}
	if (decode_json(watch->schema, event->object.text, &arena, NULL, &data, err) < 0) {
		arena_release(&arena);
		return -(int)err->code;
	}
	object = adopt(watch->schema, data, &arena);
	mutex_lock(&watch->lock);
	if (watch->sink)
		watch->sink->event(watch->sink, type, type == WATCH_BOOKMARK ? NULL : object, object->revision,
				   type == WATCH_BOOKMARK && ends_initial(object));
	mutex_unlock(&watch->lock);
	object_unref(object);
	return 0;
}

static void on_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers UNUSED)
{
	((struct transport_watch *)data)->status = status;
}

static void on_body(struct http_call *call UNUSED, void *data, struct str bytes)
{
	struct transport_watch *watch = data;

	if (watch->failure.code)
		return;
	while (watch->status == 200 && str_index(bytes, '\n') >= 0) {
		struct str head;

		str_cut(bytes, '\n', &head, &bytes);
		buf_str(&watch->line, head);
		if (!watch->line.overflow && take_event(watch, buf_view(&watch->line), &watch->failure) < 0)
			return;
		buf_clear(&watch->line);
	}
	buf_str(&watch->line, bytes);
}

static void on_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct transport_watch *watch = data;
	struct arena cleanup_arena arena = {0};
	struct error why = {0};

	watch->call = NULL;
	watch->ended = true;
	judge(watch->https, watch->status, err);
	if (watch->failure.code)
		why = watch->failure;
	else if (err)
		why = *err;
	else if (watch->status != 200)
		(void)fail(watch->status, buf_view(&watch->line), &arena, &why);
	else
		error_set(&why, ERR_CLOSED, "the watch has ended");
	mutex_lock(&watch->lock);
	if (watch->sink)
		watch->sink->closed(watch->sink, &why);
	watch->sink = NULL;
	mutex_unlock(&watch->lock);
}

static void on_start(struct loop_call *call)
{
	static const struct http_call_ops ops = {.headers = on_headers, .body = on_body, .ended = on_ended};
	struct transport_watch *watch = CONTAINER_OF(call, struct transport_watch, start);
	struct http_header headers[HEADERS_MAX];

	watch->call = http_client_call(
		watch->https->http,
		&(struct http_call_config){
			.url = watch->url,
			.headers = {headers, add_headers(watch->https, watch->accept, NULL, &watch->arena, headers)},
			.header_timeout = HEADER_TIMEOUT_NS,
			.ops = &ops,
			.data = watch});
}

static void on_stop(struct loop_call *call)
{
	struct transport_watch *watch = CONTAINER_OF(call, struct transport_watch, stop);

	if (watch->call)
		http_call_cancel(watch->call);
	watch_free(watch);
}

static int https_watch(struct transport *transport, const struct api_request *request, uint64_t revision,
		       struct watch_sink *sink, struct transport_watch **ret, struct error *err UNUSED)
{
	struct transport_watch *watch = XNEW(struct transport_watch);

	watch->https = CONTAINER_OF(transport, struct https, transport);
	watch->schema = request->metadata_only ? &schema_meta_v1_partial_object_metadata : request->resource->schema;
	watch->accept = request->metadata_only ? ACCEPT_METADATA : ACCEPT_OBJECTS;
	refresh(watch->https);
	watch->url = https_watch_url(watch->https->server, request, revision, &watch->arena);
	watch->sink = sink;
	mutex_init(&watch->lock);
	buf_init(&watch->line, LINE_MAX);
	watch->start.run = on_start;
	watch->stop.run = on_stop;
	loop_post_call(watch->https->loop, &watch->start);
	*ret = watch;
	return 0;
}

static void https_watch_close(struct transport_watch *watch)
{
	mutex_lock(&watch->lock);
	watch->sink = NULL;
	mutex_unlock(&watch->lock);
	loop_post_call(watch->https->loop, &watch->stop);
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

static void run_loop(void *loop)
{
	loop_run(loop);
}

struct ending {
	struct loop_call call;
	struct https *https;
};

static void on_end(struct loop_call *call)
{
	struct https *https = CONTAINER_OF(call, struct ending, call)->https;

	https->http = http_client_free(https->http);
	loop_stop(https->loop);
}

static void https_free(struct transport *transport)
{
	struct https *https = CONTAINER_OF(transport, struct https, transport);
	struct ending ending = {.call = {.run = on_end}, .https = https};

	if (https->thread) {
		loop_post_call(https->loop, &ending.call);
		thread_join(https->thread);
	} else {
		http_client_free(https->http);
	}
	loop_free(https->loop);
	credentials_free(https->credentials);
	arena_release(&https->arena);
	free(https);
}

int https_transport_new(const struct https_config *config, struct transport **ret, struct error *err)
{
	static const struct transport_ops ops = {https_call, https_watch, https_watch_close, https_free};
	struct str user_agent = config->user_agent.len ? config->user_agent : STR("wherry/" WHERRY_VERSION);
	struct credentials *credentials;
	struct https *https;

	if (credentials_new(&config->credentials, clock_monotonic_ns(), &credentials, err) < 0)
		return -(int)err->code;
	https = XNEW(struct https);
	https->transport.ops = &ops;
	https->server = arena_str(&https->arena, config->server);
	https->server_name = arena_str(&https->arena, config->server_name);
	https->user_agent = arena_str(&https->arena, user_agent);
	https->credentials = credentials;
	https->loop = loop_new();
	https->http = http_client_new(&(struct http_client_config){.loop = https->loop,
								   .tls = credentials_tls(credentials),
								   .server_name = https->server_name,
								   .user_agent = https->user_agent});
	if (thread_start("https", run_loop, https->loop, &https->thread, err) < 0) {
		https_free(&https->transport);
		return -(int)err->code;
	}
	*ret = &https->transport;
	return 0;
}
