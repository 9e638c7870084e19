/* The built-in runtime: opening and closing it, its objects and how they are held; see builtin_internal.h. */
#include "runtime/builtin.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "runtime/builtin_internal.h"
#include "runtime/caps.h"
#include "sys/path.h"

/* ---- objects ---- */

struct str builtin_new_id(struct arena *arena)
{
	unsigned char bytes[32];
	char text[65];

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return arena_str_c(arena, text);
}

struct sandbox *sandbox_get(struct builtin *b, struct str id)
{
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		if (str_eq(sandbox->record.id, id))
			return sandbox;
	return NULL;
}

struct container *container_get(struct builtin *b, struct str id)
{
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		LIST_FOREACH (struct container, container, &sandbox->containers, link)
			if (str_eq(container->record.id, id))
				return container;
	return NULL;
}

void sandbox_unref(struct sandbox *sandbox)
{
	if (--sandbox->refs)
		return;
	free(sandbox->run_dir);
	free(sandbox->data_dir);
	arena_release(&sandbox->arena);
	free(sandbox);
}

void container_unref(struct container *container)
{
	if (--container->refs)
		return;
	free(container->run_dir);
	free(container->data_dir);
	arena_release(&container->arena);
	sandbox_unref(container->sandbox);
	free(container);
}

struct sandbox *sandbox_begin(struct builtin *b, struct str id)
{
	struct sandbox *sandbox;

	while ((sandbox = sandbox_get(b, id)) && sandbox->busy)
		cond_wait(&b->changed, &b->lock);
	if (sandbox) {
		sandbox->busy = true;
		sandbox->refs++;
	}
	return sandbox;
}

struct container *container_begin(struct builtin *b, struct str id)
{
	struct container *container;

	while ((container = container_get(b, id)) && container->busy)
		cond_wait(&b->changed, &b->lock);
	if (container) {
		container->busy = true;
		container->refs++;
	}
	return container;
}

void sandbox_end(struct builtin *b, struct sandbox *sandbox)
{
	sandbox->busy = false;
	sandbox_unref(sandbox);
	cond_broadcast(&b->changed);
}

void container_end(struct builtin *b, struct container *container)
{
	container->busy = false;
	container_unref(container);
	cond_broadcast(&b->changed);
}

struct sandbox *sandbox_new(struct builtin *b, struct str id)
{
	struct sandbox *sandbox = XNEW(struct sandbox);
	struct arena cleanup_arena arena = {0};

	sandbox->refs = 1; /* the list's */
	sandbox->events_fd = -1;
	list_init(&sandbox->link);
	list_init(&sandbox->containers);
	sandbox->run_dir =
		xstrdup(str_c(arena_printf(&arena, STR_FMT "/pods/" STR_FMT, STR_ARG(b->config.run_dir), STR_ARG(id))));
	sandbox->data_dir = xstrdup(
		str_c(arena_printf(&arena, STR_FMT "/pods/" STR_FMT, STR_ARG(b->config.data_dir), STR_ARG(id))));
	return sandbox;
}

struct container *container_new(struct builtin *b UNUSED, struct sandbox *sandbox, struct str id)
{
	struct container *container = XNEW(struct container);
	struct arena cleanup_arena arena = {0};

	container->refs = 1;
	container->sandbox = sandbox;
	sandbox->refs++;
	list_init(&container->link);
	container->run_dir = xstrdup(str_c(arena_printf(&arena, "%s/" STR_FMT, sandbox->run_dir, STR_ARG(id))));
	container->data_dir = xstrdup(str_c(arena_printf(&arena, "%s/" STR_FMT, sandbox->data_dir, STR_ARG(id))));
	return container;
}

static int save(const char *dir, const char *name, struct buf *text, struct error *err)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : text->overflow ? -EFBIG : path_write_atomic(fd, name, buf_view(text), 0600, false);

	return r < 0 ? error_set_errno(err, -r, "write %s/%s", dir, name) : 0;
}

