/* Containers: made, started, stopped, finished and removed; see builtin_internal.h. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/builtin_internal.h"
#include "sys/mounts.h"
#include "sys/path.h"

static int not_found(struct str id, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "container \"" STR_FMT "\" not found", STR_ARG(id));
}

/* ---- create ---- */

static int copy_record(struct container *container, const struct container_record *from, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	container_record_write(from, &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "container configuration is too large");
	return container_record_read(buf_view(&text), &container->arena, &container->record, err);
}

/* Folders, and the list that keeps the image's layers; the caller holds them meanwhile. */
static int make_folders(struct container *container, const struct image_config *image, struct error *err)
{
	static const char *const names[] = {"upper", "work"};
	cleanup_close int dir = -1;
	struct buf cleanup_buf text;
	int r = path_make_dirs(AT_FDCWD, container->data_dir, 0711);

	if (r == 0)
		r = path_make_dirs(AT_FDCWD, container->run_dir, 0711);
	if (r == 0) {
		dir = open(container->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? -errno : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++)
		r = mkdirat(dir, names[i], 0755) < 0 ? -errno : 0;
	buf_init(&text, LIMIT_RECORD);
	SLICE_FOREACH (layer, image->layers)
		buf_printf(&text, STR_FMT "\n", STR_ARG(*layer));
	if (r == 0)
		r = path_write_atomic(dir, "layers", buf_view(&text), 0600, false);
	return r < 0 ? error_set_errno(err, -r, "create folders of container " STR_FMT, STR_ARG(container->record.id))
		     : 0;
}

static int remove_folders(struct container *container, struct error *err)
{
	int r = path_remove_tree(AT_FDCWD, container->run_dir);

	if (r < 0)
		return error_set_errno(err, -r, "remove %s", container->run_dir);
	r = path_remove_tree(AT_FDCWD, container->data_dir);
	return r < 0 ? error_set_errno(err, -r, "remove %s", container->data_dir) : 0;
}

static int resolve_image(struct builtin *b, struct container_record *record, struct image_config *image,
			 struct arena *arena, struct error *err)
{
	struct image_record found;
	int r = image_store_find(b->images, record->config.image, arena, &found, err);

	if (r == 0)
		r = image_store_config(b->images, found.id, arena, image, err);
	if (r < 0)
		return r;
	record->image_id = found.id;
	record->image_ref = found.id;
	if (found.name.len) {
		struct str repository = found.name, ignored;
		ptrdiff_t colon = str_last_index(found.name, ':');

		if (!str_cut(found.name, '@', &repository, &ignored) && colon > 0)
			repository = str_sub(found.name, 0, (size_t)colon);
		record->image_ref =
			arena_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(repository), STR_ARG(found.manifest));
	}
	record->stop_signal = record->config.stop_signal.len ? record->config.stop_signal : image->stop_signal;
	return 0;
}

static int add_to_sandbox(struct builtin *b, struct container *container, struct error *err)
{
	MUTEX_GUARD(&b->lock);
	if (container->sandbox->gone || container->sandbox->record.state != RUNTIME_SANDBOX_READY)
		return error_set(err, ERR_CONFLICT, "sandbox \"" STR_FMT "\" is not ready",
				 STR_ARG(container->sandbox->record.id));
	if (container_save(container, err) < 0)
		return -(int)err->code;
	list_append(&container->sandbox->containers, &container->link);
	return 0;
}

int builtin_create_container(struct runtime *rt, struct str sandbox_id, const struct runtime_container_config *config,
			     const struct runtime_sandbox_config *sandbox_config UNUSED, struct arena *arena,
			     struct str *ret_id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container_record record = {.id = builtin_new_id(arena),
					  .sandbox_id = sandbox_id,
					  .config = *config,
					  .state = RUNTIME_CONTAINER_CREATED,
					  .created_at = clock_wall_ns()};
	cleanup_close int hold = -1;
	struct container *container = NULL;
	struct image_config image;
	int r = image_store_hold(b->images, &hold, err);

	if (r == 0)
		r = resolve_image(b, &record, &image, arena, err);
	if (r < 0)
		return r;
	mutex_lock(&b->lock);
	if (sandbox_get(b, sandbox_id)) {
		container = container_new(b, sandbox_get(b, sandbox_id), record.id);
		record.cgroup = arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(container->sandbox->record.cgroup),
					     STR_ARG(record.id));
	}
	mutex_unlock(&b->lock);
	if (!container)
		return error_set(err, ERR_NOT_FOUND, "sandbox \"" STR_FMT "\" not found", STR_ARG(sandbox_id));
	r = copy_record(container, &record, err);
	if (r == 0)
		r = make_folders(container, &image, err);
	if (r == 0)
		r = add_to_sandbox(b, container, err);
	if (r < 0) {
		struct error ignored = {0};

		if (remove_folders(container, &ignored) < 0)
			log_warn("container not cleaned up", "err=%s", ignored.message);
		MUTEX_GUARD(&b->lock);
		container_unref(container);
		return r;
	}
	builtin_emit(b, RUNTIME_EVENT_CONTAINER_CREATED, container);
	*ret_id = record.id;
	return 0;
}

