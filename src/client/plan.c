/* Writing down changes, and gathering references for a plan; see reconciler.h. */
#include "client/reconciler.h"

static struct change *add(struct plan *plan, const struct api_request *request)
{
	vec_push(plan->arena, &plan->changes, (struct change){.request = *request});
	return &plan->changes.items[plan->changes.len - 1];
}

struct change *plan_create(struct plan *plan, const struct resource *resource, const void *data)
{
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, data);

	return add(plan, &(struct api_request){.operation = API_CREATE,
					       .resource = resource,
					       .namespace = meta->namespace,
					       .body_schema = resource->schema,
					       .body = data});
}

struct change *plan_update(struct plan *plan, const struct resource *resource, const char *subresource,
			   const void *data)
{
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, data);

	return add(plan, &(struct api_request){.operation = API_UPDATE,
					       .resource = resource,
					       .namespace = meta->namespace,
					       .name = meta->name,
					       .subresource = str_from(subresource),
					       .body_schema = resource->schema,
					       .body = data});
}

struct change *plan_patch(struct plan *plan, const struct resource *resource, struct str namespace, struct str name,
			  const char *subresource, enum patch_type type, struct str patch)
{
	return add(plan, &(struct api_request){.operation = API_PATCH,
					       .resource = resource,
					       .namespace = namespace,
					       .name = name,
					       .subresource = str_from(subresource),
					       .patch_type = type,
					       .patch = patch});
}

struct change *plan_diff(struct plan *plan, const struct resource *resource, const void *old, const void *new_,
			 const char *only, const char *subresource)
{
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, new_);
	struct str patch = client_diff(resource->schema, old, new_, only, plan->arena);

	if (str_empty(patch))
		return NULL;
	return plan_patch(plan, resource, meta->namespace, meta->name, subresource, PATCH_TYPE_MERGE, patch);
}

struct change *plan_delete(struct plan *plan, const struct resource *resource, const struct meta_v1_object_meta *meta)
{
	struct change *change = add(plan, &(struct api_request){.operation = API_DELETE,
								.resource = resource,
								.namespace = meta->namespace,
								.name = meta->name,
								.precondition_uid = meta->uid});

	change->tolerate_missing = true;
	return change;
}

void plan_requeue_within(struct plan *plan, int64_t wait_ns)
{
	if (wait_ns && (!plan->requeue_after_ns || wait_ns < plan->requeue_after_ns))
		plan->requeue_after_ns = wait_ns;
}

void plan_event(struct plan *plan, const char *type, const char *reason, const char *format, ...)
{
	struct event_record record = {.type = str_from(type), .reason = str_from(reason)};
	va_list args;

	if (!plan->involved)
		return;
	record.involved = recorder_reference(plan->involved, STR_EMPTY, plan->arena);
	va_start(args, format);
	record.message = arena_vprintf(plan->arena, format, args);
	va_end(args);
	vec_push(plan->arena, &plan->events, record);
}

static void drop_reference(void *object)
{
	object_unref(object);
}

struct object *reconciler_hold(struct arena *arena, struct object *object)
{
	if (object)
		arena_defer(arena, drop_reference, object_ref(object));
	return object;
}

static int by_name(const void *a, const void *b)
{
	const struct meta_v1_object_meta *x = (*(struct object *const *)a)->meta,
					 *y = (*(struct object *const *)b)->meta;
	int order = str_cmp(x->namespace, y->namespace);

	return order ? order : str_cmp(x->name, y->name);
}

struct object_slice reconciler_hold_indexed(struct arena *arena, const struct informer *informer, int index,
					    struct str value)
{
	VEC_OF(struct object *) found = {0};

	INFORMER_FOREACH_INDEXED(it, informer, index, value)
	vec_push(arena, &found, reconciler_hold(arena, it->object));
	if (found.len)
		qsort(found.items, found.len, sizeof(*found.items), by_name);
	return (struct object_slice){found.items, found.len};
}

struct object_slice reconciler_hold_all(struct arena *arena, const struct informer *informer)
{
	VEC_OF(struct object *) found = {0};

	INFORMER_FOREACH(it, informer)
	vec_push(arena, &found, reconciler_hold(arena, it->object));
	if (found.len)
		qsort(found.items, found.len, sizeof(*found.items), by_name);
	return (struct object_slice){found.items, found.len};
}