/*
 * Records are not synced: what matters survives our own death, and after the machine's death everything that ran has
 * ended, while a record that is missing or old is a sandbox the kubelet does not find and makes anew.
 */
int sandbox_save(struct sandbox *sandbox, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	sandbox_record_write(&sandbox->record, &text);
	return save(sandbox->data_dir, "sandbox.json", &text, err);
}

int container_save(struct container *container, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	container_record_write(&container->record, &text);
	return save(container->data_dir, "container.json", &text, err);
}

void builtin_emit(struct builtin *b, enum runtime_event_type type, const struct container *container)
{
	struct runtime_event event = {.type = type, .created_at = clock_wall_ns()};

	if (!b->config.event)
		return;
	if (container) {
		event.container_id = container->record.id;
		event.sandbox_id = container->sandbox->record.id;
		event.exit_code = container->record.exit_code;
	}
	b->config.event(b->config.event_data, &event);
}

/* ---- version and status ---- */

static int builtin_version(struct runtime *rt, struct arena *arena, struct runtime_version *ret,
			   struct error *err UNUSED)
{
	*ret = (struct runtime_version){.runtime_name = STR("wherry"),
					.runtime_version = arena_str(arena, builtin_of(rt)->config.version),
					.runtime_api_version = STR("v1")};
	return 0;
}

static int builtin_status(struct runtime *rt, struct arena *arena, struct runtime_status *ret, struct error *err UNUSED)
{
	struct builtin *b = builtin_of(rt);
	struct runtime_condition *conditions = ARENA_NEW_N(arena, struct runtime_condition, 2);

	conditions[0] = (struct runtime_condition){.type = STR(RUNTIME_READY), .status = true};
	conditions[1] = (struct runtime_condition){.type = STR(RUNTIME_NETWORK_READY), .status = true};
	if (b->config.network && b->config.network->ready)
		conditions[1].status = b->config.network->ready(b->config.network_data, arena, &conditions[1].reason,
								&conditions[1].message);
	*ret = (struct runtime_status){conditions, 2, STR("cgroupfs")};
	return 0;
}

/* ---- opening and closing ---- */

static void builtin_free(struct runtime *rt)
{
	struct builtin *b = builtin_of(rt);

	builtin_events_stop(b);
	while (!list_empty(&b->sandboxes)) {
		struct sandbox *sandbox = LIST_FIRST(&b->sandboxes, struct sandbox, link);

		while (!list_empty(&sandbox->containers)) {
			struct container *container = LIST_FIRST(&sandbox->containers, struct container, link);

			list_remove(&container->link);
			container_unref(container);
		}
		close_fd(sandbox->events_fd);
		list_remove(&sandbox->link);
		sandbox_unref(sandbox);
	}
	image_store_free(b->images);
	cond_release(&b->changed);
	mutex_release(&b->lock);
	arena_release(&b->arena);
	free(b);
}

static const struct runtime_ops builtin_ops = {
	.name = "wherry",
	.version = builtin_version,
	.status = builtin_status,
	.run_pod_sandbox = builtin_run_pod_sandbox,
	.stop_pod_sandbox = builtin_stop_pod_sandbox,
	.remove_pod_sandbox = builtin_remove_pod_sandbox,
	.pod_sandbox_status = builtin_pod_sandbox_status,
	.list_pod_sandboxes = builtin_list_pod_sandboxes,
	.create_container = builtin_create_container,
	.start_container = builtin_start_container,
	.stop_container = builtin_stop_container,
	.remove_container = builtin_remove_container,
	.container_status = builtin_container_status,
	.list_containers = builtin_list_containers,
	.update_container_resources = builtin_update_container_resources,
	.reopen_container_log = builtin_reopen_container_log,
	.list_container_stats = builtin_list_container_stats,
	.exec_sync = builtin_exec_sync,
	.exec = builtin_exec,
	.attach = builtin_attach,
	.port_forward = builtin_port_forward,
	.list_images = builtin_list_images,
	.image_status = builtin_image_status,
	.pull_image = builtin_pull_image,
	.remove_image = builtin_remove_image,
	.image_fs_info = builtin_image_fs_info,
	.free = builtin_free,
};

