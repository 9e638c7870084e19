/* Pinned namespaces; see namespace.h. */
#include "sys/namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "sys/mounts.h"
#include "sys/path.h"
#include "sys/process.h"

static int bring_lo_up(struct error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set_errno(err, errno, "bring up lo");
	return 0;
}

/* Dots become slashes, as sysctl(8) has it; a name with slashes keeps its dots ("net/ipv4/conf/eth0.1/..."). */
static int set_sysctl(const struct namespace_sysctl *sysctl, struct error *err)
{
	char path[256] = "/proc/sys/";
	size_t base = strlen(path), len = strlen(sysctl->name);
	bool slashes = strchr(sysctl->name, '/') != NULL;
	int r;

	if (base + len >= sizeof(path) || strstr(sysctl->name, ".."))
		return error_set(err, ERR_INVALID, "sysctl \"%s\" is not a name", sysctl->name);
	for (size_t i = 0; i <= len; i++)
		path[base + i] = (char)(sysctl->name[i] == '.' && !slashes ? '/' : sysctl->name[i]);
	r = path_write(AT_FDCWD, path, str_from(sysctl->value));
	if (r < 0)
		return error_set_errno(err, -r, "set sysctl %s", sysctl->name);
	return 0;
}

static int pin_one(const char *kind, const char *path, struct error *err)
{
	char source[64];
	int fd;

	if (!path)
		return 0;
	snprintf(source, sizeof(source), "/proc/thread-self/ns/%s", kind);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", path);
	close_fd(fd);
	return mount_bind(source, path, false, err);
}

struct pin_call {
	const struct namespace_spec *spec;
	struct error *err;
};

static int pin_here(void *data)
{
	struct pin_call *call = data;
	const struct namespace_spec *spec = call->spec;
	struct error *err = call->err;
	int flags = (spec->net ? CLONE_NEWNET : 0) | (spec->ipc ? CLONE_NEWIPC : 0) | (spec->uts ? CLONE_NEWUTS : 0);

	if (unshare(flags) < 0)
		return error_set_errno(err, errno, "make namespaces");
	if (spec->net && bring_lo_up(err) < 0)
		return -ERR_SYSTEM;
	if (spec->uts && spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return error_set_errno(err, errno, "set hostname");
	for (size_t i = 0; i < spec->sysctls_len; i++) {
		int r = set_sysctl(&spec->sysctls[i], err);

		if (r < 0)
			return r;
	}
	if (pin_one("net", spec->net, err) < 0 || pin_one("ipc", spec->ipc, err) < 0 ||
	    pin_one("uts", spec->uts, err) < 0)
		return -ERR_SYSTEM;
	return 0;
}

int namespace_pin(const struct namespace_spec *spec, struct error *err)
{
	const char *paths[] = {spec->net, spec->ipc, spec->uts};
	int r = process_on_thread(pin_here, &(struct pin_call){spec, err});

	if (r == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct error ignored = {0};

		if (paths[i] && namespace_unpin(paths[i], &ignored) < 0)
			error_clear(&ignored);
	}
	return err->code ? r : error_set_errno(err, -r, "make namespaces");
}

int namespace_unpin(const char *path, struct error *err)
{
	int r = mount_remove(path, err);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove %s", path);
	return 0;
}

struct join_call {
	int fd;
	int (*run)(void *data);
	void *data;
};

static int join_and_run(void *data)
{
	struct join_call *call = data;

	if (setns(call->fd, 0) < 0)
		return -errno;
	return call->run(call->data);
}

int namespace_call(int fd, int (*run)(void *data), void *data)
{
	return process_on_thread(join_and_run, &(struct join_call){fd, run, data});
}

bool namespace_pinned(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && st.f_type == NSFS_MAGIC;
}

/* The child: its own mount namespace, prepared; says so with a byte (or the error) and lives until it is pinned. */
static int prepare_child(int to_parent, int from_parent, int (*prepare)(void *data, struct error *err), void *data)
{
	struct error err = {0};
	char byte;

	if (unshare(CLONE_NEWNS) < 0)
		error_set_errno(&err, errno, "make mount namespace");
	else if (mount_set_propagation("/", MS_REC | MS_SLAVE, &err) == 0 &&
		 mount_set_propagation("/", MS_REC | MS_SHARED, &err) == 0 && prepare(data, &err) < 0)
		assert(err.code);
	if (path_write_all(to_parent, &err, sizeof(err)) < 0)
		return 1;
	return read(from_parent, &byte, 1) < 0;
}

int namespace_pin_mount(const char *path, int (*prepare)(void *data, struct error *err), void *data, struct error *err)
{
	struct error child_err = {0};
	int up[2] = {-1, -1}, down[2] = {-1, -1}, status, r = 0;
	char source[64];
	ssize_t n;
	pid_t pid;

	if (pipe2(up, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	if (pipe2(down, O_CLOEXEC) < 0) {
		close_fd(up[0]);
		close_fd(up[1]);
		return error_set_errno(err, errno, "pipe");
	}
	pid = fork();
	if (pid == 0) {
		close_fd(up[0]);
		close_fd(down[1]);
		_exit(prepare_child(up[1], down[0], prepare, data));
	}
	close_fd(up[1]);
	close_fd(down[0]);
	n = pid < 0 ? -1 : read(up[0], &child_err, sizeof(child_err));
	snprintf(source, sizeof(source), "/proc/%d/ns/mnt", (int)pid);
	if (n != (ssize_t)sizeof(child_err))
		r = error_set(err, ERR_INTERNAL, "the process preparing a mount namespace died");
	else if (child_err.code)
		r = error_pass(err, &child_err);
	else
		r = mount_bind(source, path, false, err);
	close_fd(up[0]);
	close_fd(down[1]);
	if (pid > 0 && process_wait(pid, 0, &status) < 0 && r == 0)
		r = error_set(err, ERR_INTERNAL, "the process preparing a mount namespace was lost");
	return r;
}

int namespace_join_mount(const char *path, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (setns(fd, CLONE_NEWNS) < 0)
		return error_set_errno(err, errno, "join mount namespace %s", path);
	return 0;
}
