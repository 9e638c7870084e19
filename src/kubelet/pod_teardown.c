/* Ending a pod; see pod_teardown.h. */
#include "kubelet/pod_teardown.h"

#include "base/clock.h"
#include "base/log.h"
#include "kubelet/container_start.h"
#include "kubelet/lifecycle.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/pod_garbage.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_status.h"
#include "kubelet/status_write.h"
#include "kubelet/volumes.h"
#include "sys/thread.h"

#define RETRY_NS (2 * NS_PER_SEC)

struct ending {
	const struct kubelet_context *context;
	struct pod_sync *sync;
	struct pod_view *view;
	struct arena *arena;
	int64_t grace;
	int64_t now;
};

/* --- Containers, side by side: one that takes its time does not eat the others' ---------------------------------- */

struct stop {
	const struct ending *ending;
	const struct container_view *container;
	struct thread *thread;
	struct error err;
};

static void stop_one(void *data)
{
	struct stop *stop = data;

	(void)!lifecycle_stop(stop->ending->context, stop->ending->view, stop->container, stop->ending->grace,
			      &stop->err);
}

/* Stops the running containers for which @sidecars is right; false when one could not be stopped. */
static bool stop_containers(struct ending *ending, bool sidecars)
{
	struct stop *stops = ARENA_NEW_N(ending->arena, struct stop, ending->view->len + 1);
	size_t len = 0;
	bool ok = true;

	for (size_t i = 0; i < ending->view->len; i++) {
		const struct container_view *container = &ending->view->containers[i];
		struct error ignored = {0}; /* without a thread it is stopped here, one after the other */

		if (!container_runs(container) || container->sidecar != sidecars)
			continue;
		pod_event(ending->context, ending->view->object, str_c(container->field), container->spec->name,
			  "Normal", "Killing", "Stopping container " STR_FMT, STR_ARG(container->spec->name));
		stops[len] = (struct stop){.ending = ending, .container = container};
		if (thread_start("stop", stop_one, &stops[len], &stops[len].thread, &ignored) < 0)
			stop_one(&stops[len]);
		len++;
	}
	for (size_t i = 0; i < len; i++) {
		thread_join(stops[i].thread);
		if (stops[i].err.code == ERR_NONE)
			continue;
		ok = false;
		pod_event(ending->context, ending->view->object, NULL, STR_EMPTY, "Warning", "FailedKillPod",
			  "error killing pod: %s", stops[i].err.message);
	}
	return ok;
}

static struct str message_of(void *cookie, const struct container_view *container,
			     const struct runtime_container_status *status, struct arena *arena)
{
	struct ending *ending = cookie;

	return container_termination_message(ending->context, ending->view, container, status, arena);
}

/* The last word on a pod that is still in the API: its containers have ended. */
static bool tell_last(struct ending *ending)
{
	struct pod_plan plan = {0};
	struct pod_status_inputs inputs = {.view = ending->view,
					   .memory = ending->sync->memory,
					   .now = ending->now,
					   .terminating = true,
					   .termination_message = message_of,
					   .cookie = ending};
	struct core_v1_pod_status status;
	bool failed = false, any = false;
	struct error err = {0};

	for (size_t i = 0; i < ending->view->len; i++) {
		const struct container_view *container = &ending->view->containers[i];

		if (container->role != CONTAINER_REGULAR || !container->latest)
			continue;
		any = true;
		failed = failed || container->latest->exit_code != 0;
	}
	pod_plan(ending->view, ending->sync->memory, ending->now, ending->arena, &plan);
	inputs.finished = any || plan.finished;
	inputs.succeeded = any && !failed;
	status = pod_status(ending->context, &inputs, ending->arena);
	if (status_write(ending->context, ending->view->pod, &status, ending->arena, &err) == 0)
		return true;
	log_warn("cannot write a pod's last status", "pod=" STR_FMT " error=\"%s\"",
		 STR_ARG(ending->view->pod->metadata.name), err.message);
	return false;
}

/* --- What is left ---------------------------------------------------------------------------------------------- */

static bool stop_sandboxes(struct ending *ending)
{
	struct error err = {0};

	for (size_t i = 0; i < ending->view->all_sandboxes.len; i++)
		if (RUNTIME_CALL(ending->context->runtime, stop_pod_sandbox, ending->view->all_sandboxes.items[i].id,
				 &err) < 0) {
			log_warn("cannot stop a sandbox", "pod=" STR_FMT " error=\"%s\"",
				 STR_ARG(ending->view->pod->metadata.name), err.message);
			return false;
		}
	return true;
}

static bool remove_sandboxes(struct ending *ending)
{
	bool ok = true;

	for (size_t i = 0; i < ending->view->all_sandboxes.len; i++) {
		struct str id = ending->view->all_sandboxes.items[i].id;
		struct error err = {0};

		if (RUNTIME_CALL(ending->context->runtime, remove_pod_sandbox, id, &err) < 0) {
			log_warn("cannot remove a sandbox", "sandbox=" STR_FMT " error=\"%s\"", STR_ARG(id),
				 err.message);
			ok = false;
		}
	}
	return ok;
}

static bool delete_from_api(struct ending *ending)
{
	const struct meta_v1_object_meta *meta = &ending->view->pod->metadata;
	struct error err = {0};
	int64_t now = 0;

	if (client_delete(&ending->context->client, ending->context->pods, meta->namespace, meta->name, meta->uid, &now,
			  &err) == 0 ||
	    err.code == ERR_NOT_FOUND || err.code == ERR_CONFLICT)
		return true;
	log_warn("cannot delete a pod that has ended", "pod=" STR_FMT " error=\"%s\"", STR_ARG(meta->name),
		 err.message);
	return false;
}

void pod_teardown(const struct kubelet_context *context, struct pod_sync *sync, struct pod_view *view, int64_t now,
		  struct arena *arena)
{
	const struct core_v1_pod *pod = view->pod;
	const int64_t *given = pod->metadata.deletion_grace_period_seconds;
	struct ending ending = {context, sync, view, arena, given ? *given : lifecycle_grace(pod), now};
	struct error err = {0};

	sync->wake_at = now + RETRY_NS;
	if (!stop_containers(&ending, false) || !stop_containers(&ending, true) || !stop_sandboxes(&ending))
		return;
	/* The last word is said when the sandbox is over and its containers can still be read. */
	if (!sync->vanished) {
		if (pod_view_read(context, sync->object, arena, view, &err) < 0 || !tell_last(&ending))
			return;
	}
	if (!remove_sandboxes(&ending))
		return;
	if (volumes_tear_down(context, pod->metadata.uid, &err) < 0 ||
	    pod_cgroup_remove(context, pod->metadata.uid, &err) < 0 ||
	    pod_logs_remove(context, pod->metadata.uid, &err) < 0) {
		log_warn("cannot take away what a pod had", "pod=" STR_FMT " error=\"%s\"", STR_ARG(pod->metadata.name),
			 err.message);
		return;
	}
	if (!sync->vanished && !delete_from_api(&ending))
		return;
	sync->wake_at = 0;
	sync->gone = true;
}
