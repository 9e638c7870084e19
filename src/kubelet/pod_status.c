/* A pod's status, told from what is; see pod_status.h. */
#include "kubelet/pod_status.h"

#include "base/clock.h"
#include "kubelet/pod_plan.h"
#include "kubelet/restart_rules.h"
#include "logic/pod.h"

#define OWN_CONDITIONS 6

struct telling {
	const struct kubelet_context *context;
	const struct pod_status_inputs *inputs;
	const struct pod_view *view;
	struct arena *arena;
};

static struct timestamp at(int64_t ns)
{
	return (struct timestamp){.seconds = ns / NS_PER_SEC, .is_set = ns != 0};
}

static struct str full_id(const struct telling *t, const struct runtime_container_status *status)
{
	return arena_printf(t->arena, "%s://" STR_FMT, t->context->runtime->ops->name, STR_ARG(status->id));
}

/* --- Containers ------------------------------------------------------------------------------------------------ */

static struct core_v1_container_state waiting(const struct telling *t, struct str reason, struct str message)
{
	struct core_v1_container_state_waiting *state = ARENA_NEW(t->arena, struct core_v1_container_state_waiting);

	*state = (struct core_v1_container_state_waiting){reason, message};
	return (struct core_v1_container_state){.waiting = state};
}

static struct core_v1_container_state terminated(const struct telling *t, const struct container_view *container,
						 const struct runtime_container_status *status)
{
	struct core_v1_container_state_terminated *state =
		ARENA_NEW(t->arena, struct core_v1_container_state_terminated);

	*state = (struct core_v1_container_state_terminated){
		.exit_code = status->exit_code,
		.reason = status->reason,
		.message = status->message,
		.started_at = at(status->started_at),
		.finished_at = at(status->finished_at),
		.container_id = full_id(t, status),
	};
	if (str_empty(state->message) && t->inputs->termination_message)
		state->message = t->inputs->termination_message(t->inputs->cookie, container, status, t->arena);
	return (struct core_v1_container_state){.terminated = state};
}

static struct core_v1_container_state running(const struct telling *t, const struct runtime_container_status *status)
{
	struct core_v1_container_state_running *state = ARENA_NEW(t->arena, struct core_v1_container_state_running);

	state->started_at = at(status->started_at);
	return (struct core_v1_container_state){.running = state};
}

static struct core_v1_container_state not_made(const struct telling *t, const struct container_view *container)
{
	const struct container_memory *memory = pod_memory_of(t->inputs->memory, container->spec->name);

	if (memory->reason[0])
		return waiting(t, arena_str_c(t->arena, memory->reason), arena_str_c(t->arena, memory->message));
	return waiting(t, t->view->pod->spec.init_containers.len ? STR("PodInitializing") : STR("ContainerCreating"),
		       STR_EMPTY);
}

static struct core_v1_container_user *user_of(const struct telling *t, const struct runtime_container_status *status)
{
	struct core_v1_container_user *user;
	struct core_v1_linux_container_user *linux;

	if (!status->has_user)
		return NULL;
	user = ARENA_NEW(t->arena, struct core_v1_container_user);
	linux = ARENA_NEW(t->arena, struct core_v1_linux_container_user);
	linux->uid = status->user_uid;
	linux->gid = status->user_gid;
	linux->supplemental_groups = (struct int64_slice){status->user_groups.items, status->user_groups.len};
	user->linux = linux;
	return user;
}

/*
 * State and last state; the last one is what ended before the present state began.  A regular container that an older
 * sandbox had is told of as it ended until there is another, or a reason why not; init containers begin anew.
 */
static void tell_states(const struct telling *t, const struct container_view *container,
			struct core_v1_container_status *out)
{
	const struct runtime_container_status *latest = container->latest, *previous = container->previous;
	const struct container_memory *memory = pod_memory_of(t->inputs->memory, container->spec->name);
	bool comes_back = !t->inputs->finished && !t->inputs->terminating &&
			  container_restarts(t->view, t->inputs->memory, container);

