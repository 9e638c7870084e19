/* What a pod asks of a node; see pod_requests.h. */
#include "logic/pod_requests.h"

#include "logic/pod.h"
#include "types/quantity.h"

int64_t resource_amount_of(struct str name, const struct quantity *quantity)
{
	return str_eq(name, STR("cpu")) ? quantity_milli_value(quantity) : quantity_value(quantity);
}

static struct resource_amount *find(const struct resource_amounts *amounts, struct str name)
{
	for (size_t i = 0; i < amounts->len; i++)
		if (str_eq(amounts->items[i].name, name))
			return &amounts->items[i];
	return NULL;
}

int64_t resource_amounts_get(const struct resource_amounts *amounts, struct str name)
{
	const struct resource_amount *found = find(amounts, name);

	return found ? found->amount : 0;
}

static struct resource_amount *find_or_add(struct resource_amounts *amounts, struct str name, struct arena *arena)
{
	struct resource_amount *found = find(amounts, name);

	if (found)
		return found;
	vec_push(arena, amounts, (struct resource_amount){.name = name});
	return &amounts->items[amounts->len - 1];
}

static void add(struct resource_amounts *to, const struct resource_amounts *from, struct arena *arena)
{
	for (size_t i = 0; i < from->len; i++) {
		struct resource_amount *sum = find_or_add(to, from->items[i].name, arena);

		if (__builtin_add_overflow(sum->amount, from->items[i].amount, &sum->amount))
			sum->amount = INT64_MAX;
	}
}

static void raise(struct resource_amounts *to, struct str name, int64_t amount, struct arena *arena)
{
	struct resource_amount *most = find_or_add(to, name, arena);

	most->amount = MAX(most->amount, amount);
}

static void raise_all(struct resource_amounts *to, const struct resource_amounts *from, struct arena *arena)
{
	for (size_t i = 0; i < from->len; i++)
		raise(to, from->items[i].name, from->items[i].amount, arena);
}

static void raise_map(struct resource_amounts *to, const struct quantity_map *map, struct arena *arena)
{
	SLICE_FOREACH (pair, *map)
		raise(to, pair->key, resource_amount_of(pair->key, &pair->value), arena);
}

static const struct core_v1_container_status *status_of(const struct core_v1_container_status_slice *statuses,
							struct str name)
{
	SLICE_FOREACH (status, *statuses)
		if (str_eq(status->name, name))
			return status;
	return NULL;
}

static bool resize_infeasible(const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition *pending = pod_condition(pod, STR("PodResizePending"));

	return pending && str_eq(pending->reason, STR("Infeasible"));
}

/* One container's; @statuses NULL: by its spec alone; @options NULL: its limits. */
static void container_amounts(const struct core_v1_pod *pod, const struct core_v1_container *container,
			      const struct core_v1_container_status_slice *statuses,
			      const struct pod_requests_options *options, struct arena *arena,
			      struct resource_amounts *ret)
{
	const struct core_v1_container_status *status =
		options && options->use_status && statuses ? status_of(statuses, container->name) : NULL;

	*ret = (struct resource_amounts){0};
	if (!options) {
		raise_map(ret, &container->resources.limits, arena);
		return;
	}
	if (status && status->resources) {
		raise_map(ret, &status->resources->requests, arena);
		raise_map(ret, &status->allocated_resources, arena);
	}
	if (!status || !status->resources || !resize_infeasible(pod))
		raise_map(ret, &container->resources.requests, arena);
	if (options->default_cpu && !find(ret, STR("cpu")))
		raise(ret, STR("cpu"), options->default_cpu, arena);
	if (options->default_memory && !find(ret, STR("memory")))
		raise(ret, STR("memory"), options->default_memory, arena);
}

static bool is_sidecar(const struct core_v1_container *container)
{
	return container->restart_policy && str_eq(*container->restart_policy, STR("Always"));
}

/* The init containers in order: sidecars stay and add up, the others come and go beside them. */
static void add_init_containers(const struct core_v1_pod *pod, const struct pod_requests_options *options,
				struct arena *arena, struct resource_amounts *sum)
{
	struct resource_amounts sidecars = {0}, most = {0};

	SLICE_FOREACH (container, pod->spec.init_containers) {
		bool stays = is_sidecar(container);
		struct resource_amounts stage;

		container_amounts(pod, container, stays ? &pod->status.init_container_statuses : NULL, options, arena,
				  &stage);
		if (stays) {
			add(sum, &stage, arena);
			add(&sidecars, &stage, arena);
			raise_all(&most, &sidecars, arena);
		} else {
			add(&stage, &sidecars, arena);
			raise_all(&most, &stage, arena);
		}
	}
	raise_all(sum, &most, arena);
}

/* Which resources may be asked for at pod level. */
static bool pod_level(struct str name)
{
	return str_eq(name, STR("cpu")) || str_eq(name, STR("memory")) || str_has_prefix(name, STR("hugepages-"));
}

static void add_containers(const struct core_v1_pod *pod, const struct pod_requests_options *options,
			   struct arena *arena, struct resource_amounts *sum)
{
	SLICE_FOREACH (container, pod->spec.containers) {
		struct resource_amounts one;

		container_amounts(pod, container, &pod->status.container_statuses, options, arena, &one);
		add(sum, &one, arena);
	}
	add_init_containers(pod, options, arena, sum);
}

static void set_pod_level(const struct quantity_map *map, struct arena *arena, struct resource_amounts *sum)
{
	SLICE_FOREACH (pair, *map)
		if (pod_level(pair->key))
			find_or_add(sum, pair->key, arena)->amount = resource_amount_of(pair->key, &pair->value);
}

static void add_overhead(const struct core_v1_pod *pod, bool to_zero, struct arena *arena, struct resource_amounts *sum)
{
	SLICE_FOREACH (pair, pod->spec.overhead) {
		struct resource_amount overhead = {pair->key, resource_amount_of(pair->key, &pair->value)};
		struct resource_amounts one = {&overhead, 1, 1};

		if (to_zero || resource_amounts_get(sum, pair->key))
			add(sum, &one, arena);
	}
}

void pod_requests(const struct core_v1_pod *pod, const struct pod_requests_options *options, struct arena *arena,
		  struct resource_amounts *ret)
{
	struct resource_amounts sum = {0};

	add_containers(pod, options, arena, &sum);
	if (pod->spec.resources)
		set_pod_level(&pod->spec.resources->requests, arena, &sum);
	add_overhead(pod, true, arena, &sum);
	*ret = sum;
}

void pod_limits(const struct core_v1_pod *pod, struct arena *arena, struct resource_amounts *ret)
{
	struct resource_amounts sum = {0};

	add_containers(pod, NULL, arena, &sum);
	if (pod->spec.resources)
		set_pod_level(&pod->spec.resources->limits, arena, &sum);
	add_overhead(pod, false, arena, &sum);
	*ret = sum;
}
