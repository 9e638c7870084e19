/* Control groups: limits written and usage read, in v1's files and v2's; see cgroup.h. */
#include <stdio.h>

#include "sys/cgroup_internal.h"

/* The kubelet's formula (KEP-2254): [2, 262144] onto [1, 10000]. */
int64_t cgroup_weight_from_shares(int64_t shares)
{
	shares = MIN(MAX(shares, 2), 262144);
	return 1 + ((shares - 2) * 9999) / 262142;
}

struct limit_write {
	enum cgroup_controller controller;
	const char *v1_file, *v2_file;
	char v1[64], v2[64]; /* "": nothing to write */
};

static void put_number(struct limit_write *write, int64_t value, const char *v1_none)
{
	if (value == 0)
		return;
	if (value < 0) {
		snprintf(write->v1, sizeof(write->v1), "%s", v1_none);
		snprintf(write->v2, sizeof(write->v2), "max");
	} else {
		snprintf(write->v1, sizeof(write->v1), "%lld", (long long)value);
		snprintf(write->v2, sizeof(write->v2), "%lld", (long long)value);
	}
}

static int write_limit(const struct cgroup_host *host, struct str path, const char *v1_file, const char *v2_file,
		       enum cgroup_controller controller, struct str v1, struct str v2, struct error *err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup_v1_of(host, controller);
	const char *file = hierarchy ? v1_file : v2_file;
	struct str value = hierarchy ? v1 : v2;
	int r;

	if (!hierarchy && host->unified >= 0)
		hierarchy = &host->items[host->unified];
	if (!hierarchy || !file || value.len == 0)
		return 0;
	r = cgroup_write(hierarchy, path, file, value);
	if (r < 0)
		return error_set_errno(err, -r, "write \"" STR_FMT "\" to %s of cgroup " STR_FMT, STR_ARG(value), file,
				       STR_ARG(path));
	return 0;
}

static int write_number(const struct cgroup_host *host, struct str path, const struct limit_write *w, struct error *err)
{
	return write_limit(host, path, w->v1_file, w->v2_file, w->controller, str_from(w->v1), str_from(w->v2), err);
}

static int set_cpu(const struct cgroup_host *host, struct str path, const struct cgroup_limits *limits,
		   struct error *err)
{
	struct limit_write shares = {CGROUP_CPU, "cpu.shares", "cpu.weight", "", ""};
	struct limit_write period = {CGROUP_CPU, "cpu.cfs_period_us", NULL, "", ""};
	struct limit_write quota = {CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", "", ""};
	int r;

	if (limits->cpu_shares > 0) {
		put_number(&shares, limits->cpu_shares, "1024");
		snprintf(shares.v2, sizeof(shares.v2), "%lld",
			 (long long)cgroup_weight_from_shares(limits->cpu_shares));
	}
	put_number(&period, limits->cpu_period, "100000");
	put_number(&quota, limits->cpu_quota, "-1");
	if (limits->cpu_quota) {
		long long us = limits->cpu_period > 0 ? limits->cpu_period : 100000;

		if (limits->cpu_quota < 0)
			snprintf(quota.v2, sizeof(quota.v2), "max %lld", us);
		else
			snprintf(quota.v2, sizeof(quota.v2), "%lld %lld", (long long)limits->cpu_quota, us);
	}
	r = write_number(host, path, &shares, err);
	if (r == 0)
		r = write_number(host, path, &period, err);
	if (r == 0)
		r = write_number(host, path, &quota, err);
	return r;
}

static int set_memory(const struct cgroup_host *host, struct str path, const struct cgroup_limits *limits,
		      struct error *err)
{
	struct limit_write memory = {CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "", ""};
	struct limit_write both = {CGROUP_MEMORY, "memory.memsw.limit_in_bytes", NULL, "", ""};
	struct limit_write swap = {CGROUP_MEMORY, NULL, "memory.swap.max", "", ""};
	struct error first = {0};
	int r;

