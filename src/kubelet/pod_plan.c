/* What to do about a pod next; see pod_plan.h. */
#include "kubelet/pod_plan.h"

#include "base/clock.h"
#include "logic/pod.h"
#include "types/duration.h"

static bool runs(const struct container_view *container)
{
	return container->latest && container->latest->state == RUNTIME_CONTAINER_RUNNING;
}

static bool ended(const struct container_view *container)
{
	return container->latest && (container->latest->state == RUNTIME_CONTAINER_EXITED ||
				     container->latest->state == RUNTIME_CONTAINER_UNKNOWN);
}

static bool ended_well(const struct container_view *container)
{
	return ended(container) && container->latest->state == RUNTIME_CONTAINER_EXITED &&
	       container->latest->exit_code == 0;
}

bool container_restarts(const struct pod_view *view, const struct container_view *container)
{
	struct str policy = view->pod->spec.restart_policy;

	if (container->role == CONTAINER_EPHEMERAL)
		return false;
	if (container->spec->restart_policy)
		policy = *container->spec->restart_policy;
	/* An init container that ended well is done; under Always one that failed is tried again. */
	if (container->role == CONTAINER_INIT && !container->sidecar && ended_well(container))
		return false;
	if (str_eq(policy, STR("Never")))
		return false;
	return str_eq(policy, STR("OnFailure")) ? !ended_well(container) : true;
}

/* Would it be started again if it failed now? */
static bool comes_back(const struct pod_view *view, const struct container_view *container)
{
	struct str policy =
		container->spec->restart_policy ? *container->spec->restart_policy : view->pod->spec.restart_policy;

	return !str_eq(policy, STR("Never"));
}

static bool regular_was_made(const struct pod_view *view)
{
	for (size_t i = 0; i < view->len; i++)
		if (view->containers[i].role == CONTAINER_REGULAR && view->containers[i].latest)
			return true;
	return false;
}

bool pod_is_initialized(const struct pod_view *view)
{
	if (regular_was_made(view))
		return true;
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (container->role == CONTAINER_INIT &&
		    !(container->sidecar ? runs(container) && container->verdict.started : ended_well(container)))
			return false;
	}
	return true;
}

/* All regular containers have ended and none comes back. */
static bool all_done(const struct pod_view *view, bool *ret_succeeded)
{
	*ret_succeeded = true;
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (container->role == CONTAINER_INIT && !container->sidecar && ended(container) &&
		    !ended_well(container) && !container_restarts(view, container)) {
			*ret_succeeded = false;
			return true;
		}
	}
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];
		const struct runtime_container_status *last =
			container->latest ? container->latest : container->previous;

		if (container->role != CONTAINER_REGULAR)
			continue;
		if (!last || last->state == RUNTIME_CONTAINER_RUNNING || last->state == RUNTIME_CONTAINER_CREATED)
			return false;
		if (str_eq(view->pod->spec.restart_policy, STR("Always")) && !container->spec->restart_policy)
			return false;
		if (container->latest
			    ? container_restarts(view, container)
			    : str_eq(view->pod->spec.restart_policy, STR("OnFailure")) && last->exit_code != 0)
			return false;
		*ret_succeeded = *ret_succeeded && last->exit_code == 0;
	}
	return true;
}

static void wake_at(struct pod_plan *plan, int64_t at)
{
	if (!plan->wake_at || at < plan->wake_at)
		plan->wake_at = at;
}

/* Starts @container unless it is too early; then it waits in CrashLoopBackOff. */
static void start(const struct pod_view *view, struct pod_memory *memory, const struct container_view *container,
		  int64_t now, struct arena *arena, struct pod_plan *plan)
{
	struct container_memory *own = pod_memory_of(memory, container->spec->name);
	const struct runtime_container_status *last = container->latest ? container->latest : container->previous;
	int64_t left = last ? backoff_left(&own->restart, last->finished_at, now) : 0;

	if (left > 0) {
		char delay[DURATION_TEXT_SIZE];

		duration_format(own->restart.delay_ns, delay);
		container_memory_wait(own, "CrashLoopBackOff",
				      "back-off %s restarting failed container=" STR_FMT " pod=" STR_FMT, delay,
				      STR_ARG(container->spec->name), STR_ARG(pod_text(view->pod, arena)));
		vec_push(arena, &plan->held, container);
		wake_at(plan, now + left);
		return;
	}
	vec_push(arena, &plan->starts, container);
}

