/*
 * The Deployment controller: rolls ReplicaSets from one template to the next.
 *
 * Inputs: Deployments, ReplicaSets, and Pods (Recreate waits until the old ones are gone).  Writes: replicasets,
 * deployments/status and the revision annotation of the Deployment.  Behaviour: facts/controllers.txt, `dep`; the parts
 * are told in deployment.h.
 */
#include "controllers/deployment.h"

#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "logic/pod.h"
#include "types/selector.h"

struct deployment {
	struct reconciler *reconciler;
	const struct resource *deployments, *replicasets, *pods;
	struct informer *deployment_informer, *replicaset_informer, *pod_informer;
	int sets_by_owner, pods_by_owner;
};

/* Does a pod of a ReplicaSet other than the one of the present template still run? */
static bool old_pods_running(struct deployment *controller, const struct apps_v1_deployment *deployment,
			     struct object_slice sets, struct arena *arena)
{
	for (size_t i = 0; i < sets.len; i++) {
		if (!owner_is(sets.items[i]->meta, deployment->metadata.uid) ||
		    deployment_matches(deployment, OBJECT_AS(apps_v1_replica_set, sets.items[i]), arena))
			continue;
		if (OBJECT_AS(apps_v1_replica_set, sets.items[i])->status.replicas > 0)
			return true;
		INFORMER_FOREACH_INDEXED(pod, controller->pod_informer, controller->pods_by_owner,
					 sets.items[i]->meta->uid)
		if (!pod_is_finished(OBJECT_AS(core_v1_pod, pod->object)))
			return true;
	}
	return false;
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct deployment *controller = cookie;
	struct object *object = informer_get(controller->deployment_informer, key);
	const struct apps_v1_deployment *deployment;
	struct deployment_inputs *inputs;

	if (!object)
		return NULL;
	deployment = OBJECT_AS(apps_v1_deployment, object);
	inputs = ARENA_NEW(arena, struct deployment_inputs);
	inputs->deployments = controller->deployments;
	inputs->replicasets = controller->replicasets;
	inputs->object = reconciler_hold(arena, object);
	inputs->sets =
		pod_control_candidates(arena, controller->replicaset_informer, controller->sets_by_owner, object->meta);
	if (str_eq(deployment->spec.strategy.type, STR("Recreate")))
		inputs->old_pods_running = old_pods_running(controller, deployment, inputs->sets, arena);
	return inputs;
}

static int by_age(const void *a, const void *b)
{
	const struct meta_v1_object_meta *x = &((const struct rollout_set *)a)->set->metadata;
	const struct meta_v1_object_meta *y = &((const struct rollout_set *)b)->set->metadata;

	if (x->creation_timestamp.seconds != y->creation_timestamp.seconds)
		return x->creation_timestamp.seconds < y->creation_timestamp.seconds ? -1 : 1;
	return str_cmp(x->name, y->name);
}

/* The sets that are the deployment's, oldest first, and among them the current one: the oldest that matches. */
static void sort_sets(struct rollout *rollout, struct object_slice candidates)
{
	struct arena *arena = rollout->plan->arena;
	struct selector selector = pod_control_selector(rollout->deployment->spec.selector, arena);
	struct rollout_set *sets = ARENA_NEW_N(arena, struct rollout_set, candidates.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < candidates.len; i++)
		if (pod_control_claims(rollout->plan, rollout->replicasets, rollout->object, &selector,
				       candidates.items[i]))
			sets[len++] = (struct rollout_set){.object = candidates.items[i],
							   .set = OBJECT_AS(apps_v1_replica_set, candidates.items[i])};
	qsort(sets, len, sizeof(*sets), by_age);
	rollout->sets = ARENA_NEW_N(arena, struct rollout_set, len + 1);
	for (size_t i = 0; i < len; i++) {
		if (!rollout->current.object && deployment_matches(rollout->deployment, sets[i].set, arena))
			rollout->current = sets[i];
		else
			rollout->sets[rollout->sets_len++] = sets[i];
	}
}

