/*
 * The kubelet: the loop that joins informers, the pods' machines, the runtime's events and the node's own object; see
 * kubelet.h.
 *
 * At start everything is adopted before anything is made: the informer must have synced before a sandbox that no pod of
 * the API claims is taken down.
 */
#include "kubelet/kubelet.h"

#include "base/clock.h"
#include "base/log.h"
#include "client/informer_set.h"
#include "kubelet/context.h"
#include "kubelet/kubelet_metrics.h"
#include "kubelet/log_rotate.h"
#include "kubelet/node_object.h"
#include "kubelet/orphans.h"
#include "kubelet/pod.h"
#include "kubelet/pod_view.h"
#include "kubelet/probes.h"
#include "kubelet/qos_cgroups.h"
#include "kubelet/references.h"
#include "kubelet/server.h"
#include "kubelet/tokens.h"
#include "kubelet/volumes.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define WORKERS_MAX    256 /* pods that stop with grace or pull hold one each */
#define EVENT_FLUSH_NS (2 * NS_PER_SEC)

struct kubelet {
	struct kubelet_config config;
	struct kubelet_context context;
	struct loop *loop;
	struct worker_pool *pool;
	struct arena arena;						  /* of what lives as long as the kubelet */
	struct informer *pod_informer, *service_informer, *node_informer; /* the node's own pods, and the node */
	struct informer_handler pod_handler, service_handler, node_handler;
	struct pods *pods;
	struct kubelet_server *server; /* loop thread; NULL: it has none */
	struct node_object *node;
	struct qos_cgroups *qos;
	struct log_rotator *log_rotator;
	struct orphans *orphans;    /* until the API's pods are known */
	struct mutex services_lock; /* guards services, services_len: swapped by the loop, read by workers */
	struct object **services;
	size_t services_len;
};

/* --- Waking, any thread ---------------------------------------------------------------------------------------- */

struct wakeup {
	struct loop_call call;
	struct kubelet *kubelet;
	bool all;
	char uid[64];
};

static void on_wakeup(struct loop_call *call)
{
	struct wakeup *wakeup = CONTAINER_OF(call, struct wakeup, call);

	if (wakeup->all)
		pods_wake_all(wakeup->kubelet->pods);
	else
		pods_wake(wakeup->kubelet->pods, str_from(wakeup->uid));
	free(wakeup);
}

static void post_wakeup(struct kubelet *kubelet, struct str uid, bool all)
{
	struct wakeup *wakeup = XNEW(struct wakeup);

	wakeup->call.run = on_wakeup;
	wakeup->kubelet = kubelet;
	wakeup->all = all;
	memcpy(wakeup->uid, uid.data ? uid.data : "", MIN(uid.len, sizeof(wakeup->uid) - 1));
	loop_post_call(kubelet->loop, &wakeup->call);
}

static void wake(void *cookie, struct str uid)
{
	post_wakeup(cookie, uid, false);
}

static void on_container_stopped(void *data)
{
	struct kubelet *kubelet = data;

	kubelet_server_container_stopped(kubelet->server);
}

struct lookup {
	struct kubelet *kubelet;
	struct arena arena;
	struct str sandbox_id;
};

/* An event names a sandbox; its labels name the pod. */
static void find_pod(void *data)
{
	struct lookup *lookup = data;
	struct runtime_sandbox_status status;
	struct error err = {0};

	if (RUNTIME_CALL(lookup->kubelet->config.runtime, pod_sandbox_status, lookup->sandbox_id, &lookup->arena,
			 &status, &err) == 0)
		wake(lookup->kubelet, runtime_pairs_get(status.labels, STR(LABEL_POD_UID)));
	arena_release(&lookup->arena);
	free(lookup);
}

void kubelet_runtime_event(void *data, const struct runtime_event *event)
{
	struct kubelet *kubelet = data;
	struct lookup *lookup;

	if (event->type == RUNTIME_EVENT_RELIST) {
		post_wakeup(kubelet, STR_EMPTY, true);
		return;
	}
	if (event->type != RUNTIME_EVENT_CONTAINER_STOPPED)
		return; /* what we did ourselves is seen by the turn that did it */
	loop_post(kubelet->loop, on_container_stopped, kubelet);
	lookup = XNEW(struct lookup);
	lookup->kubelet = kubelet;
	lookup->sandbox_id = arena_str(&lookup->arena, event->sandbox_id);
	worker_pool_submit(kubelet->pool, find_pod, lookup);
}

/* --- Informers -------------------------------------------------------------------------------------------------- */

