/*
 * The DaemonSet controller: a pod of a template on every node that can take it.
 *
 * Inputs: DaemonSets, Nodes, Pods and ControllerRevisions.  Writes: pods (each for one node, by an affinity to its
 * name; the scheduler binds it), controllerrevisions and daemonsets/status.  Behaviour: facts/controllers.txt, `ds`;
 * the parts are told in daemonset.h.
 */
#include "controllers/daemonset.h"

#include "base/clock.h"
#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "logic/pod.h"
#include "types/copy.h"

struct daemonset {
	struct reconciler *reconciler;
	const struct resource *daemonsets, *nodes, *pods;
	struct informer *daemonset_informer, *node_informer, *pod_informer;
	struct informer_handler node_handler;
	int pods_by_owner;
	struct history_source history;
	struct daemon_backoff backoff;
};

static bool has_failed(const struct object *pod)
{
	return !pod->meta->deletion_timestamp && str_eq(OBJECT_AS(core_v1_pod, pod)->status.phase, STR("Failed"));
}

/* The set's failed pods, each with what is left of the time that its node's failures have earned it. */
static void gather_failures(struct daemonset *controller, struct daemonset_inputs *inputs, struct arena *arena)
{
	const struct apps_v1_daemon_set *set = OBJECT_AS(apps_v1_daemon_set, inputs->object);
	VEC_OF(struct daemon_failure) failures = {0};

	for (size_t i = 0; i < inputs->candidates.len; i++) {
		const struct object *pod = inputs->candidates.items[i];
		struct str target, key;

		if (!owner_is(pod->meta, set->metadata.uid) || !has_failed(pod))
			continue;
		target = daemonset_target(OBJECT_AS(core_v1_pod, pod));
		key = arena_printf(arena, STR_FMT "/%lld/" STR_FMT, STR_ARG(set->metadata.uid),
				   (long long)set->status.observed_generation, STR_ARG(target));
		vec_push(arena, &failures,
			 (struct daemon_failure){pod,
						 daemon_backoff_take(&controller->backoff, key, clock_monotonic_ns())});
	}
	inputs->failures.items = failures.items;
	inputs->failures.len = failures.len;
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct daemonset *controller = cookie;
	struct object *object = informer_get(controller->daemonset_informer, key);
	struct daemonset_inputs *inputs;

	if (!object)
		return NULL;
	inputs = ARENA_NEW(arena, struct daemonset_inputs);
	inputs->daemonsets = controller->daemonsets;
	inputs->pods = controller->pods;
	inputs->object = reconciler_hold(arena, object);
	inputs->nodes = reconciler_hold_all(arena, controller->node_informer);
	inputs->candidates =
		pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner, object->meta);
	inputs->history = history_gather(&controller->history, object->meta, arena);
	gather_failures(controller, inputs, arena);
	return inputs;
}

/* --- Plan ----------------------------------------------------------------------------------------------------- */

/* Of several pods on a node the first counts: placed before others, then the oldest. */
static void count_node(const struct daemon_plan *plan, const struct daemon_node *node,
		       struct apps_v1_daemon_set_status *status)
{
	const struct core_v1_pod *pod;

	status->desired_number_scheduled += node->should_run;
	if (!node->node || !node->len)
		return;
	if (!node->should_run) {
		status->number_misscheduled++;
		return;
	}
	pod = OBJECT_AS(core_v1_pod, node->pods[0]);
	status->current_number_scheduled++;
	status->number_ready += pod_is_ready(pod);
	status->number_available += daemonset_is_available(plan, pod);
	status->updated_number_scheduled += daemonset_is_updated(plan, pod);
}

static void plan_status(struct daemon_plan *plan, int32_t collision_count)
{
	const struct apps_v1_daemon_set *set = plan->set;
	struct apps_v1_daemon_set next = *set;
	struct change *change;

	next.status = (struct apps_v1_daemon_set_status){.observed_generation = set->metadata.generation,
							 .collision_count = set->status.collision_count,
							 .conditions = set->status.conditions};
	if (collision_count)
		next.status.collision_count = ARENA_DUP(plan->plan->arena, int32_t, &collision_count);
	for (size_t i = 0; i < plan->len; i++)
		count_node(plan, &plan->nodes[i], &next.status);
	next.status.number_unavailable = next.status.desired_number_scheduled - next.status.number_available;
	change = plan_diff(plan->plan, plan->inputs->daemonsets, set, &next, "status", "status");
	if (change)
		change->independent = change->tolerate_missing = true;
}

/* Revisions beyond the limit go, the oldest first, but for those of which there are pods. */
static void plan_cleanup(const struct history *history, const struct apps_v1_daemon_set *set, struct object_slice pods)
{
	const int32_t *limit = set->spec.revision_history_limit;
	bool *live = ARENA_NEW_N(history->plan->arena, bool, history->len + 1);
	size_t former = 0;

	for (size_t i = 0; i < history->len; i++) {
		const struct apps_v1_controller_revision *revision = history->items[i];
		const struct str *hash = str_map_get(&revision->metadata.labels, STR(DAEMON_HASH_LABEL));

		live[i] = revision == history->current;
		former += !live[i];
		for (size_t j = 0; j < pods.len && hash && !live[i]; j++) {
			const struct str *of = str_map_get(&pods.items[j]->meta->labels, STR(DAEMON_HASH_LABEL));

			live[i] = of && str_eq(*of, *hash);
		}
	}
	if (limit && former > (size_t)*limit)
		history_forget(history, former - (size_t)*limit, live);
}

