/*
 * The Job controller: runs pods until enough of them have succeeded, or too many have failed.
 *
 * Inputs: Jobs and Pods.  Writes: pods (create, delete, adopt, release, and the finalizer that keeps finished ones
 * until they are counted) and jobs/status.  Behaviour: facts/controllers.txt, `job`; the parts are told in job.h.
 *
 * Events of pods, and those of a job that change neither what it wants nor whether it is to go, wait BATCH_NS: of many
 * pods that end at once one plan takes up all.  A plan that has more to do at once asks for the next itself.
 */
#include "controllers/job.h"

#include "base/clock.h"
#include "controllers/controller.h"
#include "controllers/finalizer.h"
#include "controllers/pod_control.h"
#include "logic/job.h"
#include "logic/owner.h"
#include "types/timestamp.h"

#define BATCH_NS	NS_PER_SEC
#define CONTROLLER_NAME "kubernetes.io/job-controller"

struct job_controller {
	struct reconciler *reconciler;
	const struct resource *jobs, *pods;
	struct informer *job_informer, *pod_informer;
	struct informer_handler job_handler, pod_handler;
	int pods_by_owner, tracked_by_key;
};

/* --- Plan ------------------------------------------------------------------------------------------------------ */

/* Enough have succeeded, and none runs any more. */
static void judge_completions(struct job_round *round)
{
	const int32_t *completions = round->job->spec.completions;
	bool enough = completions ? round->succeeded >= *completions : round->succeeded > 0;

	if (!round->verdict.reached && enough && !round->active)
		job_verdict_set(round, true, "CompletionsReached", STR("Reached expected number of succeeded pods"));
}

static void plan_job(const struct job_inputs *inputs, int64_t now, struct plan *plan)
{
	const struct batch_v1_job *job = OBJECT_AS(batch_v1_job, inputs->object);
	struct timestamp start = timestamp_make(now / NS_PER_SEC, 0);
	struct job_round round = {
		.plan = plan,
		.inputs = inputs,
		.job = job,
		.now = now,
		.indexed = job->spec.completion_mode && str_eq_c(*job->spec.completion_mode, "Indexed") &&
			   job->spec.completions,
		.suspended = job->spec.suspend && *job->spec.suspend,
		.replaces_failed =
			job->spec.pod_failure_policy ||
			(job->spec.pod_replacement_policy && str_eq_c(*job->spec.pod_replacement_policy, "Failed")),
		.status = job->status,
	};

	round.per_index = round.indexed && job->spec.backoff_limit_per_index;
	job_take_pods(&round);
	if (!round.status.start_time && !round.suspended)
		round.status.start_time = ARENA_DUP(plan->arena, struct timestamp, &start);
	job_judge(&round);
	job_decide_removals(&round);
	judge_completions(&round);
	job_plan_status(&round);
	job_plan_removals(&round);
	if (!round.verdict.reached && !job->metadata.deletion_timestamp)
		job_plan_creations(&round);
}

/* What is over counts no more: pods that turn up late are let go. */
static void release_pods(const struct job_inputs *inputs, struct plan *plan)
{
	SLICE_FOREACH (pod, inputs->candidates)
		if (owner_is((*pod)->meta, inputs->object->meta->uid) && has_finalizer((*pod)->meta, JOB_TRACKING))
			job_untrack(plan, inputs->pods, *pod);
}

static bool managed_elsewhere(const struct batch_v1_job *job)
{
	return job->spec.managed_by && !str_eq_c(*job->spec.managed_by, CONTROLLER_NAME);
}

void job_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct job_inputs *inputs = data;

	SLICE_FOREACH (pod, inputs->strays)
		job_untrack(plan, inputs->pods, *pod);
	if (!inputs->object || managed_elsewhere(OBJECT_AS(batch_v1_job, inputs->object)))
		return;
	plan->involved = inputs->object;
	if (job_end(OBJECT_AS(batch_v1_job, inputs->object)))
		release_pods(inputs, plan);
	else
		plan_job(inputs, now, plan);
}

/* --- Gather ---------------------------------------------------------------------------------------------------- */

static struct selector selector_of(const struct object *job, struct arena *arena)
{
	return pod_control_selector(OBJECT_AS(batch_v1_job, job)->spec.selector, arena);
}

/* Tracked pods by the key under which they are let go when their job is gone: its own, or one without an owner's. */
static void index_tracked(const struct object *pod, struct informer_keys *values)
{
	const struct meta_v1_owner_reference *owner = owner_controller(pod->meta);

	if (!has_finalizer(pod->meta, JOB_TRACKING))
		return;
	if (!owner)
		informer_keys_add_named(values, pod->meta->namespace, pod->meta->name);
	else if (str_eq_c(owner->api_version, "batch/v1") && str_eq_c(owner->kind, "Job"))
		informer_keys_add_named(values, pod->meta->namespace, owner->name);
}

