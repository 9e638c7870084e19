/* A Deployment's status: counts and conditions; see deployment.h. */
#include "base/clock.h"
#include "controllers/deployment.h"
#include "types/selector.h"

#define NO_DEADLINE INT32_MAX /* upstream: the largest int32 means none */

static int32_t or_zero(const int32_t *n)
{
	return n ? *n : 0;
}

static struct apps_v1_deployment_status count(const struct rollout *rollout)
{
	struct apps_v1_deployment_status status = rollout->deployment->status;
	const struct apps_v1_replica_set *current = rollout->current.object ? rollout->current.set : NULL;
	struct arena *arena = rollout->plan->arena;
	int32_t terminating = current ? or_zero(current->status.terminating_replicas) : 0;

	status.observed_generation = rollout->deployment->metadata.generation;
	status.replicas = status.updated_replicas = current ? current->status.replicas : 0;
	status.ready_replicas = current ? current->status.ready_replicas : 0;
	status.available_replicas = current ? current->status.available_replicas : 0;
	for (size_t i = 0; i < rollout->sets_len; i++) {
		const struct apps_v1_replica_set_status *old = &rollout->sets[i].set->status;

		status.replicas += old->replicas;
		status.ready_replicas += old->ready_replicas;
		status.available_replicas += old->available_replicas;
		terminating += or_zero(old->terminating_replicas);
	}
	status.unavailable_replicas = 0;
	{
		int32_t wanted =
			rollout->created ? rollout->current.wanted : or_zero(current ? current->spec.replicas : NULL);

		for (size_t i = 0; i < rollout->sets_len; i++)
			wanted += or_zero(rollout->sets[i].set->spec.replicas);
		status.unavailable_replicas = MAX(0, wanted - status.available_replicas);
	}
	status.terminating_replicas = ARENA_DUP(arena, int32_t, &terminating);
	if (rollout->collision_count)
		status.collision_count = ARENA_DUP(arena, int32_t, &rollout->collision_count);
	return status;
}

/* --- Conditions ------------------------------------------------------------------------------------------------ */

static const struct apps_v1_deployment_condition *find(const struct apps_v1_deployment_status *status, const char *type)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq_c(condition->type, type))
			return condition;
	return NULL;
}

/* Sets a condition; times move as upstream's: the transition's with the status, the update's with anything. */
static void set(const struct rollout *rollout, struct apps_v1_deployment_status *status, const char *type,
		const char *value, const char *reason, struct str message)
{
	const struct apps_v1_deployment_condition *before = find(status, type);
	struct timestamp now = {.seconds = rollout->now / NS_PER_SEC, .is_set = true};
	struct apps_v1_deployment_condition condition = {str_from(type),   str_from(value), now, now,
							 str_from(reason), message};
	VEC_OF(struct apps_v1_deployment_condition) all = {0};

	if (before && str_eq_c(before->status, value) && str_eq_c(before->reason, reason))
		return;
	if (before && str_eq_c(before->status, value))
		condition.last_transition_time = before->last_transition_time;
	SLICE_FOREACH (other, status->conditions)
		if (other != before)
			vec_push(rollout->plan->arena, &all, *other);
	vec_push(rollout->plan->arena, &all, condition);
	status->conditions = (struct apps_v1_deployment_condition_slice){all.items, all.len};
}

static void drop(const struct rollout *rollout, struct apps_v1_deployment_status *status, const char *type)
{
	VEC_OF(struct apps_v1_deployment_condition) kept = {0};

	SLICE_FOREACH (condition, status->conditions)
		if (!str_eq_c(condition->type, type))
			vec_push(rollout->plan->arena, &kept, *condition);
	status->conditions = (struct apps_v1_deployment_condition_slice){kept.items, kept.len};
}

/* Is its progress watched at all? */
static bool has_deadline(const struct rollout *rollout)
{
	const int32_t *deadline = rollout->deployment->spec.progress_deadline_seconds;

	return deadline && *deadline != NO_DEADLINE;
}

