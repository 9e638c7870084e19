/*
 * The built-in runtime on a pipe, for tests: a line of JSON in, a line of JSON out.
 *
 *	runtime_tool DATA RUN CGROUP_ROOT SHIM [OCI_RUNTIME]
 *	runtime_tool --reset DATA RUN CGROUP_ROOT
 *	{"op": "create", "id": "x", "sandbox_id": "...", "config": {...}}
 *
 * Configurations have the members of the runtime's own records (runtime/record.h).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/builtin.h"
#include "runtime/image.h"
#include "runtime/json_writer.h"
#include "runtime/record.h"
#include "runtime/registry_http.h"
#include "sys/thread.h"

static struct runtime *rt;
static struct image_store *images;
static struct mutex events_lock = MUTEX_INIT;
static struct buf events; /* JSON objects with commas between */

struct request {
	yyjson_val *root;
	struct str text;
	struct arena *arena;
	struct json_writer *out;
	struct error *err;
};

static struct str arg(const struct request *q, const char *name)
{
	yyjson_val *value = yyjson_obj_get(q->root, name);

	return yyjson_is_str(value) ? arena_str(q->arena, (struct str){yyjson_get_str(value), yyjson_get_len(value)})
				    : STR_EMPTY;
}

static int64_t number(const struct request *q, const char *name)
{
	return yyjson_get_sint(yyjson_obj_get(q->root, name));
}

static void on_event(void *data UNUSED, const struct runtime_event *event)
{
	static const char *const names[] = {"created", "started", "stopped", "deleted", "relist"};
	struct json_writer w = {.out = &events};

	MUTEX_GUARD(&events_lock);
	w.comma = events.len > 0;
	json_open(&w, NULL, '{');
	json_c(&w, "type", names[event->type]);
	json_str(&w, "container", event->container_id);
	json_int(&w, "exit_code", event->exit_code);
	json_close(&w, '}');
}

static int do_run_sandbox(struct request *q)
{
	struct sandbox_record record;
	struct str id;
	int r = sandbox_record_read(q->text, q->arena, &record, q->err);

	if (r == 0)
		r = rt->ops->run_pod_sandbox(rt, &record.config, q->arena, &id, q->err);
	if (r == 0)
		json_str(q->out, "id", id);
	return r;
}

static int do_create(struct request *q)
{
	struct container_record record;
	struct str id;
	int r = container_record_read(q->text, q->arena, &record, q->err);

	if (r == 0)
		r = rt->ops->create_container(rt, record.sandbox_id, &record.config, NULL, q->arena, &id, q->err);
	if (r == 0)
		json_str(q->out, "id", id);
	return r;
}

static int do_start(struct request *q)
{
	return rt->ops->start_container(rt, arg(q, "id"), q->err);
}

static int do_stop(struct request *q)
{
	return rt->ops->stop_container(rt, arg(q, "id"), number(q, "timeout"), q->err);
}

static int do_remove(struct request *q)
{
	return rt->ops->remove_container(rt, arg(q, "id"), q->err);
}

static int do_stop_sandbox(struct request *q)
{
	return rt->ops->stop_pod_sandbox(rt, arg(q, "id"), q->err);
}

static int do_remove_sandbox(struct request *q)
{
	return rt->ops->remove_pod_sandbox(rt, arg(q, "id"), q->err);
}

static void put_status(struct json_writer *w, const char *key, const struct runtime_container_status *status)
{
	static const char *const states[] = {"created", "running", "exited", "unknown"};

	json_open(w, key, '{');
	json_str(w, "id", status->id);
	json_str(w, "sandbox_id", status->sandbox_id);
	json_str(w, "name", status->metadata.name);
	json_c(w, "state", states[status->state]);
	json_int(w, "exit_code", status->exit_code);
	json_str(w, "reason", status->reason);
	json_str(w, "message", status->message);
	json_int(w, "pid", status->pid);
	json_int(w, "started_at", status->started_at);
	json_int(w, "finished_at", status->finished_at);
	json_str(w, "image_ref", status->image_ref);
	json_int(w, "uid", status->user_uid);
	json_close(w, '}');
}

static int do_status(struct request *q)
{
	struct runtime_container_status status;
	int r = rt->ops->container_status(rt, arg(q, "id"), q->arena, &status, q->err);

	if (r == 0)
		put_status(q->out, "status", &status);
	return r;
}

static int do_list(struct request *q)
{
	struct runtime_container_list list;
	int r = rt->ops->list_containers(rt, NULL, q->arena, &list, q->err);

	if (r < 0)
		return r;
	json_open(q->out, "items", '[');
	SLICE_FOREACH (status, list)
		put_status(q->out, NULL, status);
	json_close(q->out, ']');
	return 0;
}

static int do_sandboxes(struct request *q)
{
	struct runtime_sandbox_list list;
	int r = rt->ops->list_pod_sandboxes(rt, NULL, q->arena, &list, q->err);

	if (r < 0)
		return r;
	json_open(q->out, "items", '[');
	SLICE_FOREACH (status, list) {
		json_open(q->out, NULL, '{');
		json_str(q->out, "id", status->id);
		json_bool(q->out, "ready", status->state == RUNTIME_SANDBOX_READY);
		json_str(q->out, "netns", status->netns_path);
		json_close(q->out, '}');
	}
	json_close(q->out, ']');
	return 0;
}