/* Without a job, and none will adopt it. */
static bool is_stray(const struct job_controller *controller, const struct object *pod, const struct object *job,
		     struct arena *arena)
{
	const struct meta_v1_owner_reference *owner = owner_controller(pod->meta);
	struct informer_keys adopters = {.arena = arena};

	if (owner)
		return !job || !str_eq(owner->uid, job->meta->uid);
	pod_control_owner_keys(pod, STR("Job"), controller->job_informer, selector_of, &adopters);
	return !adopters.found.len;
}

static struct object_slice hold_strays(const struct job_controller *controller, struct str key,
				       const struct object *job, struct arena *arena)
{
	VEC_OF(struct object *) strays = {0};

	INFORMER_FOREACH_INDEXED(it, controller->pod_informer, controller->tracked_by_key, key)
	if (is_stray(controller, it->object, job, arena))
		vec_push(arena, &strays, reconciler_hold(arena, it->object));
	return (struct object_slice){strays.items, strays.len};
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct job_controller *controller = cookie;
	struct object *object = informer_get(controller->job_informer, key);
	struct job_inputs *inputs = ARENA_NEW(arena, struct job_inputs);

	inputs->jobs = controller->jobs;
	inputs->pods = controller->pods;
	inputs->object = reconciler_hold(arena, object);
	inputs->strays = hold_strays(controller, key, object, arena);
	if (object)
		inputs->candidates = pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner,
							    object->meta);
	return object || inputs->strays.len ? inputs : NULL;
}

/* --- Events ---------------------------------------------------------------------------------------------------- */

static bool is_urgent(const struct object *old, const struct object *new_)
{
	return !old || !new_ || old->meta->generation != new_->meta->generation ||
	       !str_eq(old->meta->uid, new_->meta->uid) ||
	       !old->meta->deletion_timestamp != !new_->meta->deletion_timestamp;
}

static void queue_pod(struct job_controller *controller, const struct object *pod)
{
	struct arena arena = {0};
	struct informer_keys keys = {.arena = &arena};

	pod_control_owner_keys(pod, STR("Job"), controller->job_informer, selector_of, &keys);
	if (!keys.found.len)
		index_tracked(pod, &keys);
	SLICE_FOREACH (key, keys.found) {
		if (informer_get(controller->job_informer, *key))
			reconciler_queue_after(controller->reconciler, *key, BATCH_NS);
		else
			reconciler_queue(controller->reconciler, *key);
	}
	arena_release(&arena);
}

/* Pods that were not taken up because a job would adopt them: that one has gone. */
static void queue_left_behind(struct job_controller *controller, const struct object *job, struct arena *arena)
{
	struct object_slice left =
		pod_control_candidates(arena, controller->pod_informer, controller->pods_by_owner, job->meta);

	SLICE_FOREACH (pod, left)
		queue_pod(controller, *pod);
}

static void job_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct job_controller *controller = CONTAINER_OF(handler, struct job_controller, job_handler);
	struct arena arena = {0};
	struct str key = object_key(new_ ? new_ : old, &arena);

	if (is_urgent(old, new_))
		reconciler_queue(controller->reconciler, key);
	else
		reconciler_queue_after(controller->reconciler, key, BATCH_NS);
	if (!new_)
		queue_left_behind(controller, old, &arena);
	arena_release(&arena);
}

static void pod_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct job_controller *controller = CONTAINER_OF(handler, struct job_controller, pod_handler);

	if (old)
		queue_pod(controller, old);
	if (new_)
		queue_pod(controller, new_);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "job-controller", .gather = gather, .plan = job_plan, .workers = 5};
	struct job_controller *controller = XNEW(struct job_controller);

	controller->jobs = client_resource("batch", "v1", "jobs");
	controller->pods = client_resource("", "v1", "pods");
	controller->job_informer = informer_set_get(context->informers, controller->jobs);
	controller->pod_informer = informer_set_get(context->informers, controller->pods);
	controller->pods_by_owner = informer_set_index(context->informers, controller->pods, pod_control_index_owner);
	controller->tracked_by_key = informer_set_index(context->informers, controller->pods, index_tracked);
	controller->job_handler.changed = job_changed;
	controller->pod_handler.changed = pod_changed;
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_input(controller->reconciler, controller->job_informer);
	reconciler_add_input(controller->reconciler, controller->pod_informer);
	informer_add_handler(controller->job_informer, &controller->job_handler);
	informer_add_handler(controller->pod_informer, &controller->pod_handler);
	return controller;
}

static void stop(void *state)
{
	struct job_controller *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct job_controller *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_job = {
	.name = "job-controller", .service_account = "job-controller", .start = start, .stop = stop, .free = release};
