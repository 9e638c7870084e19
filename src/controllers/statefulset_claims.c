/* Claims of a StatefulSet's pods: made with them, and kept or not as the retention policy says; see statefulset.h. */
#include "controllers/statefulset.h"
#include "logic/owner.h"
#include "types/selector.h"

struct str statefulset_claim_name(const struct apps_v1_stateful_set *set,
				  const struct core_v1_persistent_volume_claim *template, int64_t ordinal,
				  struct arena *arena)
{
	return arena_printf(arena, STR_FMT "-" STR_FMT "-%lld", STR_ARG(template->metadata.name),
			    STR_ARG(set->metadata.name), (long long)ordinal);
}

static int by_name(const void *key, const void *item)
{
	return str_cmp(*(const struct str *)key, (*(struct object *const *)item)->meta->name);
}

static struct object *stored(const struct stateful_plan *plan, struct str name)
{
	struct object_slice claims = plan->inputs->stored_claims;
	struct object **found =
		claims.len ? bsearch(&name, claims.items, claims.len, sizeof(*claims.items), by_name) : NULL;

	return found ? *found : NULL;
}

/* The claim of one template for a pod, if it is there. */
static struct object *claim_of(const struct stateful_plan *plan, const struct core_v1_persistent_volume_claim *template,
			       int64_t ordinal)
{
	return stored(plan, statefulset_claim_name(plan->set, template, ordinal, plan->plan->arena));
}

static void plan_claim(const struct stateful_plan *plan, const struct core_v1_persistent_volume_claim *template,
		       int64_t ordinal)
{
	struct arena *arena = plan->plan->arena;
	struct core_v1_persistent_volume_claim *claim =
		ARENA_DUP(arena, struct core_v1_persistent_volume_claim, template);
	const char *pod = str_c(statefulset_pod_name(plan->set, ordinal, arena)),
		   *set = str_c(plan->set->metadata.name);
	struct change *change;

	claim->metadata.name = statefulset_claim_name(plan->set, template, ordinal, arena);
	claim->metadata.namespace = plan->set->metadata.namespace;
	if (plan->set->spec.selector)
		SLICE_FOREACH (label, plan->set->spec.selector->match_labels)
			claim->metadata.labels = str_map_set(&claim->metadata.labels, label->key, label->value, arena);
	change = plan_create(plan->plan, plan->inputs->claims, claim);
	change->tolerate_existing = true;
	change->on_success = (struct change_event){
		"SuccessfulCreate",
		str_c(arena_printf(arena, "Create Claim %%s Pod %s in StatefulSet %s success", pod, set))};
	change->on_failure = (struct change_event){
		"FailedCreate", str_c(arena_printf(arena,
						   "Create Claim " STR_FMT " for Pod %s in StatefulSet %s failed "
						   "error: %%s",
						   STR_ARG(claim->metadata.name), pod, set))};
}

bool statefulset_plan_claims(const struct stateful_plan *plan, int64_t ordinal)
{
	SLICE_FOREACH (template, plan->set->spec.volume_claim_templates) {
		const struct object *claim = claim_of(plan, template, ordinal);

		if (!claim || !claim->meta->deletion_timestamp)
			continue;
		plan_event(plan->plan, "Warning", "FailedCreate",
			   "Create Pod " STR_FMT "-%lld in StatefulSet " STR_FMT " failed error: pvc " STR_FMT
			   " is being deleted",
			   STR_ARG(plan->set->metadata.name), (long long)ordinal, STR_ARG(plan->set->metadata.name),
			   STR_ARG(claim->meta->name));
		return false;
	}
	SLICE_FOREACH (template, plan->set->spec.volume_claim_templates)
		if (!claim_of(plan, template, ordinal))
			plan_claim(plan, template, ordinal);
	return true;
}

/* --- Whose they are ------------------------------------------------------------------------------------------- */

/* What a claim is to go with. */
struct retention {
	bool when_deleted, when_scaled; /* with the set; with a pod that is scaled away */
};

static struct retention retention_of(const struct apps_v1_stateful_set *set)
{
	const struct apps_v1_stateful_set_persistent_volume_claim_retention_policy *policy =
		set->spec.persistent_volume_claim_retention_policy;

	return (struct retention){.when_deleted = policy && str_eq(policy->when_deleted, STR("Delete")),
				  .when_scaled = policy && str_eq(policy->when_scaled, STR("Delete"))};
}

/* Does @reference name this kind and name, whichever incarnation? */
static bool names(const struct meta_v1_owner_reference *reference, const char *api_version, const char *kind,
		  struct str name)
{
	return str_eq_c(reference->api_version, api_version) && str_eq_c(reference->kind, kind) &&
	       str_eq(reference->name, name);
}

