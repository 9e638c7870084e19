/* What every controller that owns pods does alike; see pod_control.h. */
#include "controllers/pod_control.h"

#include "logic/owner.h"
#include "logic/pod.h"
#include "types/selector.h"

static struct str orphan_value(struct str namespace, struct arena *arena)
{
	return arena_printf(arena, "orphans of " STR_FMT, STR_ARG(namespace));
}

void pod_control_index_owner(const struct object *pod, struct informer_keys *values)
{
	const struct meta_v1_owner_reference *owner = owner_controller(pod->meta);

	informer_keys_add(values, owner ? owner->uid : orphan_value(pod->meta->namespace, values->arena));
}

struct object_slice pod_control_candidates(struct arena *arena, const struct informer *pods, int index,
					   const struct meta_v1_object_meta *owner)
{
	struct object_slice own = reconciler_hold_indexed(arena, pods, index, owner->uid);
	struct object_slice orphans =
		reconciler_hold_indexed(arena, pods, index, orphan_value(owner->namespace, arena));
	VEC_OF(struct object *) all = {0};

	for (size_t i = 0; i < own.len; i++)
		vec_push(arena, &all, own.items[i]);
	for (size_t i = 0; i < orphans.len; i++)
		vec_push(arena, &all, orphans.items[i]);
	return (struct object_slice){all.items, all.len};
}

static void plan_adoption(struct plan *plan, const struct resource *pods, const struct object *owner,
			  const struct object *pod)
{
	struct str patch =
		arena_printf(plan->arena,
			     "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"" STR_FMT "\",\"kind\":\"" STR_FMT
			     "\",\"name\":\"" STR_FMT "\",\"uid\":\"" STR_FMT
			     "\",\"controller\":true,\"blockOwnerDeletion\":true}],\"uid\":\"" STR_FMT "\"}}",
			     STR_ARG(owner->schema->api_version), STR_ARG(owner->schema->kind),
			     STR_ARG(owner->meta->name), STR_ARG(owner->meta->uid), STR_ARG(pod->meta->uid));

	plan_patch(plan, pods, pod->meta->namespace, pod->meta->name, NULL, PATCH_TYPE_STRATEGIC, patch)
		->tolerate_missing = true;
}

static void plan_release(struct plan *plan, const struct resource *pods, const struct object *owner,
			 const struct object *pod)
{
	struct str patch = arena_printf(plan->arena,
					"{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\",\"uid\":\"" STR_FMT
					"\"}],\"uid\":\"" STR_FMT "\"}}",
					STR_ARG(owner->meta->uid), STR_ARG(pod->meta->uid));

	plan_patch(plan, pods, pod->meta->namespace, pod->meta->name, NULL, PATCH_TYPE_STRATEGIC, patch)
		->tolerate_missing = true;
}

struct object_slice pod_control_claim(struct plan *plan, const struct resource *pods, struct object *owner,
				      const struct meta_v1_label_selector *labels, struct object_slice candidates,
				      int32_t *ret_terminating)
{
	VEC_OF(struct object *) active = {0};
	struct selector selector = {.nothing = true};
	struct error ignored = {0}; /* a selector that validation let through parses */
	int32_t terminating = 0;

	if (selector_from_label_selector(labels, plan->arena, &selector, &ignored) < 0)
		selector.nothing = true;
	for (size_t i = 0; i < candidates.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, candidates.items[i]);
		bool own = owner_is(&pod->metadata, owner->meta->uid);
		bool matches = selector_matches(&selector, &pod->metadata.labels);

		if (own && !matches) {
			if (!owner->meta->deletion_timestamp)
				plan_release(plan, pods, owner, candidates.items[i]);
			continue;
		}
		if (!own && (!matches || owner_controller(&pod->metadata)))
			continue;
		if (!pod_is_active(pod)) {
			terminating += own && pod->metadata.deletion_timestamp && !pod_is_finished(pod);
			continue;
		}
		if (!own && owner->meta->deletion_timestamp)
			continue;
		if (!own)
			plan_adoption(plan, pods, owner, candidates.items[i]);
		vec_push(plan->arena, &active, candidates.items[i]);
	}
	*ret_terminating = terminating;
	return (struct object_slice){active.items, active.len};
}

