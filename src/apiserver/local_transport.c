/*
 * The transport of components in the API server's own process; see local_transport.h.
 *
 * A watch's sink is called with the watch's lock held, and closing takes that lock: once watch_close() has returned the
 * sink is never called again.  The watcher itself belongs to the hub's loop and is freed there.
 */
#include "apiserver/local_transport.h"

#include "apiserver/local.h"
#include "apiserver/watch.h"
#include "client/transport.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"

struct local_hub {
	struct apiserver *server;
	struct loop *loop;
	struct thread *thread;
};

struct local_transport {
	struct transport transport;
	struct local_hub *hub;
	struct arena arena; /* of the user */
	struct user_info user;
};

/* --- Calls ------------------------------------------------------------------------------------------------------ */

static struct str patch_media_type(enum patch_type type)
{
	switch (type) {
	case PATCH_TYPE_JSON:
		return STR("application/json-patch+json");
	case PATCH_TYPE_MERGE:
		return STR("application/merge-patch+json");
	case PATCH_TYPE_STRATEGIC:
		return STR("application/strategic-merge-patch+json");
	case PATCH_TYPE_APPLY:
		return STR("application/apply-patch+yaml");
	}
	return STR_EMPTY;
}

static struct str verb_of(const struct api_request *request)
{
	static const char *const verbs[API_OPERATION_MAX] = {"get", "list", "create", "update", "patch", "delete"};

	if (request->operation == API_DELETE && !request->name.len)
		return STR("deletecollection");
	return str_from(verbs[request->operation]);
}

static int local_call(struct transport *transport, const struct api_request *request, struct api_response *ret,
		      struct error *err)
{
	struct local_transport *local = CONTAINER_OF(transport, struct local_transport, transport);
	struct meta_v1_preconditions preconditions = {.uid = request->precondition_uid.len ? &request->precondition_uid
											   : NULL};
	struct meta_v1_delete_options options = {
		.grace_period_seconds = request->grace_period_seconds,
		.preconditions = preconditions.uid ? &preconditions : NULL,
		.propagation_policy = request->propagation_policy.len ? &request->propagation_policy : NULL};
	struct local_call call = {
		.user = &local->user,
		.verb = verb_of(request),
		.resource = request->resource,
		.subresource = request->subresource,
		.name_space = request->namespace,
		.name = request->name,
		.body_schema = request->body_schema,
		.body = request->body,
		.patch = request->patch,
		.patch_type = request->operation == API_PATCH ? patch_media_type(request->patch_type) : STR_EMPTY,
		.delete_options = request->operation == API_DELETE ? &options : NULL,
		.label_selector = request->label_selector,
		.field_selector = request->field_selector,
		.field_manager = request->field_manager,
	};
	struct local_answer answer = {0};

	if (apiserver_call(local->hub->server, &call, &answer, err) < 0)
		return -(int)err->code;
	*ret = (struct api_response){.object = answer.object,
				     .items = answer.items,
				     .items_len = answer.items_len,
				     .revision = answer.revision};
	return 0;
}

/* --- Watches ---------------------------------------------------------------------------------------------------- */

struct transport_watch {
	struct local_hub *hub;
	struct watcher *watcher;
	struct mutex lock;	 /* guards sink, and is held while it is called */
	struct watch_sink *sink; /* NULL: closed */
	struct loop_call start, stop;
};

static enum watch_event_type event_type(enum watcher_event type)
{
	static const enum watch_event_type types[WATCHER_EVENT_MAX] = {
		[WATCHER_ADDED] = WATCH_ADDED,	   [WATCHER_MODIFIED] = WATCH_MODIFIED,
		[WATCHER_DELETED] = WATCH_DELETED, [WATCHER_BOOKMARK] = WATCH_BOOKMARK,
		[WATCHER_ERROR] = WATCH_EVENT_MAX,
	};

	return types[type];
}

static void on_event(void *data, enum watcher_event type, struct object *object, uint64_t revision, bool initial_end)
{
	struct transport_watch *watch = data;

	if (type == WATCHER_ERROR)
		return; /* ended() follows, with the reason */
	mutex_lock(&watch->lock);
	if (watch->sink)
		watch->sink->event(watch->sink, event_type(type), type == WATCHER_BOOKMARK ? NULL : object, revision,
				   initial_end);
	mutex_unlock(&watch->lock);
}

