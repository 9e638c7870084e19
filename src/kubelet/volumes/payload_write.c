/*
 * The atomic writer; see payload.h.
 *
 * Order of an update, each step harmless when the writer is killed after it: the new folder is filled; ..data_tmp leads
 * to it; ..data_tmp is renamed to ..data (from here on readers see it); links are made for paths that are new and
 * removed for those that are gone; folders that ..data does not lead to are removed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "kubelet/volumes/ownership.h"
#include "kubelet/volumes/payload.h"
#include "sys/path.h"
#include "types/timestamp.h"

#define DATA_LINK     "..data"
#define NEW_DATA_LINK "..data_tmp"
#define PATH_LEN_MAX  4096
#define NAME_LEN_MAX  255
#define TRIES	      100 /* names of a folder that were taken */

struct writing {
	const struct payload *payload;
	struct str dir;
	int fd; /* of @dir */
	const int64_t *fs_group;
	struct arena *arena;
};

static int check_path(struct str path, struct error *err)
{
	struct str part, rest = path;
	bool first = true;

	if (!path.len)
		return error_set(err, ERR_INVALID, "invalid path: must not be empty: \"\"");
	if (path.data[0] == '/')
		return error_set(err, ERR_INVALID, "invalid path: must be relative path: " STR_FMT, STR_ARG(path));
	if (path.len > PATH_LEN_MAX)
		return error_set(err, ERR_INVALID, "invalid path: must be less than or equal to %d characters",
				 PATH_LEN_MAX);
	do {
		str_cut(rest, '/', &part, &rest);
		if (str_eq(part, STR("..")))
			return error_set(err, ERR_INVALID, "invalid path: must not contain '..': " STR_FMT,
					 STR_ARG(path));
		if (part.len > NAME_LEN_MAX)
			return error_set(err, ERR_INVALID,
					 "invalid path: filenames must be less than or equal to %d characters",
					 NAME_LEN_MAX);
		if (first && str_has_prefix(part, STR("..")))
			return error_set(err, ERR_INVALID, "invalid path: must not start with '..': " STR_FMT,
					 STR_ARG(path));
		first = false;
	} while (rest.len);
	return 0;
}

/* "a/b" -> "a"; a leading "./" is passed over. */
static struct str first_part(struct str path)
{
	struct str part, rest;

	do {
		str_cut(path, '/', &part, &rest);
		path = rest;
	} while (path.len && (!part.len || str_eq(part, STR("."))));
	return part;
}

