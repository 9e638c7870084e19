/* What every process tells of itself; see process_metrics.h. */
#include "component/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "component/host.h"
#include "component/metrics.h"
#include "logic/version.h"
#include "sys/path.h"
#include "sys/process.h"

static double seconds_of(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time) < 0)
		return 0;
	return (double)time.tv_sec + (double)time.tv_nsec / (double)NS_PER_SEC;
}

static double cpu_seconds(void *data UNUSED)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static double open_fds(void *data UNUSED)
{
	DIR *folder = opendir("/proc/self/fd");
	double count = 0;

	if (!folder)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count - 1; /* the folder's own */
}

static double limit_of(enum __rlimit_resource which)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) < 0)
		return 0;
	return limit.rlim_cur == RLIM_INFINITY ? -1 : (double)limit.rlim_cur;
}

static double max_fds(void *data UNUSED)
{
	return limit_of(RLIMIT_NOFILE);
}

static double virtual_memory_max(void *data UNUSED)
{
	return limit_of(RLIMIT_AS);
}

/* Field @index of /proc/self/statm, which counts pages. */
static double memory_bytes(int index)
{
	char text[256];
	struct str rest, field = STR_EMPTY;
	uint64_t pages;

	if (path_read_small(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) < 0)
		return 0;
	rest = str_from(text);
	for (int i = 0; i <= index; i++)
		str_cut(rest, ' ', &field, &rest);
	return str_parse_uint64(field, &pages) < 0 ? 0 : (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double virtual_memory(void *data UNUSED)
{
	return memory_bytes(0);
}

static double resident_memory(void *data UNUSED)
{
	return memory_bytes(1);
}

/* The kernel counts from the boot: of one moment both clocks are read. */
static double start_time(void)
{
	double ticks = (double)process_start_time(getpid());

	return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + ticks / (double)sysconf(_SC_CLK_TCK);
}

void process_metrics_add(struct metrics *metrics)
{
	struct metric_family *info, *start;

	metrics_counter_function(metrics, "process_cpu_seconds_total", "CPU time of the process, user and system",
				 cpu_seconds, NULL);
	metrics_gauge_function(metrics, "process_open_fds", "Open file descriptors", open_fds, NULL);
	metrics_gauge_function(metrics, "process_max_fds", "File descriptors there may be", max_fds, NULL);
	metrics_gauge_function(metrics, "process_resident_memory_bytes", "Memory of the process that is in RAM",
			       resident_memory, NULL);
	metrics_gauge_function(metrics, "process_virtual_memory_bytes", "Address space of the process", virtual_memory,
			       NULL);
	metrics_gauge_function(metrics, "process_virtual_memory_max_bytes",
			       "Address space there may be, -1 when it has no limit", virtual_memory_max, NULL);
	start = metrics_gauge(metrics, "process_start_time_seconds", "When the process began, in seconds since 1970",
			      NULL);
	metric_set_real(metric_get(start), start_time());
	info = metrics_gauge(metrics, "kubernetes_build_info", "Always 1; the labels name the version", "major",
			     "minor", "git_version", "git_commit", "git_tree_state", "build_date", "go_version",
			     "compiler", "platform", NULL);
	metric_set(metric_get(info, KUBERNETES_MAJOR, KUBERNETES_MINOR, KUBERNETES_VERSION "+wherry-" WHERRY_VERSION,
			      "", "clean", "1970-01-01T00:00:00Z", "", "cc", host_platform()),
		   1);
}
