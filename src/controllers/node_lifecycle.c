/*
 * The node lifecycle controller: notices nodes that no longer answer, and says so in conditions, taints and pods.
 *
 * A node lives while its Lease or its status moves; how long ago that was is measured on our clock from when we saw it
 * move, so a node's clock does not matter.  After the grace period its conditions become Unknown; taints follow the
 * conditions; the pods of a node that is not ready are marked not ready.  Rules: facts/controllers.txt, `nl`.
 */
#include "base/clock.h"
#include "base/map.h"
#include "controllers/controller.h"
#include "controllers/node_taints.h"
#include "logic/pod.h"
#include "types/copy.h"
#include "types/gen/coordination_v1.h"

struct node_lifecycle {
	struct reconciler *reconciler;
	const struct resource *nodes, *pods, *leases;
	struct informer *node_informer, *pod_informer, *lease_informer;
	int pods_by_node;
	int64_t grace_ns;
	struct map seen; /* node name -> struct heartbeat */
};

struct heartbeat {
	struct str name; /* follows the struct */
	struct timestamp lease, status;
	int64_t at; /* when we saw either move; monotonic */
};

struct inputs {
	const struct node_lifecycle *controller;
	struct object *object;
	struct object_slice pods;
	int64_t silent_ns; /* since the last sign of life */
};

static void index_by_node(const struct object *pod, struct informer_keys *values)
{
	const struct core_v1_pod *typed = OBJECT_AS(core_v1_pod, pod);

	if (typed->spec.node_name.len)
		informer_keys_add(values, typed->spec.node_name);
}

static struct heartbeat *heartbeat_of(struct node_lifecycle *controller, struct str name, int64_t now)
{
	struct heartbeat *heartbeat = map_get(&controller->seen, name);
	char *copy;

	if (heartbeat)
		return heartbeat;
	heartbeat = xcalloc(1, sizeof(*heartbeat) + name.len + 1);
	copy = (char *)(heartbeat + 1);
	memcpy(copy, name.data, name.len);
	heartbeat->name = (struct str){copy, name.len};
	heartbeat->at = now; /* the grace of a node begins when we first see it */
	map_set(&controller->seen, heartbeat->name, heartbeat);
	return heartbeat;
}

static bool moved(struct timestamp *before, struct timestamp now)
{
	bool changed = before->seconds != now.seconds || before->nanos != now.nanos;

	*before = now;
	return changed;
}

/* Nanoseconds since the node last moved. */
static int64_t silence(struct node_lifecycle *controller, const struct core_v1_node *node)
{
	int64_t now = clock_monotonic_ns();
	struct heartbeat *heartbeat = heartbeat_of(controller, node->metadata.name, now);
	struct object *lease =
		informer_get_named(controller->lease_informer, STR("kube-node-lease"), node->metadata.name);
	const struct timestamp *renewed = lease ? OBJECT_AS(coordination_v1_lease, lease)->spec.renew_time : NULL;
	struct timestamp status = {0};
	bool alive;

	SLICE_FOREACH (condition, node->status.conditions)
		if (str_eq(condition->type, STR("Ready")))
			status = condition->last_heartbeat_time;
	alive = moved(&heartbeat->lease, renewed ? *renewed : (struct timestamp){0});
	alive = moved(&heartbeat->status, status) || alive;
	if (alive)
		heartbeat->at = now;
	return now - heartbeat->at;
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct node_lifecycle *controller = cookie;
	struct object *object = informer_get(controller->node_informer, key);
	struct inputs *inputs;

	if (!object) {
		free(map_remove(&controller->seen, key));
		return NULL;
	}
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	inputs->silent_ns = silence(controller, OBJECT_AS(core_v1_node, object));
	inputs->pods = reconciler_hold_indexed(arena, controller->pod_informer, controller->pods_by_node, key);
	return inputs;
}

/* --- Conditions of a node that does not answer -------------------------------------------------------------------- */

static struct core_v1_node_condition unknown(const struct core_v1_node *node, const char *type, int64_t now)
{
	struct timestamp time = {.seconds = now / NS_PER_SEC, .is_set = true};

	SLICE_FOREACH (before, node->status.conditions) {
		struct core_v1_node_condition next = *before;

		if (!str_eq_c(before->type, type))
			continue;
		if (!str_eq(before->status, STR("Unknown"))) {
			next.status = STR("Unknown");
			next.reason = STR("NodeStatusUnknown");
			next.message = STR("Kubelet stopped posting node status.");
			next.last_transition_time = time;
		}
		return next;
	}
	return (struct core_v1_node_condition){.type = str_from(type),
					       .status = STR("Unknown"),
					       .reason = STR("NodeStatusNeverUpdated"),
					       .message = STR("Kubelet never posted node status."),
					       .last_heartbeat_time = node->metadata.creation_timestamp,
					       .last_transition_time = time};
}

static struct core_v1_node_condition_slice silenced(const struct core_v1_node *node, int64_t now, struct arena *arena)
{
	static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
	VEC_OF(struct core_v1_node_condition) all = {0};