static bool is_complete(const struct rollout *rollout, const struct apps_v1_deployment_status *status)
{
	int32_t replicas = deployment_replicas(rollout->deployment);

	return status->updated_replicas == replicas && status->replicas == replicas &&
	       status->available_replicas == replicas &&
	       status->observed_generation >= rollout->deployment->metadata.generation;
}

bool deployment_complete(const struct rollout *rollout)
{
	return is_complete(rollout, &rollout->deployment->status);
}

static bool is_progressing(const struct rollout *rollout, const struct apps_v1_deployment_status *next)
{
	const struct apps_v1_deployment_status *before = &rollout->deployment->status;

	return next->updated_replicas > before->updated_replicas ||
	       next->replicas - next->updated_replicas < before->replicas - before->updated_replicas ||
	       next->ready_replicas > before->ready_replicas || next->available_replicas > before->available_replicas;
}

static bool timed_out(const struct rollout *rollout, const struct apps_v1_deployment_status *status, int64_t *ret_wait)
{
	const struct apps_v1_deployment_condition *progressing = find(status, "Progressing");
	const int32_t *deadline = rollout->deployment->spec.progress_deadline_seconds;
	int64_t left;

	*ret_wait = 0;
	if (!progressing || str_eq(progressing->reason, STR("NewReplicaSetAvailable")))
		return false;
	if (str_eq(progressing->reason, STR("ProgressDeadlineExceeded")))
		return true;
	left = (progressing->last_update_time.seconds + *deadline) * NS_PER_SEC - rollout->now;
	if (left > 0)
		*ret_wait = left;
	return left <= 0;
}

static struct str current_name(const struct rollout *rollout)
{
	return rollout->current.set ? rollout->current.set->metadata.name : rollout->deployment->metadata.name;
}

static struct str say(const struct rollout *rollout, const char *before, const char *after)
{
	return arena_printf(rollout->plan->arena, "%s\"" STR_FMT "\"%s", before, STR_ARG(current_name(rollout)), after);
}

/* Any progress counts from now, also when it was said of the rollout before. */
static void set_progressing(const struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	const struct apps_v1_deployment_condition *before = find(status, "Progressing");
	struct timestamp since = {0};

	if (before && str_eq(before->status, STR("True")))
		since = before->last_transition_time;
	drop(rollout, status, "Progressing");
	set(rollout, status, "Progressing", "True", "ReplicaSetUpdated",
	    say(rollout, "ReplicaSet ", " is progressing."));
	if (since.is_set)
		EDIT(struct apps_v1_deployment_condition, &status->conditions.items[status->conditions.len - 1])
			->last_transition_time = since;
}

static void set_progress(struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	const struct apps_v1_deployment_condition *before = find(status, "Progressing");
	int64_t wait = 0;

	if (before && str_eq(before->reason, STR("NewReplicaSetAvailable")) &&
	    status->replicas == status->updated_replicas)
		return; /* the rollout is over; pods that come and go are none of its business */
	if (!before && rollout->current.object)
		set(rollout, status, "Progressing", "True", "FoundNewReplicaSet",
		    say(rollout, "Found new replica set ", ""));
	if (is_complete(rollout, status) && rollout->current.object)
		set(rollout, status, "Progressing", "True", "NewReplicaSetAvailable",
		    say(rollout, "ReplicaSet ", " has successfully progressed."));
	else if (is_progressing(rollout, status))
		set_progressing(rollout, status);
	else if (timed_out(rollout, status, &wait))
		set(rollout, status, "Progressing", "False", "ProgressDeadlineExceeded",
		    say(rollout, "ReplicaSet ", " has timed out progressing."));
	(void)timed_out(rollout, status, &wait);
	if (wait)
		rollout->plan->requeue_after_ns = wait + NS_PER_SEC;
}

