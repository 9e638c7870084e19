/*
 * The Deployment controller's parts: what a plan works on, shared by its files only.
 *
 * deployment.c gathers and orders the steps; deployment_sets.c makes and matches ReplicaSets; deployment_rollout.c is
 * the arithmetic of a rollout; deployment_status.c counts and writes conditions.
 */
#ifndef WHERRY_CONTROLLERS_DEPLOYMENT_H
#define WHERRY_CONTROLLERS_DEPLOYMENT_H

#include "controllers/controller.h"
#include "types/gen/apps_v1.h"

#define REVISION_ANNOTATION	    "deployment.kubernetes.io/revision"
#define REVISION_HISTORY_ANNOTATION "deployment.kubernetes.io/revision-history"
#define DESIRED_ANNOTATION	    "deployment.kubernetes.io/desired-replicas"
#define MAX_ANNOTATION		    "deployment.kubernetes.io/max-replicas"
#define HASH_LABEL		    "pod-template-hash"

/* A ReplicaSet of the deployment's and the size it is to have. */
struct rollout_set {
	struct object *object; /* NULL: to be created from `made` */
	const struct apps_v1_replica_set *set;
	int32_t wanted;
};

struct deployment_inputs {
	const struct resource *deployments, *replicasets;
	struct object *object;
	struct object_slice sets; /* ReplicaSets that are or may become its own */
	bool old_pods_running;	  /* of sets of another template; asked for Recreate alone */
};

struct rollout {
	struct plan *plan;
	const struct resource *deployments, *replicasets;
	struct object *object;
	const struct apps_v1_deployment *deployment;
	struct rollout_set *sets; /* oldest first; the new one is not among them */
	size_t sets_len;
	struct rollout_set current;	/* of the present template; set == NULL: there is none yet */
	bool created;			/* current is made by this plan */
	struct object_slice candidates; /* all there are, for names that are taken */
	int32_t collision_count;
	bool old_pods_running; /* Recreate waits for these */
	bool sizing;	       /* paused, or its size was changed: sets are sized and progress is not judged */
	int64_t now;
};

/* deployment.c */
void deployment_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

/* deployment_sets.c */
/* Is @set of the deployment's present template (the hash label aside)? */
bool deployment_matches(const struct apps_v1_deployment *deployment, const struct apps_v1_replica_set *set,
			struct arena *arena);
int64_t deployment_revision(const struct meta_v1_object_meta *meta);
/* Makes the ReplicaSet of the present template when there is none. */
void deployment_make_current(struct rollout *rollout);
/* Writes the sizes that were decided, with the events that tell it; keeps revision and annotations right. */
void deployment_plan_sizes(struct rollout *rollout);
void deployment_plan_cleanup(struct rollout *rollout);

/* deployment_rollout.c */
int32_t deployment_max_surge(const struct apps_v1_deployment *deployment);
int32_t deployment_max_unavailable(const struct apps_v1_deployment *deployment);
int32_t deployment_replicas(const struct apps_v1_deployment *deployment);
/* Decides sizes: scaling, rolling update or recreation. */
void deployment_decide(struct rollout *rollout);

/* deployment_status.c */
void deployment_plan_status(struct rollout *rollout);
bool deployment_complete(const struct rollout *rollout);

#endif
