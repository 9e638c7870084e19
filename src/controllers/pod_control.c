/* What every controller that owns pods does alike; see pod_control.h. */
#include "controllers/pod_control.h"

#include "base/clock.h"
#include "logic/owner.h"
#include "logic/pod.h"

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

/* What a patch says of a finalizer beside the owner; empty without one. */
static struct str finalizer_member(const char *directive, const char *finalizer, struct arena *arena)
{
	return finalizer ? arena_printf(arena, ",\"%sfinalizers\":[\"%s\"]", directive, finalizer) : STR_EMPTY;
}

static void plan_ownership(struct plan *plan, const struct resource *pods, const struct object *pod,
			   struct str reference, struct str finalizers)
{
	struct str patch = arena_printf(
		plan->arena, "{\"metadata\":{\"ownerReferences\":[{" STR_FMT "}]" STR_FMT ",\"uid\":\"" STR_FMT "\"}}",
		STR_ARG(reference), STR_ARG(finalizers), STR_ARG(pod->meta->uid));

	plan_patch(plan, pods, pod->meta->namespace, pod->meta->name, NULL, PATCH_TYPE_STRATEGIC, patch)
		->tolerate_missing = true;
}

static void plan_adoption(struct plan *plan, const struct resource *pods, const struct object *owner,
			  const struct object *pod, const char *finalizer)
{
	struct str reference =
		arena_printf(plan->arena,
			     "\"apiVersion\":\"" STR_FMT "\",\"kind\":\"" STR_FMT "\",\"name\":\"" STR_FMT
			     "\",\"uid\":\"" STR_FMT "\",\"controller\":true,\"blockOwnerDeletion\":true",
			     STR_ARG(owner->schema->api_version), STR_ARG(owner->schema->kind),
			     STR_ARG(owner->meta->name), STR_ARG(owner->meta->uid));

	plan_ownership(plan, pods, pod, reference, finalizer_member("", finalizer, plan->arena));
}

static void plan_release(struct plan *plan, const struct resource *pods, const struct object *owner,
			 const struct object *pod, const char *finalizer)
{
	struct str reference =
		arena_printf(plan->arena, "\"$patch\":\"delete\",\"uid\":\"" STR_FMT "\"", STR_ARG(owner->meta->uid));

	plan_ownership(plan, pods, pod, reference,
		       finalizer_member("$deleteFromPrimitiveList/", finalizer, plan->arena));
}

struct selector pod_control_selector(const struct meta_v1_label_selector *labels, struct arena *arena)
{
	struct selector selector = {.nothing = true};
	struct error ignored = {0};

	if (selector_from_label_selector(labels, arena, &selector, &ignored) < 0)
		selector = (struct selector){.nothing = true};
	return selector;
}

bool pod_control_claims_tracked(struct plan *plan, const struct resource *resource, const struct object *owner,
				bool matches, const struct object *object, const char *finalizer)
{
	if (owner_is(object->meta, owner->meta->uid)) {
		if (!matches && !owner->meta->deletion_timestamp)
			plan_release(plan, resource, owner, object, finalizer);
		return matches;
	}
	if (!matches || owner_controller(object->meta) || owner->meta->deletion_timestamp ||
	    object->meta->deletion_timestamp)
		return false;
	plan_adoption(plan, resource, owner, object, finalizer);
	return true;
}

bool pod_control_claims_if(struct plan *plan, const struct resource *resource, const struct object *owner, bool matches,
			   const struct object *object)
{
	return pod_control_claims_tracked(plan, resource, owner, matches, object, NULL);
}

bool pod_control_claims(struct plan *plan, const struct resource *resource, const struct object *owner,
			const struct selector *selector, const struct object *object)
{
	return pod_control_claims_if(plan, resource, owner, selector_matches(selector, &object->meta->labels), object);
}

