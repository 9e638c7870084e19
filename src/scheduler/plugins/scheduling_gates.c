/* SchedulingGates: a pod with gates does not wait for a decision until all have been removed. */
#include "scheduler/framework.h"

static enum verdict admit(const struct sched_pod *pod)
{
	return pod->pod->spec.scheduling_gates.len ? VERDICT_HOPELESS : VERDICT_OK;
}

const struct plugin plugin_scheduling_gates = {
	.name = "SchedulingGates",
	.wakes = EVENT_OWN_GATES,
	.pre_enqueue = admit,
};
