/*
 * What to do about a namespace that is being deleted, and how to tell it; see namespace.h.
 *
 * Pods go first and must all be gone before anything else is touched; then every other resource is deleted as a
 * collection.  When nothing is left, the finalizer "kubernetes" is taken out through /finalize.
 */
#include "base/clock.h"
#include "controllers/namespace.h"
#include "types/gen/core_v1.h"

/* Upstream's guess at how long finalizers take. */
#define FINALIZER_SECONDS 15
#define SETTLE_NS	  (10 * NS_PER_MS) /* from a deletion to a look at what it has left */
#define FINALIZER	  "kubernetes"

enum { DISCOVERY_FAILURE, PARSING_FAILURE, CONTENT_FAILURE, CONTENT_REMAINING, FINALIZERS_REMAINING, CONDITIONS };

/* What the conditions say when all is well. */
static const struct ok_condition {
	const char *type, *reason, *message;
} ok_conditions[CONDITIONS] = {
	[DISCOVERY_FAILURE] = {"NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered",
			       "All resources successfully discovered"},
	[PARSING_FAILURE] = {"NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
			     "All legacy kube types successfully parsed"},
	[CONTENT_FAILURE] = {"NamespaceDeletionContentFailure", "ContentDeleted",
			     "All content successfully deleted, may be waiting on finalization"},
	[CONTENT_REMAINING] = {"NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"},
	[FINALIZERS_REMAINING] = {"NamespaceFinalizersRemaining", "ContentHasNoFinalizers",
				  "All content-preserving finalizers finished"},
};

struct texts {
	VEC_OF(struct str) all;
};

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* "a, b, c", sorted. */
static struct str joined(struct texts *texts, struct arena *arena)
{
	struct str text = STR_EMPTY;

	if (texts->all.len)
		qsort(texts->all.items, texts->all.len, sizeof(*texts->all.items), by_text);
	for (size_t i = 0; i < texts->all.len; i++)
		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? ", " : "",
				    STR_ARG(texts->all.items[i]));
	return text;
}

static struct str tell_remaining(const struct namespace_inputs *inputs, struct arena *arena)
{
	struct texts texts = {0};

	SLICE_FOREACH (r, inputs->remaining)
		vec_push(arena, &texts.all,
			 arena_printf(arena, STR_FMT "." STR_FMT " has %zu resource instances",
				      STR_ARG(r->resource->plural), STR_ARG(r->resource->group), r->count));
	return arena_printf(arena, "Some resources are remaining: " STR_FMT, STR_ARG(joined(&texts, arena)));
}

static struct str tell_finalizers(const struct namespace_inputs *inputs, struct arena *arena)
{
	struct str *sorted = arena_memdup(arena, inputs->finalizers.items, inputs->finalizers.len * sizeof(*sorted));
	struct texts texts = {0};

	qsort(sorted, inputs->finalizers.len, sizeof(*sorted), by_text);
	for (size_t i = 0, n; i < inputs->finalizers.len; i += n) {
		for (n = 1; i + n < inputs->finalizers.len && str_eq(sorted[i], sorted[i + n]);)
			n++;
		vec_push(arena, &texts.all,
			 arena_printf(arena, STR_FMT " in %zu resource instances", STR_ARG(sorted[i]), n));
	}
	return arena_printf(arena, "Some content in the namespace has finalizers remaining: " STR_FMT,
			    STR_ARG(joined(&texts, arena)));
}

static bool pods_remain(const struct namespace_inputs *inputs)
{
	return inputs->remaining.len && inputs->remaining.items[0].resource == inputs->pods;
}

/* How many seconds what remains of @r may still take, as upstream reckons; 0: it should have gone. */
static int64_t estimate(const struct namespace_inputs *inputs, const struct namespace_remaining *r, int64_t now)
{
	int64_t deleted = inputs->object->meta->deletion_timestamp->seconds;

	if (r->resource == inputs->pods && now / NS_PER_SEC - deleted < inputs->pod_grace_seconds)
		return inputs->pod_grace_seconds;
	return r->finalizers ? FINALIZER_SECONDS : 0;
}

/* What went wrong: deletions that were refused, and objects that should have gone and are there. Empty: nothing. */
static struct str tell_failures(const struct namespace_inputs *inputs, int64_t now, const struct plan *plan)
{
	struct arena *arena = plan->arena;
	struct texts texts = {0};

	SLICE_FOREACH (failure, plan->failures)
		if (failure->operation == API_DELETE)
			vec_push(arena, &texts.all, failure->message);
	SLICE_FOREACH (r, inputs->remaining)
		if (!texts.all.len && !estimate(inputs, r, now))
			vec_push(arena, &texts.all,
				 arena_printf(arena,
					      "unexpected items still remain in namespace: " STR_FMT
					      " for gvr: " STR_FMT "/" STR_FMT ", Resource=" STR_FMT,
					      STR_ARG(inputs->object->meta->name), STR_ARG(r->resource->group),
					      STR_ARG(r->resource->version), STR_ARG(r->resource->plural)));
	if (!texts.all.len)
		return STR_EMPTY;
	return arena_printf(arena, "Failed to delete all resource types, %zu remaining: " STR_FMT, texts.all.len,
			    STR_ARG(joined(&texts, arena)));
}

