/* Path walks the kernel keeps under a directory, and small file operations; see path.h. */
#include "sys/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

static int open2(int dir, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	/* EAGAIN: a rename raced with a ".." step. */
	for (int tries = 0; tries < 100; tries++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int path_open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	return open2(dir, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int path_open_in_root(int dir, const char *path, int flags, mode_t mode)
{
	return open2(dir, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_make_dirs(int dir, const char *path, mode_t mode)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + 1;; p++) {
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		if (mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = end;
		if (end == '\0')
			return 0;
	}
}

int path_make_dirs_in_root(int dir, const char *path, mode_t mode)
{
	cleanup_close int at = path_open_in_root(dir, ".", O_PATH | O_DIRECTORY, 0);
	cleanup_free char *done = xcalloc(1, strlen(path) + 2);
	struct str rest = str_from(path), part;

	while (at >= 0 && rest.len) {
		size_t len = strlen(done);
		int next;

		str_cut(rest, '/', &part, &rest);
		if (part.len == 0 || str_eq_c(part, "."))
			continue;
		done[len] = '/';
		memcpy(done + len + 1, part.data, part.len);
		next = path_open_in_root(dir, done, O_PATH | O_DIRECTORY, 0);
		if (next == -ENOENT) {
			/* at is a directory inside the root; a new name in it cannot lead anywhere else. */
			if (mkdirat(at, done + len + 1, mode) < 0 && errno != EEXIST)
				return -errno;
			next = path_open_in_root(dir, done, O_PATH | O_DIRECTORY, 0);
		}
		close_fd(at);
		at = next;
	}
	return TAKE_FD(at);
}

static int remove_at(int dir, const char *name, dev_t device);

static int remove_children_of(int fd, dev_t device)
{
	cleanup_close int owned = fd;
	DIR *stream = fdopendir(fd);
	int r = 0;

	if (!stream)
		return -errno;
	owned = -1;
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(stream);
		if (!entry) {
			if (errno)
				r = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_at(dirfd(stream), entry->d_name, device);
		if (r < 0)
			break;
	}
	closedir(stream);
	return r;
}

static int remove_at(int dir, const char *name, dev_t device)
{
	struct stat st;
	int fd, r;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != device) {
		close_fd(fd);
		return -EBUSY;
	}
	r = remove_children_of(fd, device);
	if (r < 0)
		return r;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int path_remove_tree(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return remove_at(dir, name, st.st_dev);
}

int path_remove_children(int dir)
{
	struct stat st;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		close_fd(fd);
		return -EIO;
	}
	return remove_children_of(fd, st.st_dev);
}

int path_read(int dir, const char *path, struct buf *out)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		char chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_append(out, chunk, (size_t)n);
		if (out->overflow)
			return -EFBIG;
	}
}

int path_read_small(int dir, const char *path, char *out, size_t size)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, out + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	return (int)len;
}

int path_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int path_write(int dir, const char *path, struct str data)
{
	cleanup_close int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data.data, data.len);
	if (n < 0)
		return -errno;
	return (size_t)n == data.len ? 0 : -EIO;
}

int path_write_atomic(int dir, const char *name, struct str data, mode_t mode, bool sync)
{
	char temporary[300];
	cleanup_close int fd = -1;
	int r;

	/* Readers know no name of this form; a leftover of a killed writer is truncated, so nothing of it survives. */
	r = snprintf(temporary, sizeof(temporary), "%s.new%d", name, (int)getpid());
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = path_write_all(fd, data.data, data.len);
	if (r == 0 && sync && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir, temporary, 0);
		return r;
	}
	if (sync) {
		cleanup_close int folder = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (folder < 0 || fsync(folder) < 0)
			return -errno;
	}
	return 0;
}