static int find_programs(struct builtin *b, struct error *err)
{
	static const char *const runtimes[] = {"/usr/bin/crun", "/usr/local/bin/crun", "/usr/bin/runc",
					       "/usr/local/bin/runc", "/usr/sbin/runc"};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	b->oci_path = arena_str(&b->arena, b->config.oci_runtime);
	for (size_t i = 0; i < ARRAY_LEN(runtimes) && b->oci_path.len == 0; i++)
		if (access(runtimes[i], X_OK) == 0)
			b->oci_path = str_from(runtimes[i]);
	if (b->oci_path.len == 0)
		return error_set(err, ERR_NOT_FOUND, "neither crun nor runc is installed");
	b->is_crun = str_has_suffix(b->oci_path, STR("crun"));
	b->shim_path = arena_str(&b->arena, b->config.shim_path);
	if (b->shim_path.len == 0 && n > 0) {
		struct str path = {self, (size_t)n};

		path.len = (size_t)MAX(str_last_index(path, '/'), 0);
		b->shim_path = arena_concat(&b->arena, path, STR("/wherry-shim"));
	}
	if (access(str_c(b->shim_path), X_OK) < 0)
		return error_set_errno(err, errno, "shim %s", str_c(b->shim_path));
	return 0;
}

static int make_folders(struct builtin *b, struct error *err)
{
	struct str folders[] = {
		arena_printf(&b->arena, STR_FMT "/pods", STR_ARG(b->config.data_dir)),
		arena_printf(&b->arena, STR_FMT "/pods", STR_ARG(b->config.run_dir)),
		arena_printf(&b->arena, STR_FMT "/oci", STR_ARG(b->config.run_dir)),
	};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		int r = path_make_dirs(AT_FDCWD, str_c(folders[i]), 0711);

		if (r < 0)
			return error_set_errno(err, -r, "create %s", str_c(folders[i]));
	}
	b->oci_root = folders[2];
	return 0;
}

static int open_all(struct builtin *b, struct error *err)
{
	char boot_id[64];
	int r = path_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));

	if (r < 0)
		return error_set_errno(err, -r, "read boot id");
	b->boot_id = arena_str(&b->arena, str_trim(str_from(boot_id)));
	b->bounding = caps_bounding();
	b->oom_score_floor = oci_oom_score_floor();
	b->shims_cgroup = arena_concat(&b->arena, b->config.cgroup_root, STR("/shims"));
	b->pods_cgroup = arena_concat(&b->arena, b->config.cgroup_root, STR("/pods"));
	r = find_programs(b, err);
	if (r == 0)
		r = make_folders(b, err);
	if (r == 0)
		r = cgroup_detect(&b->cgroups, err);
	if (r == 0)
		r = cgroup_create(&b->cgroups, b->shims_cgroup, err);
	if (r == 0)
		r = image_store_open(b->config.data_dir, &b->images, err);
	if (r == 0)
		r = builtin_events_start(b, err);
	if (r == 0)
		r = builtin_adopt(b, err);
	return r;
}

int builtin_runtime_new(const struct builtin_config *config, struct runtime **ret, struct error *err)
{
	struct builtin *b = XNEW(struct builtin);
	int r;

	b->runtime.ops = &builtin_ops;
	b->config = *config;
	b->config.data_dir = arena_str(&b->arena, config->data_dir);
	b->config.run_dir = arena_str(&b->arena, config->run_dir);
	b->config.cgroup_root = arena_str(&b->arena, config->cgroup_root);
	b->config.version = arena_str(&b->arena, config->version);
	b->epoll_fd = b->wake_fd = -1;
	mutex_init(&b->lock);
	cond_init(&b->changed);
	list_init(&b->sandboxes);
	r = open_all(b, err);
	if (r < 0) {
		builtin_free(&b->runtime);
		return r;
	}
	*ret = &b->runtime;
	return 0;
}