/* --- The status ------------------------------------------------------------------------------------------------- */

static const struct core_v1_namespace_condition *find(const struct core_v1_namespace *namespace, struct str type)
{
	SLICE_FOREACH (condition, namespace->status.conditions)
		if (str_eq(condition->type, type))
			return condition;
	return NULL;
}

static struct core_v1_namespace_condition ok_condition(const struct ok_condition *ok)
{
	return (struct core_v1_namespace_condition){.type = str_from(ok->type),
						    .status = STR("False"),
						    .reason = str_from(ok->reason),
						    .message = str_from(ok->message)};
}

static void set_bad(struct core_v1_namespace_condition *condition, const char *reason, struct str message)
{
	condition->status = STR("True");
	condition->reason = str_from(reason);
	condition->message = message;
}

/* While pods are left, upstream says nothing of what remains. */
static void plan_status(struct plan *plan, const struct namespace_inputs *inputs,
			const struct core_v1_namespace *namespace, int64_t now)
{
	struct core_v1_namespace next = *namespace;
	struct core_v1_namespace_condition wanted[CONDITIONS];
	struct str failures = tell_failures(inputs, now, plan);
	VEC_OF(struct core_v1_namespace_condition) all = {0};

	for (size_t i = 0; i < CONDITIONS; i++)
		wanted[i] = ok_condition(&ok_conditions[i]);
	if (failures.len)
		set_bad(&wanted[CONTENT_FAILURE], "ContentDeletionFailed", failures);
	if (inputs->remaining.len && !pods_remain(inputs))
		set_bad(&wanted[CONTENT_REMAINING], "SomeResourcesRemain", tell_remaining(inputs, plan->arena));
	if (inputs->finalizers.len && !pods_remain(inputs))
		set_bad(&wanted[FINALIZERS_REMAINING], "SomeFinalizersRemain", tell_finalizers(inputs, plan->arena));
	SLICE_FOREACH (other, namespace->status.conditions) {
		bool ours = false;

		for (size_t i = 0; i < CONDITIONS; i++)
			ours = ours || str_eq(other->type, wanted[i].type);
		if (!ours)
			vec_push(plan->arena, &all, *other);
	}
	for (size_t i = 0; i < CONDITIONS; i++) {
		const struct core_v1_namespace_condition *before = find(namespace, wanted[i].type);

		wanted[i].last_transition_time = before && str_eq(before->status, wanted[i].status)
							 ? before->last_transition_time
							 : (struct timestamp){now / NS_PER_SEC, 0, true};
		vec_push(plan->arena, &all, wanted[i]);
	}
	next.status.conditions = (struct core_v1_namespace_condition_slice){all.items, all.len};
	next.status.phase = STR("Terminating");
	plan_diff(plan, inputs->namespaces, namespace, &next, "status", "status");
}

/* --- The deletion ----------------------------------------------------------------------------------------------- */

static void plan_finalize(struct plan *plan, const struct namespace_inputs *inputs,
			  const struct core_v1_namespace *namespace)
{
	struct core_v1_namespace *next = ARENA_DUP(plan->arena, struct core_v1_namespace, namespace);
	struct str *kept = ARENA_NEW_N(plan->arena, struct str, namespace->spec.finalizers.len + 1);
	size_t len = 0;

	SLICE_FOREACH (finalizer, namespace->spec.finalizers)
		if (!str_eq(*finalizer, STR(FINALIZER)))
			kept[len++] = *finalizer;
	if (len == namespace->spec.finalizers.len)
		return;
	next->metadata.resource_version = STR_EMPTY; /* the status may just have been written */
	next->spec.finalizers = (struct str_slice){kept, len};
	plan_update(plan, inputs->namespaces, "finalize", next)->tolerate_missing = true;
}

static void plan_deletions(struct plan *plan, const struct namespace_inputs *inputs)
{
	SLICE_FOREACH (r, inputs->remaining) {
		struct meta_v1_object_meta all = {.namespace = inputs->object->meta->name};
		struct change *change = plan_delete(plan, r->resource, &all); /* no name: the collection */

		change->independent = true;
		change->request.propagation_policy = STR("Background");
	}
}

void namespace_plan(void *cookie UNUSED, const void *data, int64_t now, struct plan *plan)
{
	const struct namespace_inputs *inputs = data;
	const struct core_v1_namespace *namespace = OBJECT_AS(core_v1_namespace, inputs->object);
	bool untouched = false;
	int64_t longest = 0;

	if (!namespace->spec.finalizers.len)
		return; /* emptied already; somebody else's finalizer keeps it */
	if (!inputs->remaining.len) {
		plan_status(plan, inputs, namespace, now);
		plan_finalize(plan, inputs, namespace);
		return;
	}
	SLICE_FOREACH (r, inputs->remaining) {
		untouched = untouched || r->untouched;
		longest = MAX(longest, estimate(inputs, r, now));
	}
	if (!longest)
		longest = FINALIZER_SECONDS;
	plan->requeue_after_ns = (longest / 2 + 1) * NS_PER_SEC;
	/* The status tells what a deletion has left, so it comes after the first that was not refused. */
	if (untouched && !plan->failures.len)
		plan->requeue_after_ns = SETTLE_NS;
	else
		plan_status(plan, inputs, namespace, now);
	plan_deletions(plan, inputs);
}
