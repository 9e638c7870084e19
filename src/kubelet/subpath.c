/* Parts of volumes; see subpath.h. */
#include "kubelet/subpath.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "sys/mounts.h"
#include "sys/path.h"

int subpath_check(struct str path, struct error *err)
{
	struct str part, rest = path;

	if (path.len && path.data[0] == '/')
		return error_set(err, ERR_INVALID, "error SubPath `" STR_FMT "` must not be an absolute path",
				 STR_ARG(path));
	do {
		str_cut(rest, '/', &part, &rest);
		if (str_eq(part, STR("..")))
			return error_set(err, ERR_INVALID,
					 "unable to provision SubPath `" STR_FMT "`: must not contain '..'",
					 STR_ARG(path));
	} while (rest.len);
	return 0;
}

/* Makes the folder @name in @parent, with all bits of @mode whatever the umask. */
static int make_part(int parent, const char *name, mode_t mode)
{
	cleanup_close int fd = -1;

	if (mkdirat(parent, name, mode & 0777) < 0)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode & 07777) < 0)
		return -errno;
	return 0;
}

/* The folder that holds @path's last part, which begins at *ret_name. */
static int open_above(int root, struct str path, const char **ret_name, struct arena *arena)
{
	ptrdiff_t slash = str_last_index(path, '/');

	*ret_name = path.data + slash + 1;
	return path_open_beneath(root, slash > 0 ? str_c(arena_str(arena, str_sub(path, 0, (size_t)slash))) : ".",
				 O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

static int make_missing(int root, struct str path, mode_t mode, struct arena *arena)
{
	for (size_t end = 1; end <= path.len; end++) {
		struct str prefix;
		const char *name;
		int fd, above, result;

		if (end < path.len && path.data[end] != '/')
			continue;
		prefix = arena_str(arena, str_sub(path, 0, end));
		if (prefix.data[prefix.len - 1] == '/')
			continue;
		fd = path_open_beneath(root, str_c(prefix), O_PATH | O_CLOEXEC, 0);
		if (fd >= 0) {
			close_fd(fd);
			continue;
		}
		if (fd != -ENOENT)
			return fd;
		above = open_above(root, prefix, &name, arena);
		if (above < 0)
			return above;
		result = make_part(above, name, mode);
		close_fd(above);
		if (result < 0)
			return result;
	}
	return 0;
}

int subpath_open(struct str volume, struct str path, struct arena *arena)
{
	cleanup_close int root = open(str_c(volume), O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct str own = arena_str(arena, path);
	struct stat info;
	int result;

	if (root < 0 || fstat(root, &info) < 0)
		return -errno;
	result = path_open_beneath(root, str_c(own), O_PATH | O_CLOEXEC, 0);
	if (result != -ENOENT)
		return result;
	result = make_missing(root, own, info.st_mode, arena);
	return result < 0 ? result : path_open_beneath(root, str_c(own), O_PATH | O_CLOEXEC, 0);
}

static int make_target(struct str target, bool folder, struct arena *arena)
{
	struct str above = arena_str(arena, str_sub(target, 0, (size_t)str_last_index(target, '/')));
	int result = path_make_dirs(AT_FDCWD, str_c(above), 0750), fd;

	if (result < 0)
		return result;
	if (folder)
		return mkdir(str_c(target), 0750) < 0 && errno != EEXIST ? -errno : 0;
	fd = open(str_c(target), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	close_fd(fd);
	return 0;
}

int subpath_bind(int fd, struct str target, struct arena *arena, struct error *err)
{
	struct stat info, there;
	char self[32];
	int result;

	if (fstat(fd, &info) < 0)
		return error_set_errno(err, errno, "stat");
	if (mount_remove(str_c(target), err) < 0)
		return -(int)err->code;
	/* What an earlier container had there may have been of the other sort. */
	if (lstat(str_c(target), &there) == 0 && S_ISDIR(there.st_mode) != S_ISDIR(info.st_mode)) {
		result = path_remove_tree(AT_FDCWD, str_c(target));
		if (result < 0)
			return error_set_errno(err, -result, "remove %s", str_c(target));
	}
	result = make_target(target, S_ISDIR(info.st_mode), arena);
	if (result < 0)
		return error_set_errno(err, -result, "make %s", str_c(target));
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return mount_bind(self, str_c(target), true, err);
}
