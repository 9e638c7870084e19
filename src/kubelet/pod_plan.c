/* What to do about a pod next; see pod_plan.h. */
#include "kubelet/pod_plan.h"

#include "base/clock.h"
#include "kubelet/restart_rules.h"
#include "logic/pod.h"
#include "types/duration.h"

#define DEADLINE_REASON	 "DeadlineExceeded"
#define DEADLINE_MESSAGE "Pod was active on the node longer than the specified deadline"

struct planning {
	const struct pod_view *view;
	struct pod_memory *memory;
	int64_t now;
	struct arena *arena;
	struct pod_plan *plan;
};

static bool ended_well(const struct container_view *container)
{
	return container->latest && container->latest->state == RUNTIME_CONTAINER_EXITED &&
	       container->latest->exit_code == 0;
}

static bool is_plain_init(const struct container_view *container)
{
	return container->role == CONTAINER_INIT && !container->sidecar;
}

bool container_restarts(const struct pod_view *view, struct pod_memory *memory, const struct container_view *container)
{
	const struct runtime_container_status *last = container_newest(container);

	if (container->role == CONTAINER_EPHEMERAL)
		return container->attempts == 0;
	/* Init containers of a new sandbox begin anew. */
	if (!last || container->reset || (container->role == CONTAINER_INIT && !container->latest))
		return true;
	/* What was made but never ran, or cannot be told of, has not had its chance. */
	if (last->state != RUNTIME_CONTAINER_EXITED || pod_memory_of(memory, container->spec->name)->renew)
		return true;
	/* Under Always too, an init container that ended well is done. */
	if (is_plain_init(container) && last->exit_code == 0)
		return false;
	return restart_rules_after_exit(&view->pod->spec, container->spec, last->exit_code);
}

bool pod_is_past_init(const struct pod_view *view)
{
	for (size_t i = 0; i < view->len; i++)
		if (view->containers[i].role == CONTAINER_REGULAR && view->containers[i].latest)
			return true;
	return false;
}

/* --- The end ----------------------------------------------------------------------------------------------------- */

/* An init container has failed for good, or all regular containers have ended and none comes back. */
static bool all_done(const struct planning *p, bool *ret_succeeded)
{
	const struct pod_view *view = p->view;

	*ret_succeeded = false;
	for (size_t i = 0; i < view->len; i++)
		if (is_plain_init(&view->containers[i]) && !ended_well(&view->containers[i]) &&
		    !container_runs(&view->containers[i]) && !container_restarts(view, p->memory, &view->containers[i]))
			return true;
	*ret_succeeded = true;
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (container->role != CONTAINER_REGULAR)
			continue;
		if (container_runs(container) || container_restarts(view, p->memory, container))
			return false;
		*ret_succeeded = *ret_succeeded && container_newest(container)->exit_code == 0;
	}
	return true;
}

static void plan_kill(struct planning *p, const struct container_view *container, const int64_t *grace,
		      struct str message)
{
	vec_push(p->arena, &p->plan->kills, (struct planned_kill){container, message, grace});
}

/* What still runs is asked to stop, sidecars last and the latest of them first. */
static void plan_stop(struct planning *p)
{
	const struct pod_view *view = p->view;

	for (int sidecars = 0; sidecars < 2; sidecars++)
		for (size_t i = view->len; i-- > 0;)
			if (view->containers[i].sidecar == (sidecars == 1) && container_runs(&view->containers[i]))
				plan_kill(p, &view->containers[i], NULL,
					  arena_printf(p->arena, "Stopping container " STR_FMT,
						       STR_ARG(view->containers[i].spec->name)));
}

static void plan_end(struct planning *p)
{
	p->plan->finished = true;
	p->plan->wake_at = 0;
	p->plan->kill_sandbox = pod_view_has_sandbox(p->view);
	plan_stop(p);
}