/*
 * The revision is the current set's, told on the deployment for kubectl rollout.  It goes by way of the status, as
 * upstream's: there a change of annotations makes no new generation.
 */
static void plan_revision(struct rollout *rollout)
{
	struct apps_v1_deployment next = *rollout->deployment;
	int64_t revision = 0;

	if (rollout->current.set)
		revision = deployment_revision(&rollout->current.set->metadata);
	for (size_t i = 0; i < rollout->sets_len; i++)
		if (deployment_revision(&rollout->sets[i].set->metadata) >= revision)
			revision = deployment_revision(&rollout->sets[i].set->metadata) + 1;
	if (!revision || !rollout->current.set || deployment_revision(&next.metadata) == revision)
		return;
	next.metadata.annotations =
		str_map_set(&next.metadata.annotations, STR(REVISION_ANNOTATION),
			    arena_printf(rollout->plan->arena, "%lld", (long long)revision), rollout->plan->arena);
	plan_diff(rollout->plan, rollout->deployments, rollout->deployment, &next, "metadata", "status");
}

void deployment_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct deployment_inputs *inputs = data;
	struct rollout rollout = {
		.plan = plan,
		.deployments = inputs->deployments,
		.replicasets = inputs->replicasets,
		.object = inputs->object,
		.deployment = OBJECT_AS(apps_v1_deployment, inputs->object),
		.candidates = inputs->sets,
		.old_pods_running = inputs->old_pods_running,
		.now = now,
	};

	plan->involved = inputs->object;
	rollout.collision_count =
		rollout.deployment->status.collision_count ? *rollout.deployment->status.collision_count : 0;
	sort_sets(&rollout, inputs->sets);
	if (!rollout.deployment->metadata.deletion_timestamp) {
		deployment_decide(&rollout);
		/* What failed before may fail again, and nothing after it is done then: it is told first. */
		if (plan->failures.len)
			deployment_plan_status(&rollout);
		deployment_plan_sizes(&rollout);
		plan_revision(&rollout);
		deployment_plan_cleanup(&rollout);
	}
	if (rollout.deployment->metadata.deletion_timestamp || !plan->failures.len)
		deployment_plan_status(&rollout);
}

static struct selector selector_of(const struct object *deployment, struct arena *arena)
{
	return pod_control_selector(OBJECT_AS(apps_v1_deployment, deployment)->spec.selector, arena);
}

static void map_set(void *cookie, const struct object *set, struct informer_keys *keys)
{
	struct deployment *controller = cookie;

	pod_control_owner_keys(set, STR("Deployment"), controller->deployment_informer, selector_of, keys);
}

/* A pod's deployment is its set's owner; only a pod that is gone can matter. */
static void map_pod(void *cookie, const struct object *pod, struct informer_keys *keys)
{
	struct deployment *controller = cookie;
	const struct meta_v1_owner_reference *owner = owner_controller(pod->meta);
	struct object *set;

	if (!owner || !str_eq(owner->kind, STR("ReplicaSet")) || pod_is_active(OBJECT_AS(core_v1_pod, pod)))
		return;
	set = informer_get_named(controller->replicaset_informer, pod->meta->namespace, owner->name);
	if (set)
		map_set(cookie, set, keys);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "deployment-controller", .gather = gather, .plan = deployment_plan, .workers = 5};
	struct deployment *controller = XNEW(struct deployment);

	controller->deployments = client_resource("apps", "v1", "deployments");
	controller->replicasets = client_resource("apps", "v1", "replicasets");
	controller->pods = client_resource("", "v1", "pods");
	controller->deployment_informer = informer_set_get(context->informers, controller->deployments);
	controller->replicaset_informer = informer_set_get(context->informers, controller->replicasets);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->sets_by_owner =
		informer_set_index(context->informers, controller->replicasets, pod_control_index_owner);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->deployment_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->replicaset_informer, map_set);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_pod);
	return controller;
}

static void stop(void *state)
{
	struct deployment *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct deployment *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_deployment = {"deployment-controller", "deployment-controller", start, stop,
						 release};
