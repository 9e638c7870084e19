/* Control groups: finding the hierarchies, making, filling, emptying and removing groups; see cgroup.h. */
#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "sys/cgroup_internal.h"
#include "sys/path.h"

#define MOUNTINFO_LIMIT (16 * 1024 * 1024)
#define PROCS_LIMIT	(4 * 1024 * 1024)

static const char *const controller_names[CGROUP_CONTROLLER_MAX] = {
	[CGROUP_CPU] = "cpu",	      [CGROUP_CPUACCT] = "cpuacct", [CGROUP_CPUSET] = "cpuset",
	[CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",	    [CGROUP_FREEZER] = "freezer",
	[CGROUP_DEVICES] = "devices", [CGROUP_BLKIO] = "blkio",	    [CGROUP_HUGETLB] = "hugetlb",
};

/* What a v2 group hands down; those the kernel lacks are skipped. */
static const char *const delegated[] = {"cpu", "cpuset", "memory", "pids", "io", "hugetlb"};

static unsigned controllers_of(struct str options)
{
	unsigned mask = 0;
	struct str option;

	while (options.len) {
		str_cut(options, ',', &option, &options);
		for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
			if (str_eq_c(option, controller_names[i]))
				mask |= 1U << i;
	}
	return mask;
}

/* One line: "36 35 98:0 / /mnt rw shared:1 - cgroup cgroup rw,cpu". */
static int detect_line(struct str line, const char *prefix, struct cgroup_host *host)
{
	struct str field, root, point, rest = line, type, source;
	struct cgroup_hierarchy *item;
	const char *dash;
	int n;

	for (int i = 0; i < 3; i++)
		str_cut(rest, ' ', &field, &rest);
	str_cut(rest, ' ', &root, &rest);
	str_cut(rest, ' ', &point, &rest);
	dash = memmem(rest.data, rest.len, " - ", 3);
	if (!dash)
		return 0;
	rest = str_from_at(rest, (size_t)(dash - rest.data) + 3);
	str_cut(rest, ' ', &type, &rest);
	str_cut(rest, ' ', &source, &rest);
	if (!str_eq_c(type, "cgroup") && !str_eq_c(type, "cgroup2"))
		return 0;
	for (size_t i = 0; i < host->len; i++) /* a second mount of the same hierarchy */
		if (str_eq_c(type, "cgroup2")
			    ? host->items[i].unified
			    : controllers_of(rest) && host->items[i].controllers == controllers_of(rest))
			return 0;
	if (host->len == CGROUP_HIERARCHIES_MAX)
		return -E2BIG;
	item = &host->items[host->len];
	n = snprintf(item->mount, sizeof(item->mount), "%s" STR_FMT, prefix, STR_ARG(point));
	if (n < 0 || (size_t)n >= sizeof(item->mount))
		return -ENAMETOOLONG;
	item->unified = str_eq_c(type, "cgroup2");
	item->controllers = item->unified ? 0 : controllers_of(rest);
	if (item->unified)
		host->unified = (int)host->len;
	host->len++;
	return 0;
}

int cgroup_detect_from(struct str mountinfo, const char *prefix, struct cgroup_host *ret, struct error *err)
{
	struct cgroup_host host = {.unified = -1};
	struct str line;

	while (mountinfo.len) {
		int r;

		str_cut(mountinfo, '\n', &line, &mountinfo);
		r = detect_line(line, prefix, &host);
		if (r < 0)
			return error_set_errno(err, -r, "cgroup mount \"" STR_FMT "\"", STR_ARG(line));
	}
	if (host.len == 0)
		return error_set(err, ERR_SYSTEM, "no cgroup hierarchy is mounted");
	host.hybrid = host.unified >= 0 && host.len > 1;
	*ret = host;
	return 0;
}

int cgroup_detect(struct cgroup_host *ret, struct error *err)
{
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, MOUNTINFO_LIMIT);
	r = path_read(AT_FDCWD, "/proc/thread-self/mountinfo", &text);
	if (r < 0)
		return error_set_errno(err, -r, "read mountinfo");
	return cgroup_detect_from(buf_view(&text), "", ret, err);
}

bool cgroup_is_unified(const struct cgroup_host *host)
{
	return host->unified >= 0 && !host->hybrid;
}

int cgroup_path(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file, char out[CGROUP_PATH_SIZE])
{
	int n;

	/* A group is below a root always; "/.." would be someone else's. */
	if (path.len < 2 || path.data[0] != '/' || str_contains(path, STR("/..")))
		return -EINVAL;
	n = snprintf(out, CGROUP_PATH_SIZE, "%s" STR_FMT "%s%s", hierarchy->mount, STR_ARG(path), file ? "/" : "",
		     file ? file : "");
	return n < 0 || n >= CGROUP_PATH_SIZE ? -ENAMETOOLONG : 0;
}

const struct cgroup_hierarchy *cgroup_v1_of(const struct cgroup_host *host, enum cgroup_controller controller)
{
	for (size_t i = 0; i < host->len; i++)
		if (host->items[i].controllers & (1U << controller))
			return &host->items[i];
	return NULL;
}

