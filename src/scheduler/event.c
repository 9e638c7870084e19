/* What happens in the cluster; see event.h. */
#include "scheduler/event.h"

#include "base/arena.h"
#include "logic/pod_requests.h"
#include "types/copy.h"
#include "types/quantity.h"

static bool same_quantities(const struct quantity_map *a, const struct quantity_map *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i].key, b->items[i].key) ||
		    quantity_cmp(&a->items[i].value, &b->items[i].value) != 0)
			return false;
	return true;
}

static bool same_labels(const struct str_map *a, const struct str_map *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i].key, b->items[i].key) || !str_eq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

static bool same_taints(const struct core_v1_taint_slice *a, const struct core_v1_taint_slice *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i].key, b->items[i].key) || !str_eq(a->items[i].value, b->items[i].value) ||
		    !str_eq(a->items[i].effect, b->items[i].effect))
			return false;
	return true;
}

uint32_t event_of_nodes(const struct core_v1_node *old, const struct core_v1_node *new_)
{
	uint32_t what = 0;

	if (!same_quantities(&old->status.allocatable, &new_->status.allocatable))
		what |= EVENT_NODE_ALLOCATABLE;
	if (!same_labels(&old->metadata.labels, &new_->metadata.labels))
		what |= EVENT_NODE_LABEL;
	if (old->spec.unschedulable != new_->spec.unschedulable || !same_taints(&old->spec.taints, &new_->spec.taints))
		what |= EVENT_NODE_TAINT;
	return what;
}

/* Does @new_ ask for less of anything? */
static bool scaled_down(const struct core_v1_pod *old, const struct core_v1_pod *new_)
{
	static const struct pod_requests_options options = {.use_status = true};
	struct arena cleanup_arena arena = {0};
	struct resource_amounts before, after;

	pod_requests(old, &options, &arena, &before);
	pod_requests(new_, &options, &arena, &after);
	for (size_t i = 0; i < before.len; i++)
		if (resource_amounts_get(&after, before.items[i].name) < before.items[i].amount)
			return true;
	return false;
}

uint32_t event_of_own(const struct core_v1_pod *old, const struct core_v1_pod *new_)
{
	uint32_t what = 0;

	if (!same_labels(&old->metadata.labels, &new_->metadata.labels))
		what |= EVENT_OWN_LABEL;
	if (old->spec.tolerations.len != new_->spec.tolerations.len)
		what |= EVENT_OWN_TOLERATION;
	if (old->spec.scheduling_gates.len && new_->spec.scheduling_gates.len == 0)
		what |= EVENT_OWN_GATES;
	if (old->metadata.generation != new_->metadata.generation && scaled_down(old, new_))
		what |= EVENT_OWN_SCALE_DOWN;
	return what;
}
