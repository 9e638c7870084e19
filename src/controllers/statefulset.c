/*
 * The StatefulSet controller: pods with names and claims of their own, one after another.
 *
 * Inputs: StatefulSets, Pods, PersistentVolumeClaims and ControllerRevisions.  Writes: pods, persistentvolumeclaims
 * (made, and owned as the retention policy says), controllerrevisions and statefulsets/status.  Behaviour:
 * facts/controllers.txt, `sts`; the parts are told in statefulset.h.
 */
#include "controllers/statefulset.h"

#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "types/selector.h"

#define HASH_LABEL "controller.kubernetes.io/hash" /* of a revision */

struct statefulset {
	struct reconciler *reconciler;
	const struct resource *statefulsets, *pods, *claims;
	struct informer *statefulset_informer, *pod_informer, *claim_informer;
	int pods_by_owner;
	struct history_source history;
};

int64_t statefulset_replicas(const struct apps_v1_stateful_set *set)
{
	return set->spec.replicas ? *set->spec.replicas : 1;
}

int64_t statefulset_start_ordinal(const struct apps_v1_stateful_set *set)
{
	return set->spec.ordinals ? set->spec.ordinals->start : 0;
}

/* --- Gather --------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return str_cmp((*(struct object *const *)a)->meta->name, (*(struct object *const *)b)->meta->name);
}

struct claims {
	struct arena *arena;
	const struct informer *informer;
	const struct apps_v1_stateful_set *set;
	VEC_OF(struct object *) found;
};

static void find_claims(struct claims *claims, int64_t ordinal)
{
	SLICE_FOREACH (template, claims->set->spec.volume_claim_templates) {
		struct object *claim =
			informer_get_named(claims->informer, claims->set->metadata.namespace,
					   statefulset_claim_name(claims->set, template, ordinal, claims->arena));

		if (claim)
			vec_push(claims->arena, &claims->found, reconciler_hold(claims->arena, claim));
	}
}

/* The claims of pods that there are to be, and of those beyond that are still there. */
static struct object_slice gather_claims(const struct statefulset *controller, const struct apps_v1_stateful_set *set,
					 struct object_slice pods, struct arena *arena)
{
	struct claims claims = {.arena = arena, .informer = controller->claim_informer, .set = set};
	int64_t start = statefulset_start_ordinal(set), end = start + statefulset_replicas(set);

	if (!set->spec.volume_claim_templates.len)
		return (struct object_slice){0};
	for (int64_t ordinal = start; ordinal < end; ordinal++)
		find_claims(&claims, ordinal);
	for (size_t i = 0; i < pods.len; i++) {
		int64_t ordinal = statefulset_ordinal(set, pods.items[i]->meta->name);

		if (ordinal >= 0 && (ordinal < start || ordinal >= end))
			find_claims(&claims, ordinal);
	}
	if (claims.found.len)
		qsort(claims.found.items, claims.found.len, sizeof(*claims.found.items), by_name);
	return (struct object_slice){claims.found.items, claims.found.len};
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct statefulset *controller = cookie;
	struct object *object = informer_get(controller->statefulset_informer, key);
	struct statefulset_inputs *inputs;

	if (!object)
		return NULL;
	inputs = ARENA_NEW(arena, struct statefulset_inputs);
	inputs->statefulsets = controller->statefulsets;
	inputs->pods = controller->pods;
	inputs->claims = controller->claims;
	inputs->object = reconciler_hold(arena, object);
	inputs->candidates =
		pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner, object->meta);
	inputs->stored_claims =
		gather_claims(controller, OBJECT_AS(apps_v1_stateful_set, object), inputs->candidates, arena);
	inputs->history = history_gather(&controller->history, object->meta, arena);
	return inputs;
}

/* --- Plan ----------------------------------------------------------------------------------------------------- */

static int highest_first(const void *a, const void *b)
{
	int64_t x = ((const struct stateful_pod *)a)->ordinal, y = ((const struct stateful_pod *)b)->ordinal;

	return x > y ? -1 : x < y;
}