int cgroup_read(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file, char *out, size_t size)
{
	char name[CGROUP_PATH_SIZE];
	int r = cgroup_path(hierarchy, path, file, name);

	return r < 0 ? r : path_read_small(AT_FDCWD, name, out, size);
}

int cgroup_write(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file, struct str value)
{
	char name[CGROUP_PATH_SIZE];
	int r = cgroup_path(hierarchy, path, file, name);

	return r < 0 ? r : path_write(AT_FDCWD, name, value);
}

/* A new v1 cpuset group has no cpus and takes no process until it is given its parent's. */
static int inherit_cpuset(const char *parent, const char *dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char from[CGROUP_PATH_SIZE + 16], to[CGROUP_PATH_SIZE + 16], value[4096];
		int r;

		snprintf(from, sizeof(from), "%s/%s", parent, files[i]);
		snprintf(to, sizeof(to), "%s/%s", dir, files[i]);
		r = path_read_small(AT_FDCWD, to, value, sizeof(value));
		if (r < 0 || str_trim(str_from(value)).len)
			continue;
		r = path_read_small(AT_FDCWD, from, value, sizeof(value));
		if (r >= 0)
			r = path_write(AT_FDCWD, to, str_from(value));
		if (r < 0)
			return r;
	}
	return 0;
}

static void delegate_controllers(const char *dir)
{
	char file[CGROUP_PATH_SIZE + 32], available[512], value[32];
	struct str rest, name;

	snprintf(file, sizeof(file), "%s/cgroup.controllers", dir);
	if (path_read_small(AT_FDCWD, file, available, sizeof(available)) < 0)
		return;
	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", dir);
	for (rest = str_trim(str_from(available)); rest.len;) {
		str_cut(rest, ' ', &name, &rest);
		for (size_t i = 0; i < ARRAY_LEN(delegated); i++) {
			if (!str_eq_c(name, delegated[i]))
				continue;
			snprintf(value, sizeof(value), "+%s", delegated[i]);
			/* One at a time: a controller that cannot be handed down does not keep the others. */
			if (path_write(AT_FDCWD, file, str_from(value)) < 0)
				continue;
		}
	}
}

static int create_in(const struct cgroup_hierarchy *hierarchy, struct str path)
{
	char dir[CGROUP_PATH_SIZE], parent[CGROUP_PATH_SIZE];
	size_t base = strlen(hierarchy->mount);
	int r = cgroup_path(hierarchy, path, NULL, dir);

	if (r < 0)
		return r;
	snprintf(parent, sizeof(parent), "%s", hierarchy->mount);
	for (size_t i = base + 1;; i++) {
		char end = dir[i];

		if (end != '/' && end != '\0')
			continue;
		dir[i] = '\0';
		if (hierarchy->unified)
			delegate_controllers(parent);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (hierarchy->controllers & (1U << CGROUP_CPUSET)) {
			r = inherit_cpuset(parent, dir);
			if (r < 0)
				return r;
		}
		snprintf(parent, sizeof(parent), "%s", dir);
		dir[i] = end;
		if (end == '\0')
			return 0;
	}
}

int cgroup_create(const struct cgroup_host *host, struct str path, struct error *err)
{
	for (size_t i = 0; i < host->len; i++) {
		int r = create_in(&host->items[i], path);

		if (r < 0)
			return error_set_errno(err, -r, "create cgroup " STR_FMT " in %s", STR_ARG(path),
					       host->items[i].mount);
	}
	return 0;
}

static bool has_name(const struct str *names, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

int cgroup_children(const struct cgroup_host *host, struct str path, struct arena *arena, struct str **ret,
		    size_t *ret_len, struct error *err)
{
	VEC_OF(struct str) names = {0};
	char dir[CGROUP_PATH_SIZE];

	for (size_t i = 0; i < host->len; i++) {
		int r = cgroup_path(&host->items[i], path, NULL, dir);
		DIR *stream = r < 0 ? NULL : opendir(dir);
		struct dirent *entry;

		if (!stream && r == 0 && errno != ENOENT)
			r = -errno;
		if (r < 0)
			return error_set_errno(err, -r, "list cgroup " STR_FMT, STR_ARG(path));
		while (stream && (entry = readdir(stream)))
			if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
			    !has_name(names.items, names.len, str_from(entry->d_name)))
				vec_push(arena, &names, arena_str_c(arena, entry->d_name));
		if (stream)
			closedir(stream);
	}
	*ret = names.items;
	*ret_len = names.len;
	return 0;
}

bool cgroup_exists(const struct cgroup_host *host, struct str path)
{
	char dir[CGROUP_PATH_SIZE];

	for (size_t i = 0; i < host->len; i++)
		if (cgroup_path(&host->items[i], path, NULL, dir) == 0 && access(dir, F_OK) == 0)
			return true;
	return false;
}