/* ---- start ---- */

static int mount_rootfs(struct builtin *b, struct container *container, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str target = arena_printf(&arena, "%s/rootfs", container->run_dir);
	struct image_config image;
	int r = image_store_config(b->images, container->record.image_id, &arena, &image, err);

	if (r < 0)
		return r;
	if (mkdir(str_c(target), 0755) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "create %s", str_c(target));
	return mount_overlay(str_c(target), image_store_layers_dir(b->images), image.layers.items, image.layers.len,
			     str_c(arena_printf(&arena, "%s/upper", container->data_dir)),
			     str_c(arena_printf(&arena, "%s/work", container->data_dir)), err);
}

static int write_config(struct builtin *b, struct container *container, struct error *err)
{
	cleanup_close int dir = open(container->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct container_spec spec;
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, LIMIT_RECORD);
	r = container_spec_load(b, container, &spec, err);
	if (r == 0)
		r = oci_write_config(&spec.oci, &text, err);
	if (r == 0) {
		mutex_lock(&b->lock);
		container->record.has_user = true;
		container->record.user_uid = spec.user.uid;
		container->record.user_gid = spec.user.gid;
		container->record.user_groups.items =
			arena_memdup(&container->arena, spec.user.groups.items, spec.user.groups.len * sizeof(int64_t));
		container->record.user_groups.len = spec.user.groups.len;
		mutex_unlock(&b->lock);
		r = dir < 0 ? -errno : path_write_atomic(dir, "config.json", buf_view(&text), 0600, false);
		if (r < 0)
			error_set_errno(err, -r, "write %s/config.json", container->run_dir);
	}
	container_spec_release(&spec);
	return r;
}

struct str container_oci_message(const char *path, struct arena *arena)
{
	char text[4096];
	struct str rest, line, last = STR_EMPTY;

	if (path_read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
		return STR_EMPTY;
	for (rest = str_from(text); rest.len;) {
		str_cut(rest, '\n', &line, &rest);
		line = str_trim(line);
		if (line.len)
			last = line;
	}
	/* crun begins with the time: "2026-01-02T03:04:05.123456Z: message". */
	if (last.len > 29 && last.data[4] == '-' && last.data[10] == 'T') {
		const char *colon = memmem(last.data, last.len, ": ", 2);

		if (colon)
			last = str_from_at(last, (size_t)(colon - last.data) + 2);
	}
	return arena_str(arena, last);
}

static int put_log_path(struct container *container, struct shim_call *call, struct arena *arena, struct error *err)
{
	const struct runtime_container_config *config = &container->record.config;
	struct str folder = container->sandbox->record.config.log_directory, path;
	int r;

	if (config->log_path.len == 0)
		return 0;
	path = folder.len ? arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(config->log_path))
			  : config->log_path;
	folder = arena_str(arena, str_sub(path, 0, (size_t)MAX(str_last_index(path, '/'), 0)));
	r = folder.len ? path_make_dirs(AT_FDCWD, str_c(folder), 0755) : 0;
	if (r < 0)
		return error_set_errno(err, -r, "create %s", str_c(folder));
	wire_put_str(&call->out, SHIM_TAG_LOG, path);
	return 0;
}

