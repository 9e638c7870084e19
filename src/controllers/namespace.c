/*
 * The namespace controller: empties a namespace that is being deleted, and lets it go.
 *
 * What is in a namespace is asked of the server, resource by resource (observe): no informer holds it all.  Pods go
 * first and must all be gone before anything else is touched; then every other resource is deleted as a collection.
 * When nothing is left, the finalizer "kubernetes" is taken out through /finalize.  Conditions and messages:
 * facts/controllers.txt, `nsc`.
 */
#include "base/clock.h"
#include "controllers/controller.h"
#include "types/gen/core_v1.h"

#define RECHECK_NS    (1 * NS_PER_SEC)
#define RECHECK_FIRST (200 * NS_PER_MS)

struct namespaces {
	struct reconciler *reconciler;
	const struct resource *resource, *pods;
	struct informer *informer;
};

struct remaining {
	const struct resource *resource;
	size_t count;
};

struct inputs {
	const struct namespaces *controller;
	struct object *object;
	/* observed: */
	VEC_OF(struct remaining) remaining;
	VEC_OF(struct str) finalizers; /* of what remains, one entry an object */
	bool pods_remain;
};

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct namespaces *controller = cookie;
	struct object *object = informer_get(controller->informer, key);
	struct inputs *inputs;

	if (!object || !object->meta->deletion_timestamp)
		return NULL;
	inputs = ARENA_NEW(arena, struct inputs);
	inputs->controller = controller;
	inputs->object = reconciler_hold(arena, object);
	return inputs;
}

static bool is_content(const struct resource *resource)
{
	return resource->namespaced && resource->stability == STABILITY_GA && resource->schema &&
	       (resource->verbs & VERB_DELETE) && (resource->verbs & VERB_LIST) &&
	       str_eq(resource->api_version, resource->storage_version);
}

static int count(struct inputs *inputs, const struct resource *resource, const struct client *client,
		 struct arena *arena, size_t *ret, struct error *err)
{
	struct api_response list = {0};

	if (client_list(client, resource, inputs->object->meta->name, STR_EMPTY, STR_EMPTY, &list, err) < 0)
		return -(int)err->code;
	*ret = list.items_len;
	if (list.items_len)
		vec_push(arena, &inputs->remaining, (struct remaining){resource, list.items_len});
	for (size_t i = 0; i < list.items_len; i++)
		SLICE_FOREACH (finalizer, list.items[i]->meta->finalizers)
			vec_push(arena, &inputs->finalizers, arena_str(arena, *finalizer));
	api_response_release(&list);
	return 0;
}

static int observe(void *cookie UNUSED, void *data, const struct client *client, struct arena *arena, struct error *err)
{
	struct inputs *inputs = data;
	const struct resource *pods = inputs->controller->pods;
	size_t n;

	if (count(inputs, pods, client, arena, &n, err) < 0)
		return -(int)err->code;
	inputs->pods_remain = n > 0;
	for (size_t i = 0; i < resources_len && !inputs->pods_remain; i++)
		if (is_content(&resources[i]) && &resources[i] != pods &&
		    count(inputs, &resources[i], client, arena, &n, err) < 0)
			return -(int)err->code;
	return 0;
}

/* "pods. has 2 resource instances, secrets. has 1 resource instances" */
static struct str tell_remaining(const struct inputs *inputs, struct arena *arena)
{
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < inputs->remaining.len; i++) {
		const struct remaining *r = &inputs->remaining.items[i];

		text = arena_printf(arena, STR_FMT "%s" STR_FMT "." STR_FMT " has %zu resource instances",
				    STR_ARG(text), i ? ", " : "", STR_ARG(r->resource->plural),
				    STR_ARG(r->resource->group), r->count);
	}
	return arena_printf(arena, "Some resources are remaining: " STR_FMT, STR_ARG(text));
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str tell_finalizers(const struct inputs *inputs, struct arena *arena)
{
	struct str *sorted = arena_memdup(arena, inputs->finalizers.items, inputs->finalizers.len * sizeof(*sorted));
	struct str text = STR_EMPTY;

	qsort(sorted, inputs->finalizers.len, sizeof(*sorted), by_text);
	for (size_t i = 0, n; i < inputs->finalizers.len; i += n) {
		for (n = 1; i + n < inputs->finalizers.len && str_eq(sorted[i], sorted[i + n]);)
			n++;
		text = arena_printf(arena, STR_FMT "%s" STR_FMT " in %zu resource instances", STR_ARG(text),
				    i ? ", " : "", STR_ARG(sorted[i]), n);
	}
	return arena_printf(arena, "Some content in the namespace has finalizers remaining: " STR_FMT, STR_ARG(text));
}

