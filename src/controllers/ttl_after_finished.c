/*
 * The controller that takes away Jobs some time after they have ended: spec.ttlSecondsAfterFinished.
 *
 * Input: Jobs.  Writes: deletes them, their pods first.  How long it lasts may have been changed in the last moment, so
 * it is read anew before that.
 */
#include "controllers/ttl_after_finished.h"
#include "base/clock.h"
#include "controllers/controller.h"
#include "logic/job.h"

struct ttl_controller {
	struct reconciler *reconciler;
	const struct resource *jobs;
	struct informer *informer;
};

/* How long it still stays: 0 when its time is over; -1: until somebody deletes it. */
static int64_t time_left(const struct batch_v1_job *job, int64_t now)
{
	const struct batch_v1_job_condition *end = job_end(job);
	const int32_t *ttl = job->spec.ttl_seconds_after_finished;

	if (!end || !ttl || job->metadata.deletion_timestamp || !end->last_transition_time.is_set)
		return -1;
	return MAX((end->last_transition_time.seconds + *ttl) * NS_PER_SEC - now, INT64_C(0));
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct ttl_controller *controller = cookie;
	struct object *object = informer_get(controller->informer, key);
	struct ttl_inputs *inputs;

	if (!object || time_left(OBJECT_AS(batch_v1_job, object), 0) < 0)
		return NULL;
	inputs = ARENA_NEW(arena, struct ttl_inputs);
	inputs->jobs = controller->jobs;
	inputs->object = reconciler_hold(arena, object);
	return inputs;
}

static int observe(void *cookie, void *data, const struct client *client, struct arena *arena, struct error *err)
{
	struct ttl_controller *controller = cookie;
	struct ttl_inputs *inputs = data;
	const struct meta_v1_object_meta *meta = inputs->object->meta;
	struct object cleanup_object *fresh = NULL;
	struct error cause = {0};

	/* Most come here long before their time. */
	inputs->asked = time_left(OBJECT_AS(batch_v1_job, inputs->object), clock_wall_ns()) == 0;
	if (!inputs->asked)
		return 0;
	if (client_get(client, controller->jobs, meta->namespace, meta->name, &fresh, &cause) < 0)
		return cause.code == ERR_NOT_FOUND ? 0 : error_set(err, cause.code, "%s", cause.message);
	inputs->fresh = reconciler_hold(arena, fresh);
	return 0;
}

void ttl_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct ttl_inputs *inputs = data;
	struct object *object = inputs->asked ? inputs->fresh : inputs->object;
	int64_t left = object ? time_left(OBJECT_AS(batch_v1_job, object), now) : -1;

	if (left == 0 && inputs->asked)
		plan_delete(plan, inputs->jobs, object->meta)->request.propagation_policy = STR("Foreground");
	else if (left >= 0)
		plan_requeue_within(plan, MAX(left, NS_PER_MS));
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {.name = "ttl-after-finished-controller",
						  .gather = gather,
						  .observe = observe,
						  .plan = ttl_plan,
						  .workers = 5};
	struct ttl_controller *controller = XNEW(struct ttl_controller);

	controller->jobs = client_resource("batch", "v1", "jobs");
	controller->informer = informer_set_get(context->informers, controller->jobs);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->informer, NULL);
	return controller;
}

static void stop(void *state)
{
	struct ttl_controller *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct ttl_controller *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_ttl_after_finished = {.name = "ttl-after-finished-controller",
							 .service_account = "ttl-after-finished-controller",
							 .start = start,
							 .stop = stop,
							 .free = release};
