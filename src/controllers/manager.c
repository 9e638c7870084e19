/* The controller manager; see manager.h. */
#include "controllers/manager.h"

#include "base/clock.h"
#include "base/log.h"
#include "component/queue_metrics.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define WORKERS_MAX	       64
#define EVENT_FLUSH_NS	       (2 * NS_PER_SEC)
#define WATCHER_USER	       "system:kube-controller-manager"
#define SERVICE_ACCOUNT_PREFIX "system:serviceaccount:kube-system:"

struct reconciler *controller_reconciler(struct controller_context *context, const struct reconciler_ops *ops,
					 void *cookie)
{
	struct queue_metrics *counted = ARENA_NEW(context->arena, struct queue_metrics);

	queue_metrics_init(counted, context->metrics, ops->name);
	return reconciler_new(&(struct reconciler_config){.ops = ops,
							  .cookie = cookie,
							  .loop = context->loop,
							  .pool = context->pool,
							  .transport = context->transport,
							  .recorder = context->recorder,
							  .observer = &queue_observer,
							  .observer_data = counted});
}

struct running {
	const struct controller *controller;
	struct controller_context context;
	void *state;
};

struct controller_manager {
	struct controller_manager_config config;
	struct arena arena;
	struct loop *loop;
	struct worker_pool *pool;
	struct transport *watcher;
	struct informer_set *informers;
	struct running *items;
	size_t len;
};

static const struct controller *const all[] = {
#define X(name) &controller_##name,
	CONTROLLERS(X)
#undef X
};

static bool wanted(const struct str_slice *names, const struct controller *controller)
{
	bool by_star = names->len == 0;

	SLICE_FOREACH (name, *names) {
		if (str_eq_c(*name, controller->name))
			return true;
		if (name->len && name->data[0] == '-' && str_eq_c(str_from_at(*name, 1), controller->name))
			return false;
		by_star = by_star || str_eq(*name, STR("*"));
	}
	return by_star;
}

static void start_controller(struct controller_manager *manager, const struct controller *controller)
{
	struct str user = arena_printf(&manager->arena, SERVICE_ACCOUNT_PREFIX "%s", controller->service_account);
	struct running *running = &manager->items[manager->len++];

	*running =
		(struct running){.controller = controller,
				 .context = {.arena = &manager->arena,
					     .metrics = manager->config.metrics,
					     .loop = manager->loop,
					     .pool = manager->pool,
					     .informers = manager->informers,
					     .transport = manager->config.transport_for(manager->config.cookie, user),
					     .options = &manager->config.options}};
	running->context.recorder = recorder_new(
		running->context.transport, manager->pool,
		str_from(controller->event_source ? controller->event_source : controller->name), STR_EMPTY);
	running->state = controller->start(&running->context);
}

struct controller_manager *controller_manager_new(const struct controller_manager_config *config)
{
	struct controller_manager *manager = XNEW(struct controller_manager);

	manager->config = *config;
	manager->loop = loop_new();
	manager->pool = worker_pool_new("controller", WORKERS_MAX);
	manager->watcher = config->transport_for(config->cookie, STR(WATCHER_USER));
	manager->informers = informer_set_new(manager->loop, manager->watcher);
	manager->items = xcalloc(ARRAY_LEN(all), sizeof(*manager->items));
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (wanted(&config->controllers, all[i]))
			start_controller(manager, all[i]);
	return manager;
}

void controller_manager_run(struct controller_manager *manager)
{
	log_set_component("controller-manager");
	informer_set_start(manager->informers);
	loop_run(manager->loop);
}

void controller_manager_stop(struct controller_manager *manager)
{
	loop_stop(manager->loop);
}

/*
 * The order matters: controllers take no more work; informers drop their watches; the pool waits for jobs under way,
 * which may still record events; the loop runs what those jobs posted; only then can nothing reach a reconciler.
 */
struct controller_manager *controller_manager_free(struct controller_manager *manager)
{
	if (!manager)
		return NULL;
	for (size_t i = 0; i < manager->len; i++)
		manager->items[i].controller->stop(manager->items[i].state);
	informer_set_free(manager->informers);
	for (size_t i = 0; i < manager->len; i++)
		recorder_stop(manager->items[i].context.recorder, EVENT_FLUSH_NS);
	worker_pool_free(manager->pool);
	loop_free(manager->loop);
	for (size_t i = 0; i < manager->len; i++) {
		manager->items[i].controller->free(manager->items[i].state);
		recorder_free(manager->items[i].context.recorder);
		transport_free(manager->items[i].context.transport);
	}
	transport_free(manager->watcher);
	free(manager->items);
	arena_release(&manager->arena);
	free(manager);
	return NULL;
}