static void on_pod(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct kubelet *kubelet = CONTAINER_OF(handler, struct kubelet, pod_handler);

	/* Deleted and made anew between two events: two pods. */
	if (old && (!new_ || !str_eq(old->meta->uid, new_->meta->uid)))
		pods_set(kubelet->pods, old->meta->uid, NULL);
	if (new_)
		pods_set(kubelet->pods, new_->meta->uid, new_);
	qos_cgroups_changed(kubelet->qos);
}

static void on_pods_synced(struct informer_handler *handler)
{
	struct kubelet *kubelet = CONTAINER_OF(handler, struct kubelet, pod_handler);

	qos_cgroups_changed(kubelet->qos);
	if (kubelet->orphans)
		orphans_remove(TAKE_PTR(kubelet->orphans), kubelet->pod_informer);
}

static void on_node(struct informer_handler *handler, struct object *old UNUSED, struct object *new_)
{
	pods_set_node(CONTAINER_OF(handler, struct kubelet, node_handler)->pods, new_);
}

static void drop_services(struct object **services, size_t len)
{
	for (size_t i = 0; i < len; i++)
		object_unref(services[i]);
	free(services);
}

/* The workers' snapshot of services is made anew. */
static void on_service(struct informer_handler *handler, struct object *old UNUSED, struct object *new_ UNUSED)
{
	struct kubelet *kubelet = CONTAINER_OF(handler, struct kubelet, service_handler);
	size_t len = 0, old_len;
	struct object **services = xcalloc(informer_len(kubelet->service_informer) + 1, sizeof(*services)), **before;

	INFORMER_FOREACH(it, kubelet->service_informer)
	services[len++] = object_ref(it->object);
	mutex_lock(&kubelet->services_lock);
	before = kubelet->services;
	old_len = kubelet->services_len;
	kubelet->services = services;
	kubelet->services_len = len;
	mutex_unlock(&kubelet->services_lock);
	drop_services(before, old_len);
}

static void drop_reference(void *object)
{
	object_unref(object);
}

