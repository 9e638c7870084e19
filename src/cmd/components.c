/* What runs in the control plane's process besides the API server; see components.h. */
#include "cmd/components.h"

#include "apiserver/local_transport.h"
#include "apiserver/server.h"
#include "base/clock.h"
#include "controllers/manager.h"
#include "scheduler/scheduler.h"
#include "sys/thread.h"

#define NODE_CIDR_MASK_V4 24
#define NODE_CIDR_MASK_V6 64

struct components {
	struct local_hub *hub;
	struct str cluster_cidr;
	struct controller_manager *manager;
	struct thread *manager_thread;
	struct scheduler *scheduler;
	struct thread *scheduler_thread;
};

static void run_manager(void *manager)
{
	controller_manager_run(manager);
}

static int start_controllers(struct components *components, const struct components_config *config, struct error *err)
{
	struct controller_manager_config manager = {
		.transport_for = local_transport_new,
		.cookie = components->hub,
		.metrics = config->server->metrics,
		.options = {.cluster_ca = config->cluster_ca,
			    .cluster_cidrs = {&components->cluster_cidr, components->cluster_cidr.len ? 1 : 0},
			    .node_cidr_mask_v4 = NODE_CIDR_MASK_V4,
			    .node_cidr_mask_v6 = NODE_CIDR_MASK_V6,
			    .node_monitor_period_ns = config->node_monitor_period_ns,
			    .node_monitor_grace_period_ns = config->node_monitor_grace_period_ns},
	};

	components->manager = controller_manager_new(&manager);
	return thread_start("controllers", run_manager, components->manager, &components->manager_thread, err);
}

static void run_scheduler(void *scheduler)
{
	scheduler_run(scheduler);
}

static int start_scheduler(struct components *components, const struct components_config *config, struct error *err)
{
	struct scheduler_config scheduler = {.transport = local_transport_new(components->hub, STR(SCHEDULER_USER)),
					     .metrics = config->server->metrics};

	components->scheduler = scheduler_new(&scheduler);
	return thread_start("scheduler", run_scheduler, components->scheduler, &components->scheduler_thread, err);
}

int components_start(const struct components_config *config, struct components **ret, struct error *err)
{
	struct components *components = XNEW(struct components);

	components->cluster_cidr = config->cluster_cidr;
	if (local_hub_new(config->server, &components->hub, err) < 0 ||
	    (!config->no_controllers && start_controllers(components, config, err) < 0) ||
	    (!config->no_scheduler && start_scheduler(components, config, err) < 0)) {
		components_stop(components);
		return -(int)err->code;
	}
	*ret = components;
	return 0;
}

struct components *components_stop(struct components *components)
{
	if (!components)
		return NULL;
	if (components->manager_thread) {
		controller_manager_stop(components->manager);
		thread_join(components->manager_thread);
	}
	controller_manager_free(components->manager);
	if (components->scheduler_thread) {
		scheduler_stop(components->scheduler);
		thread_join(components->scheduler_thread);
	}
	scheduler_free(components->scheduler);
	local_hub_free(components->hub);
	free(components);
	return NULL;
}