static bool changed(const struct container_view *container, struct arena *arena)
{
	struct str hash = runtime_pairs_get(container->latest->annotations, STR(ANNOTATION_HASH));

	return hash.len && !str_eq(hash, container_hash(container->spec, arena));
}

/* Its probes say that it must go: with a probe's own grace, if it has one. */
static bool plan_unhealthy(const struct pod_view *view, const struct container_view *container, struct arena *arena,
			   struct pod_plan *plan)
{
	const struct probe_verdict *verdict = &container->verdict;
	const struct core_v1_probe *probe = verdict->failed_liveness  ? container->spec->liveness_probe
					    : verdict->failed_startup ? container->spec->startup_probe
								      : NULL;
	const char *why = verdict->failed_liveness ? "failed liveness probe, will be restarted"
						   : "failed startup probe, will be restarted";

	if (!probe || !runs(container))
		return false;
	vec_push(arena, &plan->kills,
		 (struct planned_kill){container, comes_back(view, container) ? why : NULL,
				       probe->termination_grace_period_seconds});
	return true;
}

/* The init phase: true when regular containers may run. */
static bool plan_init(const struct pod_view *view, struct pod_memory *memory, int64_t now, struct arena *arena,
		      struct pod_plan *plan)
{
	bool past = regular_was_made(view);

	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (container->role != CONTAINER_INIT || (past && !container->sidecar))
			continue;
		if (plan_unhealthy(view, container, arena, plan) && !past)
			return false;
		if (container->sidecar ? runs(container) && (past || container->verdict.started)
				       : ended_well(container))
			continue;
		if (runs(container))
			return false;
		if (!container->latest || container_restarts(view, container))
			start(view, memory, container, now, arena, plan);
		if (!past)
			return false;
	}
	return true;
}

static void plan_regular(const struct pod_view *view, struct pod_memory *memory, int64_t now, struct arena *arena,
			 struct pod_plan *plan)
{
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (container->role != CONTAINER_REGULAR)
			continue;
		if (!container->latest)
			start(view, memory, container, now, arena, plan);
		else if (runs(container) && changed(container, arena))
			vec_push(arena, &plan->kills,
				 (struct planned_kill){container, "definition changed, will be restarted", NULL});
		else if (plan_unhealthy(view, container, arena, plan))
			continue;
		else if (!runs(container) && container_restarts(view, container))
			start(view, memory, container, now, arena, plan);
	}
}

/* Of a pod that has ended: what still runs is asked to stop, sidecars last and the latest of them first. */
static void plan_end(const struct pod_view *view, struct arena *arena, struct pod_plan *plan)
{
	plan->finished = true;
	plan->kill_sandbox = pod_view_has_sandbox(view);
	for (int sidecars = 0; sidecars < 2; sidecars++)
		for (size_t i = view->len; i-- > 0;)
			if (view->containers[i].sidecar == (sidecars == 1) && runs(&view->containers[i]))
				vec_push(arena, &plan->kills, (struct planned_kill){&view->containers[i], NULL, NULL});
}

void pod_plan(const struct pod_view *view, struct pod_memory *memory, int64_t now, struct arena *arena,
	      struct pod_plan *ret)
{
	struct pod_plan plan = {0};

	/* What the API calls ended is not begun again, whatever became of its containers here. */
	if (pod_is_finished(view->pod)) {
		plan.succeeded = str_eq(view->pod->status.phase, STR("Succeeded"));
		plan_end(view, arena, &plan);
	} else if (all_done(view, &plan.succeeded)) {
		plan_end(view, arena, &plan);
	} else if (!pod_view_has_sandbox(view)) {
		plan.kill_sandbox = view->sandbox != NULL;
		plan.create_sandbox = true;
	} else if (plan_init(view, memory, now, arena, &plan)) {
		plan_regular(view, memory, now, arena, &plan);
	}
	if (pod_view_has_sandbox(view) && !plan.finished)
		for (size_t i = 0; i < view->len; i++)
			if (view->containers[i].role == CONTAINER_EPHEMERAL && !view->containers[i].latest)
				vec_push(arena, &plan.starts, &view->containers[i]);
	*ret = plan;
}