	SLICE_FOREACH (condition, node->status.conditions) {
		bool ours = false;

		for (size_t i = 0; i < ARRAY_LEN(types); i++)
			ours = ours || str_eq_c(condition->type, types[i]);
		vec_push(arena, &all, ours ? unknown(node, str_c(condition->type), now) : *condition);
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!node_condition_status(node, str_from(types[i])).len)
			vec_push(arena, &all, unknown(node, types[i], now));
	return (struct core_v1_node_condition_slice){all.items, all.len};
}

/* --- Pods of a node that is not ready ------------------------------------------------------------------------------
 */

static void plan_pod(struct plan *plan, const struct inputs *inputs, struct object *object, int64_t now)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));
	struct core_v1_pod_condition *all;
	struct core_v1_pod next = *pod;
	struct event_record record = {
		.type = STR("Warning"), .reason = STR("NodeNotReady"), .message = STR("Node is not ready")};
	struct change *change;

	if (!ready || !str_eq(ready->status, STR("True")))
		return;
	all = arena_memdup(plan->arena, pod->status.conditions.items, pod->status.conditions.len * sizeof(*all));
	for (size_t i = 0; i < pod->status.conditions.len; i++)
		if (str_eq(all[i].type, STR("Ready"))) {
			all[i].status = STR("False");
			all[i].last_transition_time = (struct timestamp){.seconds = now / NS_PER_SEC, .is_set = true};
		}
	next.status.conditions.items = all;
	change = plan_diff(plan, inputs->controller->pods, pod, &next, "status", "status");
	if (change)
		change->independent = change->tolerate_missing = true;
	record.involved = recorder_reference(object, STR_EMPTY, plan->arena);
	vec_push(plan->arena, &plan->events, record);
}

/* A patch of the spec that fails when somebody else changed the node meanwhile: taints are one list of many owners. */
static void plan_taints(struct plan *plan, const struct inputs *inputs, const struct core_v1_node *node, int64_t now)
{
	struct core_v1_node next = *node;
	struct str patch;

	next.spec.taints = node_taints(node, now, plan->arena);
	if (equal_struct(&schema_core_v1_node_spec, &node->spec, &next.spec))
		return;
	patch = client_diff(inputs->controller->nodes->schema, node, &next, "spec", plan->arena);
	plan_patch(plan, inputs->controller->nodes, STR_EMPTY, node->metadata.name, NULL, PATCH_TYPE_MERGE,
		   arena_printf(plan->arena, "{\"metadata\":{\"resourceVersion\":\"" STR_FMT "\"}," STR_FMT,
				STR_ARG(inputs->object->meta->resource_version), STR_ARG(str_from_at(patch, 1))))
		->tolerate_missing = true;
}

static void plan_node(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_node *node = OBJECT_AS(core_v1_node, inputs->object);
	int64_t grace = inputs->controller->grace_ns;
	struct core_v1_node next = *node;

	plan->involved = inputs->object;
	if (inputs->silent_ns >= grace) {
		next.status.conditions = silenced(node, now, plan->arena);
		if (plan_diff(plan, inputs->controller->nodes, node, &next, "status", "status") &&
		    str_eq(node_condition_status(node, STR("Ready")), STR("True")))
			plan_event(plan, "Normal", "NodeNotReady", "Node " STR_FMT " status is now: NodeNotReady",
				   STR_ARG(node->metadata.name));
	} else {
		plan->requeue_after_ns = grace - inputs->silent_ns + NS_PER_MS;
	}
	if (!str_eq(node_condition_status(&next, STR("Ready")), STR("True")))
		for (size_t i = 0; i < inputs->pods.len; i++)
			plan_pod(plan, inputs, inputs->pods.items[i], now);
	/* Taints follow what is written: after a change of conditions they are set by the next plan. */
	if (next.status.conditions.items == node->status.conditions.items ||
	    equal_struct(&schema_core_v1_node_status, &next.status, &node->status))
		plan_taints(plan, inputs, node, now);
}

static void map_lease(void *cookie UNUSED, const struct object *lease, struct informer_keys *keys)
{
	if (str_eq(lease->meta->namespace, STR("kube-node-lease")))
		informer_keys_add(keys, lease->meta->name);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "node-controller", .gather = gather, .plan = plan_node, .workers = 8};
	struct node_lifecycle *controller = XNEW(struct node_lifecycle);

	controller->grace_ns = context->options->node_monitor_grace_period_ns;
	controller->nodes = client_resource("", "v1", "nodes");
	controller->pods = client_resource("", "v1", "pods");
	controller->leases = client_resource("coordination.k8s.io", "v1", "leases");
	controller->node_informer = informer_set_get(context->informers, controller->nodes);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->lease_informer = informer_set_get(context->informers, controller->leases);
	controller->pods_by_node = informer_set_index(context->informers, controller->pods, index_by_node);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->node_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->lease_informer, map_lease);
	reconciler_add_input(controller->reconciler, controller->pod_informer);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct node_lifecycle *)state)->reconciler);
}

static void release(void *state)
{
	struct node_lifecycle *controller = state;

	reconciler_free(controller->reconciler);
	MAP_FOREACH (it, &controller->seen)
		free(it->value);
	map_release(&controller->seen);
	free(controller);
}

const struct controller controller_node_lifecycle = {"node-lifecycle-controller", "node-controller", start, stop,
						     release};
