/* A node's mount namespace on hosts that need one, and undoing a node; see builtin.h. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/limits.h"
#include "runtime/builtin_internal.h"
#include "sys/mounts.h"
#include "sys/namespace.h"
#include "sys/path.h"

/* crun refuses hosts whose unified hierarchy beside v1 ones offers a controller. */
static bool unified_offers_controllers(const struct cgroup_host *host)
{
	char file[CGROUP_MOUNT_SIZE + 32], text[512];

	if (!host->hybrid)
		return false;
	snprintf(file, sizeof(file), "%s/cgroup.controllers", host->items[host->unified].mount);
	return path_read_small(AT_FDCWD, file, text, sizeof(text)) > 0 && str_trim(str_from(text)).len > 0;
}

/*
 * The cure: a v1 hierarchy of what it offers takes the controllers away from the unified one.  It is mounted in the run
 * folder of the namespace being made, so the machine's own mounts stay as they are, and lives as long as the namespace.
 */
static int take_controllers(void *data, struct error *err)
{
	const char *dir = data;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "create %s", dir);
	if (mount("cgroup", dir, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hugetlb") < 0)
		return error_set_errno(err, errno, "mount v1 hugetlb hierarchy at %s", dir);
	return 0;
}

/* A pin lies on a mount of its own that is private, as the kernel asks. */
static int make_pin_folder(const char *dir, const char *pin, struct error *err)
{
	int r = path_make_dirs(AT_FDCWD, dir, 0700), fd;

	if (r < 0)
		return error_set_errno(err, -r, "create %s", dir);
	if (!mount_is_mountpoint(dir)) {
		r = mount_bind(dir, dir, false, err);
		if (r == 0)
			r = mount_set_propagation(dir, MS_PRIVATE, err);
		if (r < 0)
			return r;
	}
	fd = open(pin, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", pin);
	close_fd(fd);
	return 0;
}

int builtin_enter_mount_namespace(struct str run_dir, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str dir = arena_printf(&arena, STR_FMT "/ns", STR_ARG(run_dir));
	struct str pin = arena_printf(&arena, STR_FMT "/mnt", STR_ARG(dir));
	struct str hierarchy = arena_printf(&arena, STR_FMT "/hugetlb", STR_ARG(run_dir));
	struct cgroup_host host;
	int r;

	if (namespace_pinned(str_c(pin)))
		return namespace_join_mount(str_c(pin), err);
	r = cgroup_detect(&host, err);
	if (r < 0 || !host.hybrid)
		return r;
	/* Another node's cure may be at work just now; its end would not be ours.  So every hybrid host gets one. */
	if (!unified_offers_controllers(&host) && access("/sys/fs/cgroup/hugetlb", F_OK) == 0)
		return 0;
	r = make_pin_folder(str_c(dir), str_c(pin), err);
	if (r == 0)
		r = namespace_pin_mount(str_c(pin), take_controllers, UNCONST(char *, str_c(hierarchy)), err);
	return r < 0 ? r : namespace_join_mount(str_c(pin), err);
}

/* ---- reset ---- */

struct undo {
	struct str run_dir;
	struct error *err;
};

/* Removes the mounts of the pods and their folders, in whatever mount namespace they are. */
static int undo_mounts(void *data)
{
	struct undo *undo = data;
	struct arena cleanup_arena arena = {0};
	struct str pods = arena_printf(&arena, STR_FMT "/pods", STR_ARG(undo->run_dir));

	return mount_remove_below(str_c(pods), undo->err);
}

static int kill_and_remove(struct str root, struct error *err)
{
	struct cgroup_host host;
	int r = cgroup_detect(&host, err);

	if (r == 0)
		r = cgroup_kill(&host, root, KILL_TIMEOUT_MS, err);
	if (r == 0)
		r = cgroup_remove(&host, root, err);
	return r;
}

/* The records of what ran are wrong from now on; images stay. */
static int remove_pods(struct str data_dir, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str pods = arena_printf(&arena, STR_FMT "/pods", STR_ARG(data_dir));
	int r = path_remove_tree(AT_FDCWD, str_c(pods));

	return r < 0 ? error_set_errno(err, -r, "remove %s", str_c(pods)) : 0;
}

int builtin_reset(struct str data_dir, struct str run_dir, struct str cgroup_root, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct undo undo = {run_dir, err};
	struct str pin = arena_printf(&arena, STR_FMT "/ns/mnt", STR_ARG(run_dir));
	int r = kill_and_remove(cgroup_root, err);

	/* In the pinned namespace the mounts go with it. */
	if (r == 0)
		r = undo_mounts(&undo);
	if (r == 0)
		r = mount_remove_below(str_c(arena_str(&arena, run_dir)), err);
	if (r == 0 && namespace_pinned(str_c(pin)))
		r = namespace_unpin(str_c(pin), err);
	if (r == 0)
		r = remove_pods(data_dir, err);
	if (r == 0 && (r = path_remove_tree(AT_FDCWD, str_c(arena_str(&arena, run_dir)))) < 0)
		r = error_set_errno(err, -r, "remove " STR_FMT, STR_ARG(run_dir));
	return r;
}
