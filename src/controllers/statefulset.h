/*
 * The StatefulSet controller's parts: what a plan works on, shared by its files only.
 *
 * statefulset.c gathers, sorts pods by their ordinals and counts the status; statefulset_pods.c makes pods and keeps
 * their identity; statefulset_claims.c makes their claims and says whose they are; statefulset_order.c decides what is
 * made, deleted and replaced, and in what order.
 */
#ifndef WHERRY_CONTROLLERS_STATEFULSET_H
#define WHERRY_CONTROLLERS_STATEFULSET_H

#include "controllers/controller.h"
#include "controllers/history.h"
#include "types/gen/apps_v1.h"

#define STATEFUL_REVISION_LABEL "controller-revision-hash" /* of a pod: its revision's name */

struct statefulset_inputs {
	const struct resource *statefulsets, *pods, *claims;
	struct object *object;
	struct object_slice candidates;	   /* pods that are or may become its own */
	struct object_slice stored_claims; /* those of its pods that there are, by name */
	struct history_inputs history;
};

/* A pod by its ordinal. */
struct stateful_pod {
	int64_t ordinal;
	struct object *object;	       /* NULL: there is none yet */
	const struct core_v1_pod *pod; /* the object's; NULL with it */
};

struct stateful_plan {
	struct plan *plan;
	const struct statefulset_inputs *inputs;
	const struct apps_v1_stateful_set *set;
	const struct apps_v1_controller_revision *current,
		*update;	       /* pods are of the one, and are to be of the other */
	struct stateful_pod *replicas; /* those there are to be, lowest ordinal first */
	size_t replicas_len;
	struct stateful_pod *condemned; /* those beyond, highest ordinal first */
	size_t condemned_len;
	int64_t now;
};

/* statefulset.c */
void statefulset_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);
int64_t statefulset_replicas(const struct apps_v1_stateful_set *set);
int64_t statefulset_start_ordinal(const struct apps_v1_stateful_set *set);

/* statefulset_pods.c */
/* The ordinal in a pod's name; -1: it is no name of one of the set's pods. */
int64_t statefulset_ordinal(const struct apps_v1_stateful_set *set, struct str pod);
struct str statefulset_pod_name(const struct apps_v1_stateful_set *set, int64_t ordinal, struct arena *arena);
/* The events on the set that tell of @verb ("Create") done to a pod. */
void statefulset_tell(const struct stateful_plan *plan, struct change *change, const char *verb, int64_t ordinal);
void statefulset_plan_create(const struct stateful_plan *plan, int64_t ordinal);
void statefulset_plan_delete(const struct stateful_plan *plan, const struct stateful_pod *pod);
/* Labels that name the pod are put right. */
void statefulset_plan_identity(const struct stateful_plan *plan, const struct stateful_pod *pod);

/* statefulset_claims.c */
struct str statefulset_claim_name(const struct apps_v1_stateful_set *set,
				  const struct core_v1_persistent_volume_claim *template, int64_t ordinal,
				  struct arena *arena);
/* Makes the claims of a pod that are missing; false: one is being deleted, and no pod can have it. */
bool statefulset_plan_claims(const struct stateful_plan *plan, int64_t ordinal);
/* Do claims of a pod to be made still belong to the pod of that name before it?  They will go with that. */
bool statefulset_claims_are_stale(const struct stateful_plan *plan, int64_t ordinal);
/* Gives claims the owners that the retention policy wants: the set, a pod that is condemned, or none. */
void statefulset_plan_retention(const struct stateful_plan *plan, const struct stateful_pod *pod);

/* statefulset_order.c */
bool statefulset_is_ready(const struct stateful_pod *pod);
/* Ready for long enough; when it is not yet, the plan is made again in time. */
bool statefulset_is_ready_long(const struct stateful_plan *plan, const struct stateful_pod *pod);
bool statefulset_is_of(const struct stateful_pod *pod, const struct apps_v1_controller_revision *revision);
void statefulset_decide(struct stateful_plan *plan);

#endif
