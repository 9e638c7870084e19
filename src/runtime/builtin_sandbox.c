/* Sandboxes: namespaces, files, network and shim of a pod, made and unmade; see builtin_internal.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/builtin_internal.h"
#include "sys/mounts.h"
#include "sys/namespace.h"
#include "sys/path.h"

#define PAUSE_ID "pause"

static struct str path_in(const struct sandbox *sandbox, const char *name, struct arena *arena)
{
	return arena_printf(arena, "%s/%s", sandbox->run_dir, name);
}

/* ---- making ---- */

static int make_namespaces(struct sandbox *sandbox, struct error *err)
{
	const struct runtime_sandbox_config *config = &sandbox->record.config;
	struct arena cleanup_arena arena = {0};
	bool own_net = config->namespaces.network != RUNTIME_NAMESPACE_NODE;
	bool own_ipc = config->namespaces.ipc != RUNTIME_NAMESPACE_NODE;
	struct namespace_sysctl *sysctls = ARENA_NEW_N(&arena, struct namespace_sysctl, config->sysctls.len);
	struct namespace_spec spec = {
		.net = own_net ? str_c(path_in(sandbox, "net", &arena)) : NULL,
		.ipc = own_ipc ? str_c(path_in(sandbox, "ipc", &arena)) : NULL,
		.uts = own_net ? str_c(path_in(sandbox, "uts", &arena)) : NULL,
		.hostname = config->hostname.len ? str_c(config->hostname) : NULL,
		.sysctls = sysctls,
		.sysctls_len = config->sysctls.len,
	};

	for (size_t i = 0; i < config->sysctls.len; i++) {
		sysctls[i].name = str_c(config->sysctls.items[i].key);
		sysctls[i].value = str_c(config->sysctls.items[i].value);
	}
	return own_net || own_ipc ? namespace_pin(&spec, err) : 0;
}

static int make_shm(struct sandbox *sandbox, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str shm = path_in(sandbox, "shm", &arena);

	if (sandbox->record.config.namespaces.ipc == RUNTIME_NAMESPACE_NODE)
		return 0;
	if (mkdir(str_c(shm), 0755) < 0)
		return error_set_errno(err, errno, "create %s", str_c(shm));
	return mount_tmpfs(str_c(shm), "mode=1777,size=65536k", err);
}

static void network_pod(const struct sandbox *sandbox, struct arena *arena, struct runtime_network_pod *ret)
{
	const struct runtime_sandbox_config *config = &sandbox->record.config;

	*ret = (struct runtime_network_pod){.sandbox_id = sandbox->record.id,
					    .name = config->metadata.name,
					    .namespace_ = config->metadata.namespace_,
					    .uid = config->metadata.uid,
					    .netns_path = path_in(sandbox, "net", arena),
					    .port_mappings = config->port_mappings,
					    .port_mappings_len = config->port_mappings_len,
					    .annotations = config->annotations};
}

static bool has_network(struct builtin *b, const struct sandbox *sandbox)
{
	return b->config.network && sandbox->record.config.namespaces.network != RUNTIME_NAMESPACE_NODE;
}

static int make_network(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct runtime_network_pod pod;

	if (!has_network(b, sandbox))
		return 0;
	network_pod(sandbox, &arena, &pod);
	return b->config.network->attach(b->config.network_data, &pod, &sandbox->arena, &sandbox->record.ips, err);
}

static int make_shim(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	int r = shim_launch(str_c(b->shim_path), sandbox->run_dir, &sandbox->record.shim, err);

	if (r == 0)
		r = cgroup_add_process(&b->cgroups, b->shims_cgroup, sandbox->record.shim.pid, err);
	return r == 0 ? sandbox_subscribe(b, sandbox, err) : r;
}

