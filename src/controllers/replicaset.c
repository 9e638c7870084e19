/*
 * The ReplicaSet controller: keeps as many pods of a template as spec.replicas says.
 *
 * Inputs: ReplicaSets and Pods.  Writes: pods (create, delete, adopt, release) and replicasets/status.  Pods are
 * claimed by selector and controller reference as upstream claims them: a matching orphan is adopted, an owned pod that
 * no longer matches is released.  Behaviour: facts/controllers.txt, `rs`.  ReplicationControllers are kept the same
 * way, seen as ReplicaSets; what they have of their own is replicationcontroller.c.
 */
#include "controllers/replicaset.h"

#include "base/clock.h"
#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "logic/pod.h"
#include "types/copy.h"
#include "types/gen/apps_v1.h"
#include "types/selector.h"

#define BURST_REPLICAS 500 /* creates or deletes of one plan */

struct replicaset {
	const struct replica_kind *kind;
	struct reconciler_ops ops;
	struct reconciler *reconciler;
	const struct resource *sets, *pods;
	struct informer *set_informer, *pod_informer;
	int pods_by_owner, sets_by_owner;
};

/* Pods of all sets with the same controller, as a Deployment has in a rollout: they tell how crowded a node is. */
static struct object_slice related_pods(const struct replicaset *controller, const struct object *set,
					struct arena *arena)
{
	const struct meta_v1_owner_reference *owner = owner_controller(set->meta);
	VEC_OF(struct object *) all = {0};

	if (!owner)
		return reconciler_hold_indexed(arena, controller->pod_informer, controller->pods_by_owner,
					       set->meta->uid);
	INFORMER_FOREACH_INDEXED(other, controller->set_informer, controller->sets_by_owner, owner->uid)
	INFORMER_FOREACH_INDEXED(pod, controller->pod_informer, controller->pods_by_owner, other->object->meta->uid)
	vec_push(arena, &all, reconciler_hold(arena, pod->object));
	return (struct object_slice){all.items, all.len};
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct replicaset *controller = cookie;
	struct object *object = informer_get(controller->set_informer, key);
	struct replicaset_inputs *inputs;

	if (!object)
		return NULL;
	inputs = ARENA_NEW(arena, struct replicaset_inputs);
	inputs->kind = controller->kind;
	inputs->sets = controller->sets;
	inputs->pods = controller->pods;
	inputs->related = related_pods(controller, object, arena);
	inputs->object = reconciler_hold(arena, object);
	inputs->candidates =
		pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner, object->meta);
	return inputs;
}

static void plan_creates(struct plan *plan, const struct replicaset_inputs *inputs,
			 const struct apps_v1_replica_set *set, size_t count)
{
	struct core_v1_pod pod = pod_control_from_template(&set->spec.template, inputs->object, plan->arena);

	for (size_t i = 0; i < count; i++)
		pod_control_plan_create(plan, inputs->pods, ARENA_DUP(plan->arena, struct core_v1_pod, &pod));
}

static void plan_deletes(struct plan *plan, const struct replicaset_inputs *inputs, struct object_slice active,
			 size_t count, int64_t now)
{
	if (count < active.len)
		pod_control_rank_for_deletion(active, inputs->related, now, plan->arena);
	for (size_t i = 0; i < count; i++)
		pod_control_plan_delete(plan, inputs->pods, active.items[i]);
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
		plan_requeue_within(plan, wait);
	}
	return status;
}

/* Upstream's ReplicaFailure: the first pod that could not be made or deleted, until one try goes well. */
static void set_failure(struct apps_v1_replica_set_status *status, size_t active, int32_t replicas, int64_t now,
			const struct replicaset_inputs *inputs, struct plan *plan)
{
	const struct change_failure *failure = NULL;
	VEC_OF(struct apps_v1_replica_set_condition) conditions = {0};

	for (size_t i = 0; i < plan->failures.len && !failure; i++)
		if (plan->failures.items[i].resource == inputs->pods && plan->failures.items[i].operation != API_PATCH)
			failure = &plan->failures.items[i];
	SLICE_FOREACH (condition, status->conditions) {
		if (str_eq(condition->type, STR("ReplicaFailure"))) {
			if (!failure)
				continue;
			failure = NULL; /* told already */
		}
		vec_push(plan->arena, &conditions, *condition);
	}
	if (failure)
		vec_push(plan->arena, &conditions,
			 (struct apps_v1_replica_set_condition){
				 .type = STR("ReplicaFailure"),
				 .status = STR("True"),
				 .last_transition_time = {now / NS_PER_SEC, 0, true},
				 .reason = active < (size_t)replicas   ? STR("FailedCreate")
					   : active > (size_t)replicas ? STR("FailedDelete")
								       : STR_EMPTY,
				 .message = failure->message});
	status->conditions = (struct apps_v1_replica_set_condition_slice){conditions.items, conditions.len};
}