	if (!latest && container->role == CONTAINER_REGULAR && !container->reset) {
		latest = previous;
		previous = NULL;
	}
	if (previous)
		out->last_state = terminated(t, container, previous);
	if (!latest || latest->state == RUNTIME_CONTAINER_CREATED) {
		out->state = not_made(t, container);
	} else if (latest->state == RUNTIME_CONTAINER_RUNNING) {
		out->state = running(t, latest);
	} else if (comes_back && memory->reason[0]) {
		out->last_state = terminated(t, container, latest);
		out->state = not_made(t, container);
	} else {
		out->state = terminated(t, container, latest);
	}
}

static struct core_v1_resource_requirements *resources_of(const struct telling *t,
							  const struct container_view *container)
{
	return ARENA_DUP(t->arena, struct core_v1_resource_requirements, &container->spec->resources);
}

/* What it mounts; a read-only mount says that what is mounted below is not. */
static struct core_v1_volume_mount_status_slice mounts_of(const struct telling *t, const struct core_v1_container *spec)
{
	static const struct str disabled = STR_INIT("Disabled");
	struct core_v1_volume_mount_status *all =
		ARENA_NEW_N(t->arena, struct core_v1_volume_mount_status, spec->volume_mounts.len + 1);

	for (size_t i = 0; i < spec->volume_mounts.len; i++) {
		const struct core_v1_volume_mount *mount = &spec->volume_mounts.items[i];

		all[i] = (struct core_v1_volume_mount_status){.name = mount->name,
							      .mount_path = mount->mount_path,
							      .read_only = mount->read_only,
							      .recursive_read_only =
								      mount->read_only ? &disabled : NULL};
	}
	return (struct core_v1_volume_mount_status_slice){all, spec->volume_mounts.len};
}

static struct core_v1_container_status tell_container(const struct telling *t, const struct container_view *container)
{
	const struct runtime_container_status *status = container->latest ? container->latest : container->previous;
	struct core_v1_container_status out = {
		.name = container->spec->name,
		.image = container->spec->image,
		.restart_count = MAX(0, container->attempts - 1),
		.volume_mounts = mounts_of(t, container->spec),
		.started = container->role == CONTAINER_EPHEMERAL
				   ? NULL
				   : ARENA_DUP(t->arena, bool, &container->verdict.started),
		.ready = container->role == CONTAINER_INIT && !container->sidecar
				 ? container->latest && container->latest->state == RUNTIME_CONTAINER_EXITED &&
					   container->latest->exit_code == 0
				 : container->verdict.ready && container->role != CONTAINER_EPHEMERAL,
	};

	tell_states(t, container, &out);
	if (status) {
		out.container_id = full_id(t, status);
		out.image_id = status->image_ref;
		out.user = user_of(t, status);
		out.resources = resources_of(t, container);
		out.allocated_resources = container->spec->resources.requests;
	}
	return out;
}

static struct core_v1_container_status_slice tell_containers(const struct telling *t, enum container_role role)
{
	VEC_OF(struct core_v1_container_status) all = {0};

	for (size_t i = 0; i < t->view->len; i++)
		if (t->view->containers[i].role == role)
			vec_push(t->arena, &all, tell_container(t, &t->view->containers[i]));
	return (struct core_v1_container_status_slice){all.items, all.len};
}

/* --- Phase ----------------------------------------------------------------------------------------------------- */

/* What upstream counts to tell a phase: containers that have not had their turn, that run, and that have ended. */
struct tally {
	bool init_pending, sidecar_pending, waiting, running, stopped;
};

static void count_init(const struct telling *t, const struct core_v1_pod_status *status, struct tally *tally)
{
	/* Statuses are told in the order of the view, which begins with the init containers. */
	for (size_t i = 0; i < status->init_container_statuses.len; i++) {
		const struct core_v1_container_status *one = &status->init_container_statuses.items[i];
		bool never_ran = one->state.waiting && !one->last_state.terminated;

		if (!t->view->containers[i].sidecar) {
			tally->init_pending = tally->init_pending || one->state.running || never_ran;
			continue;
		}
		tally->running = tally->running || one->state.running;
		tally->waiting = tally->waiting || never_ran;
		tally->sidecar_pending =
			tally->sidecar_pending || never_ran || (one->state.running && !(one->started && *one->started));
	}
}