/* The pod's own pid namespace needs a first process, which the shim starts like a container. */
static int make_pause(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	cleanup_shim_call struct shim_call *call = NULL;
	struct arena cleanup_arena arena = {0};
	struct str pid_file = path_in(sandbox, "pause.pid", &arena), pin = path_in(sandbox, "pid", &arena);
	char source[64];
	int fd, r;

	if (sandbox->record.config.namespaces.pid != RUNTIME_NAMESPACE_POD)
		return 0;
	call = shim_call_new(SHIM_START);
	wire_put_str(&call->out, SHIM_TAG_CONTAINER, STR(PAUSE_ID));
	wire_put_str(&call->out, SHIM_TAG_ARGV, b->shim_path);
	wire_put_str(&call->out, SHIM_TAG_ARGV, STR("pause"));
	wire_put_str(&call->out, SHIM_TAG_ARGV, pid_file);
	wire_put_str(&call->out, SHIM_TAG_PID_FILE, pid_file);
	r = shim_ask(sandbox->run_dir, call, SHIM_TIMEOUT_MS, err);
	if (r < 0)
		return error_wrap(err, "pid namespace");
	sandbox->record.pause.pid = (pid_t)wire_get_int(&call->reply, SHIM_TAG_PID, 0);
	sandbox->record.pause.start_time = (uint64_t)wire_get_int(&call->reply, SHIM_TAG_START_TIME, 0);
	fd = open(str_c(pin), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", str_c(pin));
	close_fd(fd);
	snprintf(source, sizeof(source), "/proc/%d/ns/pid", (int)sandbox->record.pause.pid);
	return mount_bind(source, str_c(pin), false, err);
}

static int make_all(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	int r = path_make_dirs(AT_FDCWD, sandbox->data_dir, 0711);

	if (r == 0)
		r = path_make_dirs(AT_FDCWD, sandbox->run_dir, 0711);
	if (r < 0)
		return error_set_errno(err, -r, "create folders of sandbox " STR_FMT, STR_ARG(sandbox->record.id));
	/* On disk before anything that would have to be found and removed after a crash. */
	r = sandbox_save(sandbox, err);
	if (r == 0)
		r = make_namespaces(sandbox, err);
	if (r == 0)
		r = make_shm(sandbox, err);
	if (r == 0)
		r = make_network(b, sandbox, err);
	if (r == 0)
		r = sandbox_write_files(sandbox, err);
	if (r == 0)
		r = cgroup_create(&b->cgroups, sandbox->record.cgroup, err);
	if (r == 0)
		r = make_shim(b, sandbox, err);
	if (r == 0)
		r = make_pause(b, sandbox, err);
	return r;
}

/* A copy of the configuration in the sandbox's arena: by way of a record's text, see record.h. */
static int copy_config(struct sandbox *sandbox, struct sandbox_record *from, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	sandbox_record_write(from, &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "sandbox configuration is too large");
	return sandbox_record_read(buf_view(&text), &sandbox->arena, &sandbox->record, err);
}

static int remove_folders(struct sandbox *sandbox, struct error *err)
{
	int r = path_remove_tree(AT_FDCWD, sandbox->run_dir);

	if (r < 0)
		return error_set_errno(err, -r, "remove %s", sandbox->run_dir);
	r = path_remove_tree(AT_FDCWD, sandbox->data_dir);
	return r < 0 ? error_set_errno(err, -r, "remove %s", sandbox->data_dir) : 0;
}

int builtin_run_pod_sandbox(struct runtime *rt, const struct runtime_sandbox_config *config, struct arena *arena,
			    struct str *ret_id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct sandbox_record record = {.id = builtin_new_id(arena),
					.config = *config,
					.state = RUNTIME_SANDBOX_NOTREADY,
					.created_at = clock_wall_ns(),
					.boot_id = b->boot_id};
	struct sandbox *sandbox;
	int r;

	if (config->runtime_handler.len)
		return error_set(err, ERR_INVALID, "no runtime for \"" STR_FMT "\" is configured",
				 STR_ARG(config->runtime_handler));
	record.cgroup = config->cgroup_parent.len
				? config->cgroup_parent
				: arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(b->pods_cgroup), STR_ARG(record.id));
	sandbox = sandbox_new(b, record.id);
	r = copy_config(sandbox, &record, err);
	if (r == 0)
		r = make_all(b, sandbox, err);
	if (r < 0) {
		struct error ignored = {0};

		if (sandbox_tear_down(b, sandbox, &ignored) < 0 || remove_folders(sandbox, &ignored) < 0)
			log_warn("sandbox not cleaned up", "err=%s", ignored.message);
		sandbox_unref(sandbox);
		return r;
	}
	MUTEX_GUARD(&b->lock);
	sandbox->record.state = RUNTIME_SANDBOX_READY;
	list_append(&b->sandboxes, &sandbox->link);
	*ret_id = record.id;
	r = sandbox_save(sandbox, err);
	return r;
}

/* ---- unmaking ---- */

/* Keeps the first of several failures. */
static void note(struct error *first, struct error *one)
{
	if (one->code && !first->code)
		*first = *one;
	error_clear(one);
}

