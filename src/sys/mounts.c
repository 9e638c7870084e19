/* Mounts; see mounts.h. */
#include "sys/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "sys/path.h"
#include "sys/process.h"

#define MOUNTINFO_LIMIT (16 * 1024 * 1024)

int mount_bind(const char *source, const char *target, bool recursive, struct error *err)
{
	if (mount(source, target, NULL, MS_BIND | (recursive ? MS_REC : 0UL), NULL) < 0)
		return error_set_errno(err, errno, "bind %s to %s", source, target);
	return 0;
}

int mount_make_readonly(const char *target, struct error *err)
{
	/* A remount replaces all flags, so those that are set are read and given again. */
	static const struct {
		unsigned long statvfs_flag, mount_flag;
	} kept[] = {
		{ST_NOSUID, MS_NOSUID},		{ST_NODEV, MS_NODEV},	  {ST_NOEXEC, MS_NOEXEC},
		{ST_NODIRATIME, MS_NODIRATIME}, {ST_NOATIME, MS_NOATIME}, {ST_RELATIME, MS_RELATIME},
	};
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs st;

	if (statvfs(target, &st) < 0)
		return error_set_errno(err, errno, "statvfs %s", target);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (st.f_flag & kept[i].statvfs_flag)
			flags |= kept[i].mount_flag;
	if (mount(NULL, target, NULL, flags, NULL) < 0)
		return error_set_errno(err, errno, "make %s read-only", target);
	return 0;
}

int mount_tmpfs(const char *target, const char *options, struct error *err)
{
	if (mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return error_set_errno(err, errno, "mount tmpfs at %s", target);
	return 0;
}

int mount_set_propagation(const char *target, unsigned long flags, struct error *err)
{
	if (mount(NULL, target, NULL, flags, NULL) < 0)
		return error_set_errno(err, errno, "set propagation of %s", target);
	return 0;
}

/* Overlay's option text gives ',' ':' and '\' a meaning of their own. */
static void put_escaped(struct buf *out, const char *path)
{
	for (; *path; path++) {
		if (*path == ',' || *path == ':' || *path == '\\')
			buf_char(out, '\\');
		buf_char(out, *path);
	}
}

struct overlay_call {
	const char *target, *lower_root, *options;
};

static int overlay_mount_here(void *data)
{
	const struct overlay_call *call = data;

	/* The working directory becomes this thread's alone; the thread ends with it. */
	if (unshare(CLONE_FS) < 0 || chdir(call->lower_root) < 0)
		return -errno;
	return mount("overlay", call->target, "overlay", 0, call->options) < 0 ? -errno : 0;
}

int mount_overlay(const char *target, const char *lower_root, const struct str *lower, size_t lower_len,
		  const char *upper, const char *work, struct error *err)
{
	struct buf cleanup_buf options;
	int r;

	buf_init(&options, 4095); /* a page with its NUL */
	buf_c(&options, "lowerdir=");
	for (size_t i = 0; i < lower_len; i++) {
		if (i)
			buf_char(&options, ':');
		buf_str(&options, lower[i]);
	}
	if (upper && work) {
		buf_c(&options, ",upperdir=");
		put_escaped(&options, upper);
		buf_c(&options, ",workdir=");
		put_escaped(&options, work);
	}
	if (options.overflow)
		return error_set(err, ERR_TOO_LARGE, "mount overlay at %s: %zu layers do not fit", target, lower_len);
	r = process_on_thread(overlay_mount_here, &(struct overlay_call){target, lower_root, options.data});
	if (r < 0)
		return error_set_errno(err, -r, "mount overlay at %s", target);
	return 0;
}

int mount_remove(const char *target, struct error *err)
{
	for (int i = 0; i < 1000; i++) {
		if (umount2(target, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (errno == EBUSY && umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
			continue;
		if (errno == EINVAL || errno == ENOENT)
			return 0;
		break;
	}
	return error_set_errno(err, errno, "unmount %s", target);
}

/* The fifth field of a mountinfo line with its octal escapes undone, in place. */
static char *mount_point_of(char *line)
{
	char *p = line, *out, *start;

	for (int i = 0; i < 4 && p; i++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		return NULL;
	start = out = p;
	while (*p && *p != ' ') {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] && p[3]) {
			*out++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	*out = '\0';
	return start;
}

int mount_remove_below(const char *prefix, struct error *err)
{
	size_t len = strlen(prefix), count = 0;
	struct buf cleanup_buf text;
	cleanup_free char **points = NULL;
	int r;

	buf_init(&text, MOUNTINFO_LIMIT);
	r = path_read(AT_FDCWD, "/proc/thread-self/mountinfo", &text);
	if (r < 0)
		return error_set_errno(err, -r, "read mountinfo");
	for (char *line = text.data, *next; line && *line; line = next) {
		char *point;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		point = mount_point_of(line);
		if (!point || strncmp(point, prefix, len) != 0 || (point[len] != '/' && point[len] != '\0'))
			continue;
		points = xrealloc_array(points, count + 1, sizeof(*points));
		points[count++] = point;
	}
	r = 0;
	/* Later lines were mounted later, so what lies on top goes first. */
	while (count-- > 0) {
		struct error one = {0};

		if (mount_remove(points[count], &one) < 0 && r == 0)
			r = error_pass(err, &one);
	}
	return r;
}

bool mount_is_mountpoint(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}
