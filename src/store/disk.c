/* The disk that is one: a folder of the file system; see disk.h. */
#include "store/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct folder {
	struct disk disk;
	int fd;
};

struct folder_file {
	struct disk_file file;
	int fd;
};

static int folder_fd(const struct disk *disk)
{
	return CONTAINER_OF(disk, struct folder, disk)->fd;
}

static int file_fd(const struct disk_file *file)
{
	return CONTAINER_OF(file, struct folder_file, file)->fd;
}

static int folder_list(struct disk *disk, void (*each)(void *data, const char *name), void *data, struct error *err)
{
	int fd = openat(folder_fd(disk), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return error_set_errno(err, errno, "open the store's folder");
	dir = fdopendir(fd);
	if (!dir) {
		close_fd(fd);
		return error_set_errno(err, errno, "read the store's folder");
	}
	errno = 0;
	while ((entry = readdir(dir)))
		each(data, entry->d_name);
	if (errno) {
		int e = errno;

		closedir(dir);
		return error_set_errno(err, e, "read the store's folder");
	}
	closedir(dir);
	return 0;
}

static struct disk_file *file_new(struct disk *disk, int fd)
{
	struct folder_file *file = XNEW(struct folder_file);

	disk_ref(disk);
	file->file.disk = disk;
	file->fd = fd;
	return &file->file;
}

/* Sets space aside without writing it: the file system remembers that it reads as zeroes. */
static int set_aside(int fd, uint64_t size)
{
	if (fallocate(fd, 0, 0, (off_t)size) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -errno;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int folder_create(struct disk *disk, const char *name, uint64_t size, struct disk_file **ret, struct error *err)
{
	cleanup_close int fd = openat(folder_fd(disk), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return error_set_errno(err, errno, "create %s", name);
	r = set_aside(fd, size);
	if (r < 0) {
		unlinkat(folder_fd(disk), name, 0);
		return error_set_errno(err, -r, "set space aside for %s", name);
	}
	*ret = file_new(disk, TAKE_FD(fd));
	return 0;
}

static int folder_open(struct disk *disk, const char *name, struct disk_file **ret, struct error *err)
{
	int fd = openat(folder_fd(disk), name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return error_set_errno(err, errno, "open %s", name);
	*ret = file_new(disk, fd);
	return 0;
}

static int folder_unlink(struct disk *disk, const char *name, struct error *err)
{
	if (unlinkat(folder_fd(disk), name, 0) < 0)
		return error_set_errno(err, errno, "remove %s", name);
	return 0;
}

static int folder_rename(struct disk *disk, const char *from, const char *to, struct error *err)
{
	if (renameat(folder_fd(disk), from, folder_fd(disk), to) < 0)
		return error_set_errno(err, errno, "rename %s", from);
	return 0;
}

static int folder_sync(struct disk *disk, struct error *err)
{
	if (fsync(folder_fd(disk)) < 0)
		return error_set_errno(err, errno, "sync the store's folder");
	return 0;
}

static void folder_free(struct disk *disk)
{
	struct folder *folder = CONTAINER_OF(disk, struct folder, disk);

	close_fd(folder->fd);
	free(folder);
}

static uint64_t file_size(struct disk_file *file)
{
	struct stat st;

	return fstat(file_fd(file), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int file_write(struct disk_file *file, const void *data, size_t size, uint64_t offset, struct error *err)
{
	const char *p = data;

	while (size) {
		ssize_t n = pwrite(file_fd(file), p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set_errno(err, errno, "write to the store");
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int file_sync(struct disk_file *file, struct error *err)
{
	if (fdatasync(file_fd(file)) < 0)
		return error_set_errno(err, errno, "sync the store");
	return 0;
}

static int file_truncate(struct disk_file *file, uint64_t size, struct error *err)
{
	if (ftruncate(file_fd(file), (off_t)size) < 0)
		return error_set_errno(err, errno, "cut a segment");
	return 0;
}

static int file_map(struct disk_file *file, size_t size, const char **ret, struct error *err)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file_fd(file), 0);

	if (map == MAP_FAILED)
		return error_set_errno(err, errno, "map a segment");
	*ret = map;
	return 0;
}

static void file_unmap(struct disk_file *file UNUSED, const char *map, size_t size)
{
	munmap(UNCONST(void *, map), size);
}

static void file_close(struct disk_file *file)
{
	struct folder_file *f = CONTAINER_OF(file, struct folder_file, file);

	close_fd(f->fd);
	disk_unref(file->disk);
	free(f);
}

static const struct disk_ops folder_ops = {
	.list = folder_list,
	.create = folder_create,
	.open = folder_open,
	.unlink = folder_unlink,
	.rename = folder_rename,
	.sync_folder = folder_sync,
	.free = folder_free,
	.size = file_size,
	.write = file_write,
	.sync = file_sync,
	.truncate = file_truncate,
	.map = file_map,
	.unmap = file_unmap,
	.close = file_close,
};

/* A folder just made must last: else a store could be lost whole, with what was acknowledged. */
static int sync_parent(int fd)
{
	cleanup_close int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* A parent that may not be read (a process that gave up its rights) is synced by who made the folder. */
	if (parent < 0)
		return errno == EACCES ? 0 : -errno;
	return fsync(parent) < 0 ? -errno : 0;
}

int disk_open_folder(const char *path, struct disk **ret, struct error *err)
{
	bool made = mkdir(path, 0700) == 0;
	cleanup_close int fd = -1;
	struct folder *folder;
	int r;

	if (!made && errno != EEXIST)
		return error_set_errno(err, errno, "make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, ERR_CONFLICT, "%s is in use by another process", path);
		return error_set_errno(err, errno, "lock %s", path);
	}
	r = made ? sync_parent(fd) : 0;
	if (r < 0)
		return error_set_errno(err, -r, "sync the folder of %s", path);
	folder = XNEW(struct folder);
	folder->disk.ops = &folder_ops;
	atomic_init(&folder->disk.refs, 1);
	folder->fd = TAKE_FD(fd);
	*ret = &folder->disk;
	return 0;
}