static bool names_set(const struct meta_v1_owner_reference *reference, const struct object *set)
{
	return names(reference, "apps/v1", "StatefulSet", set->meta->name);
}

bool statefulset_claims_are_stale(const struct stateful_plan *plan, int64_t ordinal)
{
	struct str pod = statefulset_pod_name(plan->set, ordinal, plan->plan->arena);

	if (!retention_of(plan->set).when_scaled)
		return false;
	SLICE_FOREACH (template, plan->set->spec.volume_claim_templates) {
		const struct object *claim = claim_of(plan, template, ordinal);

		if (claim)
			SLICE_FOREACH (reference, claim->meta->owner_references)
				if (names(reference, "v1", "Pod", pod))
					return true;
	}
	return false;
}

static bool is_controller(const struct meta_v1_owner_reference *reference)
{
	return reference->controller && *reference->controller;
}

/* A claim's owners seen from the set and one of its pods. */
struct owners {
	bool set, pod;	 /* they are among them */
	bool incomplete; /* one of them is, but not as the controller */
	bool former;	 /* one of the same name, which is gone: it takes the claim along */
	bool others;	 /* something else controls it */
};

static struct owners owners_of(const struct object *claim, const struct object *set, const struct object *pod)
{
	struct owners owners = {0};

	SLICE_FOREACH (reference, claim->meta->owner_references) {
		bool is_set = str_eq(reference->uid, set->meta->uid), is_pod = str_eq(reference->uid, pod->meta->uid);

		owners.set |= is_set;
		owners.pod |= is_pod;
		if (is_set || is_pod)
			owners.incomplete |= !is_controller(reference);
		else if (names_set(reference, set) || names(reference, "v1", "Pod", pod->meta->name))
			owners.former = true;
		else
			owners.others |= is_controller(reference);
	}
	return owners;
}

/* Its owners but for set and pod, and those that it is to have. */
static void plan_owners(const struct stateful_plan *plan, const struct object *claim, const struct stateful_pod *pod,
			bool set_wanted, bool pod_wanted)
{
	const struct core_v1_persistent_volume_claim *old = OBJECT_AS(core_v1_persistent_volume_claim, claim);
	struct core_v1_persistent_volume_claim next = *old;
	VEC_OF(struct meta_v1_owner_reference) kept = {0};
	struct arena *arena = plan->plan->arena;
	struct change *change;

	SLICE_FOREACH (reference, claim->meta->owner_references)
		if (!str_eq(reference->uid, plan->set->metadata.uid) && !str_eq(reference->uid, pod->pod->metadata.uid))
			vec_push(arena, &kept, *reference);
	if (pod_wanted)
		vec_push(arena, &kept, owner_reference(pod->object));
	if (set_wanted)
		vec_push(arena, &kept, owner_reference(plan->inputs->object));
	next.metadata.owner_references = (struct meta_v1_owner_reference_slice){kept.items, kept.len};
	change = plan_diff(plan->plan, plan->inputs->claims, old, &next, "metadata", NULL);
	if (change)
		statefulset_tell(plan, change, "Update", pod->ordinal);
}

void statefulset_plan_retention(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	struct retention retention = retention_of(plan->set);
	int64_t start = statefulset_start_ordinal(plan->set);
	bool condemned = pod->ordinal < start || pod->ordinal >= start + statefulset_replicas(plan->set);
	bool pod_wanted = retention.when_scaled && condemned;
	bool set_wanted = retention.when_deleted && !pod_wanted;

	SLICE_FOREACH (template, plan->set->spec.volume_claim_templates) {
		const struct object *claim = claim_of(plan, template, pod->ordinal);
		struct owners owners;

		if (!claim)
			continue;
		owners = owners_of(claim, plan->inputs->object, pod->object);
		if (owners.former)
			continue;
		owners.others = owners.others && (retention.when_deleted || retention.when_scaled);
		if (owners.others)
			plan_event(plan->plan, "Warning", "ConflictingController",
				   "PersistentVolumeClaim " STR_FMT " has a conflicting OwnerReference that acts as a "
				   "manging controller, the retention policy is ignored for this claim",
				   STR_ARG(claim->meta->name));
		if (owners.incomplete || owners.set != (set_wanted && !owners.others) ||
		    owners.pod != (pod_wanted && !owners.others))
			plan_owners(plan, claim, pod, set_wanted && !owners.others, pod_wanted && !owners.others);
	}
}
