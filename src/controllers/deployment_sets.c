/* A Deployment's ReplicaSets: names and hashes, matching, making, sizing, clearing away; see deployment.h. */
#include "controllers/deployment.h"
#include "controllers/template_hash.h"
#include "logic/owner.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/selector.h"

#define NAME_LEN    253
#define HISTORY_LEN 2000 /* of the annotation with a set's former revisions, as upstream */

bool deployment_matches(const struct apps_v1_deployment *deployment, const struct apps_v1_replica_set *set,
			struct arena *arena)
{
	struct core_v1_pod_template_spec a = deployment->spec.template, b = set->spec.template;

	a.metadata.labels = str_map_without(&a.metadata.labels, STR(HASH_LABEL), arena);
	b.metadata.labels = str_map_without(&b.metadata.labels, STR(HASH_LABEL), arena);
	return equal_struct(&schema_core_v1_pod_template_spec, &a, &b);
}

int64_t deployment_revision(const struct meta_v1_object_meta *meta)
{
	const struct str *text = str_map_get(&meta->annotations, STR(REVISION_ANNOTATION));
	int64_t revision;

	return text && str_parse_int64(*text, &revision) == 0 ? revision : 0;
}

static struct str number(int64_t n, struct arena *arena)
{
	return arena_printf(arena, "%lld", (long long)n);
}

static bool copied_annotation(struct str key)
{
	return !str_eq(key, STR("kubectl.kubernetes.io/last-applied-configuration")) &&
	       !str_has_prefix(key, STR("deployment.kubernetes.io/"));
}

/* The deployment's annotations over those of the set. */
static struct str_map merged_annotations(const struct rollout *rollout, struct str_map own)
{
	SLICE_FOREACH (pair, rollout->deployment->metadata.annotations)
		if (copied_annotation(pair->key))
			own = str_map_set(&own, pair->key, pair->value, rollout->plan->arena);
	return own;
}

static struct str_map sized_annotations(const struct rollout *rollout, struct str_map own)
{
	struct arena *arena = rollout->plan->arena;
	int32_t replicas = deployment_replicas(rollout->deployment);

	own = str_map_set(&own, STR(DESIRED_ANNOTATION), number(replicas, arena), arena);
	return str_map_set(&own, STR(MAX_ANNOTATION),
			   number(replicas + deployment_max_surge(rollout->deployment), arena), arena);
}

static int64_t next_revision(const struct rollout *rollout)
{
	int64_t highest = 0;

	for (size_t i = 0; i < rollout->sets_len; i++)
		highest = MAX(highest, deployment_revision(&rollout->sets[i].set->metadata));
	return highest + 1;
}

static struct apps_v1_replica_set *make_set(const struct rollout *rollout)
{
	const struct apps_v1_deployment *deployment = rollout->deployment;
	struct arena *arena = rollout->plan->arena;
	struct apps_v1_replica_set *set = ARENA_NEW(arena, struct apps_v1_replica_set);
	struct meta_v1_owner_reference *owner = ARENA_NEW(arena, struct meta_v1_owner_reference);
	struct meta_v1_label_selector *selector =
		ARENA_DUP(arena, struct meta_v1_label_selector, deployment->spec.selector);
	struct str hash = template_hash(&deployment->spec.template, rollout->collision_count, arena);

	*owner = owner_reference(rollout->object);
	selector->match_labels = str_map_set(&selector->match_labels, STR(HASH_LABEL), hash, arena);
	set->spec.template = deployment->spec.template;
	set->spec.template.metadata.labels =
		str_map_set(&set->spec.template.metadata.labels, STR(HASH_LABEL), hash, arena);
	set->spec.selector = selector;
	set->spec.min_ready_seconds = deployment->spec.min_ready_seconds;
	set->metadata = (struct meta_v1_object_meta){
		.name = template_hash_name(deployment->metadata.name, NAME_LEN - 1 - hash.len, hash, arena),
		.namespace = deployment->metadata.namespace,
		.labels = set->spec.template.metadata.labels,
		.annotations = merged_annotations(rollout, (struct str_map){0}),
		.owner_references = {owner, 1},
	};
	set->metadata.annotations = str_map_set(&set->metadata.annotations, STR(REVISION_ANNOTATION),
						number(next_revision(rollout), arena), arena);
	return set;
}

/* The revisions that a set had, oldest first, with @own at the end; the first are forgotten when there are too many. */
static struct str history_with(struct str history, int64_t own, struct arena *arena)
{
	struct str last = number(own, arena);

	while (history.len && history.len + last.len + 1 > HISTORY_LEN) {
		int64_t comma = str_index(history, ',');

		history = comma < 0 ? STR_EMPTY : str_from_at(history, (size_t)comma + 1);
	}
	return history.len ? arena_printf(arena, STR_FMT "," STR_FMT, STR_ARG(history), STR_ARG(last)) : last;
}

/* The current set keeps the highest revision; what it had before goes to its history. */
static void renumber(const struct rollout *rollout, struct apps_v1_replica_set *next)
{
	struct arena *arena = rollout->plan->arena;
	int64_t revision = next_revision(rollout), own = deployment_revision(&next->metadata);
	const struct str *history;

	if (own >= revision)
		return;
	history = str_map_get(&next->metadata.annotations, STR(REVISION_HISTORY_ANNOTATION));
	if (own)
		next->metadata.annotations =
			str_map_set(&next->metadata.annotations, STR(REVISION_HISTORY_ANNOTATION),
				    history_with(history ? *history : STR_EMPTY, own, arena), arena);
	next->metadata.annotations =
		str_map_set(&next->metadata.annotations, STR(REVISION_ANNOTATION), number(revision, arena), arena);
}

