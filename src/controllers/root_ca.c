/*
 * The root CA publisher: every namespace has a ConfigMap kube-root-ca.crt with the cluster's authority, put right when
 * anybody changes it.  Of all ConfigMaps it watches those alone.
 */
#include "controllers/controller.h"
#include "types/gen/core_v1.h"

#define NAME	    "kube-root-ca.crt"
#define DESCRIPTION "kubernetes.io/description"
#define TEXT                                                                                                           \
	"Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as "    \
	"the "                                                                                                         \
	"internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "         \
	"Kubernetes "                                                                                                  \
	"clusters."

struct root_ca {
	struct reconciler *reconciler;
	const struct resource *namespaces, *configmaps;
	struct informer *namespace_informer, *configmap_informer;
	struct str certificate;
};

struct inputs {
	const struct root_ca *controller;
	struct object *namespace, *configmap;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct root_ca *controller = cookie;
	struct object *namespace = informer_get(controller->namespace_informer, key);
	struct inputs *inputs;

	if (!namespace)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->namespace = reconciler_hold(arena, namespace);
	inputs->configmap = reconciler_hold(arena, informer_get_named(controller->configmap_informer, key, STR(NAME)));
	return inputs;
}

static void plan_configmap(void *cookie UNUSED, const void *data, int64_t now UNUSED, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_namespace *namespace = OBJECT_AS(core_v1_namespace, inputs->namespace);
	struct str_pair *pair = ARENA_NEW(plan->arena, struct str_pair),
			*note = ARENA_NEW(plan->arena, struct str_pair);
	struct core_v1_config_map *next = ARENA_NEW(plan->arena, struct core_v1_config_map);

	if (namespace->metadata.deletion_timestamp || str_eq(namespace->status.phase, STR("Terminating")))
		return;
	*pair = (struct str_pair){STR("ca.crt"), inputs->controller->certificate};
	*note = (struct str_pair){STR(DESCRIPTION), STR(TEXT)};
	if (inputs->configmap) {
		*next = *OBJECT_AS(core_v1_config_map, inputs->configmap);
		next->data = (struct str_map){pair, 1};
		plan_diff(plan, inputs->controller->configmaps, inputs->configmap->data, next, "data", NULL);
		return;
	}
	next->metadata.name = STR(NAME);
	next->metadata.namespace = namespace->metadata.name;
	next->metadata.annotations = (struct str_map){note, 1};
	next->data = (struct str_map){pair, 1};
	plan_create(plan, inputs->controller->configmaps, next)->tolerate_existing = true;
}

static void map_configmap(void *cookie UNUSED, const struct object *configmap, struct informer_keys *keys)
{
	informer_keys_add(keys, configmap->meta->namespace);
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {.name = "root-ca-certificate-publisher-controller",
						  .gather = gather,
						  .plan = plan_configmap,
						  .workers = 2};
	struct root_ca *controller = XNEW(struct root_ca);

	controller->certificate = context->options->cluster_ca;
	controller->namespaces = client_resource("", "v1", "namespaces");
	controller->configmaps = client_resource("", "v1", "configmaps");
	controller->namespace_informer = informer_set_get(context->informers, controller->namespaces);
	controller->configmap_informer =
		informer_set_get_selected(context->informers, controller->configmaps, STR("metadata.name=" NAME));
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->namespace_informer, NULL);
	reconciler_add_source(controller->reconciler, controller->configmap_informer, map_configmap);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct root_ca *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct root_ca *)state)->reconciler);
	free(state);
}

const struct controller controller_root_ca = {"root-ca-certificate-publisher-controller", "root-ca-cert-publisher",
					      start, stop, release};
