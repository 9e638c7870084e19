/* Does an ended container come back?  See restart_rules.h. */
#include "kubelet/restart_rules.h"

#include "base/arena.h"

static bool matches(const struct core_v1_container_restart_rule *rule, int32_t exit_code)
{
	bool listed = false;

	if (!rule->exit_codes)
		return false;
	SLICE_FOREACH (value, rule->exit_codes->values)
		listed = listed || *value == exit_code;
	if (str_eq(rule->exit_codes->operator, STR("In")))
		return listed;
	return str_eq(rule->exit_codes->operator, STR("NotIn")) && !listed;
}

/* The first rule that matches decides; absent: none does. */
static struct str action_of(const struct core_v1_container *container, int32_t exit_code)
{
	if (container->restart_policy)
		SLICE_FOREACH (rule, container->restart_policy_rules)
			if (matches(rule, exit_code))
				return rule->action;
	return (struct str){0};
}

static struct str policy_of(const struct core_v1_pod_spec *pod, const struct core_v1_container *container)
{
	return container->restart_policy ? *container->restart_policy : pod->restart_policy;
}

bool restart_rules_restart_all(const struct core_v1_container *container, int32_t exit_code)
{
	return str_eq(action_of(container, exit_code), STR("RestartAllContainers"));
}

bool restart_rules_may_restart_all(const struct core_v1_container *container)
{
	SLICE_FOREACH (rule, container->restart_policy_rules)
		if (str_eq(rule->action, STR("RestartAllContainers")))
			return true;
	return false;
}

bool restart_rules_after_exit(const struct core_v1_pod_spec *pod, const struct core_v1_container *container,
			      int32_t exit_code)
{
	struct str action = action_of(container, exit_code), policy = policy_of(pod, container);

	if (str_eq(action, STR("Restart")) || str_eq(action, STR("RestartAllContainers")))
		return true;
	if (str_eq(policy, STR("Never")))
		return false;
	return str_eq(policy, STR("OnFailure")) ? exit_code != 0 : true;
}

bool restart_rules_after_kill(const struct core_v1_pod_spec *pod, const struct core_v1_container *container)
{
	return !str_eq(policy_of(pod, container), STR("Never"));
}