static void wake_at(struct pod_plan *plan, int64_t at)
{
	if (!plan->wake_at || at < plan->wake_at)
		plan->wake_at = at;
}

/* The time since the pod's start that it may take. */
static bool is_past_deadline(struct planning *p)
{
	const struct core_v1_pod *pod = p->view->pod;
	int64_t deadline;

	if (!pod->spec.active_deadline_seconds || !pod->status.start_time || !pod->status.start_time->is_set)
		return false;
	if (*pod->spec.active_deadline_seconds > INT64_MAX / NS_PER_SEC - pod->status.start_time->seconds)
		return false;
	deadline = (pod->status.start_time->seconds + *pod->spec.active_deadline_seconds) * NS_PER_SEC;
	if (p->now < deadline) {
		wake_at(p->plan, deadline);
		return false;
	}
	p->plan->reason = DEADLINE_REASON;
	p->plan->message = DEADLINE_MESSAGE;
	return true;
}

/* --- Containers -------------------------------------------------------------------------------------------------- */

/* Starts @container unless it is too early; then it waits in CrashLoopBackOff. */
static void start(struct planning *p, const struct container_view *container)
{
	struct container_memory *own = pod_memory_of(p->memory, container->spec->name);
	const struct runtime_container_status *last = container_newest(container);
	int64_t left = last && !own->renew ? backoff_left(&own->restart, last->finished_at, p->now) : 0;

	if (left > 0) {
		char delay[DURATION_TEXT_SIZE];

		duration_format(own->restart.delay_ns, delay);
		container_memory_wait(own, "CrashLoopBackOff",
				      "back-off %s restarting failed container=" STR_FMT " pod=" STR_FMT, delay,
				      STR_ARG(container->spec->name), STR_ARG(pod_text(p->view->pod, p->arena)));
		vec_push(p->arena, &p->plan->held, container);
		wake_at(p->plan, p->now + left);
		return;
	}
	vec_push(p->arena, &p->plan->starts, container);
}

static bool changed(const struct planning *p, const struct container_view *container)
{
	struct str hash = runtime_pairs_get(container->latest->annotations, STR(ANNOTATION_HASH));

	return hash.len && !str_eq(hash, container_hash(container->spec, p->arena));
}

/* "Container c failed liveness probe, will be restarted"; of init containers upstream leaves the end away. */
static struct str kill_text(const struct planning *p, const struct container_view *container, const char *what,
			    bool comes_back)
{
	bool init = container->role == CONTAINER_INIT;

	return arena_printf(p->arena, "%s " STR_FMT " %s%s", init ? "Init container" : "Container",
			    STR_ARG(container->spec->name), what, comes_back && !init ? ", will be restarted" : "");
}

/* Its definition or its probes say that it must go: with a probe's own grace, if it has one. */
static bool plan_replaced(struct planning *p, const struct container_view *container)
{
	const struct probe_verdict *verdict = &container->verdict;
	const struct core_v1_probe *probe = verdict->failed_liveness  ? container->spec->liveness_probe
					    : verdict->failed_startup ? container->spec->startup_probe
								      : NULL;

	if (changed(p, container)) {
		pod_memory_of(p->memory, container->spec->name)->renew = true;
		plan_kill(p, container, NULL, kill_text(p, container, "definition changed", true));
		return true;
	}
	if (!probe)
		return false;
	plan_kill(p, container, probe->termination_grace_period_seconds,
		  kill_text(p, container, verdict->failed_liveness ? "failed liveness probe" : "failed startup probe",
			    restart_rules_after_kill(&p->view->pod->spec, container->spec)));
	return true;
}

/* What the runtime cannot tell of may run: it is stopped before another takes its place. */
static void plan_unknown(struct planning *p, const struct container_view *container)
{
	pod_memory_of(p->memory, container->spec->name)->renew = true;
	plan_kill(p, container, NULL,
		  arena_printf(p->arena, "%s is in \"unknown\" state, try killing it before restart",
			       container->role == CONTAINER_INIT ? "Init container" : "Container"));
}

