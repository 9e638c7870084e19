/*
 * The ReplicaSet controller: keeps as many pods of a template as spec.replicas says.
 *
 * Inputs: ReplicaSets and Pods.  Writes: pods (create, delete, adopt, release) and replicasets/status.  Pods are
 * claimed by selector and controller reference as upstream claims them: a matching orphan is adopted, an owned pod that
 * no longer matches is released.  Behaviour: facts/controllers.txt, `rs`.
 */
#include "base/clock.h"
#include "controllers/controller.h"
#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "logic/pod.h"
#include "types/copy.h"
#include "types/gen/apps_v1.h"
#include "types/selector.h"

#define BURST_REPLICAS 500 /* creates or deletes of one plan */

struct replicaset {
	struct reconciler *reconciler;
	const struct resource *replicasets, *pods;
	struct informer *replicaset_informer, *pod_informer;
	int pods_by_owner;
};

struct inputs {
	const struct replicaset *controller;
	struct object *object;
	struct object_slice candidates;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct replicaset *controller = cookie;
	struct object *object = informer_get(controller->replicaset_informer, key);
	struct inputs *inputs;

	if (!object)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	inputs->candidates =
		pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner, object->meta);
	return inputs;
}

static void plan_creates(struct plan *plan, const struct inputs *inputs, size_t count)
{
	const struct apps_v1_replica_set *set = OBJECT_AS(apps_v1_replica_set, inputs->object);
	struct core_v1_pod pod = pod_control_from_template(&set->spec.template, inputs->object, plan->arena);

	for (size_t i = 0; i < count; i++) {
		struct change *change =
			plan_create(plan, inputs->controller->pods, ARENA_DUP(plan->arena, struct core_v1_pod, &pod));

		change->on_success = (struct change_event){"SuccessfulCreate", "Created pod: %s"};
		change->on_failure = (struct change_event){"FailedCreate", "Error creating: %s"};
	}
}

static void plan_deletes(struct plan *plan, const struct inputs *inputs, struct object_slice active, size_t count)
{
	pod_control_rank_for_deletion(active);
	for (size_t i = 0; i < count; i++) {
		struct change *change = plan_delete(plan, inputs->controller->pods, active.items[i]->meta);

		change->independent = true;
		change->on_success = (struct change_event){"SuccessfulDelete", "Deleted pod: %s"};
		change->on_failure = (struct change_event){"FailedDelete", "Error deleting: %s"};
	}
}

/* Does the pod carry every label of the template? */
static bool fully_labeled(const struct core_v1_pod *pod, const struct str_map *labels)
{
	SLICE_FOREACH (label, *labels) {
		const struct str *value = str_map_get(&pod->metadata.labels, label->key);

		if (!value || !str_eq(*value, label->value))
			return false;
	}
	return true;
}

static struct apps_v1_replica_set_status count_pods(const struct apps_v1_replica_set *set, struct object_slice active,
						    int32_t terminating, int64_t now, struct plan *plan)
{
	struct apps_v1_replica_set_status status = set->status;
	const struct str_map *labels = &set->spec.template.metadata.labels;

	status.replicas = (int32_t)active.len;
	status.fully_labeled_replicas = status.ready_replicas = status.available_replicas = 0;
	status.terminating_replicas = ARENA_DUP(plan->arena, int32_t, &terminating);
	status.observed_generation = set->metadata.generation;
	for (size_t i = 0; i < active.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, active.items[i]);
		int64_t wait;

		status.fully_labeled_replicas += fully_labeled(pod, labels);
		status.ready_replicas += pod_is_ready(pod);
		if (pod_is_available(pod, set->spec.min_ready_seconds, now, &wait))
			status.available_replicas++;
		else if (wait && (!plan->requeue_after_ns || wait < plan->requeue_after_ns))
			plan->requeue_after_ns = wait;
	}
	return status;
}

static void plan_replicas(struct plan *plan, const struct inputs *inputs, struct object_slice active, int32_t replicas)
{
	if (active.len < (size_t)replicas)
		plan_creates(plan, inputs, MIN((size_t)replicas - active.len, (size_t)BURST_REPLICAS));
	else if (active.len > (size_t)replicas)
		plan_deletes(plan, inputs, active, MIN(active.len - (size_t)replicas, (size_t)BURST_REPLICAS));
}

static void plan_set(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct apps_v1_replica_set *set = OBJECT_AS(apps_v1_replica_set, inputs->object);
	struct apps_v1_replica_set next = *set;
	struct object_slice active;
	int32_t terminating;
	struct change *change;

	plan->involved = inputs->object;
	active = pod_control_claim(plan, inputs->controller->pods, inputs->object, set->spec.selector,
				   inputs->candidates, &terminating);
	/* The status first: it tells what was seen, and creating pods may fail for long. */
	next.status = count_pods(set, active, terminating, now, plan);
	change = plan_diff(plan, inputs->controller->replicasets, set, &next, "status", "status");
	if (change)
		change->independent = change->tolerate_missing = true;
	if (!set->metadata.deletion_timestamp)
		plan_replicas(plan, inputs, active, set->spec.replicas ? *set->spec.replicas : 1);
}

static const struct meta_v1_label_selector *selector_of(const struct object *set)
{
	return OBJECT_AS(apps_v1_replica_set, set)->spec.selector;
}

/* A pod's key is its controller's; an orphan is everybody's whose selector it matches. */
static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	struct replicaset *controller = cookie;

	pod_control_owner_keys(pod, STR("ReplicaSet"), controller->replicaset_informer, selector_of, keys);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "replicaset-controller", .gather = gather, .plan = plan_set, .workers = 5};
	struct replicaset *controller = XNEW(struct replicaset);

	controller->replicasets = client_resource("apps", "v1", "replicasets");
	controller->pods = client_resource("", "v1", "pods");
	controller->replicaset_informer = informer_set_get(context->informers, controller->replicasets);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->replicaset_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_pod);
	return controller;
}

static void stop(void *state)
{
	struct replicaset *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct replicaset *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_replicaset = {"replicaset-controller", "replicaset-controller", start, stop,
						 release};
