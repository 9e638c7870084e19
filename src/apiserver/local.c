/* The way in from the same process; see local.h. */
#include "apiserver/local.h"

#include "apiserver/action.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/watch.h"
#include "sys/thread.h"

/* The thread that waits for its request; `run` is what was posted to it. */
struct waiter {
	struct mutex lock;
	struct cond changed;
	void (*run)(struct request *request);
	bool finished;
};

static void post(struct request *request, void (*run)(struct request *request))
{
	struct waiter *waiter = request->home_data;

	MUTEX_GUARD(&waiter->lock);
	waiter->run = run;
	cond_signal(&waiter->changed);
}

static void finish(struct request *request)
{
	struct waiter *waiter = request->home_data;

	/* Always on the waiting thread: what was posted runs there. */
	waiter->finished = true;
}

static const struct request_home local_home = {.post = post, .finish = finish};

static const struct {
	const char *verb;
	enum operation operation;
	const char *method;
	unsigned bit;
} verbs[] = {
	{"get", OP_GET, "GET", VERB_GET},
	{"list", OP_LIST, "GET", VERB_LIST},
	{"watch", OP_WATCH, "GET", VERB_WATCH},
	{"create", OP_CREATE, "POST", VERB_CREATE},
	{"update", OP_UPDATE, "PUT", VERB_UPDATE},
	{"patch", OP_PATCH, "PATCH", VERB_PATCH},
	{"delete", OP_DELETE, "DELETE", VERB_DELETE},
	{"deletecollection", OP_DELETE_COLLECTION, "DELETE", VERB_DELETE_COLLECTION},
};

static int fill_selectors(struct request *request, const struct local_call *call, struct error *err)
{
	struct request_options *options = &request->options;
	int result;

	options->label_text = arena_str(&request->arena, call->label_selector);
	options->field_text = arena_str(&request->arena, call->field_selector);
	result = selector_parse(options->label_text, &request->arena, &options->labels, err);
	if (result == 0)
		result = selector_parse_fields(options->field_text, &request->arena, &options->fields, err);
	if (result == 0 && call->resource_version.len &&
	    str_parse_uint64(call->resource_version, &options->revision) < 0)
		result = error_set(err, ERR_BAD_REQUEST, "invalid resource version " STR_FMT,
				   STR_ARG(call->resource_version));
	if (request->operation == OP_WATCH && call->resource_version.len == 0) {
		options->send_initial_events = options->send_initial_events_set = true;
		options->bookmarks = true;
	}
	return result;
}

/* Strings are copied: a watch outlives the call. */
static void fill(struct request *request, const struct local_call *call)
{
	struct arena *arena = &request->arena;
	unsigned bit = 0;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eq_c(call->verb, verbs[i].verb)) {
			request->operation = verbs[i].operation;
			request->method = str_from(verbs[i].method);
			bit = verbs[i].bit;
		}
	request->local = true;
	request->trusted = call->trusted;
	if (call->metadata_only)
		request->accepted.kind = MEDIA_PARTIAL;
	request->keeps_managed = call->managed;
	request->options.dry_run = call->dry_run;
	request->lazy = call->lazy;
	request->user = *call->user;
	request->resource = call->resource;
	request->strategy = strategy_find(call->resource);
	if (call->subresource.len)
		request->subresource = resource_subresource(call->resource, call->subresource);
	request->action = action_find(call->resource, call->subresource, bit);
	if (request->action)
		request->operation = OP_ACTION;
	request->info = (struct request_info){
		.is_resource = true,
		.verb = call->verb,
		.group = call->resource->group,
		.version = call->resource->version,
		.name_space = arena_str(arena, call->name_space),
		.resource = call->resource->plural,
		.subresource = call->subresource,
		.name = arena_str(arena, call->name),
	};
	request->local_schema = call->body_schema ? call->body_schema : call->resource->schema;
	request->local_body = call->body;
	request->body = call->patch;
	request->content_type = call->patch_type;
	request->delete_options = call->delete_options;
	request->options.field_manager = call->field_manager;
}

/* Runs what is posted until the request is finished. */
static void wait_for(struct request *request, struct waiter *waiter)
{
	while (!waiter->finished) {
		void (*run)(struct request * request);

		mutex_lock(&waiter->lock);
		while (!waiter->run)
			cond_wait(&waiter->changed, &waiter->lock);
		run = waiter->run;
		waiter->run = NULL;
		mutex_unlock(&waiter->lock);
		run(request);
	}
}

static int take_answer(struct request *request, struct local_answer *ret, struct error *err)
{
	struct response *response = &request->response;
	struct local_answer answer = {.revision = response->revision};

	if (request->status && !str_eq(request->status->status, STR("Success")))
		return status_to_error(request->status, err);
	answer.object = TAKE_PTR(response->object);
	if (answer.object && !answer.revision)
		answer.revision = answer.object->revision;
	answer.items_len = response->items.len;
	if (answer.items_len)
		answer.items = xmemdup(response->items.items, answer.items_len * sizeof(*answer.items));
	response->items.len = 0;
	*ret = answer;
	return 0;
}

int apiserver_call(struct apiserver *server, const struct local_call *call, struct local_answer *ret, struct error *err)
{
	struct waiter waiter = {0};
	struct request *request = request_new(server, &local_home, &waiter);
	int result;

	mutex_init(&waiter.lock);
	cond_init(&waiter.changed);
	fill(request, call);
	result = fill_selectors(request, call, err);
	if (result == 0) {
		request_start(request);
		wait_for(request, &waiter);
		result = take_answer(request, ret, err);
	}
	request_free(request);
	cond_release(&waiter.changed);
	mutex_release(&waiter.lock);
	return result;
}

int apiserver_watch(struct apiserver *server, const struct local_call *call, struct watcher **ret, struct error *err)
{
	struct waiter waiter = {0};
	struct request *request = request_new(server, &local_home, &waiter);
	int result;

	fill(request, call);
	result = fill_selectors(request, call, err);
	if (result == 0) {
		request_start(request); /* to a watcher nothing is posted */
		if (request->response.watcher)
			*ret = TAKE_PTR(request->response.watcher);
		else
			result = status_to_error(request->status, err);
	}
	request_free(request);
	return result;
}