static struct core_v1_namespace_condition condition(const struct core_v1_namespace *namespace, const char *type,
						    bool bad, const char *reason, struct str message, int64_t now)
{
	struct core_v1_namespace_condition out = {
		.type = str_from(type),
		.status = bad ? STR("True") : STR("False"),
		.last_transition_time = {.seconds = now / NS_PER_SEC, .is_set = true},
		.reason = str_from(reason),
		.message = message,
	};

	SLICE_FOREACH (before, namespace->status.conditions)
		if (str_eq(before->type, out.type) && str_eq(before->status, out.status))
			out.last_transition_time = before->last_transition_time;
	return out;
}

static void plan_status(struct plan *plan, const struct inputs *inputs, const struct core_v1_namespace *namespace,
			int64_t now)
{
	struct core_v1_namespace_condition *all = ARENA_NEW_N(plan->arena, struct core_v1_namespace_condition, 5);
	struct core_v1_namespace next = *namespace;
	bool left = inputs->remaining.len > 0, held = inputs->finalizers.len > 0;

	all[0] = condition(namespace, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
			   STR("All resources successfully discovered"), now);
	all[1] = condition(namespace, "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
			   STR("All legacy kube types successfully parsed"), now);
	all[2] = condition(namespace, "NamespaceDeletionContentFailure", false, "ContentDeleted",
			   STR("All content successfully deleted, may be waiting on finalization"), now);
	all[3] =
		condition(namespace, "NamespaceContentRemaining", left, left ? "SomeResourcesRemain" : "ContentRemoved",
			  left ? tell_remaining(inputs, plan->arena) : STR("All content successfully removed"), now);
	all[4] = condition(
		namespace, "NamespaceFinalizersRemaining", held,
		held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
		held ? tell_finalizers(inputs, plan->arena) : STR("All content-preserving finalizers finished"), now);
	next.status.conditions = (struct core_v1_namespace_condition_slice){all, 5};
	next.status.phase = STR("Terminating");
	plan_diff(plan, inputs->controller->resource, namespace, &next, "status", "status");
}

static void plan_finalize(struct plan *plan, const struct inputs *inputs, const struct core_v1_namespace *namespace)
{
	struct core_v1_namespace *next = ARENA_DUP(plan->arena, struct core_v1_namespace, namespace);
	struct str *kept = ARENA_NEW_N(plan->arena, struct str, namespace->spec.finalizers.len + 1);
	size_t len = 0;

	SLICE_FOREACH (finalizer, namespace->spec.finalizers)
		if (!str_eq(*finalizer, STR("kubernetes")))
			kept[len++] = *finalizer;
	if (len == namespace->spec.finalizers.len)
		return;
	next->spec.finalizers = (struct str_slice){kept, len};
	plan_update(plan, inputs->controller->resource, "finalize", next)->tolerate_missing = true;
}

static void plan_namespace(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct inputs *inputs = data;
	const struct core_v1_namespace *namespace = OBJECT_AS(core_v1_namespace, inputs->object);

	if (!inputs->remaining.len) {
		plan_finalize(plan, inputs, namespace);
		return;
	}
	plan_status(plan, inputs, namespace, now);
	for (size_t i = 0; i < inputs->remaining.len; i++) {
		const struct resource *resource = inputs->remaining.items[i].resource;
		struct meta_v1_object_meta all = {.namespace = namespace->metadata.name};
		struct change *change = plan_delete(plan, resource, &all); /* no name: the collection */

		change->independent = true;
		change->request.propagation_policy = STR("Background");
	}
	/* What has a finalizer or a grace period goes by itself; nothing tells us of it. */
	plan->requeue_after_ns = inputs->finalizers.len || inputs->pods_remain ? RECHECK_NS : RECHECK_FIRST;
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {.name = "namespace-controller",
						  .gather = gather,
						  .observe = observe,
						  .plan = plan_namespace,
						  .workers = 10};
	struct namespaces *controller = XNEW(struct namespaces);

	controller->resource = client_resource("", "v1", "namespaces");
	controller->pods = client_resource("", "v1", "pods");
	controller->informer = informer_set_get(context->informers, controller->resource);
	controller->reconciler = controller_reconciler(context, &ops, controller);
	reconciler_add_source(controller->reconciler, controller->informer, NULL);
	return controller;
}

static void stop(void *state)
{
	reconciler_stop(((struct namespaces *)state)->reconciler);
}

static void release(void *state)
{
	reconciler_free(((struct namespaces *)state)->reconciler);
	free(state);
}

const struct controller controller_namespace = {"namespace-controller", "namespace-controller", start, stop, release};