static int do_stats(struct request *q)
{
	struct runtime_container_stats_list list;
	int r = rt->ops->list_container_stats(rt, NULL, q->arena, &list, q->err);

	if (r < 0)
		return r;
	json_open(q->out, "items", '[');
	SLICE_FOREACH (stats, list) {
		json_open(q->out, NULL, '{');
		json_str(q->out, "id", stats->id);
		json_int(q->out, "memory", (int64_t)stats->memory_usage);
		json_int(q->out, "pids", (int64_t)stats->pids);
		json_close(q->out, '}');
	}
	json_close(q->out, ']');
	return 0;
}

static void read_command(const struct request *q, struct runtime_exec_request *ret)
{
	yyjson_val *list = yyjson_obj_get(q->root, "command"), *item;
	VEC_OF(struct str) command = {0};
	size_t i, max;

	if (list)
		yyjson_arr_foreach(list, i, max, item)
			vec_push(q->arena, &command, arena_str_c(q->arena, yyjson_get_str(item)));
	*ret = (struct runtime_exec_request){.container_id = arg(q, "id"),
					     .command = {command.items, command.len},
					     .tty = yyjson_get_bool(yyjson_obj_get(q->root, "tty")),
					     .stdin = yyjson_obj_get(q->root, "stdin") != NULL,
					     .stdout = true,
					     .stderr = true};
}

static int do_exec_sync(struct request *q)
{
	struct runtime_exec_request request;
	struct runtime_exec_result result;
	int r;

	read_command(q, &request);
	r = rt->ops->exec_sync(rt, &request, number(q, "timeout_ms"), q->arena, &result, q->err);
	if (r < 0)
		return r;
	json_int(q->out, "exit_code", result.exit_code);
	json_str(q->out, "stdout", result.stdout);
	json_str(q->out, "stderr", result.stderr);
	return 0;
}

static void read_to_end(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(out, chunk, (size_t)n);
}

/* Writes `stdin`, closes it, and gives back what came until the end. */
static int relay(struct request *q, struct runtime_stream *stream)
{
	struct str input = arg(q, "stdin");
	struct buf cleanup_buf out, cleanup_buf err_out;
	int32_t code = -1;
	int r;

	buf_init(&out, MIB);
	buf_init(&err_out, MIB);
	if (stream->tty)
		r = stream->ops->resize(stream, 77, 33, q->err);
	else
		r = 0;
	if (stream->stdin_fd >= 0 && input.len && write(stream->stdin_fd, input.data, input.len) < 0)
		r = -1;
	if (!stream->tty)
		stream->stdin_fd = close_fd(stream->stdin_fd);
	read_to_end(stream->stdout_fd, &out);
	read_to_end(stream->stderr_fd, &err_out);
	if (r == 0)
		r = stream->ops->result(stream, &code, q->err);
	json_int(q->out, "exit_code", code);
	json_str(q->out, "stdout", arena_str(q->arena, buf_view(&out)));
	json_str(q->out, "stderr", arena_str(q->arena, buf_view(&err_out)));
	runtime_stream_free(stream);
	return r;
}

static int do_exec(struct request *q)
{
	struct runtime_exec_request request;
	struct runtime_stream *stream;
	int r;

	read_command(q, &request);
	r = rt->ops->exec(rt, &request, &stream, q->err);
	return r < 0 ? r : relay(q, stream);
}

static int do_attach(struct request *q)
{
	struct runtime_exec_request request;
	struct runtime_stream *stream;
	int r;

	read_command(q, &request);
	r = rt->ops->attach(rt, &request, &stream, q->err);
	return r < 0 ? r : relay(q, stream);
}

static int do_port_forward(struct request *q)
{
	struct str input = arg(q, "stdin");
	struct buf cleanup_buf out;
	int fd, r = rt->ops->port_forward(rt, arg(q, "id"), (uint16_t)number(q, "port"), &fd, q->err);

	buf_init(&out, MIB);
	if (r < 0)
		return r;
	fcntl(fd, F_SETFL, 0);
	if (write(fd, input.data, input.len) < 0)
		r = -1;
	read_to_end(fd, &out);
	close_fd(fd);
	json_str(q->out, "stdout", arena_str(q->arena, buf_view(&out)));
	return r;
}

static int do_update(struct request *q)
{
	struct container_record record;
	int r = container_record_read(q->text, q->arena, &record, q->err);

	return r < 0 ? r : rt->ops->update_container_resources(rt, arg(q, "id"), &record.config.resources, q->err);
}

static int do_reopen_log(struct request *q)
{
	return rt->ops->reopen_container_log(rt, arg(q, "id"), q->err);
}

static int do_import(struct request *q)
{
	cleanup_close int fd = open(str_c(arg(q, "file")), O_RDONLY | O_CLOEXEC);
	struct runtime_strs names;
	int r = fd < 0 ? error_set_errno(q->err, errno, "open")
		       : image_import(images, fd, arg(q, "name"), q->arena, &names, q->err);

	if (r < 0)
		return r;
	json_open(q->out, "names", '[');
	SLICE_FOREACH (name, names)
		json_str(q->out, NULL, *name);
	json_close(q->out, ']');
	return 0;
}