/* The set's pods at their places; what it owns and may not have is let go. */
static void place_pods(struct stateful_plan *plan, const struct selector *selector)
{
	struct object_slice candidates = plan->inputs->candidates;
	struct arena *arena = plan->plan->arena;
	int64_t start = statefulset_start_ordinal(plan->set);

	plan->replicas_len = (size_t)statefulset_replicas(plan->set);
	plan->replicas = ARENA_NEW_N(arena, struct stateful_pod, plan->replicas_len + 1);
	plan->condemned = ARENA_NEW_N(arena, struct stateful_pod, candidates.len + 1);
	for (size_t i = 0; i < plan->replicas_len; i++)
		plan->replicas[i].ordinal = start + (int64_t)i;
	for (size_t i = 0; i < candidates.len; i++) {
		struct object *object = candidates.items[i];
		int64_t ordinal = statefulset_ordinal(plan->set, object->meta->name);
		bool matches = ordinal >= 0 && selector_matches(selector, &object->meta->labels);
		struct stateful_pod pod = {ordinal, object, OBJECT_AS(core_v1_pod, object)};

		if (!pod_control_claims_if(plan->plan, plan->inputs->pods, plan->inputs->object, matches, object))
			continue;
		if (ordinal >= start && ordinal < start + (int64_t)plan->replicas_len)
			plan->replicas[ordinal - start] = pod;
		else
			plan->condemned[plan->condemned_len++] = pod;
	}
	qsort(plan->condemned, plan->condemned_len, sizeof(*plan->condemned), highest_first);
}

static void count_pod(const struct stateful_plan *plan, const struct stateful_pod *pod,
		      struct apps_v1_stateful_set_status *status)
{
	if (!pod->object)
		return;
	status->replicas++;
	if (statefulset_is_ready(pod)) {
		status->ready_replicas++;
		status->available_replicas += statefulset_is_ready_long(plan, pod);
	}
	if (!pod->pod->metadata.deletion_timestamp) {
		status->current_replicas += statefulset_is_of(pod, plan->current);
		status->updated_replicas += statefulset_is_of(pod, plan->update);
	}
}

static void plan_status(const struct stateful_plan *plan, const struct history *history)
{
	const struct apps_v1_stateful_set *set = plan->set;
	struct apps_v1_stateful_set next = *set;
	struct apps_v1_stateful_set_status *status = &next.status;
	int32_t replicas = (int32_t)plan->replicas_len;
	struct change *change;

	*status = (struct apps_v1_stateful_set_status){
		.observed_generation = set->metadata.generation,
		.current_revision = plan->current->metadata.name,
		.update_revision = plan->update->metadata.name,
		.collision_count = ARENA_DUP(plan->plan->arena, int32_t, &history->collision_count),
		.conditions = set->status.conditions,
	};
	for (size_t i = 0; i < plan->replicas_len; i++)
		count_pod(plan, &plan->replicas[i], status);
	for (size_t i = 0; i < plan->condemned_len; i++)
		count_pod(plan, &plan->condemned[i], status);
	/* The update is over. */
	if (str_eq(set->spec.update_strategy.type, STR("RollingUpdate")) && status->updated_replicas == replicas &&
	    status->ready_replicas == replicas && status->replicas == replicas) {
		status->current_replicas = status->updated_replicas;
		status->current_revision = status->update_revision;
	}
	change = plan_diff(plan->plan, plan->inputs->statefulsets, set, &next, "status", "status");
	if (change)
		change->independent = change->tolerate_missing = true;
}

static bool is_live(const struct stateful_plan *plan, const struct apps_v1_controller_revision *revision)
{
	if (revision == plan->current || revision == plan->update)
		return true;
	for (size_t i = 0; i < plan->replicas_len; i++)
		if (plan->replicas[i].object && statefulset_is_of(&plan->replicas[i], revision))
			return true;
	for (size_t i = 0; i < plan->condemned_len; i++)
		if (statefulset_is_of(&plan->condemned[i], revision))
			return true;
	return false;
}

/* Revisions that nothing is of any more go beyond the limit, the oldest first. */
static void plan_cleanup(const struct stateful_plan *plan, const struct history *history)
{
	const int32_t *limit = plan->set->spec.revision_history_limit;
	bool *live = ARENA_NEW_N(plan->plan->arena, bool, history->len + 1);
	size_t idle = 0;

	for (size_t i = 0; i < history->len; i++) {
		live[i] = is_live(plan, history->items[i]);
		idle += !live[i];
	}
	if (limit && *limit >= 0 && idle > (size_t)*limit)
		history_forget(history, idle - (size_t)*limit, live);
}

