/* Quality of service; see pod_qos.h. */
#include "logic/pod_qos.h"

#include "types/quantity.h"

enum { CPU, MEMORY, COMPUTE_MAX };

static const char *const names[COMPUTE_MAX] = {[CPU] = "cpu", [MEMORY] = "memory"};

/* Sums over the containers; thousandths are the finest quantities there are. */
struct totals {
	int64_t requests[COMPUTE_MAX], limits[COMPUTE_MAX];
	bool all_limited; /* every container has both limits */
};

static bool add_up(const struct quantity_map *map, int64_t sums[COMPUTE_MAX])
{
	bool found[COMPUTE_MAX] = {false};

	for (size_t i = 0; i < map->len; i++)
		for (int name = 0; name < COMPUTE_MAX; name++) {
			int64_t milli;

			if (!str_eq_c(map->items[i].key, names[name]) || quantity_sign(&map->items[i].value) <= 0)
				continue;
			milli = quantity_milli_value(&map->items[i].value);
			if (__builtin_add_overflow(sums[name], milli, &sums[name]))
				sums[name] = INT64_MAX;
			found[name] = true;
		}
	return found[CPU] && found[MEMORY];
}

static void add_resources(const struct core_v1_resource_requirements *resources, struct totals *totals)
{
	add_up(&resources->requests, totals->requests);
	if (!add_up(&resources->limits, totals->limits))
		totals->all_limited = false;
}

struct str pod_qos_class(const struct core_v1_pod_spec *spec)
{
	struct totals totals = {.all_limited = true};
	bool any = false, equal = true;

	if (spec->resources) {
		add_resources(spec->resources, &totals);
	} else {
		SLICE_FOREACH (container, spec->containers)
			add_resources(&container->resources, &totals);
		SLICE_FOREACH (container, spec->init_containers)
			add_resources(&container->resources, &totals);
	}
	for (int name = 0; name < COMPUTE_MAX; name++) {
		any = any || totals.requests[name] || totals.limits[name];
		equal = equal && totals.requests[name] == totals.limits[name];
	}
	if (!any)
		return STR("BestEffort");
	return totals.all_limited && equal ? STR("Guaranteed") : STR("Burstable");
}