static int ask_shim_to_start(struct builtin *b, struct container *container, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_START);
	const struct runtime_container_config *config = &container->record.config;
	struct arena cleanup_arena arena = {0};
	struct str log = arena_printf(&arena, "%s/oci.log", container->run_dir);
	struct str pid_file = arena_printf(&arena, "%s/pid", container->run_dir);
	struct error shim_err = {0};
	char oom_file[1024];
	int r = put_log_path(container, call, &arena, err);

	if (r < 0)
		return r;
	builtin_put_oci_argv(b, call, log, "run");
	wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--bundle"));
	wire_put_str(&call->out, SHIM_TAG_ARGV, str_from(container->run_dir));
	wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--pid-file"));
	wire_put_str(&call->out, SHIM_TAG_ARGV, pid_file);
	if (config->tty) {
		struct str console = builtin_console_path(b, &arena);

		wire_put_str(&call->out, SHIM_TAG_ARGV, STR("--console-socket"));
		wire_put_str(&call->out, SHIM_TAG_ARGV, console);
		wire_put_str(&call->out, SHIM_TAG_CONSOLE, console);
	}
	wire_put_str(&call->out, SHIM_TAG_ARGV, container->record.id);
	wire_put_str(&call->out, SHIM_TAG_CONTAINER, container->record.id);
	wire_put_str(&call->out, SHIM_TAG_PID_FILE, pid_file);
	wire_put_str(&call->out, SHIM_TAG_EXIT_DIR, str_from(container->data_dir));
	if (cgroup_oom_file(&b->cgroups, container->record.cgroup, oom_file, sizeof(oom_file)) == 0)
		wire_put_str(&call->out, SHIM_TAG_OOM_FILE, str_from(oom_file));
	wire_put_int(&call->out, SHIM_TAG_STDIN, config->stdin);
	wire_put_int(&call->out, SHIM_TAG_STDIN_ONCE, config->stdin_once);
	wire_put_int(&call->out, SHIM_TAG_TTY, config->tty);
	r = shim_ask(container->sandbox->run_dir, call, START_TIMEOUT_MS, &shim_err);
	if (r < 0) {
		struct str message = container_oci_message(str_c(log), &arena);

		return error_set(err, ERR_INTERNAL,
				 "failed to create containerd task: OCI runtime create failed: " STR_FMT,
				 STR_ARG(message.len ? message : str_from(shim_err.message)));
	}
	MUTEX_GUARD(&b->lock);
	container->record.process.pid = (pid_t)wire_get_int(&call->reply, SHIM_TAG_PID, 0);
	container->record.process.start_time = (uint64_t)wire_get_int(&call->reply, SHIM_TAG_START_TIME, 0);
	/* The shim's word for both ends, so that the start is never after the end. */
	container->record.started_at = wire_get_int(&call->reply, SHIM_TAG_TIME, clock_wall_ns());
	return 0;
}

/* It runs, unless it has ended already. */
static int mark_started(struct builtin *b, struct container *container, struct error *err)
{
	bool ended;
	int r;

	mutex_lock(&b->lock);
	container->record.state = RUNTIME_CONTAINER_RUNNING;
	r = container_save(container, err);
	ended = container->exit_known;
	mutex_unlock(&b->lock);
	builtin_emit(b, RUNTIME_EVENT_CONTAINER_STARTED, container);
	if (ended)
		container_finish(b, container, container->exit_code, container->exit_time, container->exit_oom, NULL);
	return r;
}

static void mark_failed(struct builtin *b, struct container *container, const struct error *why)
{
	mutex_lock(&b->lock);
	container->record.message = arena_str_c(&container->arena, why->message);
	mutex_unlock(&b->lock);
	container_finish(b, container, 128, clock_wall_ns(), false, RUNTIME_REASON_START_ERROR);
}

int builtin_start_container(struct runtime *rt, struct str id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container *container;
	int r = 0;

	mutex_lock(&b->lock);
	container = container_begin(b, id);
	if (container && container->record.state != RUNTIME_CONTAINER_CREATED)
		r = error_set(err, ERR_CONFLICT, "container \"" STR_FMT "\" is not in created state", STR_ARG(id));
	mutex_unlock(&b->lock);
	if (!container)
		return not_found(id, err);
	if (r == 0) {
		r = mount_rootfs(b, container, err);
		if (r == 0)
			r = write_config(b, container, err);
		if (r == 0)
			r = ask_shim_to_start(b, container, err);
		if (r < 0)
			mark_failed(b, container, err);
		else
			r = mark_started(b, container, err);
	}
	MUTEX_GUARD(&b->lock);
	container_end(b, container);
	return r;
}

/* ---- the end ---- */

