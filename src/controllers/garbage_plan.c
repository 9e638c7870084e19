/*
 * What to do about one object: its owners may be gone, or it may be waiting for its dependents; see
 * garbage_collector.h.
 *
 * Rules (facts/controllers.txt, `gc`): an object none of whose owners is left is deleted, in the background unless its
 * own finalizers ask otherwise; one that still has a solid owner loses its references to those that are gone or going;
 * one all of whose owners wait for it is deleted in the foreground.
 */
#include "controllers/garbage_collector.h"

#include "controllers/finalizer.h"

/* A strategic patch that strikes the references with these UIDs; UIDs come from the server and need no escaping. */
static void plan_strike(struct plan *plan, const struct resource *resource, const struct meta_v1_object_meta *meta,
			const struct str *uids, size_t len)
{
	struct str list = STR_EMPTY;

	for (size_t i = 0; i < len; i++)
		list = arena_printf(plan->arena, STR_FMT "%s{\"$patch\":\"delete\",\"uid\":\"" STR_FMT "\"}",
				    STR_ARG(list), i ? "," : "", STR_ARG(uids[i]));
	plan_patch(plan, resource, meta->namespace, meta->name, NULL, PATCH_TYPE_STRATEGIC,
		   arena_printf(plan->arena,
				"{\"metadata\":{\"ownerReferences\":[" STR_FMT "],\"uid\":\"" STR_FMT "\"}}",
				STR_ARG(list), STR_ARG(meta->uid)))
		->tolerate_missing = true;
}

static void plan_deletion(struct plan *plan, const struct resource *resource, const struct object *object,
			  const char *propagation)
{
	plan_delete(plan, resource, object->meta)->request.propagation_policy = str_from(propagation);
}

static void plan_by_owners(struct plan *plan, const struct garbage_inputs *inputs)
{
	const struct meta_v1_object_meta *meta = inputs->object->meta;
	struct str *gone = ARENA_NEW_N(plan->arena, struct str, inputs->owners_len + 1);
	size_t gone_len = 0, solid = 0, waiting = 0;

	for (size_t i = 0; i < inputs->owners_len; i++) {
		const struct garbage_owner *owner = &inputs->owners[i];

		solid += owner->state == OWNER_SOLID;
		waiting += owner->state == OWNER_WAITING;
		if (owner->state != OWNER_SOLID)
			gone[gone_len++] = owner->reference.uid;
	}
	if (solid && gone_len)
		plan_strike(plan, inputs->resource, meta, gone, gone_len);
	else if (!solid && waiting)
		plan_deletion(plan, inputs->resource, inputs->object, "Foreground");
	else if (!solid)
		plan_deletion(plan, inputs->resource, inputs->object,
			      has_finalizer(meta, FINALIZER_ORPHAN)	  ? "Orphan"
			      : has_finalizer(meta, FINALIZER_FOREGROUND) ? "Foreground"
									  : "Background");
}

static void plan_orphaning(struct plan *plan, const struct garbage_inputs *inputs)
{
	for (size_t i = 0; i < inputs->dependents_len; i++)
		plan_strike(plan, inputs->dependents[i].resource, inputs->dependents[i].object->meta,
			    &inputs->object->meta->uid, 1);
	plan_finalizer_removal(plan, inputs->resource, inputs->object->meta, FINALIZER_ORPHAN);
}

static void plan_foreground(struct plan *plan, const struct garbage_inputs *inputs)
{
	bool blocked = false;

	for (size_t i = 0; i < inputs->dependents_len; i++) {
		const struct garbage_dependent *dependent = &inputs->dependents[i];

		blocked = blocked || dependent->blocks;
		if (!dependent->object->meta->deletion_timestamp)
			plan_deletion(plan, dependent->resource, dependent->object, "Foreground");
	}
	if (!blocked)
		plan_finalizer_removal(plan, inputs->resource, inputs->object->meta, FINALIZER_FOREGROUND);
}

void garbage_plan(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct garbage_inputs *inputs = data;
	const struct meta_v1_object_meta *meta = inputs->object->meta;

	plan->involved = inputs->object;
	if (meta->deletion_timestamp && has_finalizer(meta, FINALIZER_ORPHAN))
		plan_orphaning(plan, inputs);
	else if (meta->deletion_timestamp && has_finalizer(meta, FINALIZER_FOREGROUND))
		plan_foreground(plan, inputs);
	else if (!meta->deletion_timestamp && inputs->owners_len)
		plan_by_owners(plan, inputs);
}
