/* The way in and out over HTTP; see http.h. */
#include "apiserver/http.h"

#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/watch.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "net/tls.h"

/* --- Answers */

static void free_request(void *request)
{
	request_free(request);
}

static struct http_headers response_headers(struct request *request)
{
	struct response *response = &request->response;
	struct http_header *items = ARENA_NEW_N(&request->arena, struct http_header, response->headers.len + 2);
	size_t len = 0;

	if (response->content_type.len)
		items[len++] = (struct http_header){STR("content-type"), response->content_type};
	items[len++] = (struct http_header){STR("cache-control"), STR("no-cache, private")};
	for (size_t i = 0; i < response->headers.len; i++)
		items[len++] = (struct http_header){response->headers.items[i].name, response->headers.items[i].value};
	return (struct http_headers){items, len};
}

/* --- Watches */

struct http_watch {
	struct watcher *watcher;
	struct http_stream *stream;
};

static void watch_write(void *data, struct str bytes)
{
	struct http_watch *watch = data;

	http_stream_write(watch->stream, PAYLOAD(bytes));
}

static size_t watch_pending(void *data)
{
	struct http_watch *watch = data;

	return http_stream_pending(watch->stream);
}

static void watch_ended(void *data, const struct error *err UNUSED)
{
	struct http_watch *watch = data;

	http_stream_end(watch->stream);
}

static void stream_drained(struct http_stream *stream UNUSED, void *data)
{
	struct http_watch *watch = data;

	watcher_pump(watch->watcher);
}

static void stream_closed(struct http_stream *stream UNUSED, void *data)
{
	struct http_watch *watch = data;

	watcher_free(watch->watcher);
	free(watch);
}

static const struct watcher_sink watch_sink = {
	.write = watch_write,
	.pending = watch_pending,
	.ended = watch_ended,
};

static const struct http_stream_ops stream_ops = {
	.drained = stream_drained,
	.closed = stream_closed,
};

static void start_watch(struct request *request, struct http_request *http)
{
	struct http_watch *watch = XNEW(struct http_watch);
	struct http_response response = {.status = 200, .headers = response_headers(request)};
	struct loop *loop = request->loop;

	watch->watcher = TAKE_PTR(request->response.watcher);
	watch->stream = http_stream_start(http, &response, &stream_ops, watch);
	/* Nobody needs to know any more how it was asked for, and it may go on for an hour. */
	request_free(request);
	http_stream_trim(watch->stream);
	watcher_start(watch->watcher, loop, &watch_sink, watch);
}

/* --- Home */

static void run_posted(struct loop_call *call)
{
	struct request *request = CONTAINER_OF(call, struct request, call);

	request->posted(request);
}

static void post(struct request *request, void (*run)(struct request *request))
{
	request->posted = run;
	request->call.run = run_posted;
	loop_post_call(request->loop, &request->call);
}

static void finish(struct request *request)
{
	struct http_request *http = request->home_data;
	struct http_response response;

	if (request->response.watcher) {
		start_watch(request, http);
		return;
	}
	response = (struct http_response){
		.status = request->response.code,
		.headers = response_headers(request),
		.body = {.bytes = buf_view(&request->response.body), .release = free_request, .data = request},
		.gzip = true,
	};
	http_respond(http, &response);
}

static const struct request_home http_home = {.post = post, .finish = finish};

/* --- Requests */

static struct str header(const struct http_request *http, struct str name)
{
	struct str value = http_request_header(http, name);

	return value.data ? value : STR_EMPTY;
}

/* Several Accept fields are one list. */
static struct str accept_header(struct request *request, const struct http_request *http)
{
	struct str joined = STR_EMPTY;

	SLICE_FOREACH (field, http->headers) {
		if (!str_eq(field->name, STR("accept")))
			continue;
		joined = joined.len == 0 ? field->value
					 : arena_printf(&request->arena, STR_FMT "," STR_FMT, STR_ARG(joined),
							STR_ARG(field->value));
	}
	return joined;
}

/* Impersonate-User, -Uid, -Group (repeated), -Extra-KEY (repeated). */
static const struct impersonation *read_impersonation(struct request *request, const struct http_request *http)
{
	static const struct str prefix = STR_INIT("impersonate-"), extra_prefix = STR_INIT("impersonate-extra-");
	struct arena *arena = &request->arena;
	struct impersonation *wanted = NULL;
	VEC_OF(struct str) groups = {0};
	VEC_OF(struct str_slice_pair) extra = {0};

	SLICE_FOREACH (field, http->headers) {
		if (!str_has_prefix(field->name, prefix))
			continue;
		if (!wanted)
			wanted = ARENA_NEW(arena, struct impersonation);
		if (str_eq(field->name, STR("impersonate-user"))) {
			wanted->user = field->value;
		} else if (str_eq(field->name, STR("impersonate-uid"))) {
			wanted->uid = field->value;
		} else if (str_eq(field->name, STR("impersonate-group"))) {
			vec_push(arena, &groups, field->value);
		} else if (str_has_prefix(field->name, extra_prefix)) {
			struct str *value = ARENA_DUP(arena, struct str, &field->value);

			vec_push(arena, &extra,
				 (struct str_slice_pair){str_from_at(field->name, extra_prefix.len), {value, 1}});
		}
	}
	if (wanted) {
		wanted->groups = (struct str_slice){groups.items, groups.len};
		wanted->extra = (struct str_slice_map){extra.items, extra.len};
	}
	return wanted;
}

static void fill_credentials(struct request *request, const struct http_request *http)
{
	struct credentials *credentials = &request->credentials;

	credentials->authorization = header(http, STR("authorization"));
	if (!http->peer)
		return;
	if (!http->peer->verified) {
		credentials->bad_certificate = true;
		return;
	}
	credentials->certificate = http->peer->certificate;
	credentials->common_name = http->peer->common_name;
	credentials->fingerprint = (struct bytes){http->peer->fingerprint, sizeof(http->peer->fingerprint)};
	credentials->organizations = (struct str_slice){http->peer->organizations.items, http->peer->organizations.len};
}

void apiserver_http_handle(void *apiserver, struct http_request *http)
{
	struct request *request = request_new(apiserver, &http_home, http);

	http->data = request;
	request->http = http;
	request->loop = http_request_loop(http);
	request->method = http->method;
	request->raw_path = http->raw_path;
	request->raw_query = http->query;
	request->accept = accept_header(request, http);
	request->content_type = header(http, STR("content-type"));
	request->user_agent = header(http, STR("user-agent"));
	request->if_none_match = header(http, STR("if-none-match"));
	request->body = http->body;
	fill_credentials(request, http);
	request->impersonation = read_impersonation(request, http);
	request_start(request);
}

void apiserver_http_refuse(void *apiserver, struct http_request *http, int status, const char *why,
			   struct http_response *response)
{
	struct meta_v1_status answer = {.status = STR("Failure"), .code = status};
	struct buf cleanup_buf text;

	request_metrics_refused(apiserver, http, status);
	buf_init(&text, 64 * KIB);
	answer.reason = str_from(error_code_reason(error_code_from_reason("", status)));
	answer.message = str_from(why);
	if (status == 413)
		answer.message =
			arena_printf(&http->arena, "Request entity too large: limit is %d", LIMIT_REQUEST_BODY);
	status_encode(&answer, &text);
	response->status = status;
	response->headers =
		http_headers_dup(HTTP_HEADERS({STR("content-type"), STR("application/json")}), &http->arena);
	response->body = PAYLOAD(arena_str(&http->arena, buf_view(&text)));
}
