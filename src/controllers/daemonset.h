/*
 * The DaemonSet controller's parts: what a plan works on, shared by its files only.
 *
 * daemonset.c gathers, orders the steps and counts the status; daemonset_nodes.c says which nodes are to have a pod,
 * and makes it; daemonset_manage.c has one on each, and none elsewhere; daemonset_update.c replaces those of another
 * template; daemonset_backoff.c remembers where pods fail.
 */
#ifndef WHERRY_CONTROLLERS_DAEMONSET_H
#define WHERRY_CONTROLLERS_DAEMONSET_H

#include "base/map.h"
#include "controllers/controller.h"
#include "controllers/history.h"
#include "types/gen/apps_v1.h"

#define DAEMON_HASH_LABEL "controller-revision-hash"

/*
 * Where pods have failed, and how long the next there is left alone: 1 s, doubling to 15 minutes, forgotten after twice
 * that.  Times are clock_monotonic_ns(); zeroed is empty; the loop thread's.
 */
struct daemon_backoff {
	struct map entries; /* by set, generation and node */
};
void daemon_backoff_release(struct daemon_backoff *backoff);
/* 0: the pod that failed at @key may be deleted now, and the next will wait longer; else how long to wait. */
int64_t daemon_backoff_take(struct daemon_backoff *backoff, struct str key, int64_t now);

/* A failed pod, and how long it is still left alone. */
struct daemon_failure {
	const struct object *pod;
	int64_t wait_ns;
};

struct daemonset_inputs {
	const struct resource *daemonsets, *pods;
	struct object *object;
	struct object_slice nodes;	/* all there are */
	struct object_slice candidates; /* pods that are or may become its own */
	struct history_inputs history;
	struct {
		const struct daemon_failure *items;
		size_t len;
	} failures;
};

/* A node, and what the set has on it or on the way to it. */
struct daemon_node {
	struct str name;
	const struct core_v1_node *node; /* NULL: there is none of that name */
	bool should_run;		 /* it is to have a pod */
	bool may_stay;			 /* a pod that is there may stay */
	struct object **pods;		 /* placed before others, oldest first; those that go are among them */
	size_t len;
};

struct daemon_plan {
	struct plan *plan;
	const struct daemonset_inputs *inputs;
	const struct apps_v1_daemon_set *set;
	struct str hash;	   /* of the present template's revision */
	struct daemon_node *nodes; /* by name */
	size_t len;
	VEC_OF(const struct daemon_node *) creates; /* nodes that are to get a pod */
	VEC_OF(const struct object *) deletes;	    /* pods that are to go */
	int64_t now;
};

/* daemonset.c */
void daemonset_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

/* daemonset_nodes.c */
/* May a pod of @set run on @node; may one that is there stay (*ret_may_stay)? */
bool daemonset_should_run(const struct apps_v1_daemon_set *set, const struct core_v1_node *node, struct arena *arena,
			  bool *ret_may_stay);
/* The node that a pod is bound to or made for; empty: none. */
struct str daemonset_target(const struct core_v1_pod *pod);
/* Nodes and the @pods on them, sorted. */
void daemonset_place(struct daemon_plan *plan, struct object_slice pods);
/* Note what is wanted; daemonset_plan_pods() writes it to the plan. */
void daemonset_plan_create(struct daemon_plan *plan, const struct daemon_node *node);
void daemonset_plan_delete(struct daemon_plan *plan, const struct object *pod);
void daemonset_plan_pods(struct daemon_plan *plan);
bool daemonset_is_updated(const struct daemon_plan *plan, const struct core_v1_pod *pod);
/* Available; when it is not yet, the plan is made again in time. */
bool daemonset_is_available(const struct daemon_plan *plan, const struct core_v1_pod *pod);

/* daemonset_manage.c */
void daemonset_manage(struct daemon_plan *plan);

/* daemonset_update.c */
int64_t daemonset_max_surge(const struct apps_v1_daemon_set *set, int64_t desired);
void daemonset_roll(struct daemon_plan *plan);

#endif
