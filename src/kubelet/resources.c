/* From requests and limits to cgroup numbers; see resources.h. */
#include "kubelet/resources.h"

#include <sys/sysinfo.h>

#include "types/quantity.h"

#define SHARES_MIN	2
#define SHARES_MAX	262144
#define QUOTA_MIN	1000
#define OOM_BEST_EFFORT 1000
#define OOM_GUARANTEED	-997

const struct quantity *resource_get(const struct quantity_map *list, const char *name)
{
	SLICE_FOREACH (pair, *list)
		if (str_eq_c(pair->key, name))
			return &pair->value;
	return NULL;
}

int64_t cpu_shares(int64_t milli)
{
	return milli <= 0 ? SHARES_MIN : MAX((int64_t)SHARES_MIN, MIN(milli * 1024 / 1000, (int64_t)SHARES_MAX));
}

int64_t cpu_quota(int64_t milli)
{
	return milli <= 0 ? 0 : MAX(MIN(milli, INT64_MAX / CPU_PERIOD_US) * CPU_PERIOD_US / 1000, (int64_t)QUOTA_MIN);
}

uint64_t machine_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

static bool node_critical(const struct core_v1_pod *pod)
{
	return str_eq(pod->spec.priority_class_name, STR("system-node-critical"));
}

static int64_t oom_score(const struct core_v1_pod *pod, const struct core_v1_container *container, uint64_t node_memory)
{
	const struct quantity *request = resource_get(&container->resources.requests, "memory");
	int64_t score;

	if (node_critical(pod) || str_eq(pod->status.qos_class, STR("Guaranteed")))
		return OOM_GUARANTEED;
	if (str_eq(pod->status.qos_class, STR("BestEffort")))
		return OOM_BEST_EFFORT;
	score = 1000 -
		(request && node_memory ? (int64_t)(1000 * quantity_as_double(request) / (double)node_memory) : 0);
	return MAX(INT64_C(1000) + OOM_GUARANTEED, MIN(score, INT64_C(999)));
}

struct runtime_linux_resources container_resources(const struct kubelet_config *config UNUSED,
						   const struct core_v1_pod *pod,
						   const struct core_v1_container *container, uint64_t node_memory)
{
	const struct quantity *cpu_request = resource_get(&container->resources.requests, "cpu");
	const struct quantity *cpu_limit = resource_get(&container->resources.limits, "cpu");
	const struct quantity *memory_limit = resource_get(&container->resources.limits, "memory");
	struct runtime_linux_resources numbers = {.oom_score_adj = oom_score(pod, container, node_memory)};

	if (!cpu_request)
		cpu_request = cpu_limit;
	numbers.cpu_shares = cpu_shares(cpu_request ? quantity_milli_value(cpu_request) : 0);
	if (cpu_limit && quantity_sign(cpu_limit) > 0) {
		numbers.cpu_period = CPU_PERIOD_US;
		numbers.cpu_quota = cpu_quota(quantity_milli_value(cpu_limit));
	}
	if (memory_limit)
		numbers.memory_limit = quantity_value(memory_limit);
	return numbers;
}
