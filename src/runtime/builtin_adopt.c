/*
 * Taking over what an earlier process left, and undoing what a node left; see builtin.h.
 *
 * For each sandbox on disk:
 *
 *	made before this boot			everything of it ended with the machine; its running containers are
 *						EXITED, Unknown, 255 and its run folder is gone by itself
 *	never became ready			removed: nobody was told of it
 *	ready, its shim lives			subscribed to; the shim says which containers run and which have ended
 *	ready, its shim died			its containers are ended by their cgroups: EXITED, ShimDied, 137
 *
 * An exit file decides over everything else: the shim wrote it before it told anyone.  A container is not started here,
 * ever.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/builtin_internal.h"
#include "sys/mounts.h"
#include "sys/namespace.h"
#include "sys/path.h"

/* ---- reading ---- */

static bool is_id(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	return len == 64 && name[len] == '\0';
}

static int read_text(const char *dir, const char *name, struct buf *text)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : path_read(fd, name, text);
}

static struct container *load_container(struct builtin *b, struct sandbox *sandbox, const char *id)
{
	struct container *container = container_new(b, sandbox, str_from(id));
	struct error err = {0};
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	if (read_text(container->data_dir, "container.json", &text) < 0 ||
	    container_record_read(buf_view(&text), &container->arena, &container->record, &err) < 0) {
		/* Its creation was cut short before anyone was told of it. */
		if (path_remove_tree(AT_FDCWD, container->data_dir) < 0)
			log_warn("container not removed", "dir=%s", container->data_dir);
		container_unref(container);
		return NULL;
	}
	list_append(&sandbox->containers, &container->link);
	return container;
}

static struct sandbox *load_sandbox(struct builtin *b, const char *id)
{
	struct sandbox *sandbox = sandbox_new(b, str_from(id));
	struct dirent *entry;
	struct error err = {0};
	struct buf cleanup_buf text;
	DIR *stream;

	buf_init(&text, LIMIT_RECORD);
	if (read_text(sandbox->data_dir, "sandbox.json", &text) < 0 ||
	    sandbox_record_read(buf_view(&text), &sandbox->arena, &sandbox->record, &err) < 0)
		sandbox->record = (struct sandbox_record){
			.id = arena_str_c(&sandbox->arena, id), .state = RUNTIME_SANDBOX_NOTREADY, .cgroup = STR_EMPTY};
	list_append(&b->sandboxes, &sandbox->link);
	stream = opendir(sandbox->data_dir);
	while (stream && (entry = readdir(stream)))
		if (is_id(entry->d_name))
			load_container(b, sandbox, entry->d_name);
	if (stream)
		closedir(stream);
	return sandbox;
}

/* ---- what became of the containers ---- */

/* The shim's own word on how it ended; false when it has left none. */
static bool read_exit(struct container *container, int *ret_code, int64_t *ret_time, bool *ret_oom)
{
	struct buf cleanup_buf text;
	yyjson_doc *doc;
	yyjson_val *root, *code;
	bool found;

	buf_init(&text, 4096);
	if (read_text(container->data_dir, "exit", &text) < 0)
		return false;
	doc = yyjson_read(text.data, text.len, 0);
	root = yyjson_doc_get_root(doc);
	code = yyjson_obj_get(root, "exitCode");
	found = yyjson_is_int(code);
	if (found) {
		*ret_code = (int)yyjson_get_sint(code);
		*ret_time = yyjson_get_sint(yyjson_obj_get(root, "finishedAt"));
		*ret_oom = yyjson_get_bool(yyjson_obj_get(root, "oom"));
	}
	yyjson_doc_free(doc);
	return found;
}

static void finish_by_file(struct builtin *b, struct container *container, int code, const char *reason)
{
	int64_t time = clock_wall_ns();
	bool oom = false;

	container->exit_known = true;
	if (read_exit(container, &code, &time, &oom))
		reason = NULL;
	container_finish(b, container, code, time, oom, reason);
}