static void clean_up(struct builtin *b, struct container *container)
{
	struct arena cleanup_arena arena = {0};
	struct error err = {0};

	/* With a shared pid namespace, processes outlive the first one. */
	if (cgroup_exists(&b->cgroups, container->record.cgroup)) {
		if (cgroup_kill(&b->cgroups, container->record.cgroup, KILL_TIMEOUT_MS, &err) < 0 ||
		    cgroup_remove(&b->cgroups, container->record.cgroup, &err) < 0)
			log_warn("cgroup not removed", "err=%s", err.message);
		error_clear(&err);
	}
	if (mount_remove(str_c(arena_printf(&arena, "%s/rootfs", container->run_dir)), &err) < 0) {
		log_warn("root file system not unmounted", "err=%s", err.message);
		error_clear(&err);
	}
	if (path_remove_tree(AT_FDCWD, str_c(arena_printf(&arena, STR_FMT "/" STR_FMT, STR_ARG(b->oci_root),
							  STR_ARG(container->record.id)))) < 0)
		log_warn("state of the OCI runtime not removed", "container=" STR_FMT, STR_ARG(container->record.id));
}

/* The shim may forget it: its end is in the record. */
static void forget(struct container *container)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_FORGET);
	struct error ignored = {0};

	wire_put_str(&call->out, SHIM_TAG_CONTAINER, container->record.id);
	if (shim_ask(container->sandbox->run_dir, call, SHIM_TIMEOUT_MS, &ignored) < 0)
		error_clear(&ignored);
}

void container_finish(struct builtin *b, struct container *container, int code, int64_t time, bool oom,
		      const char *reason)
{
	struct error err = {0};

	clean_up(b, container);
	{
		MUTEX_GUARD(&b->lock);
		container->record.state = RUNTIME_CONTAINER_EXITED;
		container->record.exit_code = code;
		container->record.finished_at = time;
		container->record.process = (struct process_id){0};
		container->record.reason = str_from(reason	? reason
						    : oom	? RUNTIME_REASON_OOM_KILLED
						    : code == 0 ? RUNTIME_REASON_COMPLETED
								: RUNTIME_REASON_ERROR);
		if (!container->gone && container_save(container, &err) < 0)
			log_warn("record not written", "err=%s", err.message);
		cond_broadcast(&b->changed);
	}
	forget(container);
	builtin_emit(b, RUNTIME_EVENT_CONTAINER_STOPPED, container);
}

/* ---- stop ---- */

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3"; 0: no such signal. */
static int parse_signal(struct str text)
{
	int64_t number = 0;
	struct str offset;

	if (str_has_prefix(text, STR("SIG")))
		text = str_from_at(text, 3);
	if (str_parse_int64(text, &number) == 0)
		return number > 0 && number <= SIGRTMAX ? (int)number : 0;
	if (str_has_prefix(text, STR("RTMIN"))) {
		offset = str_from_at(text, 5);
		if (offset.len == 0)
			return SIGRTMIN;
		if (offset.data[0] == '+' && str_parse_int64(str_from_at(offset, 1), &number) == 0 && number >= 0 &&
		    SIGRTMIN + number <= SIGRTMAX)
			return SIGRTMIN + (int)number;
		return 0;
	}
	for (int i = 1; i < SIGRTMIN; i++)
		if (sigabbrev_np(i) && str_eq_c(text, sigabbrev_np(i)))
			return i;
	return 0;
}

static int signal_container(struct container *container, int signal, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_KILL);

	wire_put_str(&call->out, SHIM_TAG_CONTAINER, container->record.id);
	wire_put_int(&call->out, SHIM_TAG_SIGNAL, signal);
	return shim_ask(container->sandbox->run_dir, call, SHIM_TIMEOUT_MS, err);
}

/* True when it has ended by @deadline. */
static bool wait_ended(struct builtin *b, struct container *container, int64_t deadline)
{
	MUTEX_GUARD(&b->lock);
	while (container->record.state == RUNTIME_CONTAINER_RUNNING)
		if (!cond_wait_until(&b->changed, &b->lock, deadline))
			return container->record.state != RUNTIME_CONTAINER_RUNNING;
	return true;
}

static int stop(struct builtin *b, struct container *container, int64_t timeout_s, struct error *err)
{
	int signal = parse_signal(container->record.stop_signal);
	struct error shim_err = {0};

	if (timeout_s > 0) {
		int64_t deadline = clock_monotonic_ns() + MIN(timeout_s, 1000000) * NS_PER_SEC;

		if (signal_container(container, signal ? signal : SIGTERM, &shim_err) < 0)
			error_clear(&shim_err);
		else if (wait_ended(b, container, deadline))
			return 0;
	}
	/* Without the shim, the thread that listens to it ends the container by its cgroup. */
	if (signal_container(container, SIGKILL, &shim_err) < 0)
		error_clear(&shim_err);
	if (!wait_ended(b, container, clock_monotonic_ns() + KILL_TIMEOUT_MS * NS_PER_MS))
		return error_set(err, ERR_TIMEOUT, "container \"" STR_FMT "\" cannot be killed",
				 STR_ARG(container->record.id));
	return 0;
}

