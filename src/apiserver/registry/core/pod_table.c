/* The columns of pods: what `kubectl get pods` says of one, as upstream words it. */
#include "apiserver/registry/core/pod_table.h"

#include "logic/pod.h"

struct pod_summary {
	struct str reason;
	int restarts, sidecar_restarts;
	struct timestamp last, sidecar_last; /* of the last restart */
	size_t ready, total;
};

static bool is_restartable(const struct core_v1_pod_spec *spec, struct str name)
{
	SLICE_FOREACH (container, spec->init_containers)
		if (str_eq(container->name, name))
			return container->restart_policy && str_eq_c(*container->restart_policy, "Always");
	return false;
}

static void later(struct timestamp *last, const struct core_v1_container_status *status)
{
	const struct core_v1_container_state_terminated *terminated = status->last_state.terminated;

	if (terminated && terminated->finished_at.is_set &&
	    (!last->is_set || terminated->finished_at.seconds > last->seconds))
		*last = terminated->finished_at;
}

/* What a container that stopped is called: its reason, its signal or its exit code. */
static struct str end_text(const struct core_v1_container_state_terminated *terminated, struct arena *arena)
{
	if (terminated->reason.len)
		return terminated->reason;
	if (terminated->signal)
		return arena_printf(arena, "Signal:%d", terminated->signal);
	return arena_printf(arena, "ExitCode:%d", terminated->exit_code);
}

/* True when the pod is still initializing; the summary then says where. */
static bool summarize_init(const struct core_v1_pod *pod, struct pod_summary *s, struct arena *arena)
{
	for (size_t i = 0; i < pod->status.init_container_statuses.len; i++) {
		const struct core_v1_container_status *status = &pod->status.init_container_statuses.items[i];
		const struct core_v1_container_state *state = &status->state;
		bool restartable = is_restartable(&pod->spec, status->name);
		struct str text;

		s->restarts += status->restart_count;
		later(&s->last, status);
		if (restartable) {
			s->sidecar_restarts += status->restart_count;
			later(&s->sidecar_last, status);
		}
		if (state->terminated && state->terminated->exit_code == 0)
			continue;
		if (restartable && status->started && *status->started) {
			s->ready += status->ready;
			continue;
		}
		if (state->terminated)
			text = end_text(state->terminated, arena);
		else if (state->waiting && state->waiting->reason.len &&
			 !str_eq_c(state->waiting->reason, "PodInitializing"))
			text = state->waiting->reason;
		else
			text = arena_printf(arena, "%zu/%zu", i, pod->spec.init_containers.len);
		s->reason = arena_concat(arena, STR("Init:"), text);
		return true;
	}
	return false;
}

static bool condition_is_true(const struct core_v1_pod *pod, struct str type)
{
	const struct core_v1_pod_condition *condition = pod_condition(pod, type);

	return condition && str_eq_c(condition->status, "True");
}

static void summarize_containers(const struct core_v1_pod *pod, struct pod_summary *s, struct arena *arena)
{
	struct str error = STR_EMPTY;
	bool running = false;

	s->restarts = s->sidecar_restarts;
	s->last = s->sidecar_last;
	for (size_t i = pod->status.container_statuses.len; i-- > 0;) {
		const struct core_v1_container_status *status = &pod->status.container_statuses.items[i];
		const struct core_v1_container_state *state = &status->state;

		s->restarts += status->restart_count;
		later(&s->last, status);
		if (state->waiting && state->waiting->reason.len) {
			s->reason = state->waiting->reason;
		} else if (state->terminated) {
			s->reason = end_text(state->terminated, arena);
			if (state->terminated->exit_code)
				error = s->reason;
		} else if (status->ready && state->running) {
			running = true;
			s->ready++;
		}
	}
	if (!str_eq_c(s->reason, "Completed"))
		return;
	if (running && condition_is_true(pod, STR("Ready")))
		s->reason = STR("Running");
	else if (error.len)
		s->reason = error;
	else if (running)
		s->reason = STR("NotReady");
}

static struct pod_summary summarize(const struct core_v1_pod *pod, struct arena *arena)
{
	const struct core_v1_pod_condition *scheduled = pod_condition(pod, STR("PodScheduled"));
	struct pod_summary s = {.reason = pod->status.phase, .total = pod->spec.containers.len};
	bool initializing;

	if (pod->status.reason.len)
		s.reason = pod->status.reason;
	if (scheduled && str_eq_c(scheduled->reason, "SchedulingGated"))
		s.reason = scheduled->reason;
	SLICE_FOREACH (container, pod->spec.init_containers)
		s.total += is_restartable(&pod->spec, container->name);
	initializing = summarize_init(pod, &s, arena);
	if (!initializing || condition_is_true(pod, STR("Initialized")))
		summarize_containers(pod, &s, arena);
	if (pod->metadata.deletion_timestamp && str_eq_c(pod->status.reason, "NodeLost"))
		s.reason = STR("Unknown");
	else if (pod->metadata.deletion_timestamp && !pod_is_finished(pod))
		s.reason = STR("Terminating");
	return s;
}

static void cell_readiness_gates(struct table_row *row, const struct core_v1_pod *pod)
{
	size_t met = 0;

	SLICE_FOREACH (gate, pod->spec.readiness_gates)
		met += condition_is_true(pod, gate->condition_type);
	if (pod->spec.readiness_gates.len)
		cell_printf(row, "%zu/%zu", met, pod->spec.readiness_gates.len);
	else
		table_cell_str(row, STR("<none>"));
}

static void add_row_condition(struct table_row *row, const struct core_v1_pod *pod)
{
	struct value *condition = value_object(row->arena);
	bool failed = str_eq_c(pod->status.phase, "Failed");

	if (!pod_is_finished(pod))
		return;
	value_set(row->arena, condition, STR("type"), value_string(row->arena, STR("Completed")));
	value_set(row->arena, condition, STR("status"), value_string(row->arena, STR("True")));
	value_set(row->arena, condition, STR("reason"), value_string(row->arena, pod->status.phase));
	value_set(
		row->arena, condition, STR("message"),
		value_string(row->arena, failed ? STR("The pod failed.") : STR("The pod has completed successfully.")));
	row->conditions = value_array(row->arena);
	value_append(row->arena, row->conditions, condition);
}

void cells_of_pod(struct table_row *row, const void *object)
{
	const struct core_v1_pod *pod = object;
	struct pod_summary s = summarize(pod, row->arena);

	table_cell_str(row, pod->metadata.name);
	cell_printf(row, "%zu/%zu", s.ready, s.total);
	table_cell_str(row, s.reason);
	if (s.restarts && s.last.is_set)
		cell_printf(row, "%d (%s ago)", s.restarts,
			    str_c(human_duration(row->now.seconds - s.last.seconds, row->arena)));
	else
		cell_printf(row, "%d", s.restarts);
	table_cell_age(row, pod->metadata.creation_timestamp);
	table_cell_str(row,
		       pod->status.pod_ips.len ? str_or(pod->status.pod_ips.items[0].ip, "<none>") : STR("<none>"));
	table_cell_str(row, str_or(pod->spec.node_name, "<none>"));
	table_cell_str(row, str_or(pod->status.nominated_node_name, "<none>"));
	cell_readiness_gates(row, pod);
	add_row_condition(row, pod);
}