static int do_pull(struct request *q)
{
	struct runtime_auth auth = {.username = arg(q, "username"), .password = arg(q, "password")};
	struct str ref;
	int r = rt->ops->pull_image(rt, arg(q, "image"), auth.username.len ? &auth : NULL, q->arena, &ref, q->err);

	if (r == 0)
		json_str(q->out, "ref", ref);
	return r;
}

static int do_images(struct request *q)
{
	struct runtime_image_list list;
	int r = rt->ops->list_images(rt, q->arena, &list, q->err);

	if (r < 0)
		return r;
	json_open(q->out, "items", '[');
	SLICE_FOREACH (image, list) {
		json_open(q->out, NULL, '{');
		json_str(q->out, "id", image->id);
		json_open(q->out, "tags", '[');
		SLICE_FOREACH (tag, image->repo_tags)
			json_str(q->out, NULL, *tag);
		json_close(q->out, ']');
		json_open(q->out, "digests", '[');
		SLICE_FOREACH (digest, image->repo_digests)
			json_str(q->out, NULL, *digest);
		json_close(q->out, ']');
		json_int(q->out, "size", (int64_t)image->size);
		json_close(q->out, '}');
	}
	json_close(q->out, ']');
	return 0;
}

static int do_remove_image(struct request *q)
{
	return rt->ops->remove_image(rt, arg(q, "image"), q->err);
}

static int do_events(struct request *q)
{
	MUTEX_GUARD(&events_lock);
	json_open(q->out, "items", '[');
	json_raw(q->out, NULL, buf_view(&events));
	json_close(q->out, ']');
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct request *q);
} ops[] = {
	{"run_sandbox", do_run_sandbox},
	{"stop_sandbox", do_stop_sandbox},
	{"remove_sandbox", do_remove_sandbox},
	{"sandboxes", do_sandboxes},
	{"create", do_create},
	{"start", do_start},
	{"stop", do_stop},
	{"remove", do_remove},
	{"status", do_status},
	{"list", do_list},
	{"stats", do_stats},
	{"exec_sync", do_exec_sync},
	{"exec", do_exec},
	{"attach", do_attach},
	{"port_forward", do_port_forward},
	{"update", do_update},
	{"reopen_log", do_reopen_log},
	{"import", do_import},
	{"pull", do_pull},
	{"images", do_images},
	{"remove_image", do_remove_image},
	{"events", do_events},
};

static void serve(struct str line)
{
	struct arena cleanup_arena arena = {0};
	yyjson_doc *doc = yyjson_read(line.data, line.len, 0);
	struct buf cleanup_buf text;
	struct json_writer w = {.out = &text};
	struct error err = {0};
	struct request q = {yyjson_doc_get_root(doc), line, &arena, &w, &err};
	struct str op = arg(&q, "op");
	int64_t start = clock_monotonic_ns();
	int r = -1;

	buf_init(&text, 16 * MIB);
	json_open(&w, NULL, '{');
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_eq_c(op, ops[i].name))
			r = ops[i].run(&q);
	json_bool(&w, "ok", r >= 0);
	json_int(&w, "us", (clock_monotonic_ns() - start) / NS_PER_US);
	if (r < 0) {
		json_c(&w, "error", err.message);
		json_c(&w, "reason", error_code_reason(err.code));
	}
	json_close(&w, '}');
	printf("%s\n", text.data);
	fflush(stdout);
	yyjson_doc_free(doc);
}

int main(int argc, char **argv)
{
	struct builtin_config config = {.event = on_event, .version = STR("test")};
	struct error err = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (argc == 5 && strcmp(argv[1], "--reset") == 0) {
		if (builtin_reset(str_from(argv[2]), str_from(argv[3]), str_from(argv[4]), &err) == 0)
			return 0;
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	if (argc != 5 && argc != 6)
		return 2;
	config.data_dir = str_from(argv[1]);
	config.run_dir = str_from(argv[2]);
	config.cgroup_root = str_from(argv[3]);
	config.shim_path = str_from(argv[4]);
	config.oci_runtime = argc == 6 ? str_from(argv[5]) : STR_EMPTY;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&events, 16 * MIB);
	if (builtin_enter_mount_namespace(config.run_dir, &err) < 0 ||
	    registry_http_new(-1, STR_EMPTY, &config.registry, &err) < 0 ||
	    builtin_runtime_new(&config, &rt, &err) < 0 || image_store_open(config.data_dir, &images, &err) < 0) {
		printf("{\"ok\":false,\"error\":\"%s\"}\n", err.message);
		return 1;
	}
	printf("{\"ok\":true}\n");
	fflush(stdout);
	while ((n = getline(&line, &cap, stdin)) > 0)
		serve((struct str){line, (size_t)n});
	free(line);
	rt->ops->free(rt);
	registry_http_free(config.registry);
	image_store_free(images);
	buf_release(&events);
	return 0;
}