/* Pausing and resuming are told by the Progressing condition, so that the deadline starts anew. */
static void set_paused(struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	const struct apps_v1_deployment_condition *progressing = find(status, "Progressing");
	bool said = progressing && str_eq(progressing->reason, STR("DeploymentPaused"));

	if (progressing && str_eq(progressing->reason, STR("ProgressDeadlineExceeded")))
		return; /* that it made no progress stays said */
	if (rollout->deployment->spec.paused && !said)
		set(rollout, status, "Progressing", "Unknown", "DeploymentPaused", STR("Deployment is paused"));
	else if (!rollout->deployment->spec.paused && said)
		set(rollout, status, "Progressing", "Unknown", "DeploymentResumed", STR("Deployment is resumed"));
}

static const struct apps_v1_replica_set_condition *failure_of(const struct rollout_set *set)
{
	if (set->object)
		SLICE_FOREACH (condition, set->set->status.conditions)
			if (str_eq(condition->type, STR("ReplicaFailure")))
				return condition;
	return NULL;
}

/* What a set fails with, the current one's first. */
static void set_replica_failure(struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	const struct apps_v1_replica_set_condition *failure = failure_of(&rollout->current);
	const struct apps_v1_deployment_condition *before = find(status, "ReplicaFailure");
	VEC_OF(struct apps_v1_deployment_condition) all = {0};

	for (size_t i = 0; i < rollout->sets_len && !failure; i++)
		failure = failure_of(&rollout->sets[i]);
	if (failure && before && str_eq(before->status, failure->status) && str_eq(before->reason, failure->reason))
		return;
	drop(rollout, status, "ReplicaFailure");
	if (!failure)
		return;
	SLICE_FOREACH (other, status->conditions)
		vec_push(rollout->plan->arena, &all, *other);
	vec_push(rollout->plan->arena, &all,
		 (struct apps_v1_deployment_condition){failure->type, failure->status, failure->last_transition_time,
						       failure->last_transition_time, failure->reason,
						       failure->message});
	status->conditions = (struct apps_v1_deployment_condition_slice){all.items, all.len};
}

/* The new set could not be made when that was tried last. */
static bool set_create_failure(struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	SLICE_FOREACH (failure, rollout->plan->failures)
		if (failure->resource == rollout->replicasets && failure->operation == API_CREATE) {
			set(rollout, status, "Progressing", "False", "ReplicaSetCreateError",
			    arena_printf(rollout->plan->arena,
					 "Failed to create new replica set \"" STR_FMT "\": " STR_FMT,
					 STR_ARG(current_name(rollout)), STR_ARG(failure->message)));
			return true;
		}
	return false;
}

static void judge_progress(struct rollout *rollout, struct apps_v1_deployment_status *status)
{
	if (!has_deadline(rollout)) {
		drop(rollout, status, "Progressing");
		return;
	}
	if (rollout->created && !set_create_failure(rollout, status))
		set(rollout, status, "Progressing", "True", "NewReplicaSetCreated",
		    say(rollout, "Created new replica set ", ""));
	if (!rollout->created)
		set_progress(rollout, status);
}

void deployment_plan_status(struct rollout *rollout)
{
	struct apps_v1_deployment next = *rollout->deployment;
	int32_t least = deployment_replicas(rollout->deployment) - deployment_max_unavailable(rollout->deployment);
	struct change *change;

	next.status = count(rollout);
	if (next.status.available_replicas >= least)
		set(rollout, &next.status, "Available", "True", "MinimumReplicasAvailable",
		    STR("Deployment has minimum availability."));
	else
		set(rollout, &next.status, "Available", "False", "MinimumReplicasUnavailable",
		    STR("Deployment does not have minimum availability."));
	if (!rollout->deployment->metadata.deletion_timestamp) {
		if (has_deadline(rollout))
			set_paused(rollout, &next.status);
		if (!rollout->sizing) {
			judge_progress(rollout, &next.status);
			set_replica_failure(rollout, &next.status);
		}
	}
	change = plan_diff(rollout->plan, rollout->deployments, rollout->deployment, &next, "status", "status");
	if (change)
		change->tolerate_missing = true;
}
