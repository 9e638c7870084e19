/* The taints a node's conditions ask for; see node_taints.h. */
#include "controllers/node_taints.h"

#include "base/clock.h"

#define PREFIX "node.kubernetes.io/"

/* condition, its status, taint, effect */
static const struct {
	const char *type, *status, *key, *effect;
} rules[] = {
	{"Ready", "False", PREFIX "not-ready", "NoSchedule"},
	{"Ready", "Unknown", PREFIX "unreachable", "NoSchedule"},
	{"MemoryPressure", "True", PREFIX "memory-pressure", "NoSchedule"},
	{"DiskPressure", "True", PREFIX "disk-pressure", "NoSchedule"},
	{"PIDPressure", "True", PREFIX "pid-pressure", "NoSchedule"},
	{"NetworkUnavailable", "True", PREFIX "network-unavailable", "NoSchedule"},
	{"Ready", "False", PREFIX "not-ready", "NoExecute"},
	{"Ready", "Unknown", PREFIX "unreachable", "NoExecute"},
};

#define UNSCHEDULABLE PREFIX "unschedulable"

struct str node_condition_status(const struct core_v1_node *node, struct str type)
{
	SLICE_FOREACH (condition, node->status.conditions)
		if (str_eq(condition->type, type))
			return condition->status;
	return STR_EMPTY;
}

static bool is_ours(const struct core_v1_taint *taint)
{
	if (str_eq(taint->key, STR(UNSCHEDULABLE)))
		return str_eq(taint->effect, STR("NoSchedule"));
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (str_eq_c(taint->key, rules[i].key) && str_eq_c(taint->effect, rules[i].effect))
			return true;
	return false;
}

static struct core_v1_taint make(const struct core_v1_node *node, const char *key, const char *effect, int64_t now,
				 struct arena *arena)
{
	struct timestamp time = {.seconds = now / NS_PER_SEC, .is_set = true};

	SLICE_FOREACH (taint, node->spec.taints)
		if (str_eq_c(taint->key, key) && str_eq_c(taint->effect, effect))
			return *taint;
	return (struct core_v1_taint){.key = str_from(key),
				      .effect = str_from(effect),
				      .time_added = ARENA_DUP(arena, struct timestamp, &time)};
}

struct core_v1_taint_slice node_taints(const struct core_v1_node *node, int64_t now, struct arena *arena)
{
	VEC_OF(struct core_v1_taint) all = {0};

	SLICE_FOREACH (taint, node->spec.taints)
		if (!is_ours(taint))
			vec_push(arena, &all, *taint);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (str_eq_c(node_condition_status(node, str_from(rules[i].type)), rules[i].status))
			vec_push(arena, &all, make(node, rules[i].key, rules[i].effect, now, arena));
	if (node->spec.unschedulable)
		vec_push(arena, &all, make(node, UNSCHEDULABLE, "NoSchedule", now, arena));
	return (struct core_v1_taint_slice){all.items, all.len};
}
