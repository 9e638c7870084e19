/*
 * The taint eviction controller: deletes pods that do not tolerate a NoExecute taint of their node, at once or after
 * the time they tolerate it.  Rules: facts/controllers.txt, `te`.
 */
#include "base/clock.h"
#include "controllers/controller.h"
#include "logic/pod.h"
#include "logic/toleration.h"
#include "types/gen/core_v1.h"

struct taint_eviction {
	struct reconciler *reconciler;
	const struct resource *nodes, *pods;
	struct informer *node_informer, *pod_informer;
	int pods_by_node;
};

struct inputs {
	const struct taint_eviction *controller;
	struct object *pod, *node;
};

static void index_by_node(const struct object *pod, struct informer_keys *values)
{
	const struct core_v1_pod *typed = OBJECT_AS(core_v1_pod, pod);

	if (typed->spec.node_name.len)
		informer_keys_add(values, typed->spec.node_name);
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct taint_eviction *controller = cookie;
	struct object *pod = informer_get(controller->pod_informer, key), *node;
	struct inputs *inputs;

	if (!pod || pod->meta->deletion_timestamp || !OBJECT_AS(core_v1_pod, pod)->spec.node_name.len)
		return NULL;
	node = informer_get(controller->node_informer, OBJECT_AS(core_v1_pod, pod)->spec.node_name);
	if (!node)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->pod = reconciler_hold(arena, pod);
	inputs->node = reconciler_hold(arena, node);
	return inputs;
}

static void plan_eviction(struct plan *plan, const struct inputs *inputs, int64_t now)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, inputs->pod);
	struct timestamp time = {.seconds = now / NS_PER_SEC, .is_set = true};
	struct core_v1_pod next = *pod;
	struct change *change;

	next.status.conditions = pod_conditions_with(
		pod->status.conditions,
		(struct core_v1_pod_condition){.type = STR("DisruptionTarget"),
					       .observed_generation = pod->metadata.generation,
					       .status = STR("True"),
					       .last_transition_time = time,
					       .reason = STR("DeletionByTaintManager"),
					       .message = STR("Taint manager: deleting due to NoExecute taint")},
		plan->arena);
	change = plan_diff(plan, inputs->controller->pods, pod, &next, "status", "status");
	if (change)
		change->tolerate_missing = change->independent = true;
	plan_event(plan, "Normal", "TaintManagerEviction", "Marking for deletion Pod " STR_FMT "/" STR_FMT,
		   STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name));
	plan_delete(plan, inputs->controller->pods, &pod->metadata);
}

static void plan_pod(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_node *node = OBJECT_AS(core_v1_node, inputs->node);
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, inputs->pod);
	int64_t evict_at = INT64_MAX;

	plan->involved = inputs->pod;
	SLICE_FOREACH (taint, node->spec.taints) {
		int64_t seconds, since;

		if (!str_eq(taint->effect, STR("NoExecute")))
			continue;
		since = taint->time_added ? taint->time_added->seconds * NS_PER_SEC : now;
		seconds = tolerated_seconds(&pod->spec.tolerations, taint);
		if (seconds >= 0)
			evict_at = MIN(evict_at, since + seconds * NS_PER_SEC);
	}
	if (evict_at == INT64_MAX)
		return;
	if (evict_at <= now)
		plan_eviction(plan, inputs, now);
	else
		plan->requeue_after_ns = evict_at - now;
}

/* A node's taints concern all of its pods. */
static void queue_pods(struct taint_eviction *controller, const struct object *node)
{
	struct arena cleanup_arena arena = {0};

	INFORMER_FOREACH_INDEXED(it, controller->pod_informer, controller->pods_by_node, node->meta->name)
	reconciler_queue(controller->reconciler, object_key(it->object, &arena));
}

static void map_node(void *cookie, const struct object *node, struct informer_keys *keys UNUSED)
{
	SLICE_FOREACH (taint, OBJECT_AS(core_v1_node, node)->spec.taints)
		if (str_eq(taint->effect, STR("NoExecute"))) {
			queue_pods(cookie, node);
			break;
		}
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "taint-eviction-controller", .gather = gather, .plan = plan_pod, .workers = 8};
	struct taint_eviction *controller = XNEW(struct taint_eviction);

	controller->nodes = client_resource("", "v1", "nodes");
	controller->pods = client_resource("", "v1", "pods");
	controller->node_informer = informer_set_get(context->informers, controller->nodes);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->pods_by_node = informer_set_index(context->informers, controller->pods, index_by_node);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->pod_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->node_informer, map_node);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct taint_eviction *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct taint_eviction *)state)->reconciler);
	free(state);
}

const struct controller controller_taint_eviction = {"taint-eviction-controller", "node-controller", start, stop,
						     release};
