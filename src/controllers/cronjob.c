/*
 * The CronJob controller: makes a Job whenever the clocks of a time zone show what a schedule says.
 *
 * Inputs: CronJobs and Jobs, and the tz database of the machine.  Writes: jobs (create, delete) and cronjobs/status.
 * Behaviour: facts/controllers.txt, `cj`; the parts are told in cronjob.h.
 */
#include "controllers/cronjob.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/limits.h"
#include "controllers/controller.h"
#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "sys/path.h"

struct cronjob_controller {
	struct reconciler *reconciler;
	const struct resource *cronjobs, *jobs;
	struct informer *cronjob_informer, *job_informer;
	struct informer_handler handler; /* of CronJobs */
	int jobs_by_owner;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct cronjob_controller *controller = cookie;
	struct object *object = informer_get(controller->cronjob_informer, key);
	struct cronjob_inputs *inputs;

	if (!object)
		return NULL;
	inputs = ARENA_NEW(arena, struct cronjob_inputs);
	inputs->cronjobs = controller->cronjobs;
	inputs->jobs = controller->jobs;
	inputs->object = reconciler_hold(arena, object);
	inputs->owned =
		reconciler_hold_indexed(arena, controller->job_informer, controller->jobs_by_owner, object->meta->uid);
	return inputs;
}

/* A zone's file; its name was validated, and is not followed out of the directory all the same. */
static bool read_zone(const char *directory, struct str name, struct arena *arena, struct time_zone *ret)
{
	cleanup_close int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct buf cleanup_buf file = {0};
	struct error ignored = {0};
	char path[64];

	if (dir < 0)
		return false;
	fd = path_open_beneath(dir, str_c(arena_str(arena, name)), O_PATH | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	buf_init(&file, LIMIT_TIME_ZONE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path_read(AT_FDCWD, path, &file) == 0 &&
	       time_zone_parse(arena_str(arena, buf_view(&file)), arena, ret, &ignored) == 0;
}

static void find_zone(struct cronjob_inputs *inputs, struct arena *arena)
{
	static const char *const directories[] = {"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo",
						  "/usr/lib/locale/TZ", "/etc/zoneinfo"};
	const struct str *name = OBJECT_AS(batch_v1_cron_job, inputs->object)->spec.time_zone;
	struct time_zone *zone;

	if (!name || !name->len || str_eq_c(*name, "UTC"))
		return;
	zone = ARENA_NEW(arena, struct time_zone);
	for (size_t i = 0; i < ARRAY_LEN(directories) && !inputs->zone; i++)
		if (read_zone(directories[i], *name, arena, zone))
			inputs->zone = zone;
	inputs->zone_unknown = !inputs->zone;
}

static int observe(void *cookie UNUSED, void *data, const struct client *client UNUSED, struct arena *arena,
		   struct error *err UNUSED)
{
	find_zone(data, arena);
	return 0;
}

static bool has_other_schedule(const struct object *old, const struct object *new_)
{
	const struct batch_v1_cron_job_spec *a = &OBJECT_AS(batch_v1_cron_job, old)->spec;
	const struct batch_v1_cron_job_spec *b = &OBJECT_AS(batch_v1_cron_job, new_)->spec;

	return !str_eq(a->schedule, b->schedule) ||
	       !str_eq(a->time_zone ? *a->time_zone : STR_EMPTY, b->time_zone ? *b->time_zone : STR_EMPTY);
}

/*
 * A new schedule begins with its next time: what it would have missed in the past is no reason to start a job now.  A
 * zone's file is read here, on the loop, for people change schedules seldom.
 */
static void cronjob_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct cronjob_controller *controller = CONTAINER_OF(handler, struct cronjob_controller, handler);
	struct arena arena = {0};
	struct cronjob_inputs inputs = {.object = new_};
	struct str key = object_key(new_ ? new_ : old, &arena);

	if (!old || !new_ || !has_other_schedule(old, new_)) {
		reconciler_queue(controller->reconciler, key);
	} else {
		find_zone(&inputs, &arena);
		reconciler_queue_after(controller->reconciler, key,
				       cronjob_time_to_next(&inputs, clock_wall_ns(), &arena));
	}
	arena_release(&arena);
}

static void map_job(void *cookie UNUSED, const struct object *job, struct informer_keys *keys)
{
	const struct meta_v1_owner_reference *owner = owner_controller(job->meta);

	if (owner && str_eq_c(owner->kind, "CronJob"))
		informer_keys_add_named(keys, job->meta->namespace, owner->name);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "cronjob-controller", .gather = gather, .observe = observe, .plan = cronjob_plan, .workers = 5};
	struct cronjob_controller *controller = XNEW(struct cronjob_controller);

	controller->cronjobs = client_resource("batch", "v1", "cronjobs");
	controller->jobs = client_resource("batch", "v1", "jobs");
	controller->cronjob_informer = informer_set_get(context->informers, controller->cronjobs);
	controller->job_informer = informer_set_get(context->informers, controller->jobs);
	controller->jobs_by_owner = informer_set_index(context->informers, controller->jobs, pod_control_index_owner);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	controller->handler.changed = cronjob_changed;
	reconciler_add_input(controller->reconciler, controller->cronjob_informer);
	informer_add_handler(controller->cronjob_informer, &controller->handler);
	reconciler_add_source(controller->reconciler, controller->job_informer, map_job);
	return controller;
}

static void stop(void *state)
{
	struct cronjob_controller *controller = state;

	reconciler_stop(controller->reconciler);
}

static void release(void *state)
{
	struct cronjob_controller *controller = state;

	reconciler_free(controller->reconciler);
	free(controller);
}

const struct controller controller_cronjob = {.name = "cronjob-controller",
					      .service_account = "cronjob-controller",
					      .start = start,
					      .stop = stop,
					      .free = release};