static void end_shim(struct sandbox *sandbox)
{
	cleanup_shim_call struct shim_call *kill_pause = shim_call_new(SHIM_KILL), *end = shim_call_new(SHIM_SHUTDOWN);
	struct error ignored = {0};
	int64_t deadline = clock_monotonic_ns() + 5 * NS_PER_SEC;

	if (sandbox->record.shim.pid == 0)
		return;
	if (sandbox->record.pause.pid) {
		wire_put_str(&kill_pause->out, SHIM_TAG_CONTAINER, STR(PAUSE_ID));
		wire_put_int(&kill_pause->out, SHIM_TAG_SIGNAL, SIGKILL);
		if (shim_ask(sandbox->run_dir, kill_pause, SHIM_TIMEOUT_MS, &ignored) < 0) {
			error_clear(&ignored);
			process_signal(sandbox->record.pause, SIGKILL);
		}
	}
	/* It refuses while the pause process has not been waited for. */
	while (shim_ask(sandbox->run_dir, end, SHIM_TIMEOUT_MS, &ignored) < 0 && ignored.code == ERR_INTERNAL &&
	       clock_monotonic_ns() < deadline) {
		error_clear(&ignored);
		usleep(1000);
	}
	if (ignored.code)
		process_signal(sandbox->record.shim, SIGKILL);
	sandbox->record.shim = sandbox->record.pause = (struct process_id){0};
}

int sandbox_tear_down(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	static const char *const pins[] = {"pid", "net", "ipc", "uts"};
	struct arena cleanup_arena arena = {0};
	struct error first = {0}, one = {0};
	struct runtime_network_pod pod;

	sandbox_unsubscribe(b, sandbox);
	end_shim(sandbox);
	network_pod(sandbox, &arena, &pod);
	if (has_network(b, sandbox) && b->config.network->detach(b->config.network_data, &pod, &one) < 0)
		note(&first, &one);
	for (size_t i = 0; i < ARRAY_LEN(pins); i++)
		if (namespace_unpin(str_c(path_in(sandbox, pins[i], &arena)), &one) < 0)
			note(&first, &one);
	if (mount_remove_below(sandbox->run_dir, &one) < 0)
		note(&first, &one);
	/* A given parent is the kubelet's. */
	if (str_has_prefix(sandbox->record.cgroup, b->pods_cgroup) &&
	    cgroup_remove(&b->cgroups, sandbox->record.cgroup, &one) < 0)
		note(&first, &one);
	return first.code ? error_pass(err, &first) : 0;
}

/* The ids of its containers that are in @state, or all (RUNTIME_CONTAINER_UNKNOWN). */
static struct runtime_strs containers_of(struct builtin *b, struct sandbox *sandbox, enum runtime_container_state state,
					 struct arena *arena)
{
	VEC_OF(struct str) ids = {0};

	MUTEX_GUARD(&b->lock);
	LIST_FOREACH (struct container, container, &sandbox->containers, link)
		if (state == RUNTIME_CONTAINER_UNKNOWN || container->record.state == state)
			vec_push(arena, &ids, arena_str(arena, container->record.id));
	return (struct runtime_strs){ids.items, ids.len};
}

static struct sandbox *begin(struct builtin *b, struct str id)
{
	MUTEX_GUARD(&b->lock);
	return sandbox_begin(b, id);
}

static int stop(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct runtime_strs running = containers_of(b, sandbox, RUNTIME_CONTAINER_RUNNING, &arena);
	bool was_up = sandbox->record.state == RUNTIME_SANDBOX_READY || sandbox->record.shim.pid != 0;
	int r = 0;

	SLICE_FOREACH (id, running)
		if (r == 0)
			r = builtin_stop_container(&b->runtime, *id, 0, err);
	if (r < 0 || !was_up)
		return r;
	mutex_lock(&b->lock);
	sandbox->record.state = RUNTIME_SANDBOX_NOTREADY;
	mutex_unlock(&b->lock);
	r = sandbox_tear_down(b, sandbox, err);
	if (r < 0)
		return r;
	MUTEX_GUARD(&b->lock);
	return sandbox_save(sandbox, err);
}

int builtin_stop_pod_sandbox(struct runtime *rt, struct str id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct sandbox *sandbox = begin(b, id);
	int r;

	if (!sandbox)
		return 0;
	r = stop(b, sandbox, err);
	MUTEX_GUARD(&b->lock);
	sandbox_end(b, sandbox);
	return r;
}

int builtin_remove_pod_sandbox(struct runtime *rt, struct str id, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct arena cleanup_arena arena = {0};
	struct sandbox *sandbox = begin(b, id);
	struct runtime_strs all;
	int r;

	if (!sandbox)
		return 0;
	r = stop(b, sandbox, err);
	all = containers_of(b, sandbox, RUNTIME_CONTAINER_UNKNOWN, &arena);
	SLICE_FOREACH (container, all)
		if (r == 0)
			r = builtin_remove_container(rt, *container, err);
	if (r == 0)
		r = remove_folders(sandbox, err);
	MUTEX_GUARD(&b->lock);
	if (r == 0) {
		sandbox->gone = true;
		list_remove(&sandbox->link);
		sandbox_unref(sandbox);
	}
	sandbox_end(b, sandbox);
	return r;
}
