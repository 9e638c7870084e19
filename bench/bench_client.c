/*
 * What it costs a controller to wait until its informer shows what it wrote, with many keys waiting at the same time:
 * every key writes once, then the events of these writes come one by one.
 */
#include "bench.h"

#include <stdatomic.h>

#include "client/fake_transport.h"
#include "client/reconciler.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/gen/core_v1.h"

#define KEYS 5000

struct controller {
	struct fake_transport fake;
	struct loop *loop;
	struct informer *informer;
	struct reconciler *reconciler;
	struct loop_defer look;
	atomic_uint writes, plans;
	unsigned wanted; /* plans */
};

static struct object *state(unsigned i, const char *data, uint64_t revision)
{
	char name[16];

	snprintf(name, sizeof(name), "m%u", i);
	return fake_config_map("ns", name, data, revision);
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct controller *controller = cookie;

	return reconciler_hold(arena, informer_get(controller->informer, key));
}

static void plan_map(void *cookie, const void *inputs, int64_t now UNUSED, struct plan *plan)
{
	const struct core_v1_config_map *map = OBJECT_AS(core_v1_config_map, (const struct object *)inputs);

	atomic_fetch_add(&((struct controller *)cookie)->plans, 1);
	if (!str_eq(map->data.items[0].value, STR("done")))
		plan_patch(plan, client_resource("", "v1", "configmaps"), map->metadata.namespace, map->metadata.name,
			   NULL, PATCH_TYPE_MERGE, STR("{\"data\":{\"data\":\"done\"}}"));
}

static int answer(struct fake_transport *fake, const struct api_request *request UNUSED, struct api_response *ret,
		  struct error *err UNUSED)
{
	struct controller *controller = CONTAINER_OF(fake, struct controller, fake);

	ret->revision = KEYS + 1 + atomic_fetch_add(&controller->writes, 1);
	return 0;
}

/* Ends the loop once all plans are made and nothing is under way; looked at whenever the loop has turned. */
static void on_look(struct loop_defer *defer)
{
	struct controller *controller = CONTAINER_OF(defer, struct controller, look);

	if (atomic_load(&controller->plans) == controller->wanted && reconciler_busy(controller->reconciler) == 0)
		loop_stop(controller->loop);
	else
		loop_defer(&controller->look);
}

static void run(struct controller *controller, unsigned plans)
{
	controller->wanted = plans;
	loop_defer(&controller->look);
	loop_run(controller->loop);
}

int main(void)
{
	static const struct reconciler_ops ops = {.name = "bench", .gather = gather, .plan = plan_map, .workers = 8};
	struct worker_pool *pool = worker_pool_new("bench", 8);
	struct controller controller = {.loop = loop_new()};
	int64_t began;

	fake_transport_init(&controller.fake);
	controller.fake.answer = answer;
	controller.informer =
		informer_new(&(struct informer_config){.loop = controller.loop,
						       .transport = &controller.fake.transport,
						       .resource = client_resource("", "v1", "configmaps")});
	controller.reconciler = reconciler_new(&(struct reconciler_config){.ops = &ops,
									   .cookie = &controller,
									   .loop = controller.loop,
									   .pool = pool,
									   .transport = &controller.fake.transport});
	loop_defer_init(&controller.look, controller.loop, on_look);
	reconciler_add_source(controller.reconciler, controller.informer, NULL);
	informer_start(controller.informer);
	for (unsigned i = 0; i < KEYS; i++)
		fake_send(&controller.fake, WATCH_ADDED, state(i, "x", i + 1), i + 1, false);
	fake_send(&controller.fake, WATCH_BOOKMARK, NULL, KEYS, true);
	run(&controller, KEYS);
	began = clock_monotonic_ns();
	for (unsigned i = 0; i < KEYS; i++)
		fake_send(&controller.fake, WATCH_MODIFIED, state(i, "done", KEYS + 1 + i), KEYS + 1 + i, false);
	run(&controller, 2 * KEYS);
	bench_print("client/event while 5000 keys wait", (double)(clock_monotonic_ns() - began) / KEYS, "ns");
	reconciler_stop(controller.reconciler);
	informer_free(controller.informer);
	worker_pool_free(pool);
	loop_free(controller.loop);
	reconciler_free(controller.reconciler);
	return 0;
}
