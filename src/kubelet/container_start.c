/* Starting one container; see container_start.h. */
#include "kubelet/container_start.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "kubelet/container_config.h"
#include "kubelet/downward.h"
#include "kubelet/env.h"
#include "kubelet/hosts_file.h"
#include "kubelet/images.h"
#include "kubelet/lifecycle.h"
#include "kubelet/security.h"

#define CONFIG_RETRY_NS	      (10 * NS_PER_SEC)
#define TERMINATION_MAX	      4096
#define TERMINATION_PATH      "/dev/termination-log"
#define TERMINATION_LOG_BYTES 2048
#define TERMINATION_LOG_LINES 80

static void tell(const struct container_start *start, const char *type, const char *reason, struct str message)
{
	pod_event(start->context, start->view->object, str_c(start->container->field), start->container->spec->name,
		  type, reason, STR_FMT, STR_ARG(message));
}

/* The container cannot be made now; the same reason is told once. */
static bool refuse(struct container_start *start, const char *reason, const char *message, struct arena *arena)
{
	struct container_memory *memory = pod_memory_of(start->memory, start->container->spec->name);

	if (strcmp(memory->reason, reason) != 0 || strcmp(memory->message, message) != 0)
		tell(start, "Warning", "Failed", arena_printf(arena, "Error: %s", message));
	container_memory_wait(memory, reason, "%s", message);
	start->wake_at = start->now + CONFIG_RETRY_NS;
	return false;
}

static struct str container_dir(const struct kubelet_context *context, const struct pod_view *view,
				const struct container_view *container, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/containers/" STR_FMT,
			    STR_ARG(pod_dir(context, view->pod->metadata.uid, arena)), STR_ARG(container->spec->name));
}

static struct str termination_file(const struct kubelet_context *context, const struct pod_view *view,
				   const struct container_view *container, int32_t attempt, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/%08x", STR_ARG(container_dir(context, view, container, arena)),
			    (unsigned)attempt);
}

/* An empty file that the container, whoever it runs as, may write. */
static int make_termination_file(const struct container_start *start, struct arena *arena, struct str *ret,
				 struct error *err)
{
	struct str pod = pod_dir(start->context, start->view->pod->metadata.uid, arena);
	struct str dir = container_dir(start->context, start->view, start->container, arena);
	struct str path =
		termination_file(start->context, start->view, start->container, start->container->attempts, arena);
	struct str containers = arena_printf(arena, STR_FMT "/containers", STR_ARG(pod));
	int fd;

	if ((mkdir(str_c(pod), 0750) < 0 && errno != EEXIST) ||
	    (mkdir(str_c(containers), 0750) < 0 && errno != EEXIST) || (mkdir(str_c(dir), 0750) < 0 && errno != EEXIST))
		return error_set_errno(err, errno, "mkdir %s", str_c(dir));
	fd = open(str_c(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(path));
	/* The umask does not apply to what a container of any user must be able to write. */
	if (fchmod(fd, 0666) < 0) {
		close_fd(fd);
		return error_set_errno(err, errno, "chmod %s", str_c(path));
	}
	close_fd(fd);
	*ret = path;
	return 0;
}

static bool mounts_at(const struct runtime_mount *mounts, size_t len, struct str path)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(mounts[i].container_path, path))
			return true;
	return false;
}

/* The volumes' mounts, the hosts file and the termination log. */
static int gather_mounts(const struct container_start *start, struct runtime_pairs envs, struct arena *arena,
			 struct container_inputs *inputs, struct error *err)
{
	struct runtime_mount *volumes, *all;
	struct str hosts, log, log_path = start->container->spec->termination_message_path;
	size_t len;

	if (volumes_container_mounts(start->context, start->view->pod, start->container->spec, start->volumes, envs,
				     arena, &volumes, &len, err) < 0 ||
	    hosts_file_write(start->context, start->view, arena, &hosts, err) < 0 ||
	    make_termination_file(start, arena, &log, err) < 0)
		return -(int)err->code;
	all = ARENA_NEW_N(arena, struct runtime_mount, len + 2);
	if (len)
		memcpy(all, volumes, len * sizeof(*all));
	if (hosts.len && !mounts_at(all, len, STR("/etc/hosts")))
		all[len++] = (struct runtime_mount){.container_path = STR("/etc/hosts"), .host_path = hosts};
	all[len++] = (struct runtime_mount){.container_path = log_path.len ? log_path : STR(TERMINATION_PATH),
					    .host_path = log};
	inputs->mounts = all;
	inputs->mounts_len = len;
	return 0;
}

static struct downward downward_of(const struct container_start *start, struct arena *arena)
{
	struct downward downward = downward_of_node(start->context, arena);

