/*
 * The node IPAM controller: cuts each node's pod range from the cluster's.
 *
 * A range once given stays the node's until the node is gone.  Choosing happens in gather, on the loop thread, where
 * all nodes are known; what was chosen and is not yet seen in the cache is remembered, so that two nodes never get one
 * range.
 */
#include "base/address.h"
#include "base/map.h"
#include "controllers/controller.h"
#include "types/gen/core_v1.h"

#define RANGES_MAX 65536 /* of one cluster range */

struct node_ipam {
	struct reconciler *reconciler;
	const struct resource *nodes;
	struct informer *informer;
	struct ip_prefix cluster;
	unsigned mask;
	struct map pending; /* node name -> struct choice */
};

struct choice {
	struct str name; /* follows the struct */
	uint64_t place;
};

struct inputs {
	const struct node_ipam *controller;
	struct object *object;
	char range[IP_PREFIX_TEXT_SIZE]; /* empty: the cluster's range is used up */
};

/* Which of the cluster's parts is @text?  False when it is none. */
static bool place_of(const struct node_ipam *controller, struct str text, uint64_t *ret)
{
	unsigned bits = ip_family_bits(controller->cluster.address.family), shift = bits - controller->mask;
	struct ip_prefix range;
	uint64_t place = 0;

	if (ip_prefix_parse(text, &range) < 0 || !ip_prefix_contains(&controller->cluster, &range.address))
		return false;
	/* The bits between the two masks, as a number. */
	for (unsigned bit = controller->cluster.length; bit < bits - shift; bit++)
		place = place << 1 | (range.address.bytes[bit / 8] >> (7 - bit % 8) & 1);
	*ret = place;
	return true;
}

static struct ip_prefix range_at(const struct node_ipam *controller, uint64_t place)
{
	struct ip_prefix range = {ip_prefix_masked(&controller->cluster).address, controller->mask};

	for (unsigned bit = controller->mask; bit > controller->cluster.length; bit--, place >>= 1)
		if (place & 1)
			range.address.bytes[(bit - 1) / 8] |= (uint8_t)(0x80u >> ((bit - 1) % 8));
	return range;
}

static void forget(struct node_ipam *controller, struct str name)
{
	free(map_remove(&controller->pending, name));
}

static bool choose(struct node_ipam *controller, struct str name, uint64_t *ret)
{
	unsigned width = controller->mask - controller->cluster.length;
	uint64_t all = width >= 16 ? RANGES_MAX : UINT64_C(1) << width, place;
	struct arena cleanup_arena arena = {0};
	bool *used = ARENA_NEW_N(&arena, bool, all);
	struct choice *choice = map_get(&controller->pending, name);
	char *copy;

	if (choice) {
		*ret = choice->place;
		return true;
	}
	INFORMER_FOREACH(it, controller->informer)
	SLICE_FOREACH (text, OBJECT_AS(core_v1_node, it->object)->spec.pod_cidrs)
		if (place_of(controller, *text, &place) && place < all)
			used[place] = true;
	MAP_FOREACH (entry, &controller->pending)
		used[((const struct choice *)entry->value)->place] = true;
	for (place = 0; place < all && used[place];)
		place++;
	if (place == all)
		return false;
	choice = xcalloc(1, sizeof(*choice) + name.len + 1);
	copy = (char *)(choice + 1);
	memcpy(copy, name.data, name.len);
	*choice = (struct choice){{copy, name.len}, place};
	map_set(&controller->pending, choice->name, choice);
	*ret = place;
	return true;
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct node_ipam *controller = cookie;
	struct object *object = informer_get(controller->informer, key);
	struct inputs *inputs;
	struct ip_prefix range;
	uint64_t place;

	if (!object || OBJECT_AS(core_v1_node, object)->spec.pod_cidrs.len) {
		forget(controller, key);
		return NULL;
	}
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	if (choose(controller, key, &place)) {
		range = range_at(controller, place);
		ip_prefix_format(&range, inputs->range);
	}
	return inputs;
}

static void plan_range(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct inputs *inputs = data;

	plan->involved = inputs->object;
	if (!inputs->range[0]) {
		plan_event(plan, "Normal", "CIDRNotAvailable", "Node " STR_FMT " status is now: CIDRNotAvailable",
			   STR_ARG(inputs->object->meta->name));
		return;
	}
	plan_patch(plan, inputs->controller->nodes, STR_EMPTY, inputs->object->meta->name, NULL, PATCH_TYPE_STRATEGIC,
		   arena_printf(plan->arena, "{\"spec\":{\"podCIDR\":\"%s\",\"podCIDRs\":[\"%s\"]}}", inputs->range,
				inputs->range))
		->tolerate_missing = true;
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "node-ipam-controller", .gather = gather, .plan = plan_range, .workers = 4};
	struct node_ipam *controller = XNEW(struct node_ipam);
	const struct str_slice *ranges = &context->options->cluster_cidrs;

	controller->nodes = client_resource("", "v1", "nodes");
	controller->informer = informer_set_get(context->informers, controller->nodes);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	if (!ranges->len || ip_prefix_parse(ranges->items[0], &controller->cluster) < 0)
		return controller; /* without a range there is nothing to give */
	controller->mask =
		(unsigned)(controller->cluster.address.family == IP_V6 ? context->options->node_cidr_mask_v6
								       : context->options->node_cidr_mask_v4);
	if (controller->mask >= controller->cluster.length)
		reconciler_add_source(controller->reconciler, controller->informer, NULL);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct node_ipam *)state)->reconciler);
}

static void release(void *state)
{
	struct node_ipam *controller = state;

	reconciler_free(controller->reconciler);
	MAP_FOREACH (it, &controller->pending)
		free(it->value);
	map_release(&controller->pending);
	free(controller);
}

const struct controller controller_node_ipam = {"node-ipam-controller", "node-controller", start, stop, release};
