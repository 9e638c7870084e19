/* The cgroups of pods; see pod_cgroup.h. */
#include "kubelet/pod_cgroup.h"

#include "kubelet/resources.h"
#include "logic/pod_requests.h"
#include "types/quantity.h"

#define KILL_TIMEOUT_MS 10000
#define POD_PREFIX	"pod"

static const char *const classes[] = {"Guaranteed", "Burstable", "BestEffort"};

struct str pod_tier_path(const struct kubelet_config *config, struct str qos_class, struct arena *arena)
{
	const char *tier = str_eq(qos_class, STR("Burstable"))	  ? "/burstable"
			   : str_eq(qos_class, STR("BestEffort")) ? "/besteffort"
								  : "";

	return arena_printf(arena, STR_FMT "/kubepods%s", STR_ARG(config->cgroup_root), tier);
}

static struct str path_below(struct str tier, struct str uid, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/" POD_PREFIX STR_FMT, STR_ARG(tier), STR_ARG(uid));
}

struct str pod_cgroup_path(const struct kubelet_config *config, const struct core_v1_pod *pod, struct arena *arena)
{
	return path_below(pod_tier_path(config, pod->status.qos_class, arena), pod->metadata.uid, arena);
}

/* --- Limits ------------------------------------------------------------------------------------------------------- */

static bool has_limit(const struct core_v1_resource_requirements *given, const char *name)
{
	const struct quantity *limit = given ? resource_get(&given->limits, name) : NULL;

	return limit && quantity_sign(limit) > 0;
}

static bool all_have_limit(const struct core_v1_container_slice *containers, const char *name)
{
	SLICE_FOREACH (container, *containers)
		if (!has_limit(&container->resources, name))
			return false;
	return true;
}

/* Is what the pod may have of @name bounded, so that the sum of limits says how? */
static bool bounded(const struct core_v1_pod *pod, const char *name)
{
	return str_eq(pod->status.qos_class, STR("Guaranteed")) || has_limit(pod->spec.resources, name) ||
	       (all_have_limit(&pod->spec.containers, name) && all_have_limit(&pod->spec.init_containers, name));
}

struct cgroup_limits pod_cgroup_limits(const struct kubelet_config *config, const struct core_v1_pod *pod,
				       struct arena *arena)
{
	static const struct pod_requests_options by_spec = {0};
	struct cgroup_limits out = {.pids_limit = MAX(config->pod_max_pids, INT64_C(0))};
	struct resource_amounts requests, limits;

	pod_requests(pod, &by_spec, arena, &requests);
	pod_limits(pod, arena, &limits);
	out.cpu_shares = cpu_shares(resource_amounts_get(&requests, STR("cpu")));
	if (bounded(pod, "cpu")) {
		out.cpu_period = CPU_PERIOD_US;
		out.cpu_quota = cpu_quota(resource_amounts_get(&limits, STR("cpu")));
	}
	if (bounded(pod, "memory"))
		out.memory_limit = resource_amounts_get(&limits, STR("memory"));
	return out;
}

/* --- Making and removing ------------------------------------------------------------------------------------------ */

int pod_cgroup_ensure(const struct kubelet_context *context, const struct core_v1_pod *pod, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str path = pod_cgroup_path(context->config, pod, &arena);
	struct cgroup_limits limits = pod_cgroup_limits(context->config, pod, &arena);

	if (cgroup_create(&context->cgroups, path, err) < 0)
		return -(int)err->code;
	return cgroup_set(&context->cgroups, path, &limits, err);
}

int pod_cgroup_remove(const struct kubelet_context *context, struct str uid, struct error *err)
{
	struct arena cleanup_arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		struct str tier = pod_tier_path(context->config, str_from(classes[i]), &arena);
		struct str path = path_below(tier, uid, &arena);

		if (cgroup_kill(&context->cgroups, path, KILL_TIMEOUT_MS, err) < 0 ||
		    cgroup_remove(&context->cgroups, path, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int pod_cgroup_list(const struct kubelet_context *context, struct arena *arena, struct runtime_strs *ret,
		    struct error *err)
{
	VEC_OF(struct str) uids = {0};

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		struct str tier = pod_tier_path(context->config, str_from(classes[i]), arena), *names;
		size_t len;

		if (cgroup_children(&context->cgroups, tier, arena, &names, &len, err) < 0)
			return -(int)err->code;
		for (size_t j = 0; j < len; j++)
			if (str_has_prefix(names[j], STR(POD_PREFIX)))
				vec_push(arena, &uids, str_from_at(names[j], strlen(POD_PREFIX)));
	}
	*ret = (struct runtime_strs){uids.items, uids.len};
	return 0;
}