static void plan_replicas(struct plan *plan, const struct replicaset_inputs *inputs,
			  const struct apps_v1_replica_set *set, struct object_slice active, int32_t replicas,
			  int64_t now)
{
	if (active.len < (size_t)replicas)
		plan_creates(plan, inputs, set, MIN((size_t)replicas - active.len, (size_t)BURST_REPLICAS));
	else if (active.len > (size_t)replicas)
		plan_deletes(plan, inputs, active, MIN(active.len - (size_t)replicas, (size_t)BURST_REPLICAS), now);
}

void replicaset_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct replicaset_inputs *inputs = data;
	const struct apps_v1_replica_set *set = inputs->kind->view(inputs->object, plan->arena);
	struct apps_v1_replica_set_status status;
	struct object_slice active;
	int32_t terminating, replicas = set->spec.replicas ? *set->spec.replicas : 1;
	struct change *change;

	plan->involved = inputs->object;
	active = pod_control_claim(plan, inputs->pods, inputs->object, set->spec.selector, inputs->candidates,
				   &terminating);
	/* The status first: it tells what was seen, and creating pods may fail for long. */
	status = count_pods(set, active, terminating, now, plan);
	set_failure(&status, active.len, replicas, now, inputs, plan);
	change = plan_diff(plan, inputs->sets, inputs->object->data,
			   inputs->kind->with_status(inputs->object, &status, plan->arena), "status", "status");
	if (change)
		change->independent = change->tolerate_missing = true;
	if (!set->metadata.deletion_timestamp)
		plan_replicas(plan, inputs, set, active, replicas, now);
}

/* A pod's key is its controller's; an orphan is everybody's whose selector it matches. */
static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	struct replicaset *controller = cookie;

	pod_control_owner_keys(pod, controller->sets->kind, controller->set_informer, controller->kind->selector_of,
			       keys);
}

void *replicaset_start(struct controller_context *context, const struct replica_kind *kind)
{
	struct replicaset *controller = XNEW(struct replicaset);

	controller->kind = kind;
	controller->ops =
		(struct reconciler_ops){.name = kind->name, .gather = gather, .plan = replicaset_plan, .workers = 5};
	controller->sets = client_resource(kind->group, "v1", kind->plural);
	controller->pods = client_resource("", "v1", "pods");
	controller->set_informer = informer_set_get(context->informers, controller->sets);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	controller->sets_by_owner = informer_set_index(context->informers, controller->sets, pod_control_index_owner);
	controller->reconciler = controller_reconciler(context, &controller->ops, controller);
	reconciler_add_source(controller->reconciler, controller->set_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_pod);
	return controller;
}

void replicaset_stop(void *state)
{
	struct replicaset *controller = state;

	reconciler_stop(controller->reconciler);
}

void replicaset_free(void *state)
{
	struct replicaset *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

static const struct apps_v1_replica_set *view(const struct object *object, struct arena *arena UNUSED)
{
	return OBJECT_AS(apps_v1_replica_set, object);
}

static const void *with_status(const struct object *object, const struct apps_v1_replica_set_status *status,
			       struct arena *arena)
{
	struct apps_v1_replica_set *next =
		ARENA_DUP(arena, struct apps_v1_replica_set, OBJECT_AS(apps_v1_replica_set, object));

	next->status = *status;
	return next;
}

static struct selector selector_of(const struct object *object, struct arena *arena)
{
	return pod_control_selector(OBJECT_AS(apps_v1_replica_set, object)->spec.selector, arena);
}

const struct replica_kind replica_kind_set = {
	"replicaset-controller", "apps", "replicasets", view, with_status, selector_of};

static void *start(struct controller_context *context)
{
	return replicaset_start(context, &replica_kind_set);
}

const struct controller controller_replicaset = {"replicaset-controller", "replicaset-controller", start,
						 replicaset_stop, replicaset_free};