static bool file_is(int dir, const char *path, struct str data)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat info;
	size_t at = 0;

	if (fd < 0 || fstat(fd, &info) < 0 || (uint64_t)info.st_size != data.len)
		return false;
	while (at < data.len) {
		char chunk[16384];
		ssize_t n = read(fd, chunk, MIN(sizeof(chunk), data.len - at));

		if (n <= 0 || memcmp(chunk, data.data + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static size_t count_files(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	if (!dir) {
		if (fd >= 0)
			close_fd(fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		struct stat info;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode))
			count += count_files(fd, entry->d_name);
		else
			count++;
	}
	closedir(dir);
	return count;
}

/* Does the folder that ..data leads to hold exactly the payload? */
static bool is_current(const struct writing *writing, const char *current)
{
	cleanup_close int fd = openat(writing->fd, current, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || count_files(writing->fd, current) != writing->payload->files.len)
		return false;
	SLICE_FOREACH (file, writing->payload->files)
		if (!file_is(fd, str_c(arena_str(writing->arena, file->path)), file->data))
			return false;
	return true;
}

static int write_file(int dir, const struct payload_file *file, struct arena *arena, struct error *err)
{
	struct str path = arena_str(arena, file->path);
	ptrdiff_t slash = str_last_index(path, '/');
	cleanup_close int fd = -1;
	int result = 0;

	if (slash > 0)
		result = path_make_dirs(dir, str_c(arena_str(arena, str_sub(path, 0, (size_t)slash))), 0755);
	if (result < 0)
		return error_set_errno(err, -result, "make the folder of %s", str_c(path));
	fd = openat(dir, str_c(path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(path));
	result = path_write_all(fd, file->data.data, file->data.len);
	if (result < 0)
		return error_set_errno(err, -result, "write %s", str_c(path));
	if ((file->has_owner && fchown(fd, file->owner, (gid_t)-1) < 0) || fchmod(fd, file->mode & 07777) < 0)
		return error_set_errno(err, errno, "chmod %s", str_c(path));
	return 0;
}

/* "..2026_11_25_01_55_27.123456789", made; digits only, as people's scripts expect. */
static int make_folder(const struct writing *writing, int64_t now, struct str *ret, struct error *err)
{
	for (unsigned i = 0; i < TRIES; i++) {
		char text[TIMESTAMP_TEXT_SIZE];
		struct str name;
		char *edit;

		timestamp_format(timestamp_make(now / NS_PER_SEC, 0), text);
		name = arena_printf(writing->arena, "..%.19s.%09llu", text,
				    (unsigned long long)(((uint64_t)now + i) % (uint64_t)NS_PER_SEC));
		edit = arena_memdup(writing->arena, name.data, name.len + 1);
		for (size_t k = 2; k < 21; k++)
			if (edit[k] == '-' || edit[k] == ':' || edit[k] == 'T')
				edit[k] = '_';
		if (mkdirat(writing->fd, edit, 0755) == 0) {
			*ret = (struct str){edit, name.len};
			if (fchmodat(writing->fd, edit, 0755, 0) < 0)
				return error_set_errno(err, errno, "chmod %s", edit);
			return 0;
		}
		if (errno != EEXIST)
			return error_set_errno(err, errno, "mkdir %s", edit);
	}
	return error_set(err, ERR_INTERNAL, "no free name for a new version in " STR_FMT, STR_ARG(writing->dir));
}

static int write_version(const struct writing *writing, int64_t now, struct error *err)
{
	cleanup_close int fd = -1;
	struct str name = STR_EMPTY;

	if (make_folder(writing, now, &name, err) < 0)
		return -(int)err->code;
	fd = openat(writing->fd, str_c(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(name));
	SLICE_FOREACH (file, writing->payload->files)
		if (write_file(fd, file, writing->arena, err) < 0)
			return -(int)err->code;
	if (writing->fs_group && ownership_set(writing->dir, *writing->fs_group, true, err) < 0)
		return -(int)err->code;
	if (unlinkat(writing->fd, NEW_DATA_LINK, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "unlink %s", NEW_DATA_LINK);
	if (symlinkat(str_c(name), writing->fd, NEW_DATA_LINK) < 0 ||
	    renameat(writing->fd, NEW_DATA_LINK, writing->fd, DATA_LINK) < 0)
		return error_set_errno(err, errno, "turn %s over", DATA_LINK);
	return 0;
}

static int make_links(const struct writing *writing, struct error *err)
{
	SLICE_FOREACH (file, writing->payload->files) {
		struct str name = first_part(file->path);
		struct str target = arena_printf(writing->arena, DATA_LINK "/" STR_FMT, STR_ARG(name));

		if (symlinkat(str_c(target), writing->fd, str_c(arena_str(writing->arena, name))) < 0 &&
		    errno != EEXIST)
			return error_set_errno(err, errno, "link " STR_FMT, STR_ARG(name));
	}
	return 0;
}

static bool is_shown(const struct payload *payload, struct str name)
{
	SLICE_FOREACH (file, payload->files)
		if (str_eq(first_part(file->path), name))
			return true;
	return false;
}

/* Links to what is no longer shown, and versions but the current one. */
static int sweep(const struct writing *writing, const char *current, struct error *err)
{
	int listed = openat(writing->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	struct dirent *entry;

	if (!dir)
		return error_set_errno(err, errno, "list " STR_FMT, STR_ARG(writing->dir));
	while (result == 0 && (entry = readdir(dir))) {
		struct str name = str_from(entry->d_name);

		if (str_eq(name, STR(".")) || str_eq(name, STR("..")) || str_eq(name, STR(DATA_LINK)) ||
		    str_eq_c(name, current))
			continue;
		if (str_has_prefix(name, STR("..")) || !is_shown(writing->payload, name))
			result = path_remove_tree(writing->fd, entry->d_name);
	}
	closedir(dir);
	return result < 0 ? error_set_errno(err, -result, "clean " STR_FMT, STR_ARG(writing->dir)) : 0;
}

static bool read_current(int dir, char current[NAME_LEN_MAX + 1])
{
	ssize_t len = readlinkat(dir, DATA_LINK, current, NAME_LEN_MAX);

	current[MAX(len, 0)] = '\0';
	/* Only a name of ours: nobody but us writes here, and this keeps it so. */
	return len > 0 && !strchr(current, '/');
}

int payload_write(const struct payload *payload, struct str dir, const int64_t *fs_group, int64_t now,
		  struct error *err)
{
	struct writing writing = {.payload = payload, .dir = dir, .fs_group = fs_group, .arena = payload->arena};
	cleanup_close int fd = open(str_c(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char current[NAME_LEN_MAX + 1];
	bool fresh;

	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(dir));
	writing.fd = fd;
	SLICE_FOREACH (file, payload->files)
		if (check_path(file->path, err) < 0)
			return -(int)err->code;
	fresh = !read_current(fd, current) || !is_current(&writing, current);
	if (fresh && write_version(&writing, now, err) < 0)
		return -(int)err->code;
	if (!read_current(fd, current))
		return error_set(err, ERR_INTERNAL, "no current version in " STR_FMT, STR_ARG(dir));
	if (make_links(&writing, err) < 0)
		return -(int)err->code;
	return sweep(&writing, current, err);
}