int cgroup_add_process(const struct cgroup_host *host, struct str path, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < host->len; i++) {
		int r = cgroup_write(&host->items[i], path, "cgroup.procs", str_from(text));

		if (r < 0)
			return error_set_errno(err, -r, "move process %d to cgroup " STR_FMT " in %s", (int)pid,
					       STR_ARG(path), host->items[i].mount);
	}
	return 0;
}

/* Calls @visit on the directory and those below it, deepest first; the first failure is returned at the end. */
static int walk(const char *dir, int (*visit)(const char *dir, void *data), void *data)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int r = 0, one;

	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(stream))) {
		char child[CGROUP_PATH_SIZE];
		int n;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		n = snprintf(child, sizeof(child), "%s/%s", dir, entry->d_name);
		one = n < 0 || (size_t)n >= sizeof(child) ? -ENAMETOOLONG : walk(child, visit, data);
		if (one < 0 && r == 0)
			r = one;
	}
	closedir(stream);
	one = visit(dir, data);
	return r < 0 ? r : one;
}

struct signal_count {
	int signal; /* 0: only count */
	size_t count;
};

static int signal_members(const char *dir, void *data)
{
	struct signal_count *sent = data;
	char file[CGROUP_PATH_SIZE + 16];
	struct buf cleanup_buf text;
	struct str rest, line;
	int64_t pid;
	int r;

	buf_init(&text, PROCS_LIMIT);
	snprintf(file, sizeof(file), "%s/cgroup.procs", dir);
	r = path_read(AT_FDCWD, file, &text);
	if (r < 0)
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	for (rest = buf_view(&text); rest.len;) {
		str_cut(rest, '\n', &line, &rest);
		/* 0 is a process of a pid namespace above ours: not ours to signal. */
		if (str_parse_int64(line, &pid) < 0 || pid <= 1)
			continue;
		sent->count++;
		if (sent->signal)
			kill((pid_t)pid, sent->signal);
	}
	return 0;
}

/* The hierarchy that decides who is in a group: the unified one has cgroup.kill, else any in which the group is. */
static const struct cgroup_hierarchy *members_hierarchy(const struct cgroup_host *host, struct str path, char *dir)
{
	if (host->unified >= 0 && cgroup_path(&host->items[host->unified], path, NULL, dir) == 0 &&
	    access(dir, F_OK) == 0)
		return &host->items[host->unified];
	for (size_t i = 0; i < host->len; i++)
		if (cgroup_path(&host->items[i], path, NULL, dir) == 0 && access(dir, F_OK) == 0)
			return &host->items[i];
	return NULL;
}

bool cgroup_populated(const struct cgroup_host *host, struct str path)
{
	char dir[CGROUP_PATH_SIZE];
	struct signal_count count = {0};

	return members_hierarchy(host, path, dir) && walk(dir, signal_members, &count) == 0 && count.count > 0;
}

int cgroup_kill(const struct cgroup_host *host, struct str path, int64_t timeout_ms, struct error *err)
{
	int64_t deadline = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
	char dir[CGROUP_PATH_SIZE];
	const struct cgroup_hierarchy *hierarchy = members_hierarchy(host, path, dir);
	struct signal_count sent;
	bool at_once;
	int r;

	if (!hierarchy)
		return 0;
	at_once = hierarchy->unified && cgroup_write(hierarchy, path, "cgroup.kill", STR("1")) == 0;
	for (;;) {
		/* Without cgroup.kill a process may fork between the reading and the signal: again until none is left.
		 */
		sent = (struct signal_count){.signal = at_once ? 0 : SIGKILL};
		r = walk(dir, signal_members, &sent);
		if (r < 0)
			return error_set_errno(err, -r, "kill cgroup " STR_FMT, STR_ARG(path));
		if (sent.count == 0)
			return 0;
		if (clock_monotonic_ns() >= deadline)
			return error_set(err, ERR_TIMEOUT, "cgroup " STR_FMT " still has %zu processes", STR_ARG(path),
					 sent.count);
		/* The kernel tells nobody on v1 when the last one is gone; a kill takes some 100 us. */
		poll(NULL, 0, 1);
	}
}

static int remove_dir(const char *dir, void *data UNUSED)
{
	for (int tries = 0;; tries++) {
		if (rmdir(dir) == 0 || errno == ENOENT)
			return 0;
		/* Members that were just killed leave a moment later. */
		if (errno != EBUSY || tries == 50)
			return -errno;
		poll(NULL, 0, 1);
	}
}

int cgroup_remove(const struct cgroup_host *host, struct str path, struct error *err)
{
	char dir[CGROUP_PATH_SIZE];
	int r = 0;

	for (size_t i = 0; i < host->len; i++) {
		int one = cgroup_path(&host->items[i], path, NULL, dir);

		if (one == 0)
			one = walk(dir, remove_dir, NULL);
		if (one < 0 && r == 0)
			r = error_set_errno(err, -one, "remove cgroup %s", dir);
	}
	return r;
}
