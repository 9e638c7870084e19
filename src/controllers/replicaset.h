/*
 * What the ReplicaSet controller decides from, and what it shares with that of ReplicationControllers; see
 * replicaset.c.
 */
#ifndef WHERRY_CONTROLLERS_REPLICASET_H
#define WHERRY_CONTROLLERS_REPLICASET_H

#include "controllers/controller.h"
#include "types/gen/apps_v1.h"
#include "types/selector.h"

/* A kind that keeps replicas: how its objects are read as ReplicaSets, and written. */
struct replica_kind {
	const char *name; /* of the controller, in events */
	const char *group, *plural;
	/* The object as a ReplicaSet: itself, or made in @arena from parts of it. */
	const struct apps_v1_replica_set *(*view)(const struct object *object, struct arena *arena);
	/* A copy of the object's struct with @status, in @arena. */
	const void *(*with_status)(const struct object *object, const struct apps_v1_replica_set_status *status,
				   struct arena *arena);
	struct selector (*selector_of)(const struct object *object, struct arena *arena);
};

extern const struct replica_kind replica_kind_set;	  /* replicaset.c */
extern const struct replica_kind replica_kind_controller; /* replicationcontroller.c */

struct replicaset_inputs {
	const struct replica_kind *kind;
	const struct resource *sets, *pods;
	struct object *object;
	struct object_slice candidates; /* pods that are or may become its own */
	struct object_slice related;	/* pods of all objects of the kind that have the same controller */
};

void replicaset_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

/* A controller's start, stop and free, for each kind. */
void *replicaset_start(struct controller_context *context, const struct replica_kind *kind);
void replicaset_stop(void *state);
void replicaset_free(void *state);

#endif