/* Keeps @container running as its policy says; true while it runs and is to go on. */
static bool keep(struct planning *p, const struct container_view *container)
{
	if (container_runs(container))
		return is_plain_init(container) || !plan_replaced(p, container);
	if (container->latest && container->latest->state == RUNTIME_CONTAINER_UNKNOWN)
		plan_unknown(p, container);
	else if (container_restarts(p->view, p->memory, container))
		start(p, container);
	return false;
}

/* The last init container that was begun in this sandbox; all before it have been through. */
static size_t reached(const struct pod_view *view)
{
	for (size_t i = view->len; i-- > 0;)
		if (view->containers[i].role == CONTAINER_INIT && view->containers[i].latest)
			return i;
	return 0;
}

/* The init phase: true when regular containers may run. */
static bool plan_init(struct planning *p)
{
	const struct pod_view *view = p->view;
	bool past = pod_is_past_init(view);
	size_t at = reached(view);

	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];
		bool kept;

		if (container->role != CONTAINER_INIT || (!container->sidecar && (past || i < at)))
			continue;
		if (is_plain_init(container) && ended_well(container))
			continue;
		kept = keep(p, container);
		if (!past && i >= at && !(kept && container->sidecar && container->verdict.started))
			return false;
	}
	return true;
}

static bool is_to_come_back(const struct planning *p, const struct container_view *container)
{
	return pod_memory_of(p->memory, container->spec->name)->renew ||
	       restart_rules_after_kill(&p->view->pod->spec, container->spec);
}

/* When all that is left is killed for good, that is the end of the pod, and each is simply stopped. */
static void plan_regular(struct planning *p)
{
	bool goes_on = false;

	for (size_t i = 0; i < p->view->len; i++) {
		const struct container_view *container = &p->view->containers[i];

		if (container->role != CONTAINER_REGULAR)
			continue;
		if (keep(p, container) ||
		    (container_runs(container) ? is_to_come_back(p, container)
					       : container_restarts(p->view, p->memory, container)))
			goes_on = true;
	}
	if (goes_on)
		return;
	p->plan->kills.len = p->plan->starts.len = p->plan->held.len = 0;
	plan_stop(p);
}

/* All begin anew: what still runs goes at once, and nothing comes before it has. */
static bool plan_reset(struct planning *p)
{
	static const int64_t at_once = 0;

	for (size_t i = p->view->len; i-- > 0;)
		if (p->view->containers[i].reset && p->view->containers[i].latest)
			plan_kill(p, &p->view->containers[i], &at_once, STR("killing"));
	return p->plan->kills.len;
}

/* They are never started twice, and may come while init containers still run. */
static void plan_ephemeral(struct planning *p)
{
	for (size_t i = 0; i < p->view->len; i++)
		if (p->view->containers[i].role == CONTAINER_EPHEMERAL && !p->view->containers[i].attempts)
			vec_push(p->arena, &p->plan->starts, &p->view->containers[i]);
}

void pod_plan(const struct pod_view *view, struct pod_memory *memory, int64_t now, struct arena *arena,
	      struct pod_plan *ret)
{
	struct pod_plan plan = {0};
	struct planning p = {view, memory, now, arena, &plan};

	/* What the API calls ended is not begun again, whatever became of its containers here. */
	if (pod_is_finished(view->pod)) {
		plan.succeeded = str_eq(view->pod->status.phase, STR("Succeeded"));
		plan_end(&p);
	} else if (is_past_deadline(&p) || all_done(&p, &plan.succeeded)) {
		plan_end(&p);
	} else if (!pod_view_has_sandbox(view)) {
		plan.kill_sandbox = view->sandbox != NULL;
		plan.create_sandbox = true;
	} else {
		plan_ephemeral(&p);
		if (!plan_reset(&p) && plan_init(&p))
			plan_regular(&p);
	}
	*ret = plan;
}