/* The shim knows what runs, also what was started just before our predecessor died. */
static int take_list(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_LIST);
	struct container *container = NULL;
	struct str value;
	uint16_t tag;
	int r = shim_ask(sandbox->run_dir, call, SHIM_TIMEOUT_MS, err);

	if (r < 0)
		return r;
	MUTEX_GUARD(&b->lock);
	for (size_t at = 0; wire_next(call->reply.fields, &at, &tag, &value);) {
		if (tag == SHIM_TAG_CONTAINER)
			container = container_get(b, value);
		if (!container || container->record.state == RUNTIME_CONTAINER_EXITED)
			continue;
		if (tag == SHIM_TAG_PID)
			container->record.process.pid = (pid_t)wire_int(value);
		else if (tag == SHIM_TAG_START_TIME)
			container->record.process.start_time = (uint64_t)wire_int(value);
		else if (tag == SHIM_TAG_TIME && container->record.started_at == 0)
			container->record.started_at = wire_int(value);
		else if (tag == SHIM_TAG_CODE && container->record.process.pid) {
			/* A shim of an earlier release does not say when. */
			if (container->record.started_at == 0)
				container->record.started_at = clock_wall_ns();
			container->record.state = RUNTIME_CONTAINER_RUNNING;
		}
	}
	return 0;
}

static void adopt_containers(struct builtin *b, struct sandbox *sandbox)
{
	struct error err = {0};

	LIST_FOREACH_SAFE (struct container, container, &sandbox->containers, link) {
		if (container->record.state != RUNTIME_CONTAINER_RUNNING)
			continue;
		/* Those that ended meanwhile; for the rest the subscription brings the news. */
		if (!process_alive(container->record.process))
			finish_by_file(b, container, 255, RUNTIME_REASON_UNKNOWN);
		else if (container_save(container, &err) < 0)
			log_warn("record not written", "err=%s", err.message);
		error_clear(&err);
	}
}

static void end_containers(struct builtin *b, struct sandbox *sandbox, int code, const char *reason)
{
	LIST_FOREACH_SAFE (struct container, container, &sandbox->containers, link)
		if (container->record.state == RUNTIME_CONTAINER_RUNNING)
			finish_by_file(b, container, code, reason);
}

/* ---- sandboxes ---- */

static void drop_sandbox(struct builtin *b, struct sandbox *sandbox)
{
	struct error err = {0};

	if (builtin_remove_pod_sandbox(&b->runtime, sandbox->record.id, &err) < 0)
		log_warn("sandbox not removed", "sandbox=" STR_FMT " err=%s", STR_ARG(sandbox->record.id), err.message);
}

static void lose_shim(struct builtin *b, struct sandbox *sandbox, int code, const char *reason)
{
	struct error err = {0};

	end_containers(b, sandbox, code, reason);
	sandbox->record.state = RUNTIME_SANDBOX_NOTREADY;
	if (sandbox_tear_down(b, sandbox, &err) < 0) {
		log_warn("sandbox not cleaned up", "err=%s", err.message);
		error_clear(&err);
	}
	if (sandbox_save(sandbox, &err) < 0)
		log_warn("record not written", "err=%s", err.message);
}

static void adopt_sandbox(struct builtin *b, struct sandbox *sandbox)
{
	struct error err = {0};

	if (!str_eq(sandbox->record.boot_id, b->boot_id) && sandbox->record.boot_id.len) {
		/* Pids of another boot name nobody. */
		sandbox->record.shim = sandbox->record.pause = (struct process_id){0};
		lose_shim(b, sandbox, 255, RUNTIME_REASON_UNKNOWN);
		return;
	}
	if (sandbox->record.state != RUNTIME_SANDBOX_READY) {
		/* Stopped ones are kept for their containers' records; one that never was ready has none. */
		if (list_empty(&sandbox->containers))
			drop_sandbox(b, sandbox);
		else
			end_containers(b, sandbox, 137, RUNTIME_REASON_SHIM_DIED);
		return;
	}
	if (!process_alive(sandbox->record.shim) || take_list(b, sandbox, &err) < 0) {
		lose_shim(b, sandbox, 137, RUNTIME_REASON_SHIM_DIED);
		return;
	}
	adopt_containers(b, sandbox);
	if (sandbox_subscribe(b, sandbox, &err) < 0)
		lose_shim(b, sandbox, 137, RUNTIME_REASON_SHIM_DIED);
}

int builtin_adopt(struct builtin *b, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str folder = arena_printf(&arena, STR_FMT "/pods", STR_ARG(b->config.data_dir));
	DIR *stream = opendir(str_c(folder));
	VEC_OF(struct sandbox *) found = {0};
	struct dirent *entry;

	if (!stream)
		return error_set_errno(err, errno, "open %s", str_c(folder));
	while ((entry = readdir(stream)))
		if (is_id(entry->d_name))
			vec_push(&arena, &found, load_sandbox(b, entry->d_name));
	closedir(stream);
	for (size_t i = 0; i < found.len; i++)
		adopt_sandbox(b, found.items[i]);
	return 0;
}