struct core_v1_pod pod_control_from_template(const struct core_v1_pod_template_spec *template,
					     const struct object *owner, struct arena *arena)
{
	struct meta_v1_owner_reference *reference = ARENA_NEW(arena, struct meta_v1_owner_reference);

	*reference = owner_reference(owner);
	return (struct core_v1_pod){
		.metadata = {.generate_name = arena_printf(arena, STR_FMT "-", STR_ARG(owner->meta->name)),
			     .namespace = owner->meta->namespace,
			     .labels = template->metadata.labels,
			     .annotations = template->metadata.annotations,
			     .finalizers = template->metadata.finalizers,
			     .owner_references = {reference, 1}},
		.spec = template->spec,
	};
}

/* --- Which go first ------------------------------------------------------------------------------------------- */

static int phase_rank(const struct core_v1_pod *pod)
{
	return str_eq(pod->status.phase, STR("Pending")) ? 0 : str_eq(pod->status.phase, STR("Running")) ? 2 : 1;
}

static int64_t deletion_cost(const struct core_v1_pod *pod)
{
	const struct str *text =
		str_map_get(&pod->metadata.annotations, STR("controller.kubernetes.io/pod-deletion-cost"));
	int64_t cost;

	return text && str_parse_int64(*text, &cost) == 0 && cost >= INT32_MIN && cost <= INT32_MAX ? cost : 0;
}

static int32_t most_restarts(const struct core_v1_pod *pod)
{
	int32_t most = 0;

	SLICE_FOREACH (status, pod->status.container_statuses)
		most = MAX(most, status->restart_count);
	return most;
}

static int64_t ready_since(const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));

	return ready && str_eq(ready->status, STR("True")) ? ready->last_transition_time.seconds : 0;
}

static int order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

/* Upstream's rules in its order; the last is a tie-break by name, so that a plan does not depend on hash order. */
static int deleted_before(const void *x, const void *y)
{
	const struct core_v1_pod *a = OBJECT_AS(core_v1_pod, *(struct object *const *)x);
	const struct core_v1_pod *b = OBJECT_AS(core_v1_pod, *(struct object *const *)y);
	const int rules[] = {
		order(!str_empty(a->spec.node_name), !str_empty(b->spec.node_name)),
		order(phase_rank(a), phase_rank(b)),
		order(pod_is_ready(a), pod_is_ready(b)),
		order(deletion_cost(a), deletion_cost(b)),
		order(ready_since(b), ready_since(a)),
		order(most_restarts(b), most_restarts(a)),
		order(b->metadata.creation_timestamp.seconds, a->metadata.creation_timestamp.seconds),
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i])
			return rules[i];
	return str_cmp(a->metadata.name, b->metadata.name);
}

void pod_control_rank_for_deletion(struct object_slice pods)
{
	if (pods.len)
		qsort(pods.items, pods.len, sizeof(*pods.items), deleted_before);
}

static bool selects(const struct meta_v1_label_selector *labels, const struct object *pod, struct arena *arena)
{
	struct selector selector = {.nothing = true};
	struct error ignored = {0}; /* a selector that validation let through parses */

	if (selector_from_label_selector(labels, arena, &selector, &ignored) < 0)
		return false;
	return selector_matches(&selector, &pod->meta->labels);
}

void pod_control_owner_keys(const struct object *pod, struct str kind, const struct informer *owners,
			    pod_control_selector_fn *selector_of, struct informer_keys *keys)
{
	const struct meta_v1_owner_reference *owner = owner_controller(pod->meta);

	if (owner) {
		if (str_eq(owner->kind, kind))
			informer_keys_add_named(keys, pod->meta->namespace, owner->name);
		return;
	}
	INFORMER_FOREACH(it, owners)
	if (str_eq(it->object->meta->namespace, pod->meta->namespace) &&
	    selects(selector_of(it->object), pod, keys->arena))
		informer_keys_add(keys, object_key(it->object, keys->arena));
}
