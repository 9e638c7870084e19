/*
 * One turn of a pod; see pod_sync.h.
 *
 * A turn goes: read what the runtime has; decide; carry out; read again when something was done; write the status when
 * it differs.  Teardown is a turn of its own kind (pod_teardown.c).
 */
#include "kubelet/pod_sync.h"

#include "base/clock.h"
#include "base/log.h"
#include "kubelet/container_config.h"
#include "kubelet/container_start.h"
#include "kubelet/lifecycle.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/pod_garbage.h"
#include "kubelet/pod_plan.h"
#include "kubelet/pod_status.h"
#include "kubelet/pod_teardown.h"
#include "kubelet/probes.h"
#include "kubelet/status_write.h"
#include "kubelet/volumes.h"
#include "logic/pod.h"
#include "types/timestamp.h"

#define SANDBOX_RETRY_NS (10 * NS_PER_SEC)
#define VOLUME_RETRY_NS	 (2 * NS_PER_SEC)
#define RUNTIME_RETRY_NS (2 * NS_PER_SEC)

struct turn {
	const struct kubelet_context *context;
	struct pod_sync *sync;
	struct arena *arena;
	struct pod_view view;
	struct pod_plan plan;
	struct mounted_volumes volumes;
	int64_t now;
	bool acted; /* what was read is no longer what is */
};

static void wake_at(struct turn *turn, int64_t at)
{
	if (at && (!turn->sync->wake_at || at < turn->sync->wake_at))
		turn->sync->wake_at = at;
}

/* The pod as a whole waits for @delay; the same failure is told once. */
static void fail(struct turn *turn, const char *reason, const char *text, int64_t delay)
{
	struct pod_memory *memory = turn->sync->memory;

	if (strcmp(memory->failure, text) != 0)
		pod_event(turn->context, turn->view.object, NULL, STR_EMPTY, "Warning", reason, "%s", text);
	snprintf(memory->failure, sizeof(memory->failure), "%s", text);
	memory->retry_at = turn->now + delay;
	wake_at(turn, memory->retry_at);
}

static bool ensure_volumes(struct turn *turn)
{
	struct error err = {0};

	if (volumes_set_up(turn->context, turn->view.pod, turn->arena, &turn->volumes, &err) == 0) {
		turn->sync->memory->failure[0] = '\0';
		wake_at(turn, turn->volumes.refresh_at);
		return true;
	}
	fail(turn, "FailedMount", err.message, VOLUME_RETRY_NS);
	return false;
}

static void kill_sandbox(struct turn *turn)
{
	struct error err = {0};

	if (RUNTIME_CALL(turn->context->runtime, stop_pod_sandbox, turn->view.sandbox->id, &err) < 0)
		fail(turn, "FailedKillPod", str_c(arena_printf(turn->arena, "error killing pod: %s", err.message)),
		     SANDBOX_RETRY_NS);
	turn->acted = true;
}

/* Of a pod that has ended; what is left of it when this fails goes with the pod. */
static void remove_cgroup(struct turn *turn)
{
	struct error err = {0};

	if (pod_cgroup_remove(turn->context, turn->view.pod->metadata.uid, &err) < 0)
		log_warn("cannot remove a pod's cgroup", "pod=" STR_FMT " error=\"%s\"",
			 STR_ARG(turn->view.pod->metadata.name), err.message);
}

static bool create_sandbox(struct turn *turn)
{
	struct runtime_sandbox_config config;
	struct error err = {0};
	struct str id;

	if (turn->view.sandbox)
		pod_event(turn->context, turn->view.object, NULL, STR_EMPTY, "Normal", "SandboxChanged",
			  "Pod sandbox changed, it will be killed and re-created.");
	if (pod_cgroup_ensure(turn->context, turn->view.pod, &err) < 0) {
		fail(turn, "FailedCreatePodContainer",
		     str_c(arena_printf(turn->arena, "unable to ensure pod container exists: %s", err.message)),
		     SANDBOX_RETRY_NS);
		return false;
	}
	if (sandbox_config(turn->context, &turn->view, turn->arena, &config, &err) < 0 ||
	    RUNTIME_CALL(turn->context->runtime, run_pod_sandbox, &config, turn->arena, &id, &err) < 0) {
		fail(turn, "FailedCreatePodSandBox",
		     str_c(arena_printf(turn->arena, "Failed to create pod sandbox: %s", err.message)),
		     SANDBOX_RETRY_NS);
		return false;
	}
	turn->acted = true;
	return true;
}

static bool look(struct turn *turn)
{
	struct error err = {0};

	if (pod_view_read(turn->context, turn->sync->object, turn->arena, &turn->view, &err) == 0) {
		probes_look(turn->context->probes, &turn->view);
		turn->acted = false;
		return true;
	}
	log_warn("cannot read a pod from the runtime", "pod=" STR_FMT " error=\"%s\"",
		 STR_ARG(turn->sync->object->meta->name), err.message);
	wake_at(turn, turn->now + RUNTIME_RETRY_NS);
	return false;
}

static void decide(struct turn *turn)
{
	turn->plan = (struct pod_plan){0};
	pod_plan(&turn->view, turn->sync->memory, turn->now, turn->arena, &turn->plan);
	wake_at(turn, turn->plan.wake_at);
}

static void kill_containers(struct turn *turn)
{
	for (size_t i = 0; i < turn->plan.kills.len; i++) {
		const struct planned_kill *kill = &turn->plan.kills.items[i];
		int64_t grace = kill->grace ? *kill->grace : lifecycle_grace(turn->view.pod);
		struct error err = {0};

		pod_event(turn->context, turn->view.object, str_c(kill->container->field), kill->container->spec->name,
			  "Normal", "Killing", STR_FMT, STR_ARG(kill->message));
		if (lifecycle_stop(turn->context, &turn->view, kill->container, grace, &err) < 0)
			log_warn("cannot stop a container", "container=" STR_FMT " error=\"%s\"",
				 STR_ARG(kill->container->latest->id), err.message);
		turn->acted = true;
		wake_at(turn, turn->now);
	}
}