/* Several may stop one container at once: the shortest timeout decides, so this does not exclude others. */
int builtin_stop_container(struct runtime *rt, struct str id, int64_t timeout_s, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container *container;
	bool running = false;
	int r = 0;

	mutex_lock(&b->lock);
	/* One that is being started is waited for. */
	while ((container = container_get(b, id)) && container->busy &&
	       container->record.state == RUNTIME_CONTAINER_CREATED)
		cond_wait(&b->changed, &b->lock);
	if (container) {
		container->refs++;
		running = container->record.state == RUNTIME_CONTAINER_RUNNING;
	}
	mutex_unlock(&b->lock);
	if (!container)
		return 0;
	if (running)
		r = stop(b, container, timeout_s, err);
	MUTEX_GUARD(&b->lock);
	container_unref(container);
	return r;
}

int builtin_remove_container(struct runtime *rt, struct str id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container *container;
	int r = builtin_stop_container(rt, id, 0, err);

	if (r < 0)
		return r;
	mutex_lock(&b->lock);
	container = container_begin(b, id);
	mutex_unlock(&b->lock);
	if (!container)
		return 0;
	/* One that was never started, or whose end a crash cut short, may have a mount. */
	clean_up(b, container);
	r = remove_folders(container, err);
	if (r == 0)
		builtin_emit(b, RUNTIME_EVENT_CONTAINER_DELETED, container);
	MUTEX_GUARD(&b->lock);
	if (r == 0) {
		container->gone = true;
		list_remove(&container->link);
		container_unref(container);
	}
	container_end(b, container);
	return r;
}

/* ---- the rest ---- */

int builtin_update_container_resources(struct runtime *rt, struct str id,
				       const struct runtime_linux_resources *resources, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct runtime_linux_resources *kept;
	struct container *container;
	struct cgroup_limits limits = {.cpu_shares = resources->cpu_shares,
				       .cpu_quota = resources->cpu_quota,
				       .cpu_period = resources->cpu_period,
				       .memory_limit = resources->memory_limit,
				       .memory_swap = resources->memory_swap,
				       .pids_limit = resources->pids_limit,
				       .cpuset_cpus = resources->cpuset_cpus,
				       .cpuset_mems = resources->cpuset_mems};
	int r = 0;

	mutex_lock(&b->lock);
	container = container_begin(b, id);
	mutex_unlock(&b->lock);
	if (!container)
		return not_found(id, err);
	if (container->record.state == RUNTIME_CONTAINER_RUNNING)
		r = cgroup_set(&b->cgroups, container->record.cgroup, &limits, err);
	MUTEX_GUARD(&b->lock);
	if (r == 0) {
		kept = &container->record.config.resources;
#define KEEP(member)                                                                                                   \
	if (resources->member)                                                                                         \
	kept->member = resources->member
		KEEP(cpu_shares);
		KEEP(cpu_quota);
		KEEP(cpu_period);
		KEEP(memory_limit);
		KEEP(memory_swap);
		KEEP(pids_limit);
#undef KEEP
		if (resources->cpuset_cpus.len)
			kept->cpuset_cpus = arena_str(&container->arena, resources->cpuset_cpus);
		if (resources->cpuset_mems.len)
			kept->cpuset_mems = arena_str(&container->arena, resources->cpuset_mems);
		r = container_save(container, err);
	}
	container_end(b, container);
	return r;
}

int builtin_reopen_container_log(struct runtime *rt, struct str id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_REOPEN_LOG);
	struct container *container;
	bool running = false;
	int r;

	mutex_lock(&b->lock);
	container = container_get(b, id);
	if (container) {
		container->refs++;
		running = container->record.state == RUNTIME_CONTAINER_RUNNING;
	}
	mutex_unlock(&b->lock);
	if (!container)
		return not_found(id, err);
	if (!running) {
		r = error_set(err, ERR_CONFLICT, "container is not running");
	} else {
		wire_put_str(&call->out, SHIM_TAG_CONTAINER, id);
		r = shim_ask(container->sandbox->run_dir, call, SHIM_TIMEOUT_MS, err);
	}
	MUTEX_GUARD(&b->lock);
	container_unref(container);
	return r;
}