/* The revision that pods are of until an update is over: what the status says, while it is there. */
static const struct apps_v1_controller_revision *current_of(const struct apps_v1_stateful_set *set,
							    const struct history *history)
{
	for (size_t i = 0; i < history->len; i++)
		if (str_eq(history->items[i]->metadata.name, set->status.current_revision))
			return history->items[i];
	return history->current;
}

void statefulset_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct statefulset_inputs *inputs = data;
	const struct apps_v1_stateful_set *set = OBJECT_AS(apps_v1_stateful_set, inputs->object);
	struct stateful_plan stateful = {.plan = plan, .inputs = inputs, .set = set, .now = now};
	struct selector selector = pod_control_selector(set->spec.selector, plan->arena);
	struct history history;

	plan->involved = inputs->object;
	history_open(&history, plan, &inputs->history, inputs->object, &selector, HASH_LABEL);
	if (set->metadata.deletion_timestamp) {
		/* It is counted still, and that is all. */
		history.current = history_find(&history, &set->spec.template);
		history.collision_count = set->status.collision_count ? *set->status.collision_count : 0;
		if (!history.current)
			return;
	} else {
		history_take(&history, &set->spec.template, set->status.collision_count);
	}
	stateful.update = history.current;
	stateful.current = current_of(set, &history);
	place_pods(&stateful, &selector);
	/* The status first: it tells what was seen, and making pods may fail for long. */
	plan_status(&stateful, &history);
	if (set->metadata.deletion_timestamp)
		return;
	statefulset_decide(&stateful);
	plan_cleanup(&stateful, &history);
}

/* --- Events and life ------------------------------------------------------------------------------------------ */

static struct selector selector_of(const struct object *set, struct arena *arena)
{
	return pod_control_selector(OBJECT_AS(apps_v1_stateful_set, set)->spec.selector, arena);
}

static void map_owned(void *cookie, const struct object *object, struct informer_keys *keys)
{
	struct statefulset *controller = cookie;

	pod_control_owner_keys(object, STR("StatefulSet"), controller->statefulset_informer, selector_of, keys);
}

/* "TEMPLATE-SET-ORDINAL" says whose a claim is; that a pod waits for one that is gone is known by no other event. */
static void map_claim(void *cookie, const struct object *claim, struct informer_keys *keys)
{
	struct statefulset *controller = cookie;

	INFORMER_FOREACH(it, controller->statefulset_informer)
	{
		const struct apps_v1_stateful_set *set = OBJECT_AS(apps_v1_stateful_set, it->object);

		if (!str_eq(set->metadata.namespace, claim->meta->namespace))
			continue;
		SLICE_FOREACH (template, set->spec.volume_claim_templates) {
			struct str name = template->metadata.name;

			if (claim->meta->name.len > name.len && str_has_prefix(claim->meta->name, name) &&
			    statefulset_ordinal(set, str_from_at(claim->meta->name, name.len + 1)) >= 0)
				informer_keys_add(keys, object_key(it->object, keys->arena));
		}
	}
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "statefulset-controller", .gather = gather, .plan = statefulset_plan, .workers = 5};
	struct statefulset *controller = XNEW(struct statefulset);

	controller->statefulsets = client_resource("apps", "v1", "statefulsets");
	controller->pods = client_resource("", "v1", "pods");
	controller->claims = client_resource("", "v1", "persistentvolumeclaims");
	controller->statefulset_informer = informer_set_get(context->informers, controller->statefulsets);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->claim_informer = informer_set_get(context->informers, controller->claims);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	history_source_init(&controller->history, context->informers);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->statefulset_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_owned);
	reconciler_add_source(controller->reconciler, controller->history.informer, map_owned);
	reconciler_add_source(controller->reconciler, controller->claim_informer, map_claim);
	return controller;
}

static void stop(void *state)
{
	struct statefulset *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct statefulset *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_statefulset = {
	"statefulset-controller", "statefulset-controller", start, stop, release, NULL};