	put_number(&memory, limits->memory_limit, "-1");
	put_number(&both, limits->memory_swap, "-1");
	put_number(&swap, limits->memory_swap, "-1");
	if (limits->memory_swap > 0 && limits->memory_limit > 0)
		snprintf(swap.v2, sizeof(swap.v2), "%lld",
			 (long long)MAX(limits->memory_swap - limits->memory_limit, 0));
	/* v1 keeps memory <= memory + swap at every moment: raising needs the sum first, lowering the memory. */
	r = write_number(host, path, &memory, &first);
	if (r < 0) {
		r = write_number(host, path, &both, err);
		return r < 0 ? r : write_number(host, path, &memory, err);
	}
	/* Kernels without swap accounting have neither swap file. */
	if (write_number(host, path, &both, &first) < 0 && first.os_errno != ENOENT)
		return error_pass(err, &first);
	error_clear(&first);
	if (write_number(host, path, &swap, &first) < 0 && first.os_errno != ENOENT)
		return error_pass(err, &first);
	return 0;
}

int cgroup_set(const struct cgroup_host *host, struct str path, const struct cgroup_limits *limits, struct error *err)
{
	struct limit_write pids = {CGROUP_PIDS, "pids.max", "pids.max", "", ""};
	int r = set_cpu(host, path, limits, err);

	if (r == 0)
		r = set_memory(host, path, limits, err);
	put_number(&pids, limits->pids_limit, "max");
	if (r == 0)
		r = write_number(host, path, &pids, err);
	if (r == 0)
		r = write_limit(host, path, "cpuset.cpus", "cpuset.cpus", CGROUP_CPUSET, limits->cpuset_cpus,
				limits->cpuset_cpus, err);
	if (r == 0)
		r = write_limit(host, path, "cpuset.mems", "cpuset.mems", CGROUP_CPUSET, limits->cpuset_mems,
				limits->cpuset_mems, err);
	return r;
}

static uint64_t read_number(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file)
{
	char text[64];
	uint64_t n;

	if (!hierarchy || cgroup_read(hierarchy, path, file, text, sizeof(text)) < 0 ||
	    str_parse_uint64(str_trim(str_from(text)), &n) < 0)
		return 0;
	return n;
}

/* The number after "@key " at the start of a line. */
static uint64_t read_keyed(const struct cgroup_hierarchy *hierarchy, struct str path, const char *file, const char *key)
{
	char text[8192];
	struct str rest, line, name, value;
	uint64_t n;

	if (!hierarchy || cgroup_read(hierarchy, path, file, text, sizeof(text)) < 0)
		return 0;
	for (rest = str_from(text); rest.len;) {
		str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ' ', &name, &value) && str_eq_c(name, key))
			return str_parse_uint64(value, &n) < 0 ? 0 : n;
	}
	return 0;
}

int cgroup_usage(const struct cgroup_host *host, struct str path, struct cgroup_usage *ret, struct error *err)
{
	const struct cgroup_hierarchy *unified = host->unified >= 0 ? &host->items[host->unified] : NULL;
	const struct cgroup_hierarchy *cpu = cgroup_v1_of(host, CGROUP_CPUACCT);
	const struct cgroup_hierarchy *memory = cgroup_v1_of(host, CGROUP_MEMORY);
	const struct cgroup_hierarchy *pids = cgroup_v1_of(host, CGROUP_PIDS);
	struct cgroup_usage usage = {0};
	uint64_t inactive;

	if (!cgroup_exists(host, path))
		return error_set(err, ERR_NOT_FOUND, "cgroup " STR_FMT " not found", STR_ARG(path));
	usage.cpu_usage_ns = cpu ? read_number(cpu, path, "cpuacct.usage")
				 : read_keyed(unified, path, "cpu.stat", "usage_usec") * 1000;
	if (memory) {
		usage.memory_usage = read_number(memory, path, "memory.usage_in_bytes");
		usage.memory_rss = read_keyed(memory, path, "memory.stat", "total_rss");
		usage.oom_kills = read_keyed(memory, path, "memory.oom_control", "oom_kill");
		inactive = read_keyed(memory, path, "memory.stat", "total_inactive_file");
	} else {
		usage.memory_usage = read_number(unified, path, "memory.current");
		usage.memory_rss = read_keyed(unified, path, "memory.stat", "anon");
		usage.oom_kills = read_keyed(unified, path, "memory.events", "oom_kill");
		inactive = read_keyed(unified, path, "memory.stat", "inactive_file");
	}
	usage.memory_working_set = usage.memory_usage > inactive ? usage.memory_usage - inactive : 0;
	usage.pids = read_number(pids ? pids : unified, path, "pids.current");
	*ret = usage;
	return 0;
}

int cgroup_oom_file(const struct cgroup_host *host, struct str path, char *out, size_t size)
{
	const struct cgroup_hierarchy *memory = cgroup_v1_of(host, CGROUP_MEMORY);
	char file[CGROUP_PATH_SIZE];
	int r, n;

	if (!memory && host->unified < 0)
		return -ENOENT;
	r = memory ? cgroup_path(memory, path, "memory.oom_control", file)
		   : cgroup_path(&host->items[host->unified], path, "memory.events", file);
	if (r < 0)
		return r;
	n = snprintf(out, size, "%s", file);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