static void services_of(void *cookie, struct str namespace, struct arena *arena, struct object ***ret, size_t *ret_len)
{
	struct kubelet *kubelet = cookie;
	VEC_OF(struct object *) found = {0};
	MUTEX_GUARD(&kubelet->services_lock);

	for (size_t i = 0; i < kubelet->services_len; i++) {
		struct object *service = kubelet->services[i];
		bool master = str_eq(service->meta->namespace, STR("default")) &&
			      str_eq(service->meta->name, STR("kubernetes"));

		if (!master && !str_eq(service->meta->namespace, namespace))
			continue;
		arena_defer(arena, drop_reference, object_ref(service));
		vec_push(arena, &found, service);
	}
	*ret = found.items;
	*ret_len = found.len;
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

static void make_context(struct kubelet *kubelet)
{
	kubelet->context = (struct kubelet_context){
		.config = &kubelet->config,
		.client = {kubelet->config.transport, STR("kubelet")},
		.runtime = kubelet->config.runtime,
		.recorder = recorder_new(kubelet->config.transport, kubelet->pool, STR("kubelet"),
					 kubelet->config.node_name),
		.pool = kubelet->pool,
		.tokens = tokens_new(),
		.metrics = kubelet_metrics_new(kubelet->config.node_name),
		.pods = client_resource("", "v1", "pods"),
		.nodes = client_resource("", "v1", "nodes"),
		.leases = client_resource("coordination.k8s.io", "v1", "leases"),
		.configmaps = client_resource("", "v1", "configmaps"),
		.secrets = client_resource("", "v1", "secrets"),
		.services = client_resource("", "v1", "services"),
		.serviceaccounts = client_resource("", "v1", "serviceaccounts"),
		.wake = wake,
		.services_of = services_of,
		.cookie = kubelet,
	};
}

struct kubelet *kubelet_new(const struct kubelet_config *config)
{
	struct kubelet *kubelet = XNEW(struct kubelet);

	kubelet->config = *config;
	kubelet->loop = loop_new();
	kubelet->pool = worker_pool_new("kubelet", WORKERS_MAX);
	mutex_init(&kubelet->services_lock);
	make_context(kubelet);
	kubelet->context.references = references_new(&kubelet->context, kubelet->loop);
	kubelet->context.probes = probes_new(&kubelet->context, kubelet->loop, kubelet->pool);
	kubelet->pods = pods_new(&kubelet->context, kubelet->loop, kubelet->pool);
	kubelet->pod_informer = informer_new(&(struct informer_config){
		.loop = kubelet->loop,
		.transport = config->transport,
		.resource = kubelet->context.pods,
		.field_selector = arena_printf(&kubelet->arena, "spec.nodeName=" STR_FMT, STR_ARG(config->node_name))});
	kubelet->service_informer = informer_new(&(struct informer_config){
		.loop = kubelet->loop, .transport = config->transport, .resource = kubelet->context.services});
	kubelet->node_informer = informer_new(&(struct informer_config){
		.loop = kubelet->loop,
		.transport = config->transport,
		.resource = kubelet->context.nodes,
		.field_selector = arena_printf(&kubelet->arena, "metadata.name=" STR_FMT, STR_ARG(config->node_name))});
	kubelet->node_handler = (struct informer_handler){.changed = on_node};
	informer_add_handler(kubelet->node_informer, &kubelet->node_handler);
	kubelet->pod_handler = (struct informer_handler){.changed = on_pod, .synced = on_pods_synced};
	kubelet->service_handler = (struct informer_handler){.changed = on_service};
	informer_add_handler(kubelet->pod_informer, &kubelet->pod_handler);
	informer_add_handler(kubelet->service_informer, &kubelet->service_handler);
	kubelet->qos = qos_cgroups_new(&kubelet->context, kubelet->loop, kubelet->pod_informer);
	kubelet->log_rotator = log_rotator_new(&kubelet->context, kubelet->loop);
	kubelet->node = node_object_new(&kubelet->context, kubelet->loop, kubelet->pool);
	return kubelet;
}

int kubelet_run(struct kubelet *kubelet, struct error *err)
{
	const struct kubelet_server_config server = {.context = &kubelet->context,
						     .loop = kubelet->loop,
						     .pool = kubelet->pool,
						     .pods = kubelet->pod_informer};

	log_set_component("kubelet");
	/* Without a certificate there is nothing to serve with: a kubelet for tests. */
	if (kubelet->config.server_cert.len && kubelet_server_new(&server, &kubelet->server, err) < 0)
		return -(int)err->code;
	if (cgroup_detect(&kubelet->context.cgroups, err) < 0 || qos_cgroups_start(kubelet->qos, err) < 0)
		return error_wrap(err, "cgroups of pods");
	kubelet->orphans = orphans_find(&kubelet->context);
	if (node_object_start(kubelet->node, err) < 0)
		return -(int)err->code;
	log_rotator_start(kubelet->log_rotator);
	informer_start(kubelet->node_informer);
	informer_start(kubelet->service_informer);
	informer_start(kubelet->pod_informer);
	loop_run(kubelet->loop);
	return 0;
}

void kubelet_stop(struct kubelet *kubelet)
{
	loop_stop(kubelet->loop);
}

struct kubelet *kubelet_free(struct kubelet *kubelet)
{
	if (!kubelet)
		return NULL;
	kubelet_server_stop(kubelet->server);
	pods_stop(kubelet->pods);
	probes_stop(kubelet->context.probes);
	node_object_stop(kubelet->node);
	log_rotator_stop(kubelet->log_rotator);
	informer_free(kubelet->node_informer);
	informer_free(kubelet->pod_informer);
	informer_free(kubelet->service_informer);
	recorder_stop(kubelet->context.recorder, EVENT_FLUSH_NS);
	worker_pool_free(kubelet->pool);
	references_stop(kubelet->context.references);
	loop_free(kubelet->loop);
	kubelet_server_free(kubelet->server);
	references_free(kubelet->context.references);
	probes_free(kubelet->context.probes);
	pods_free(kubelet->pods);
	node_object_free(kubelet->node);
	qos_cgroups_free(kubelet->qos);
	log_rotator_free(kubelet->log_rotator);
	orphans_free(kubelet->orphans);
	recorder_free(kubelet->context.recorder);
	tokens_free(kubelet->context.tokens);
	kubelet_metrics_free(kubelet->context.metrics);
	drop_services(kubelet->services, kubelet->services_len);
	mutex_release(&kubelet->services_lock);
	arena_release(&kubelet->arena);
	free(kubelet);
	return NULL;
}

void pod_event(const struct kubelet_context *context, const struct object *pod, const char *field, struct str container,
	       const char *type, const char *reason, const char *format, ...)
{
	struct arena cleanup_arena arena = {0};
	struct str path = STR_EMPTY;
	struct event_record record = {.type = str_from(type), .reason = str_from(reason)};
	va_list args;

	if (field)
		path = arena_printf(&arena, "%s{" STR_FMT "}", field, STR_ARG(container));
	record.involved = recorder_reference(pod, path, &arena);
	va_start(args, format);
	record.message = arena_vprintf(&arena, format, args);
	va_end(args);
	recorder_record(context->recorder, &record);
}
