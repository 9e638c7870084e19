/*
 * The ReplicationController controller: the ReplicaSet's elder, whose selector is a map and whose template a pointer.
 * It is read as a ReplicaSet, and replicaset.c does the rest.
 */
#include "controllers/replicaset.h"

#include "types/gen/core_v1.h"

static const struct apps_v1_replica_set *view(const struct object *object, struct arena *arena)
{
	const struct core_v1_replication_controller *controller = OBJECT_AS(core_v1_replication_controller, object);
	struct apps_v1_replica_set *set = ARENA_NEW(arena, struct apps_v1_replica_set);
	struct meta_v1_label_selector *selector = ARENA_NEW(arena, struct meta_v1_label_selector);
	VEC_OF(struct apps_v1_replica_set_condition) conditions = {0};

	selector->match_labels = controller->spec.selector;
	set->metadata = controller->metadata;
	set->spec.replicas = controller->spec.replicas;
	set->spec.min_ready_seconds = controller->spec.min_ready_seconds;
	set->spec.selector = selector;
	if (controller->spec.template)
		set->spec.template = *controller->spec.template;
	SLICE_FOREACH (condition, controller->status.conditions)
		vec_push(arena, &conditions,
			 (struct apps_v1_replica_set_condition){.type = condition->type,
								.status = condition->status,
								.last_transition_time = condition->last_transition_time,
								.reason = condition->reason,
								.message = condition->message});
	set->status.conditions = (struct apps_v1_replica_set_condition_slice){conditions.items, conditions.len};
	return set;
}

static const void *with_status(const struct object *object, const struct apps_v1_replica_set_status *status,
			       struct arena *arena)
{
	struct core_v1_replication_controller *next = ARENA_DUP(arena, struct core_v1_replication_controller,
								OBJECT_AS(core_v1_replication_controller, object));
	VEC_OF(struct core_v1_replication_controller_condition) conditions = {0};

	SLICE_FOREACH (condition, status->conditions)
		vec_push(arena, &conditions,
			 (struct core_v1_replication_controller_condition){.type = condition->type,
									   .status = condition->status,
									   .last_transition_time =
										   condition->last_transition_time,
									   .reason = condition->reason,
									   .message = condition->message});
	next->status = (struct core_v1_replication_controller_status){
		.replicas = status->replicas,
		.fully_labeled_replicas = status->fully_labeled_replicas,
		.ready_replicas = status->ready_replicas,
		.available_replicas = status->available_replicas,
		.observed_generation = status->observed_generation,
		.conditions = {conditions.items, conditions.len},
	};
	return next;
}

static struct selector selector_of(const struct object *object, struct arena *arena)
{
	return selector_from_map(&OBJECT_AS(core_v1_replication_controller, object)->spec.selector, arena);
}

const struct replica_kind replica_kind_controller = {
	"replication-controller", "", "replicationcontrollers", view, with_status, selector_of};

static void *start(struct controller_context *context)
{
	return replicaset_start(context, &replica_kind_controller);
}

const struct controller controller_replicationcontroller = {.name = "replicationcontroller-controller",
							    .event_source = "replication-controller",
							    .service_account = "replication-controller",
							    .start = start,
							    .stop = replicaset_stop,
							    .free = replicaset_free};