static void count_regular(const struct core_v1_pod_status *status, struct tally *tally)
{
	SLICE_FOREACH (one, status->container_statuses) {
		tally->running = tally->running || one->state.running;
		tally->waiting = tally->waiting || (one->state.waiting && !one->last_state.terminated);
		tally->stopped = tally->stopped || one->state.terminated || one->last_state.terminated;
	}
}

static struct str phase_of(const struct telling *t, const struct core_v1_pod_status *status)
{
	struct str before = t->view->pod->status.phase;
	struct tally tally = {0};

	if (str_eq(before, STR("Succeeded")) || str_eq(before, STR("Failed")))
		return before;
	if (t->inputs->finished)
		return t->inputs->succeeded ? STR("Succeeded") : STR("Failed");
	count_init(t, status, &tally);
	count_regular(status, &tally);
	if (tally.init_pending || (tally.sidecar_pending && !pod_is_past_init(t->view)) || tally.waiting)
		return STR("Pending");
	return tally.running || tally.stopped ? STR("Running") : STR("Pending");
}

/* --- Conditions ------------------------------------------------------------------------------------------------ */

static void set_condition(const struct telling *t, struct core_v1_pod_condition *conditions, size_t *len,
			  const char *type, bool value, struct str reason, struct str message)
{
	const struct core_v1_pod_condition *before = pod_condition(t->view->pod, str_from(type));
	struct str text = value ? STR("True") : STR("False");

	conditions[(*len)++] = (struct core_v1_pod_condition){
		.type = str_from(type),
		.observed_generation = t->view->pod->metadata.generation,
		.status = text,
		.last_transition_time =
			before && str_eq(before->status, text) ? before->last_transition_time : at(t->inputs->now),
		.reason = reason,
		.message = message,
	};
}

/* "a b", of one more name. */
static struct str add_name(const struct telling *t, struct str names, struct str name)
{
	return arena_printf(t->arena, STR_FMT "%s" STR_FMT, STR_ARG(names), names.len ? " " : "", STR_ARG(name));
}

/* "containers with unready status: [a b]"; empty when there is no name. */
static struct str with_status(const struct telling *t, const char *what, struct str names)
{
	return names.len ? arena_printf(t->arena, "containers with %s status: [" STR_FMT "]", what, STR_ARG(names))
			 : STR_EMPTY;
}

/* Of those statuses that are not ready. */
static struct str unready(const struct telling *t, const struct core_v1_container_status_slice *statuses)
{
	struct str names = STR_EMPTY;

	SLICE_FOREACH (status, *statuses)
		if (!status->ready)
			names = add_name(t, names, status->name);
	return with_status(t, "unready", names);
}

/* Of init containers that have not been through: sidecars need only have started. */
static struct str incomplete(const struct telling *t, const struct core_v1_pod_status *status)
{
	struct str names = STR_EMPTY;

	for (size_t i = 0; i < status->init_container_statuses.len; i++) {
		const struct core_v1_container_status *one = &status->init_container_statuses.items[i];

		if (t->view->containers[i].sidecar ? !(one->started && *one->started) : !one->ready)
			names = add_name(t, names, one->name);
	}
	return with_status(t, "incomplete", names);
}

/* Has a container of the pod run?  Or was it said before that the init containers are through?  That stays so. */
static bool was_initialized(const struct telling *t, const struct core_v1_pod_status *status)
{
	const struct core_v1_pod_condition *before = pod_condition(t->view->pod, STR("Initialized"));

	SLICE_FOREACH (one, status->container_statuses)
		if (one->state.running || one->state.terminated)
			return true;
	return before && str_eq(before->status, STR("True"));
}

/* Those that the pod's readiness is made of: sidecars, then containers. */
static struct core_v1_container_status_slice lasting(const struct telling *t, const struct core_v1_pod_status *status)
{
	VEC_OF(struct core_v1_container_status) all = {0};

