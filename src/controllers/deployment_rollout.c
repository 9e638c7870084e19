/*
 * The arithmetic of a rollout: from the sizes that are to the sizes that are wanted.
 *
 * Nothing is written here; each step sets `wanted` of the sets.  Rules: facts/controllers.txt, `dep`.
 */
#include "controllers/deployment.h"

#include "types/int_or_string.h"
#include "types/selector.h"

int32_t deployment_replicas(const struct apps_v1_deployment *deployment)
{
	return deployment->spec.replicas ? *deployment->spec.replicas : 1;
}

static bool rolling(const struct apps_v1_deployment *deployment)
{
	return !str_eq(deployment->spec.strategy.type, STR("Recreate"));
}

static int32_t scaled(const struct int_or_string *value, int32_t total, bool round_up)
{
	struct error ignored = {0}; /* validation lets only numbers and percentages through */
	int64_t n = 0;

	if (!value || int_or_string_scaled(value, total, round_up, &n, &ignored) < 0)
		return 0;
	return (int32_t)MAX(INT64_C(0), MIN(n, (int64_t)INT32_MAX));
}

int32_t deployment_max_surge(const struct apps_v1_deployment *deployment)
{
	const struct apps_v1_rolling_update_deployment *update = deployment->spec.strategy.rolling_update;

	return rolling(deployment) && update ? scaled(update->max_surge, deployment_replicas(deployment), true) : 0;
}

int32_t deployment_max_unavailable(const struct apps_v1_deployment *deployment)
{
	const struct apps_v1_rolling_update_deployment *update = deployment->spec.strategy.rolling_update;
	int32_t replicas = deployment_replicas(deployment), unavailable;

	if (!rolling(deployment) || !update || replicas == 0)
		return 0;
	unavailable = scaled(update->max_unavailable, replicas, false);
	/* Both zero would never move. */
	if (unavailable == 0 && deployment_max_surge(deployment) == 0)
		unavailable = 1;
	return MIN(unavailable, replicas);
}

static int32_t size(const struct rollout_set *set)
{
	return set->set && set->set->spec.replicas ? *set->set->spec.replicas : 0;
}

static int32_t total_wanted(const struct rollout *rollout)
{
	int32_t total = rollout->current.wanted;

	for (size_t i = 0; i < rollout->sets_len; i++)
		total += rollout->sets[i].wanted;
	return total;
}

static int32_t annotation_number(const struct rollout_set *set, const char *key, int32_t fallback)
{
	const struct str *text = str_map_get(&set->set->metadata.annotations, str_from(key));
	int64_t n;

	return text && str_parse_int64(*text, &n) == 0 && n >= 0 && n <= INT32_MAX ? (int32_t)n : fallback;
}

/* --- Rolling update ------------------------------------------------------------------------------------------- */

/* Grows the new set as far as maxSurge lets; true when that changed the size of one that is there. */
static bool grow_current(struct rollout *rollout)
{
	struct rollout_set *current = &rollout->current;
	int32_t replicas = deployment_replicas(rollout->deployment);
	int32_t room = replicas + deployment_max_surge(rollout->deployment) - total_wanted(rollout);

	if (current->wanted > replicas)
		current->wanted = replicas;
	else if (current->wanted < replicas && room > 0)
		current->wanted += MIN(room, replicas - current->wanted);
	return !rollout->created && current->wanted != size(current);
}

/* Takes pods that are not available anyway, oldest set first; returns how many of @budget are left. */
static int32_t shrink_unhealthy(struct rollout *rollout, int32_t budget)
{
	for (size_t i = 0; i < rollout->sets_len && budget > 0; i++) {
		struct rollout_set *old = &rollout->sets[i];
		int32_t unhealthy = MAX(0, old->wanted - old->set->status.available_replicas);
		int32_t take = MIN(budget, unhealthy);

		old->wanted -= take;
		budget -= take;
	}
	return budget;
}

static int32_t total_available(const struct rollout *rollout)
{
	int32_t available = rollout->current.object ? rollout->current.set->status.available_replicas : 0;

	for (size_t i = 0; i < rollout->sets_len; i++)
		available += rollout->sets[i].set->status.available_replicas;
	return available;
}

static void shrink_old(struct rollout *rollout)
{
	int32_t min_available =
		deployment_replicas(rollout->deployment) - deployment_max_unavailable(rollout->deployment);
	int32_t current_available = rollout->current.object ? rollout->current.set->status.available_replicas : 0;
	int32_t new_unavailable = MAX(0, rollout->current.wanted - current_available);
	int32_t budget = total_wanted(rollout) - min_available - new_unavailable;
	int32_t spare;

	if (budget <= 0)
		return;
	(void)shrink_unhealthy(rollout, budget);
	spare = total_available(rollout) - min_available;
	for (size_t i = 0; i < rollout->sets_len && spare > 0; i++) {
		int32_t take = MIN(spare, rollout->sets[i].wanted);

		rollout->sets[i].wanted -= take;
		spare -= take;
	}
}

static void decide_rolling(struct rollout *rollout)
{
	deployment_make_current(rollout);
	/* One step at a time, as upstream: what is grown is waited for before anything shrinks. */
	if (!grow_current(rollout))
		shrink_old(rollout);
}