static void start_containers(struct turn *turn)
{
	for (size_t i = 0; i < turn->plan.starts.len; i++) {
		struct container_start start = {.context = turn->context,
						.view = &turn->view,
						.container = turn->plan.starts.items[i],
						.volumes = &turn->volumes,
						.memory = turn->sync->memory,
						.now = turn->now};

		turn->acted = container_start(&start, turn->arena) || turn->acted;
		wake_at(turn, start.wake_at);
	}
}

static void tell_held(struct turn *turn)
{
	for (size_t i = 0; i < turn->plan.held.len; i++) {
		const struct container_view *container = turn->plan.held.items[i];

		pod_event(turn->context, turn->view.object, str_c(container->field), container->spec->name, "Warning",
			  "BackOff", "Back-off restarting failed container " STR_FMT " in pod " STR_FMT,
			  STR_ARG(container->spec->name), STR_ARG(pod_text(turn->view.pod, turn->arena)));
	}
}

/* What the plan asks for.  A new sandbox is looked at before its containers are planned. */
static void act(struct turn *turn)
{
	if (turn->plan.reason)
		pod_event(turn->context, turn->view.object, NULL, STR_EMPTY, "Normal", turn->plan.reason, "%s",
			  turn->plan.message);
	if (turn->plan.finished)
		kill_containers(turn);
	if (turn->plan.kill_sandbox)
		kill_sandbox(turn);
	if (turn->plan.finished) {
		remove_cgroup(turn);
		return;
	}
	if (!ensure_volumes(turn))
		return;
	if (turn->plan.create_sandbox) {
		if (!create_sandbox(turn) || !look(turn))
			return;
		decide(turn);
	}
	kill_containers(turn);
	start_containers(turn);
	tell_held(turn);
}

static struct str termination_message(void *cookie, const struct container_view *container,
				      const struct runtime_container_status *status, struct arena *arena)
{
	struct turn *turn = cookie;

	return container_termination_message(turn->context, &turn->view, container, status, arena);
}

static void tell(struct turn *turn)
{
	struct pod_status_inputs inputs = {.view = &turn->view,
					   .memory = turn->sync->memory,
					   .now = turn->now,
					   .finished = turn->plan.finished,
					   .succeeded = turn->plan.succeeded,
					   .reason = turn->plan.reason,
					   .message = turn->plan.message,
					   .termination_message = termination_message,
					   .cookie = turn};
	struct core_v1_pod_status status;
	struct error err = {0};

	if (turn->acted && !look(turn))
		return;
	probes_set(turn->context->probes, &turn->view);
	status = pod_status(turn->context, &inputs, turn->arena);
	if (status_write(turn->context, turn->view.pod, &status, turn->arena, &err) < 0) {
		log_warn("cannot write a pod's status", "pod=" STR_FMT " error=\"%s\"",
			 STR_ARG(turn->view.pod->metadata.name), err.message);
		wake_at(turn, turn->now + RUNTIME_RETRY_NS);
	}
}

static struct core_v1_pod_status rejected_status(const struct turn *turn, const struct pod_rejection *rejection)
{
	const struct core_v1_pod *pod = turn->view.pod;
	struct timestamp now = timestamp_make(turn->now / NS_PER_SEC, 0);

	return (struct core_v1_pod_status){
		.observed_generation = pod->metadata.generation,
		.phase = STR("Failed"),
		.reason = str_from(rejection->reason),
		.message = arena_printf(turn->arena, "Pod was rejected: " STR_FMT, STR_ARG(rejection->message)),
		.start_time = ARENA_DUP(turn->arena, struct timestamp, &now),
		.qos_class = pod->status.qos_class,
	};
}

/* False: the node refuses the pod, and has said so or will.  What was begun once is not asked about again. */
static bool admit(struct turn *turn)
{
	const struct pod_rejection *rejection = turn->sync->rejection;
	const struct core_v1_pod *pod = turn->view.pod;
	struct core_v1_pod_status status;
	struct error err = {0};

	turn->sync->begun = turn->view.all_sandboxes.len;
	if (!rejection || turn->sync->begun || pod_is_finished(pod))
		return true;
	status = rejected_status(turn, rejection);
	if (status_write(turn->context, pod, &status, turn->arena, &err) < 0) {
		log_warn("cannot refuse a pod", "pod=" STR_FMT " error=\"%s\"", STR_ARG(pod->metadata.name),
			 err.message);
		wake_at(turn, turn->now + RUNTIME_RETRY_NS);
		return false;
	}
	pod_event(turn->context, turn->view.object, NULL, STR_EMPTY, "Warning", rejection->reason, STR_FMT,
		  STR_ARG(rejection->message));
	return false;
}

void pod_sync(const struct kubelet_context *context, struct pod_sync *sync)
{
	struct arena cleanup_arena arena = {0};
	struct turn turn = {.context = context, .sync = sync, .arena = &arena, .now = clock_wall_ns()};

	sync->wake_at = 0;
	sync->gone = false;
	if (!look(&turn))
		return;
	if (sync->vanished || turn.view.pod->metadata.deletion_timestamp) {
		probes_forget(context->probes, turn.view.pod->metadata.uid);
		pod_teardown(context, sync, &turn.view, turn.now, &arena);
		return;
	}
	if (!admit(&turn))
		return;
	decide(&turn);
	act(&turn);
	tell(&turn);
	pod_garbage_remove(context, &turn.view);
}