/* Has something else the name the new set would get?  Then the hash must differ. */
static bool collides(const struct rollout *rollout)
{
	struct arena *arena = rollout->plan->arena;
	struct str hash = template_hash(&rollout->deployment->spec.template, rollout->collision_count, arena);
	struct str name = template_hash_name(rollout->deployment->metadata.name, NAME_LEN - 1 - hash.len, hash, arena);

	for (size_t i = 0; i < rollout->candidates.len; i++)
		if (str_eq(rollout->candidates.items[i]->meta->name, name))
			return true;
	return false;
}

void deployment_make_current(struct rollout *rollout)
{
	if (rollout->current.object)
		return;
	while (collides(rollout))
		rollout->collision_count++;
	rollout->current = (struct rollout_set){.set = make_set(rollout)};
	rollout->created = true;
}

static void plan_creation(struct rollout *rollout)
{
	struct apps_v1_replica_set *set =
		UNCONST(struct apps_v1_replica_set *, rollout->current.set); /* ours, just made */
	struct change *change;

	set->spec.replicas = ARENA_DUP(rollout->plan->arena, int32_t, &rollout->current.wanted);
	set->metadata.annotations = sized_annotations(rollout, set->metadata.annotations);
	change = plan_create(rollout->plan, rollout->replicasets, set);
	change->on_failure = (struct change_event){
		"ReplicaSetCreateError",
		str_c(arena_printf(rollout->plan->arena, "Failed to create new replica set \"" STR_FMT "\": %%s",
				   STR_ARG(set->metadata.name)))};
	if (rollout->current.wanted > 0)
		plan_event(rollout->plan, "Normal", "ScalingReplicaSet",
			   "Scaled up replica set " STR_FMT " from 0 to %d", STR_ARG(set->metadata.name),
			   rollout->current.wanted);
}

static void plan_size(struct rollout *rollout, const struct rollout_set *sized, bool is_current)
{
	struct apps_v1_replica_set next = *sized->set;
	int32_t before = sized->set->spec.replicas ? *sized->set->spec.replicas : 0;

	if (is_current) {
		next.metadata.annotations = merged_annotations(rollout, next.metadata.annotations);
		next.spec.min_ready_seconds = rollout->deployment->spec.min_ready_seconds;
		renumber(rollout, &next);
	}
	if (before != sized->wanted || (rollout->sizing && (before || is_current)))
		next.metadata.annotations = sized_annotations(rollout, next.metadata.annotations);
	next.spec.replicas = ARENA_DUP(rollout->plan->arena, int32_t, &sized->wanted);
	if (!plan_diff(rollout->plan, rollout->replicasets, sized->set, &next, NULL, NULL))
		return;
	if (before != sized->wanted)
		plan_event(rollout->plan, "Normal", "ScalingReplicaSet",
			   "Scaled %s replica set " STR_FMT " from %d to %d", sized->wanted > before ? "up" : "down",
			   STR_ARG(next.metadata.name), before, sized->wanted);
}

void deployment_plan_sizes(struct rollout *rollout)
{
	if (rollout->created)
		plan_creation(rollout);
	else if (rollout->current.object)
		plan_size(rollout, &rollout->current, true);
	for (size_t i = 0; i < rollout->sets_len; i++)
		plan_size(rollout, &rollout->sets[i], false);
}

static bool is_empty(const struct rollout_set *old)
{
	const struct apps_v1_replica_set *set = old->set;

	return set->status.replicas == 0 && set->spec.replicas && *set->spec.replicas == 0 && old->wanted == 0 &&
	       set->metadata.generation <= set->status.observed_generation;
}

static int by_revision(const void *a, const void *b)
{
	int64_t x = deployment_revision(&((const struct rollout_set *)a)->set->metadata);
	int64_t y = deployment_revision(&((const struct rollout_set *)b)->set->metadata);

	return x < y ? -1 : x > y;
}

/* The oldest revisions beyond the limit go; one that still has pods counts and stays. */
void deployment_plan_cleanup(struct rollout *rollout)
{
	const int32_t *limit = rollout->deployment->spec.revision_history_limit;
	struct rollout_set *old;
	size_t len = 0;

	if (!limit || *limit == INT32_MAX || rollout->sets_len == 0)
		return;
	if (rollout->sizing ? !rollout->deployment->spec.paused : !deployment_complete(rollout))
		return;
	old = ARENA_NEW_N(rollout->plan->arena, struct rollout_set, rollout->sets_len);
	for (size_t i = 0; i < rollout->sets_len; i++)
		if (!rollout->sets[i].set->metadata.deletion_timestamp)
			old[len++] = rollout->sets[i];
	qsort(old, len, sizeof(*old), by_revision);
	for (size_t i = 0; i + (size_t)*limit < len; i++)
		if (is_empty(&old[i]))
			plan_delete(rollout->plan, rollout->replicasets, &old[i].set->metadata)->independent = true;
}