/* The sink's owner queues references: nothing is held back here. */
static size_t pending(void *data UNUSED)
{
	return 0;
}

static void on_ended(void *data, const struct error *err)
{
	struct transport_watch *watch = data;
	struct error why = {0};

	if (err)
		why = *err;
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
	static const struct watcher_sink sink = {.event = on_event, .pending = pending, .ended = on_ended};
	struct transport_watch *watch = CONTAINER_OF(call, struct transport_watch, start);

	watcher_start(watch->watcher, watch->hub->loop, &sink, watch);
}

static void on_stop(struct loop_call *call)
{
	struct transport_watch *watch = CONTAINER_OF(call, struct transport_watch, stop);

	watcher_free(watch->watcher);
	mutex_release(&watch->lock);
	free(watch);
}

static int local_watch(struct transport *transport, const struct api_request *request, uint64_t revision,
		       struct watch_sink *sink, struct transport_watch **ret, struct error *err)
{
	struct local_transport *local = CONTAINER_OF(transport, struct local_transport, transport);
	struct arena cleanup_arena arena = {0};
	struct local_call call = {
		.user = &local->user,
		.verb = STR("watch"),
		.resource = request->resource,
		.name_space = request->namespace,
		.label_selector = request->label_selector,
		.field_selector = request->field_selector,
		.metadata_only = request->metadata_only,
		.resource_version = revision ? arena_printf(&arena, "%llu", (unsigned long long)revision) : STR_EMPTY,
	};
	struct transport_watch *watch;
	struct watcher *watcher;

	if (apiserver_watch(local->hub->server, &call, &watcher, err) < 0)
		return -(int)err->code;
	watch = XNEW(struct transport_watch);
	watch->hub = local->hub;
	watch->watcher = watcher;
	watch->sink = sink;
	watch->start.run = on_start;
	watch->stop.run = on_stop;
	mutex_init(&watch->lock);
	loop_post_call(watch->hub->loop, &watch->start);
	*ret = watch;
	return 0;
}

static void local_watch_close(struct transport_watch *watch)
{
	mutex_lock(&watch->lock);
	watch->sink = NULL;
	mutex_unlock(&watch->lock);
	loop_post_call(watch->hub->loop, &watch->stop);
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

static void local_free(struct transport *transport)
{
	struct local_transport *local = CONTAINER_OF(transport, struct local_transport, transport);

	arena_release(&local->arena);
	free(local);
}

static struct str_slice groups_of(struct str user, struct arena *arena)
{
	VEC_OF(struct str) groups = {0};
	struct str rest, namespace, name;

	if (str_has_prefix(user, STR(SERVICE_ACCOUNT_PREFIX))) {
		rest = str_from_at(user, sizeof(SERVICE_ACCOUNT_PREFIX) - 1);
		str_cut(rest, ':', &namespace, &name);
		vec_push(arena, &groups, STR("system:serviceaccounts"));
		vec_push(arena, &groups, arena_printf(arena, "system:serviceaccounts:" STR_FMT, STR_ARG(namespace)));
	}
	vec_push(arena, &groups, STR("system:authenticated"));
	return (struct str_slice){groups.items, groups.len};
}

struct transport *local_transport_new(void *hub, struct str user)
{
	static const struct transport_ops ops = {local_call, local_watch, local_watch_close, local_free};
	struct local_transport *local = XNEW(struct local_transport);

	local->transport.ops = &ops;
	local->hub = hub;
	local->user.name = arena_str(&local->arena, user);
	local->user.groups = groups_of(local->user.name, &local->arena);
	return &local->transport;
}

static void run_loop(void *loop)
{
	loop_run(loop);
}

int local_hub_new(struct apiserver *server, struct local_hub **ret, struct error *err)
{
	struct local_hub *hub = XNEW(struct local_hub);

	hub->server = server;
	hub->loop = loop_new();
	if (thread_start("local-watch", run_loop, hub->loop, &hub->thread, err) < 0) {
		loop_free(hub->loop);
		free(hub);
		return -(int)err->code;
	}
	*ret = hub;
	return 0;
}

struct local_hub *local_hub_free(struct local_hub *hub)
{
	if (!hub)
		return NULL;
	loop_stop(hub->loop);
	thread_join(hub->thread);
	loop_free(hub->loop);
	free(hub);
	return NULL;
}
