/*
 * The ServiceAccount controller: every active namespace has an account called default, which comes back when it is
 * deleted.
 */
#include "controllers/controller.h"
#include "types/gen/core_v1.h"

struct serviceaccount {
	struct reconciler *reconciler;
	const struct resource *namespaces, *accounts;
	struct informer *namespace_informer, *account_informer;
};

struct inputs {
	const struct serviceaccount *controller;
	struct object *namespace;
	bool exists;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct serviceaccount *controller = cookie;
	struct object *namespace = informer_get(controller->namespace_informer, key);
	struct inputs *inputs;

	if (!namespace)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->namespace = reconciler_hold(arena, namespace);
	inputs->exists = informer_get_named(controller->account_informer, key, STR("default")) != NULL;
	return inputs;
}

static void plan_account(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_namespace *namespace = OBJECT_AS(core_v1_namespace, inputs->namespace);
	struct core_v1_service_account *account;

	if (inputs->exists || namespace->metadata.deletion_timestamp ||
	    str_eq(namespace->status.phase, STR("Terminating")))
		return;
	account = ARENA_NEW(plan->arena, struct core_v1_service_account);
	account->metadata.name = STR("default");
	account->metadata.namespace = namespace->metadata.name;
	plan_create(plan, inputs->controller->accounts, account)->tolerate_existing = true;
}

static void map_account(void *cookie UNUSED, const struct object *account, struct informer_keys *keys)
{
	if (str_eq(account->meta->name, STR("default")))
		informer_keys_add(keys, account->meta->namespace);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {
		.name = "serviceaccount-controller", .gather = gather, .plan = plan_account, .workers = 2};
	struct serviceaccount *controller = XNEW(struct serviceaccount);

	controller->namespaces = client_resource("", "v1", "namespaces");
	controller->accounts = client_resource("", "v1", "serviceaccounts");
	controller->namespace_informer = informer_set_get(context->informers, controller->namespaces);
	controller->account_informer = informer_set_get_metadata(context->informers, controller->accounts);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->namespace_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->account_informer, map_account);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct serviceaccount *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct serviceaccount *)state)->reconciler);
	free(state);
}

const struct controller controller_serviceaccount = {"serviceaccount-controller", "service-account-controller", start,
						     stop, release};
