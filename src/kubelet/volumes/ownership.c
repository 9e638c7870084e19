/* fsGroup; see ownership.h. */
#include "kubelet/volumes/ownership.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH_MAX 100 /* folders below one another; each holds a descriptor */

static int give(int fd, const struct stat *info, gid_t group, bool read_only)
{
	mode_t mask = read_only ? 0440 : 0660;
	char self[32];

	if (fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(info->st_mode))
		return 0;
	if (S_ISDIR(info->st_mode))
		mask |= S_ISGID | 0110;
	/* Through /proc, since the descriptor only names the file. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return chmod(self, (info->st_mode | mask) & 07777) < 0 ? -errno : 0;
}

static int walk(int parent, const char *name, gid_t group, bool read_only, unsigned depth);

static int walk_children(int fd, gid_t group, bool read_only, unsigned depth)
{
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	struct dirent *entry;
	DIR *dir;

	if (listed < 0)
		return -errno;
	dir = fdopendir(listed);
	if (!dir) {
		close_fd(listed);
		return -ENOMEM;
	}
	while (result == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = walk(fd, entry->d_name, group, read_only, depth + 1);
	closedir(dir);
	return result;
}

static int walk(int parent, const char *name, gid_t group, bool read_only, unsigned depth)
{
	cleanup_close int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;
	int result;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (depth > DEPTH_MAX)
		return -ELOOP;
	if (fstat(fd, &info) < 0)
		return -errno;
	if (S_ISDIR(info.st_mode)) {
		result = walk_children(fd, group, read_only, depth);
		if (result < 0)
			return result;
	}
	return give(fd, &info, group, read_only);
}

int ownership_set(struct str path, int64_t group, bool read_only, struct error *err)
{
	int result = walk(AT_FDCWD, str_c(path), (gid_t)group, read_only, 0);

	return result < 0 ? error_set_errno(err, -result, "set the group of %s", str_c(path)) : 0;
}
