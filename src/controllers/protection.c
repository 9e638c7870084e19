/* What the storage protection controllers share; see protection.h. */
#include "controllers/protection.h"

#include "controllers/finalizer.h"

struct protector {
	const struct protection *protection;
	const struct resource *resource;
	struct informer *informer;
	struct reconciler *reconciler;
	struct reconciler_ops ops;
};

struct inputs {
	struct object *object;
	bool in_use;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct protector *protector = cookie;
	struct object *object = informer_get(protector->informer, key);
	struct inputs *inputs;

	if (!object || !object->meta->deletion_timestamp ||
	    !has_finalizer(object->meta, protector->protection->finalizer))
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->object = reconciler_hold(arena, object);
	return inputs;
}

static int observe(void *cookie, void *data, const struct client *client, struct arena *arena UNUSED, struct error *err)
{
	const struct protector *protector = cookie;
	struct inputs *inputs = data;

	return protector->protection->in_use(client, inputs->object, &inputs->in_use, err);
}

static void plan_release(void *cookie, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct protector *protector = cookie;
	const struct inputs *inputs = data;

	if (!inputs->in_use)
		plan_finalizer_removal(plan, protector->resource, inputs->object->meta,
				       protector->protection->finalizer);
}

struct protector *protector_new(struct controller_context *context, const struct protection *protection)
{
	struct protector *protector = XNEW(struct protector);

	protector->protection = protection;
	protector->ops = (struct reconciler_ops){
		.name = protection->name, .gather = gather, .observe = observe, .plan = plan_release, .workers = 1};
	protector->resource = client_resource(protection->group, protection->version, protection->plural);
	protector->informer = informer_set_get(context->informers, protector->resource);
	protector->reconciler = controller_reconciler(context, &protector->ops, protector);
	reconciler_add_source(protector->reconciler, protector->informer, NULL);
	return protector;
}

void protector_add_user(struct protector *protector, struct controller_context *context,
			const struct resource *resource, reconciler_map_fn *map)
{
	reconciler_add_source(protector->reconciler, informer_set_get(context->informers, resource), map);
}

void protector_stop(void *protector)
{
	reconciler_stop(((struct protector *)protector)->reconciler);
}

void protector_free(void *data)
{
	struct protector *protector = data;

	reconciler_free(protector->reconciler);
	free(protector);
}
