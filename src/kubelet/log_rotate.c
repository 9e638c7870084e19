/*
 * Logs of containers kept within bounds; see log_rotate.h.
 *
 * Cut short at any point, nothing of a log is lost: a compressed file gets its name when it is whole, and only then is
 * the plain one removed; what has both is finished by the next turn, what has the name of an unfinished one is removed.
 */
#include "kubelet/log_rotate.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "sys/loop.h"
#include "sys/path.h"
#include "sys/thread.h"

#define PERIOD_NS	  (10 * NS_PER_SEC)
#define COMPRESSED	  ".gz"
#define UNFINISHED	  ".tmp"
#define PIECE_SIZE	  (32 * KIB)
#define ROTATED_FILES_MAX 1000

/* --- The files of one log ----------------------------------------------------------------------------------------- */

struct rotation {
	struct arena arena;
	int dir_fd;
	struct str path, name; /* of the log; the name within its folder */
	VEC_OF(struct str) rotated;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int remove_file(const struct rotation *rotation, struct str name, struct error *err)
{
	if (unlinkat(rotation->dir_fd, str_c(name), 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove log " STR_FMT, STR_ARG(name));
	return 0;
}

/* The rotated files, the oldest first: their names are times. */
static int list_rotated(struct rotation *rotation, struct error *err)
{
	struct str prefix = arena_concat(&rotation->arena, rotation->name, STR("."));
	int fd = openat(rotation->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!stream) {
		int code = errno;

		close_fd(fd);
		return error_set_errno(err, code, "list the folder of log " STR_FMT, STR_ARG(rotation->path));
	}
	rotation->rotated.len = 0;
	while ((entry = readdir(stream)) && rotation->rotated.len < ROTATED_FILES_MAX)
		if (str_has_prefix(str_from(entry->d_name), prefix))
			vec_push(&rotation->arena, &rotation->rotated, arena_str_c(&rotation->arena, entry->d_name));
	closedir(stream);
	if (rotation->rotated.len)
		qsort(rotation->rotated.items, rotation->rotated.len, sizeof(struct str), by_name);
	return 0;
}

static int open_rotation(struct rotation *rotation, struct str path, struct error *err)
{
	size_t slash = (size_t)MAX(str_last_index(path, '/'), 0);
	struct str folder = arena_str(&rotation->arena, str_sub(path, 0, slash));

	rotation->path = path;
	rotation->name = arena_str(&rotation->arena, str_from_at(path, slash + 1));
	rotation->dir_fd = open(str_c(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rotation->dir_fd < 0)
		return error_set_errno(err, errno, "open " STR_FMT, STR_ARG(folder));
	return list_rotated(rotation, err);
}

static void release_rotation(struct rotation *rotation)
{
	close_fd(rotation->dir_fd);
	arena_release(&rotation->arena);
}

/* --- Compression -------------------------------------------------------------------------------------------------- */

static int deflate_piece(z_stream *z, int to, int flush)
{
	unsigned char out[PIECE_SIZE];
	int r = 0;

	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		deflate(z, flush);
		r = path_write_all(to, out, sizeof(out) - z->avail_out);
	} while (r == 0 && z->avail_out == 0);
	return r;
}

/* Negative errno. */
static int compress_between(int from, int to)
{
	z_stream z = {0};
	unsigned char in[PIECE_SIZE];
	ssize_t n;
	int r;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		n = read(from, in, sizeof(in));
		r = n < 0 ? -errno : 0;
		z.next_in = in;
		z.avail_in = n > 0 ? (unsigned)n : 0;
		if (r == 0)
			r = deflate_piece(&z, to, n == 0 ? Z_FINISH : Z_NO_FLUSH);
	} while (r == 0 && n > 0);
	deflateEnd(&z);
	return r;
}

static int compress_file(struct rotation *rotation, struct str name, struct error *err)
{
	struct str whole = arena_concat(&rotation->arena, name, STR(COMPRESSED));
	struct str unfinished = arena_concat(&rotation->arena, name, STR(UNFINISHED));
	cleanup_close int from = openat(rotation->dir_fd, str_c(name), O_RDONLY | O_CLOEXEC);
	cleanup_close int to = -1;
	struct stat st;
	int r = from < 0 || fstat(from, &st) < 0 ? -errno : 0;

	if (r == 0) {
		to = openat(rotation->dir_fd, str_c(unfinished), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			    st.st_mode & 0777);
		r = to < 0 ? -errno : compress_between(from, to);
	}
	if (r == 0 && renameat(rotation->dir_fd, str_c(unfinished), rotation->dir_fd, str_c(whole)) < 0)
		r = -errno;
	if (r == 0)
		return remove_file(rotation, name, err);
	unlinkat(rotation->dir_fd, str_c(unfinished), 0);
	return error_set_errno(err, -r, "compress log " STR_FMT, STR_ARG(name));
}

/* --- A turn ------------------------------------------------------------------------------------------------------- */

static bool has_rotated(const struct rotation *rotation, struct str name)
{
	for (size_t i = 0; i < rotation->rotated.len; i++)
		if (str_eq(rotation->rotated.items[i], name))
			return true;
	return false;
}

/* Not finished, or finished and not yet removed. */
static bool is_left_over(struct rotation *rotation, struct str name)
{
	return str_has_suffix(name, STR(UNFINISHED)) ||
	       has_rotated(rotation, arena_concat(&rotation->arena, name, STR(COMPRESSED)));
}

static int remove_left_over(struct rotation *rotation, struct error *err)
{
	for (size_t i = 0; i < rotation->rotated.len; i++)
		if (is_left_over(rotation, rotation->rotated.items[i]) &&
		    remove_file(rotation, rotation->rotated.items[i], err) < 0)
			return -(int)err->code;
	return list_rotated(rotation, err);
}

/* Room for the file that is rotated now and the new one; what is kept of the others is compressed. */
static int shrink_rotated(struct rotation *rotation, int64_t max_files, struct error *err)
{
	size_t kept = max_files > 2 ? (size_t)max_files - 2 : 0;

	for (size_t i = 0; i < rotation->rotated.len; i++) {
		struct str name = rotation->rotated.items[i];

		if (rotation->rotated.len - i > kept) {
			if (remove_file(rotation, name, err) < 0)
				return -(int)err->code;
		} else if (!str_has_suffix(name, STR(COMPRESSED)) && compress_file(rotation, name, err) < 0) {
			return -(int)err->code;
		}
	}
	return 0;
}

static int rotate_latest(struct rotation *rotation, int64_t now, int (*reopen)(void *cookie, struct error *err),
			 void *cookie, struct error *err)
{
	time_t seconds = (time_t)(now / NS_PER_SEC);
	struct str rotated;
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm);
	rotated = arena_printf(&rotation->arena, STR_FMT ".%s", STR_ARG(rotation->name), text);
	if (renameat(rotation->dir_fd, str_c(rotation->name), rotation->dir_fd, str_c(rotated)) < 0)
		return error_set_errno(err, errno, "rename log " STR_FMT, STR_ARG(rotation->path));
	if (reopen(cookie, err) == 0)
		return 0;
	/* It goes on writing to what it has open: that shall be found by its name again. */
	if (renameat(rotation->dir_fd, str_c(rotated), rotation->dir_fd, str_c(rotation->name)) < 0)
		log_warn("a log has lost its name", "log=" STR_FMT " error=\"%s\"", STR_ARG(rotation->path),
			 strerror(errno));
	return error_wrap(err, "reopen log " STR_FMT, STR_ARG(rotation->path));
}

int log_rotate(const struct log_policy *policy, struct str path, int64_t now,
	       int (*reopen)(void *cookie, struct error *err), void *cookie, struct error *err)
{
	struct rotation rotation = {.dir_fd = -1};
	struct stat st;
	int r;

	if (policy->max_size < 0)
		return 0;
	if (stat(str_c(path), &st) < 0)
		/* Someone took it away: output has no name until the container opens it again. */
		return errno == ENOENT ? reopen(cookie, err)
				       : error_set_errno(err, errno, "stat log " STR_FMT, STR_ARG(path));
	if (st.st_size < policy->max_size)
		return 0;
	r = open_rotation(&rotation, path, err);
	if (r == 0)
		r = remove_left_over(&rotation, err);
	if (r == 0)
		r = shrink_rotated(&rotation, policy->max_files, err);
	if (r == 0)
		r = rotate_latest(&rotation, now, reopen, cookie, err);
	release_rotation(&rotation);
	return r;
}

int log_open_rotated(struct str path, int *ret_fd, struct error *err)
{
	struct rotation rotation = {.dir_fd = -1};
	int r = open_rotation(&rotation, path, err), fd = -1;

	for (size_t i = rotation.rotated.len; r == 0 && fd < 0 && i-- > 0;) {
		struct str name = rotation.rotated.items[i];

		if (str_has_suffix(name, STR(COMPRESSED)) || str_has_suffix(name, STR(UNFINISHED)))
			continue;
		fd = openat(rotation.dir_fd, str_c(name), O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			r = error_set_errno(err, errno, "open log " STR_FMT, STR_ARG(name));
	}
	release_rotation(&rotation);
	if (r == 0)
		*ret_fd = fd;
	return r;
}

int log_remove(struct str path, struct error *err)
{
	struct rotation rotation = {.dir_fd = -1};
	int r = open_rotation(&rotation, path, err);

	for (size_t i = 0; r == 0 && i < rotation.rotated.len; i++)
		r = remove_file(&rotation, rotation.rotated.items[i], err);
	if (r == 0)
		r = remove_file(&rotation, rotation.name, err);
	release_rotation(&rotation);
	return r;
}

/* --- All logs of the node ----------------------------------------------------------------------------------------- */

struct log_rotator {
	const struct kubelet_context *context;
	struct loop *loop;
	struct loop_timer timer;
	struct loop_call done;
	bool stopped;
};

struct reopening {
	const struct kubelet_context *context;
	struct str id;
};

static int reopen_log(void *cookie, struct error *err)
{
	const struct reopening *reopening = cookie;

	return RUNTIME_CALL(reopening->context->runtime, reopen_container_log, reopening->id, err);
}

static void on_done(struct loop_call *call);

static void rotate_all(void *data)
{
	struct log_rotator *rotator = data;
	const struct kubelet_context *context = rotator->context;
	const struct log_policy policy = {context->config->log_max_size, context->config->log_max_files};
	struct arena cleanup_arena arena = {0};
	struct runtime_container_list list;
	struct error err = {0};

	log_set_component("kubelet");
	if (RUNTIME_CALL(context->runtime, list_containers, &(struct runtime_filter){0}, &arena, &list, &err) < 0) {
		log_warn("cannot look at the logs of containers", "error=\"%s\"", err.message);
		list.len = 0;
	}
	for (size_t i = 0; i < list.len; i++) {
		struct reopening reopening = {context, list.items[i].id};

		error_clear(&err);
		if (list.items[i].state == RUNTIME_CONTAINER_RUNNING && list.items[i].log_path.len &&
		    log_rotate(&policy, list.items[i].log_path, clock_wall_ns(), reopen_log, &reopening, &err) < 0)
			log_warn("cannot rotate a log", "container=" STR_FMT " error=\"%s\"", STR_ARG(list.items[i].id),
				 err.message);
	}
	rotator->done.run = on_done;
	loop_post_call(rotator->loop, &rotator->done);
}

static void on_done(struct loop_call *call)
{
	struct log_rotator *rotator = CONTAINER_OF(call, struct log_rotator, done);

	if (!rotator->stopped)
		loop_timer_start(&rotator->timer, PERIOD_NS, 0);
}

static void on_timer(struct loop_timer *timer)
{
	struct log_rotator *rotator = CONTAINER_OF(timer, struct log_rotator, timer);

	worker_pool_submit(rotator->context->pool, rotate_all, rotator);
}

struct log_rotator *log_rotator_new(const struct kubelet_context *context, struct loop *loop)
{
	struct log_rotator *rotator = XNEW(struct log_rotator);

	rotator->context = context;
	rotator->loop = loop;
	loop_timer_init(&rotator->timer, loop, on_timer);
	return rotator;
}

void log_rotator_start(struct log_rotator *rotator)
{
	if (rotator->context->config->log_max_size >= 0)
		loop_timer_start(&rotator->timer, PERIOD_NS, 0);
}

void log_rotator_stop(struct log_rotator *rotator)
{
	rotator->stopped = true;
	loop_timer_stop(&rotator->timer);
}

struct log_rotator *log_rotator_free(struct log_rotator *rotator)
{
	free(rotator);
	return NULL;
}