struct object_slice pod_control_claim(struct plan *plan, const struct resource *pods, struct object *owner,
				      const struct meta_v1_label_selector *labels, struct object_slice candidates,
				      int32_t *ret_terminating)
{
	struct selector selector = pod_control_selector(labels, plan->arena);
	VEC_OF(struct object *) active = {0};
	int32_t terminating = 0;

	for (size_t i = 0; i < candidates.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, candidates.items[i]);

		if (!pod_is_active(pod))
			terminating += pod->metadata.deletion_timestamp && !pod_is_finished(pod) &&
				       owner_is(&pod->metadata, owner->meta->uid) &&
				       selector_matches(&selector, &pod->metadata.labels);
		else if (pod_control_claims(plan, pods, owner, &selector, candidates.items[i]))
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

void pod_control_plan_create(struct plan *plan, const struct resource *pods, const struct core_v1_pod *pod)
{
	struct change *change = plan_create(plan, pods, pod);

	change->on_success = (struct change_event){"SuccessfulCreate", "Created pod: %s"};
	change->on_failure = (struct change_event){"FailedCreate", "Error creating: %s"};
}

void pod_control_plan_delete(struct plan *plan, const struct resource *pods, const struct object *pod)
{
	struct change *change = plan_delete(plan, pods, pod->meta);

	change->independent = true;
	change->on_success = (struct change_event){"SuccessfulDelete", "Deleted pod: %s"};
	change->on_failure = (struct change_event){"FailedDelete", "Error deleting: %s"};
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

static int64_t most_restarts(const struct core_v1_pod *pod)
{
	int64_t most = 0;

	SLICE_FOREACH (status, pod->status.container_statuses)
		most = MAX(most, (int64_t)status->restart_count);
	return most;
}

static bool is_sidecar(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (container, pod->spec.init_containers)
		if (str_eq(container->name, name))
			return container->restart_policy && str_eq(*container->restart_policy, STR("Always"));
	return false;
}

static int64_t most_sidecar_restarts(const struct core_v1_pod *pod)
{
	int64_t most = 0;

	SLICE_FOREACH (status, pod->status.init_container_statuses)
		if (is_sidecar(pod, status->name))
			most = MAX(most, (int64_t)status->restart_count);
	return most;
}

/* The power of two that the nanoseconds since @time have; -1 for the future. */
static int magnitude(int64_t time, int64_t now)
{
	int64_t age = now - time * NS_PER_SEC;

	return age > 0 ? 63 - __builtin_clzll((unsigned long long)age) : -1;
}

/* Younger first, where younger means by an order of magnitude; 0: no time is known, or they are the same. */
static int by_age(int64_t a, int64_t b, int64_t now, struct str uid_a, struct str uid_b)
{
	int order;

	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	order = magnitude(a, now) - magnitude(b, now);
	return order ? order : str_cmp(uid_a, uid_b);
}

static int64_t ready_since(const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition *ready = pod_condition(pod, STR("Ready"));

	return ready ? ready->last_transition_time.seconds : 0;
}

static int order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

struct ranked {
	struct object *object;
	const struct core_v1_pod *pod;
	int64_t crowd; /* related pods on its node */
	int64_t now;
};

/* Upstream's rules in its order; the last is a tie-break by name, so that a plan does not depend on hash order. */
static int deleted_before(const void *x, const void *y)
{
	const struct ranked *first = x, *second = y;
	const struct core_v1_pod *a = first->pod, *b = second->pod;
	bool ready = pod_is_ready(a) && pod_is_ready(b);
	const int rules[] = {
		order(!str_empty(a->spec.node_name), !str_empty(b->spec.node_name)),
		order(phase_rank(a), phase_rank(b)),
		order(pod_is_ready(a), pod_is_ready(b)),
		order(deletion_cost(a), deletion_cost(b)),
		order(second->crowd, first->crowd),
		ready ? by_age(ready_since(a), ready_since(b), first->now, a->metadata.uid, b->metadata.uid) : 0,
		order(most_restarts(b), most_restarts(a)),
		order(most_sidecar_restarts(b), most_sidecar_restarts(a)),
		by_age(a->metadata.creation_timestamp.seconds, b->metadata.creation_timestamp.seconds, first->now,
		       a->metadata.uid, b->metadata.uid),
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i])
			return rules[i];
	return str_cmp(a->metadata.name, b->metadata.name);
}

static int64_t crowd_on(struct str node, struct object_slice related)
{
	int64_t crowd = 0;

	for (size_t i = 0; i < related.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, related.items[i]);

		crowd += pod_is_active(pod) && str_eq(pod->spec.node_name, node);
	}
	return crowd;
}

void pod_control_rank_for_deletion(struct object_slice pods, struct object_slice related, int64_t now,
				   struct arena *arena)
{
	struct ranked *ranked = ARENA_NEW_N(arena, struct ranked, pods.len + 1);

	for (size_t i = 0; i < pods.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, pods.items[i]);

		ranked[i] = (struct ranked){pods.items[i], pod, crowd_on(pod->spec.node_name, related), now};
	}
	qsort(ranked, pods.len, sizeof(*ranked), deleted_before);
	for (size_t i = 0; i < pods.len; i++)
		pods.items[i] = ranked[i].object;
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
	{
		struct selector selector;

		if (!str_eq(it->object->meta->namespace, pod->meta->namespace))
			continue;
		selector = selector_of(it->object, keys->arena);
		if (selector_matches(&selector, &pod->meta->labels))
			informer_keys_add(keys, object_key(it->object, keys->arena));
	}
}