	/* Both lists are told in the order of the view. */
	for (size_t i = 0, init = 0; i < t->view->len; i++) {
		if (t->view->containers[i].role != CONTAINER_INIT)
			continue;
		if (t->view->containers[i].sidecar)
			vec_push(t->arena, &all, status->init_container_statuses.items[init]);
		init++;
	}
	SLICE_FOREACH (one, status->container_statuses)
		vec_push(t->arena, &all, *one);
	return (struct core_v1_container_status_slice){all.items, all.len};
}

/* What readiness gates miss; empty when all are true. */
static struct str gates_unready(const struct telling *t)
{
	struct str out = STR_EMPTY;

	SLICE_FOREACH (gate, t->view->pod->spec.readiness_gates) {
		const struct core_v1_pod_condition *condition = pod_condition(t->view->pod, gate->condition_type);
		struct str words;

		if (condition && str_eq(condition->status, STR("True")))
			continue;
		words = condition ? arena_printf(t->arena,
						 "the status of pod readiness gate \"" STR_FMT
						 "\" is not \"True\", but " STR_FMT,
						 STR_ARG(gate->condition_type), STR_ARG(condition->status))
				  : arena_printf(t->arena,
						 "corresponding condition of pod readiness gate \"" STR_FMT
						 "\" does not exist.",
						 STR_ARG(gate->condition_type));
		out = out.len ? arena_printf(t->arena, STR_FMT ", " STR_FMT, STR_ARG(out), STR_ARG(words)) : words;
	}
	return out;
}

/* Conditions of others (gates) stay as they are, before ours. */
static bool is_ours(struct str type)
{
	static const char *const ours[] = {"PodReadyToStartContainers", "Initialized",	"Ready",
					   "ContainersReady",		"PodScheduled", "AllContainersRestarting"};

	static_assert(ARRAY_LEN(ours) == OWN_CONDITIONS, "room is made for all");

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (str_eq_c(type, ours[i]))
			return true;
	return false;
}

static bool may_restart_all(const struct pod_view *view)
{
	for (size_t i = 0; i < view->len; i++)
		if (restart_rules_may_restart_all(view->containers[i].spec))
			return true;
	return false;
}

/* The condition of upstream's that names no generation. */
static void tell_restarting(const struct telling *t, struct core_v1_pod_condition *conditions, size_t *len,
			    struct str end)
{
	bool restarting = false;

	for (size_t i = 0; i < t->view->len && str_empty(end); i++)
		restarting = restarting || (t->view->containers[i].reset && t->view->containers[i].latest);
	set_condition(t, conditions, len, "AllContainersRestarting", restarting,
		      restarting ? STR("RestartAllContainersStarted") : end,
		      restarting ? STR("container exited with restart policy rule") : STR_EMPTY);
	conditions[*len - 1].observed_generation = 0;
}

static struct core_v1_pod_condition_slice tell_conditions(const struct telling *t,
							  const struct core_v1_pod_status *status)
{
	struct core_v1_pod_condition *all = ARENA_NEW_N(t->arena, struct core_v1_pod_condition,
							OWN_CONDITIONS + t->view->pod->status.conditions.len);
	const struct core_v1_container_status_slice counted = lasting(t, status);
	struct str not_ready = unready(t, &counted), reason = STR_EMPTY, not_initialized = incomplete(t, status);
	bool succeeded = str_eq(status->phase, STR("Succeeded")), failed = str_eq(status->phase, STR("Failed"));
	bool initialized = succeeded || str_empty(not_initialized) || was_initialized(t, status);
	bool ready = str_empty(not_ready) && !succeeded && !failed;
	struct str gates = gates_unready(t);
	size_t len = 0;

	SLICE_FOREACH (condition, t->view->pod->status.conditions)
		if (!is_ours(condition->type))
			all[len++] = *condition;
	if (succeeded || failed) {
		reason = succeeded ? STR("PodCompleted") : STR("PodFailed");
		not_ready = STR_EMPTY;
	} else if (!ready) {
		reason = STR("ContainersNotReady");
	}
	set_condition(t, all, &len, "PodReadyToStartContainers", pod_view_has_sandbox(t->view), STR_EMPTY, STR_EMPTY);
	set_condition(t, all, &len, "Initialized", initialized,
		      succeeded	    ? STR("PodCompleted")
		      : initialized ? STR_EMPTY
				    : STR("ContainersNotInitialized"),
		      initialized ? STR_EMPTY : not_initialized);
	if (ready && gates.len)
		set_condition(t, all, &len, "Ready", false, STR("ReadinessGatesNotReady"), gates);
	else
		set_condition(t, all, &len, "Ready", ready, reason, not_ready);
	set_condition(t, all, &len, "ContainersReady", ready, reason, not_ready);
	set_condition(t, all, &len, "PodScheduled", true, STR_EMPTY, STR_EMPTY);
	if (may_restart_all(t->view))
		tell_restarting(t, all, &len, succeeded ? STR("PodCompleted") : failed ? STR("PodFailed") : STR_EMPTY);
	return (struct core_v1_pod_condition_slice){all, len};
}