	if (start->view->pod->spec.host_network)
		downward.pod_ips = start->context->config->node_ips;
	else if (start->view->sandbox)
		downward.pod_ips = start->view->sandbox->ips;
	return downward;
}

static int configure(const struct container_start *start, const struct runtime_image *image, struct arena *arena,
		     struct runtime_container_config *ret, struct error *err)
{
	struct container_inputs inputs = {.view = start->view, .container = start->container, .image_ref = image->id};
	struct downward downward = downward_of(start, arena);

	if (container_verify_non_root(start->view->pod, start->container->spec, image, arena, err) < 0 ||
	    env_resolve(start->context, start->view->pod, start->container->spec, &downward, arena, &inputs.envs, err) <
		    0 ||
	    gather_mounts(start, inputs.envs, arena, &inputs, err) < 0)
		return -(int)err->code;
	return container_config(start->context, &inputs, arena, ret, err);
}

bool container_start(struct container_start *start, struct arena *arena)
{
	struct container_memory *memory = pod_memory_of(start->memory, start->container->spec->name);
	const struct runtime_container_status *last = container_newest(start->container);
	struct runtime *rt = start->context->runtime;
	struct runtime_container_config config;
	struct runtime_sandbox_config sandbox;
	struct runtime_image image;
	struct error err = {0};
	struct str id;

	if (!image_ensure(start->context, start->view, start->container, memory, start->now, arena, &image,
			  &start->wake_at))
		return false;
	if (sandbox_config(start->context, start->view, arena, &sandbox, &err) < 0 ||
	    configure(start, &image, arena, &config, &err) < 0)
		return refuse(start, "CreateContainerConfigError", err.message, arena);
	if (last)
		backoff_next(&memory->restart, last->finished_at, start->now);
	memory->renew = false;
	memory->reason[0] = memory->message[0] = '\0';
	if (RUNTIME_CALL(rt, create_container, start->view->sandbox->id, &config, &sandbox, arena, &id, &err) < 0)
		return refuse(start, "CreateContainerError", err.message, arena);
	tell(start, "Normal", "Created", STR("Container created"));
	if (RUNTIME_CALL(rt, start_container, id, &err) < 0) {
		(void)refuse(start, "RunContainerError", err.message, arena);
		return true;
	}
	tell(start, "Normal", "Started", STR("Container started"));
	lifecycle_post_start(start->context, start->view, start->container, id, arena);
	return true;
}

/* --- What it left behind --------------------------------------------------------------------------------------- */

static struct str read_tail(int fd, size_t most, struct arena *arena)
{
	struct stat info;
	off_t from;
	char *text;
	ssize_t len;

	if (fstat(fd, &info) < 0 || info.st_size == 0)
		return STR_EMPTY;
	from = info.st_size > (off_t)most ? info.st_size - (off_t)most : 0;
	text = arena_alloc(arena, most + 1);
	len = pread(fd, text, most, from);
	if (len <= 0)
		return STR_EMPTY;
	text[len] = '\0';
	return (struct str){text, (size_t)len};
}

/* The content of the last lines of a log in CRI format. */
static struct str log_tail(struct str path, struct arena *arena)
{
	cleanup_close int fd = open(str_c(path), O_RDONLY | O_CLOEXEC);
	struct str raw, out = STR_EMPTY;
	size_t lines = 0, at;

	if (fd < 0)
		return out;
	raw = read_tail(fd, 2 * (size_t)TERMINATION_LOG_BYTES, arena);
	at = raw.len;
	/* Backwards over whole lines, at most so many and so long. */
	while (at > 0 && lines < TERMINATION_LOG_LINES) {
		size_t end = at, begin = at - 1;
		struct str time, stream, tag, content, rest;

		while (begin > 0 && raw.data[begin - 1] != '\n')
			begin--;
		at = begin;
		if (!str_cut(str_sub(raw, begin, end - begin), ' ', &time, &rest) ||
		    !str_cut(rest, ' ', &stream, &rest) || !str_cut(rest, ' ', &tag, &content))
			continue;
		if (out.len + content.len > TERMINATION_LOG_BYTES)
			break;
		out = arena_concat(arena, content, out);
		lines++;
	}
	return out;
}

struct str container_termination_message(const struct kubelet_context *context, const struct pod_view *view,
					 const struct container_view *container,
					 const struct runtime_container_status *status, struct arena *arena)
{
	int32_t attempt = (int32_t)status->metadata.attempt;
	struct str path = termination_file(context, view, container, attempt, arena);
	cleanup_close int fd = open(str_c(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct str text = fd >= 0 ? read_tail(fd, TERMINATION_MAX, arena) : STR_EMPTY;

	if (text.len || !str_eq(container->spec->termination_message_policy, STR("FallbackToLogsOnError")) ||
	    status->exit_code == 0)
		return text;
	return log_tail(status->log_path, arena);
}
