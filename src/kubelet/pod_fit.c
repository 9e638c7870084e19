/* Has the node what a pod asks for?  See pod_fit.h. */
#include "kubelet/pod_fit.h"

#include "kubelet/resources.h"
#include "logic/node_selector.h"
#include "logic/pod_requests.h"
#include "logic/taint.h"

/* Checked in this order, then all others. */
static const char *const first[] = {"cpu", "memory", "ephemeral-storage"};

static bool is_first(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (str_eq_c(name, first[i]))
			return true;
	return false;
}

static bool out_of(struct str name, int64_t requested, int64_t used, int64_t capacity, struct arena *arena,
		   struct pod_rejection *ret)
{
	*ret = (struct pod_rejection){str_c(arena_printf(arena, "OutOf" STR_FMT, STR_ARG(name))),
				      arena_printf(arena,
						   "Node didn't have enough resource: " STR_FMT
						   ", requested: %lld, used: %lld, capacity: %lld",
						   STR_ARG(name), (long long)requested, (long long)used,
						   (long long)capacity)};
	return false;
}

static bool lacks(struct str predicate, const char *why, struct arena *arena, struct pod_rejection *ret)
{
	*ret = (struct pod_rejection){str_c(predicate),
				      arena_printf(arena, "Predicate " STR_FMT " failed: %s", STR_ARG(predicate), why)};
	return false;
}

/* Of the cluster rather than of a node: the node knows nothing of it, and does not refuse it. */
static bool is_elsewhere(const struct core_v1_node *node, struct str name)
{
	struct str domain, rest;

	return str_cut(name, '/', &domain, &rest) && !str_eq(domain, STR("kubernetes.io")) &&
	       !str_has_suffix(domain, STR(".kubernetes.io")) && !resource_get(&node->status.allocatable, str_c(name));
}

static bool has_room(const struct pod_neighbours *neighbours, struct str name, int64_t requested, struct arena *arena,
		     struct pod_rejection *ret)
{
	const struct quantity *quantity = resource_get(&neighbours->node->status.allocatable, str_c(name));
	int64_t capacity = quantity ? resource_amount_of(name, quantity) : 0, used = 0;

	if (requested <= 0)
		return true;
	for (size_t i = 0; i < neighbours->len; i++) {
		struct resource_amounts amounts = {0};

		pod_requests(neighbours->pods[i], &(struct pod_requests_options){.use_status = true}, arena, &amounts);
		if (__builtin_add_overflow(used, resource_amounts_get(&amounts, name), &used))
			used = INT64_MAX;
	}
	return requested <= capacity - used || out_of(name, requested, used, capacity, arena, ret);
}

static bool fits_resources(const struct pod_neighbours *neighbours, const struct core_v1_pod *pod, struct arena *arena,
			   struct pod_rejection *ret)
{
	const struct quantity *pods = resource_get(&neighbours->node->status.allocatable, "pods");
	int64_t most = pods ? resource_amount_of(STR("pods"), pods) : 0;
	struct resource_amounts wanted = {0};

	if ((int64_t)neighbours->len + 1 > most)
		return out_of(STR("pods"), 1, (int64_t)neighbours->len, most, arena, ret);
	pod_requests(pod, &(struct pod_requests_options){0}, arena, &wanted);
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (!has_room(neighbours, str_from(first[i]), resource_amounts_get(&wanted, str_from(first[i])), arena,
			      ret))
			return false;
	for (size_t i = 0; i < wanted.len; i++)
		if (!is_first(wanted.items[i].name) && !is_elsewhere(neighbours->node, wanted.items[i].name) &&
		    !has_room(neighbours, wanted.items[i].name, wanted.items[i].amount, arena, ret))
			return false;
	return true;
}

bool pod_fits(const struct pod_neighbours *neighbours, const struct core_v1_pod *pod, struct arena *arena,
	      struct pod_rejection *ret)
{
	const struct core_v1_node *node = neighbours->node;

	if (!node)
		return true;
	if (!fits_resources(neighbours, pod, arena, ret))
		return false;
	if (!pod_matches_node(&pod->spec, &node->metadata))
		return lacks(STR("NodeAffinity"), "node(s) didn't match Pod's node affinity/selector", arena, ret);
	SLICE_FOREACH (taint, node->spec.taints)
		if (str_eq(taint->effect, STR("NoExecute")) && !taint_tolerated(taint, &pod->spec.tolerations))
			return lacks(STR("TaintToleration"), "node(s) had taints that the pod didn't tolerate", arena,
				     ret);
	return true;
}
