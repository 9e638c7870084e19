/* PrioritySort: the more important first, then who has waited longer. */
#include "scheduler/framework.h"

static bool before(const struct sched_pod *a, const struct sched_pod *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->entered_at < b->entered_at;
}

const struct plugin plugin_priority_sort = {
	.name = "PrioritySort",
	.before = before,
};
