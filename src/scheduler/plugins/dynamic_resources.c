/*
 * DynamicResources: devices that pods claim.  A pod with claims waits: nothing here allocates claims to it.
 */
#include "scheduler/framework.h"

static enum verdict admit(const struct sched_pod *pod)
{
	return pod->pod->spec.resource_claims.len ? VERDICT_HOPELESS : VERDICT_OK;
}

static enum verdict pre_filter(struct cycle *cycle UNUSED, struct reasons *why UNUSED)
{
	return VERDICT_SKIP;
}

/* Upstream's words: where an earlier plugin's PreFilter said no, its own state is "not found", which ends PostFilter.
 */
static enum verdict post_filter(struct cycle *cycle, struct reasons *why)
{
	if (!(cycle->filtered & PLUGIN_BIT(PLUGIN_dynamic_resources))) {
		vec_push(&cycle->arena, why, STR("not found"));
		return VERDICT_ERROR;
	}
	vec_push(&cycle->arena, why, STR("no new claims to deallocate"));
	return VERDICT_REJECT;
}

const struct plugin plugin_dynamic_resources = {
	.name = "DynamicResources",
	.pre_enqueue = admit,
	.pre_filter = pre_filter,
	.post_filter = post_filter,
};
