/* A pod as the runtime has it; see pod_view.h. */
#include "kubelet/pod_view.h"

#include "kubelet/restart_rules.h"

struct str pod_text(const struct core_v1_pod *pod, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "_" STR_FMT "(" STR_FMT ")", STR_ARG(pod->metadata.name),
			    STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.uid));
}

struct str container_hash(const struct core_v1_container *container, struct arena *arena)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < container->name.len; i++)
		hash = (hash ^ (unsigned char)container->name.data[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < container->image.len; i++)
		hash = (hash ^ (unsigned char)container->image.data[i]) * UINT64_C(0x100000001b3);
	return arena_printf(arena, "%llx", (unsigned long long)hash);
}

const struct runtime_container_status *container_newest(const struct container_view *container)
{
	return container->latest ? container->latest : container->previous;
}

bool container_runs(const struct container_view *container)
{
	return container->latest && container->latest->state == RUNTIME_CONTAINER_RUNNING;
}

bool pod_view_has_sandbox(const struct pod_view *view)
{
	return view->sandbox && view->sandbox->state == RUNTIME_SANDBOX_READY;
}

static int newest_sandbox_first(const void *a, const void *b)
{
	const struct runtime_sandbox_status *x = a, *y = b;

	return x->metadata.attempt > y->metadata.attempt ? -1 : x->metadata.attempt < y->metadata.attempt;
}

static int newest_container_first(const void *a, const void *b)
{
	const struct runtime_container_status *x = a, *y = b;

	if (x->metadata.attempt != y->metadata.attempt)
		return x->metadata.attempt > y->metadata.attempt ? -1 : 1;
	return x->created_at > y->created_at ? -1 : x->created_at < y->created_at;
}

static void fill(struct pod_view *view, struct container_view *container)
{
	for (size_t i = 0; i < view->all_containers.len; i++) {
		const struct runtime_container_status *status = &view->all_containers.items[i];

		if (!str_eq(status->metadata.name, container->spec->name))
			continue;
		container->attempts = MAX(container->attempts, (int32_t)status->metadata.attempt + 1);
		if (!container->latest && view->sandbox && str_eq(status->sandbox_id, view->sandbox->id))
			container->latest = status;
		else if (!container->previous && status->state == RUNTIME_CONTAINER_EXITED)
			container->previous = status;
	}
}

static void add(struct pod_view *view, const struct core_v1_container *spec, enum container_role role,
		const char *field)
{
	struct container_view *container = &view->containers[view->len++];

	*container = (struct container_view){.spec = spec, .role = role, .field = str_from(field)};
	container->sidecar =
		role == CONTAINER_INIT && spec->restart_policy && str_eq(*spec->restart_policy, STR("Always"));
	fill(view, container);
}

/* An ephemeral container's fields are those of a container, under a type of their own. */
static const struct core_v1_container *as_container(const struct core_v1_ephemeral_container_common *common,
						    struct arena *arena)
{
	struct core_v1_container *container = ARENA_NEW(arena, struct core_v1_container);

	container->name = common->name;
	container->image = common->image;
	container->command = common->command;
	container->args = common->args;
	container->working_dir = common->working_dir;
	container->env_from = common->env_from;
	container->env = common->env;
	container->resources = common->resources;
	container->volume_mounts = common->volume_mounts;
	container->termination_message_path = common->termination_message_path;
	container->termination_message_policy = common->termination_message_policy;
	container->image_pull_policy = common->image_pull_policy;
	container->security_context = common->security_context;
	container->stdin = common->stdin;
	container->stdin_once = common->stdin_once;
	container->tty = common->tty;
	return container;
}

static void add_all(struct pod_view *view, struct arena *arena)
{
	const struct core_v1_pod_spec *spec = &view->pod->spec;

	view->containers =
		ARENA_NEW_N(arena, struct container_view,
			    spec->init_containers.len + spec->containers.len + spec->ephemeral_containers.len);
	SLICE_FOREACH (container, spec->init_containers)
		add(view, container, CONTAINER_INIT, "spec.initContainers");
	SLICE_FOREACH (container, spec->containers)
		add(view, container, CONTAINER_REGULAR, "spec.containers");
	SLICE_FOREACH (container, spec->ephemeral_containers) {
		add(view, as_container(&container->ephemeral_container_common, arena), CONTAINER_EPHEMERAL,
		    "spec.ephemeralContainers");
		view->containers[view->len - 1].target = container->target_container_name;
	}
}

/* --- Containers that begin anew because of another's exit code ------------------------------------------------------
 */

/* When the newest container of the present sandbox that asked for all to begin anew has ended; 0: none did. */
static int64_t reset_at(const struct pod_view *view)
{
	int64_t at = 0;

	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		for (size_t k = 0; k < view->all_containers.len; k++) {
			const struct runtime_container_status *status = &view->all_containers.items[k];

			if (str_eq(status->metadata.name, container->spec->name) &&
			    str_eq(status->sandbox_id, view->sandbox->id) &&
			    status->state == RUNTIME_CONTAINER_EXITED &&
			    restart_rules_restart_all(container->spec, status->exit_code))
				at = MAX(at, status->finished_at);
		}
	}
	return at;
}

/*
 * Containers made before that moment count as ended.  This is read from what the runtime keeps and not remembered: the
 * one that asked stays known (as `previous`) until it asks again, and by then all others are newer.
 */
static void mark_reset(struct pod_view *view)
{
	int64_t moment = view->sandbox ? reset_at(view) : 0;

	for (size_t i = 0; i < view->len && moment; i++) {
		struct container_view *container = &view->containers[i];
		const struct runtime_container_status *newest = container_newest(container);

		container->reset = container->role != CONTAINER_EPHEMERAL && newest && newest->created_at < moment;
		if (!container->reset || !container->latest || container_runs(container))
			continue;
		container->previous = container->latest;
		container->latest = NULL;
	}
}

void pod_view_arrange(struct pod_view *view, struct runtime_sandbox_list sandboxes,
		      struct runtime_container_list containers, struct arena *arena)
{
	view->all_sandboxes = sandboxes;
	view->all_containers = containers;
	if (sandboxes.len) {
		qsort(sandboxes.items, sandboxes.len, sizeof(*sandboxes.items), newest_sandbox_first);
		view->sandbox = &sandboxes.items[0];
		view->sandbox_attempts = sandboxes.items[0].metadata.attempt + 1;
	}
	if (containers.len)
		qsort(containers.items, containers.len, sizeof(*containers.items), newest_container_first);
	add_all(view, arena);
	mark_reset(view);
}

int pod_view_read(const struct kubelet_context *context, const struct object *object, struct arena *arena,
		  struct pod_view *ret, struct error *err)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	const struct runtime_pair label = {STR(LABEL_POD_UID), pod->metadata.uid};
	const struct runtime_filter filter = {.label_selector = {&label, 1}};
	struct runtime_sandbox_list sandboxes;
	struct runtime_container_list containers;

	if (RUNTIME_CALL(context->runtime, list_pod_sandboxes, &filter, arena, &sandboxes, err) < 0 ||
	    RUNTIME_CALL(context->runtime, list_containers, &filter, arena, &containers, err) < 0)
		return -(int)err->code;
	*ret = (struct pod_view){.object = object, .pod = pod};
	pod_view_arrange(ret, sandboxes, containers, arena);
	return 0;
}