/* --- Addresses ------------------------------------------------------------------------------------------------- */

static struct str ip_text(const struct telling *t, const struct ip_address *address)
{
	char text[IP_TEXT_SIZE];

	ip_format(address, text);
	return arena_str_c(t->arena, text);
}

static void tell_addresses(const struct telling *t, struct core_v1_pod_status *status)
{
	const struct runtime_ips *nodes = &t->context->config->node_ips;
	const struct runtime_ips *pods = t->view->sandbox ? &t->view->sandbox->ips : NULL;
	struct core_v1_host_ip *hosts = ARENA_NEW_N(t->arena, struct core_v1_host_ip, nodes->len + 1);
	struct core_v1_pod_ip *ips;

	for (size_t i = 0; i < nodes->len; i++)
		hosts[i].ip = ip_text(t, &nodes->items[i]);
	status->host_ips = (struct core_v1_host_ip_slice){hosts, nodes->len};
	status->host_ip = nodes->len ? hosts[0].ip : STR_EMPTY;
	if (t->view->pod->spec.host_network && t->view->sandbox)
		pods = nodes;
	if (!pods || !pods->len)
		return;
	ips = ARENA_NEW_N(t->arena, struct core_v1_pod_ip, pods->len);
	for (size_t i = 0; i < pods->len; i++)
		ips[i].ip = ip_text(t, &pods->items[i]);
	status->pod_ips = (struct core_v1_pod_ip_slice){ips, pods->len};
	status->pod_ip = ips[0].ip;
}

/* A reason belongs to the phase it was given for. */
static void tell_reason(const struct telling *t, struct core_v1_pod_status *status)
{
	if (!str_eq(status->phase, t->view->pod->status.phase))
		status->reason = status->message = STR_EMPTY;
	if (t->inputs->reason) {
		status->reason = str_from(t->inputs->reason);
		status->message = str_from(t->inputs->message);
	}
}

struct core_v1_pod_status pod_status(const struct kubelet_context *context, const struct pod_status_inputs *inputs,
				     struct arena *arena)
{
	const struct telling t = {context, inputs, inputs->view, arena};
	struct core_v1_pod_status status = inputs->view->pod->status;

	status.observed_generation = inputs->view->pod->metadata.generation;
	/* Refused, or ended long ago: what was told is all that is known. */
	if (pod_is_finished(inputs->view->pod) && !inputs->view->all_containers.len)
		return status;
	status.init_container_statuses = tell_containers(&t, CONTAINER_INIT);
	status.container_statuses = tell_containers(&t, CONTAINER_REGULAR);
	status.ephemeral_container_statuses = tell_containers(&t, CONTAINER_EPHEMERAL);
	status.phase = phase_of(&t, &status);
	tell_reason(&t, &status);
	status.conditions = tell_conditions(&t, &status);
	tell_addresses(&t, &status);
	if (!status.start_time) {
		struct timestamp now = at(inputs->now);

		status.start_time = ARENA_DUP(arena, struct timestamp, &now);
	}
	return status;
}