static bool selects_all(const struct apps_v1_daemon_set *set)
{
	return !set->spec.selector || empty_struct(&schema_meta_v1_label_selector, set->spec.selector);
}

static struct object_slice claim_pods(struct plan *plan, const struct daemonset_inputs *inputs,
				      const struct selector *selector)
{
	VEC_OF(struct object *) own = {0};

	for (size_t i = 0; i < inputs->candidates.len; i++)
		if (pod_control_claims(plan, inputs->pods, inputs->object, selector, inputs->candidates.items[i]))
			vec_push(plan->arena, &own, inputs->candidates.items[i]);
	return (struct object_slice){own.items, own.len};
}

void daemonset_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct daemonset_inputs *inputs = data;
	const struct apps_v1_daemon_set *set = OBJECT_AS(apps_v1_daemon_set, inputs->object);
	struct daemon_plan daemon = {.plan = plan, .inputs = inputs, .set = set, .now = now};
	struct selector selector = pod_control_selector(set->spec.selector, plan->arena);
	const struct str *hash;
	struct object_slice pods;
	struct history history;

	plan->involved = inputs->object;
	if (selects_all(set)) {
		plan_event(plan, "Warning", "SelectingAll",
			   "This daemon set is selecting all pods. A non-empty selector is required.");
		return;
	}
	if (set->metadata.deletion_timestamp)
		return;
	history_open(&history, plan, &inputs->history, inputs->object, &selector, DAEMON_HASH_LABEL);
	history_take(&history, &set->spec.template, set->status.collision_count);
	hash = str_map_get(&history.current->metadata.labels, STR(DAEMON_HASH_LABEL));
	daemon.hash = hash ? *hash : history.current->metadata.name;
	pods = claim_pods(plan, inputs, &selector);
	daemonset_place(&daemon, pods);
	/* The status first: it tells what was seen, and creating pods may fail for long. */
	plan_status(&daemon, history.collision_count);
	daemonset_manage(&daemon);
	if (!daemon.creates.len && !daemon.deletes.len)
		daemonset_roll(&daemon);
	daemonset_plan_pods(&daemon);
	plan_cleanup(&history, set, pods);
}

/* --- Events and life ------------------------------------------------------------------------------------------ */

static struct selector selector_of(const struct object *set, struct arena *arena)
{
	return pod_control_selector(OBJECT_AS(apps_v1_daemon_set, set)->spec.selector, arena);
}

static void map_owned(void *cookie, const struct object *object, struct informer_keys *keys)
{
	struct daemonset *controller = cookie;

	pod_control_owner_keys(object, STR("DaemonSet"), controller->daemonset_informer, selector_of, keys);
}

/* Does anything differ that decides whether pods may run there?  A node's status changes all the time. */
static bool node_matters(const struct object *old, const struct object *new_)
{
	struct core_v1_node before = {0}, after = {0};

	if (!old || !new_)
		return true;
	before.metadata.labels = old->meta->labels;
	before.spec.taints = OBJECT_AS(core_v1_node, old)->spec.taints;
	after.metadata.labels = new_->meta->labels;
	after.spec.taints = OBJECT_AS(core_v1_node, new_)->spec.taints;
	return !equal_struct(&schema_core_v1_node, &before, &after);
}

static void on_node(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct daemonset *controller = CONTAINER_OF(handler, struct daemonset, node_handler);
	struct arena cleanup_arena arena = {0};

	if (!node_matters(old, new_))
		return;
	INFORMER_FOREACH(it, controller->daemonset_informer)
	reconciler_queue(controller->reconciler, object_key(it->object, &arena));
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "daemonset-controller", .gather = gather, .plan = daemonset_plan, .workers = 2};
	struct daemonset *controller = XNEW(struct daemonset);

	controller->daemonsets = client_resource("apps", "v1", "daemonsets");
	controller->nodes = client_resource("", "v1", "nodes");
	controller->pods = client_resource("", "v1", "pods");
	controller->daemonset_informer = informer_set_get(context->informers, controller->daemonsets);
	controller->node_informer = informer_set_get(context->informers, controller->nodes);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	history_source_init(&controller->history, context->informers);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->daemonset_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->pod_informer, map_owned);
	reconciler_add_source(controller->reconciler, controller->history.informer, map_owned);
	reconciler_add_input(controller->reconciler, controller->node_informer);
	controller->node_handler.changed = on_node;
	informer_add_handler(controller->node_informer, &controller->node_handler);
	return controller;
}

static void stop(void *state)
{
	struct daemonset *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct daemonset *controller = state;

	reconciler_free(controller->reconciler);
	daemon_backoff_release(&controller->backoff);
	free(controller);
}

const struct controller controller_daemonset = {
	"daemonset-controller", "daemon-set-controller", start, stop, release, NULL};