static void decide_recreate(struct rollout *rollout)
{
	bool had_old = false;

	for (size_t i = 0; i < rollout->sets_len; i++) {
		had_old = had_old || rollout->sets[i].wanted > 0;
		rollout->sets[i].wanted = 0;
	}
	if (had_old || rollout->old_pods_running)
		return;
	deployment_make_current(rollout);
	rollout->current.wanted = deployment_replicas(rollout->deployment);
}

/* --- Scaling -------------------------------------------------------------------------------------------------- */

static struct rollout_set **active_sets(struct rollout *rollout, size_t *ret_len)
{
	struct rollout_set **active = ARENA_NEW_N(rollout->plan->arena, struct rollout_set *, rollout->sets_len + 1);
	size_t len = 0;

	for (size_t i = 0; i < rollout->sets_len; i++)
		if (rollout->sets[i].wanted > 0)
			active[len++] = &rollout->sets[i];
	if (rollout->current.object && rollout->current.wanted > 0)
		active[len++] = &rollout->current;
	*ret_len = len;
	return active;
}

static int64_t created(const struct rollout_set *set)
{
	return set->set->metadata.creation_timestamp.seconds;
}

/* Biggest first; of equals the newer when growing, the older when shrinking. */
static void sort_by_size(struct rollout_set **sets, size_t len, bool growing)
{
	for (size_t i = 1; i < len; i++)
		for (size_t j = i; j > 0; j--) {
			struct rollout_set *a = sets[j - 1], *b = sets[j];
			bool swap = b->wanted != a->wanted ? b->wanted > a->wanted
				    : growing		   ? created(b) > created(a)
							   : created(b) < created(a);

			if (!swap)
				break;
			sets[j - 1] = b;
			sets[j] = a;
		}
}

/* A set's share of a change of size while several are active, rounded to the nearest. */
static int32_t proportion(const struct rollout *rollout, const struct rollout_set *set, int32_t added, int32_t to_add)
{
	int32_t replicas = deployment_replicas(rollout->deployment);
	int32_t new_max = replicas + deployment_max_surge(rollout->deployment);
	int32_t old_max = annotation_number(set, MAX_ANNOTATION, 0);
	int32_t allowed = to_add - added, share = -set->wanted;

	if (old_max == 0) /* somebody took the annotation away */
		old_max = rollout->deployment->status.replicas;
	if (set->wanted == 0 || to_add == 0 || allowed == 0 || (replicas && old_max == 0))
		return 0;
	if (replicas)
		share += (int32_t)((double)set->wanted * new_max / old_max + 0.5);
	return to_add > 0 ? MIN(share, allowed) : MAX(share, allowed);
}

static void scale_proportionally(struct rollout *rollout, struct rollout_set **active, size_t len)
{
	int32_t replicas = deployment_replicas(rollout->deployment);
	int32_t allowed = replicas > 0 ? replicas + deployment_max_surge(rollout->deployment) : 0;
	int32_t to_add = allowed - total_wanted(rollout), added = 0;

	sort_by_size(active, len, to_add > 0);
	for (size_t i = 0; i < len; i++) {
		int32_t share = proportion(rollout, active[i], added, to_add);

		active[i]->wanted += share;
		added += share;
	}
	if (len)
		active[0]->wanted = MAX(0, active[0]->wanted + to_add - added);
}

/* Was the deployment's size changed since the sets were last sized? */
static bool is_scaling_event(const struct rollout *rollout)
{
	int32_t replicas = deployment_replicas(rollout->deployment);

	if (rollout->current.object && size(&rollout->current) > 0 &&
	    annotation_number(&rollout->current, DESIRED_ANNOTATION, replicas) != replicas)
		return true;
	for (size_t i = 0; i < rollout->sets_len; i++)
		if (size(&rollout->sets[i]) > 0 &&
		    annotation_number(&rollout->sets[i], DESIRED_ANNOTATION, replicas) != replicas)
			return true;
	return false;
}

static bool saturated(const struct rollout *rollout)
{
	const struct rollout_set *current = &rollout->current;
	int32_t replicas = deployment_replicas(rollout->deployment);

	return current->object && size(current) == replicas &&
	       annotation_number(current, DESIRED_ANNOTATION, -1) == replicas &&
	       current->set->status.available_replicas == replicas;
}

static void decide_scaling(struct rollout *rollout)
{
	size_t len;
	struct rollout_set **active = active_sets(rollout, &len);

	if (len <= 1) {
		/* The sets are sorted by age: without the current one the newest is the last. */
		struct rollout_set *only = len			     ? active[0]
					   : rollout->current.object ? &rollout->current
					   : rollout->sets_len	     ? &rollout->sets[rollout->sets_len - 1]
								     : NULL;

		if (only)
			only->wanted = deployment_replicas(rollout->deployment);
		return;
	}
	if (saturated(rollout)) {
		for (size_t i = 0; i < rollout->sets_len; i++)
			rollout->sets[i].wanted = 0;
		return;
	}
	if (rolling(rollout->deployment))
		scale_proportionally(rollout, active, len);
}

void deployment_decide(struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->sets_len; i++)
		rollout->sets[i].wanted = size(&rollout->sets[i]);
	rollout->current.wanted = rollout->current.object ? size(&rollout->current) : 0;
	rollout->sizing = rollout->deployment->spec.paused || is_scaling_event(rollout);
	if (rollout->sizing)
		decide_scaling(rollout);
	else if (rolling(rollout->deployment))
		decide_rolling(rollout);
	else
		decide_recreate(rollout);
}
