/*
 * Reconcilers: the shape of every controller.
 *
 * A reconciler turns keys into changes.  A key is queued by an event of one of its inputs (or by time); then, for one
 *key at a time:
 *
 *	gather	on the loop thread: picks what the key needs from the informers, by reference, into a job's arena
 *	plan	on a worker: a pure function of what was gathered and the time; writes down the changes it wants
 *	apply	on the same worker: carries them out, one request each, in order (given here; no controller writes its
 *own)
 *
 * Each key is in one of four states:
 *
 *	IDLE ---queue---> QUEUED ---take---> RUNNING ---done---> IDLE
 *			    ^			|  queue
 *			    |			v
 *			    +------done---- RUNNING_DIRTY
 *
 * so that a key is never planned twice at once and no event is lost.  Read your writes: a key that wrote is not taken
 * again before the informers of the resources it wrote have reached the revisions of its writes (and no longer show
 *what it deleted); this takes the place of expectations.  A failed apply queues the key again with doubling delay; a
 *conflict does so at once.  Wanting nothing writes nothing.
 *
 * A key over which a former life of the process crashed is left alone until its quarantine ends (sys/crash.h), with an
 * event on its object.
 *
 * Thread rules: everything but plan and apply is on the loop thread; gather must not block; plan sees nothing but its
 * inputs.
 */
#ifndef WHERRY_CLIENT_RECONCILER_H
#define WHERRY_CLIENT_RECONCILER_H

#include "client/client.h"
#include "client/informer.h"
#include "client/recorder.h"

struct loop;
struct worker_pool;
struct reconciler;

/* What should be said about a change once it was tried; `%s` in a format is the name of the object the change made. */
struct change_event {
	const char *reason; /* NULL: none */
	const char *format;
};

struct change {
	struct api_request request; /* everything in it lives in the plan's arena */
	/* NotFound on a delete or patch and AlreadyExists on a create are what was wanted. */
	bool tolerate_missing, tolerate_existing;
	/* A failure of this change does not stop those after it. */
	bool independent;
	struct change_event on_success, on_failure; /* on_failure's %s is the error's message */
};

/* A change that was tried and refused. */
struct change_failure {
	const struct resource *resource;
	enum api_operation operation;
	struct str message;
};

struct plan {
	struct arena *arena;
	/* What failed when the plan before this one was applied, conflicts aside: for conditions that tell of it. */
	struct {
		const struct change_failure *items;
		size_t len;
	} failures;
	VEC_OF(struct change) changes;
	VEC_OF(struct event_record) events; /* recorded once the changes are applied */
	int64_t requeue_after_ns;	    /* 0: only when something changes */
	struct object *involved;	    /* what events of changes are about, borrowed from the inputs */
};

/* Adds a change and returns it for more to be set. */
struct change *plan_create(struct plan *plan, const struct resource *resource, const void *data);
struct change *plan_patch(struct plan *plan, const struct resource *resource, struct str namespace, struct str name,
			  const char *subresource, enum patch_type type, struct str patch);
/* A merge patch of the difference of two structs; NULL when there is none.  See client_diff(). */
struct change *plan_diff(struct plan *plan, const struct resource *resource, const void *old, const void *new_,
			 const char *only, const char *subresource);
struct change *plan_update(struct plan *plan, const struct resource *resource, const char *subresource,
			   const void *data);
struct change *plan_delete(struct plan *plan, const struct resource *resource, const struct meta_v1_object_meta *meta);
/* Plans again after @wait_ns at the latest; 0: no wish. */
void plan_requeue_within(struct plan *plan, int64_t wait_ns);
void plan_event(struct plan *plan, const char *type, const char *reason, const char *format, ...) PRINTF_LIKE(4, 5);

struct reconciler_ops {
	const char *name; /* "deployment-controller": field manager and event source too */
	/*
	 * Returns the inputs of @key in @arena (references held with reconciler_hold), or NULL when there is nothing to
	 * do.
	 */
	void *(*gather)(void *cookie, struct str key, struct arena *arena);
	/*
	 * May be NULL; on the worker, before plan: reads over @client what no informer holds and plan must know, into
	 * the inputs.  A failure queues the key again.
	 */
	int (*observe)(void *cookie, void *inputs, const struct client *client, struct arena *arena, struct error *err);
	/* @now: wall clock, nanoseconds since 1970. */
	void (*plan)(void *cookie, const void *inputs, int64_t now, struct plan *plan);
	unsigned workers; /* keys in work at once */
};

/* Told what becomes of keys, on the loop thread: for who counts it. */
struct reconciler_observer {
	void (*queued)(void *data);
	void (*taken)(void *data, int64_t waited_ns);
	/* The work on it is over, whatever its result. */
	void (*done)(void *data, int64_t worked_ns);
	/* It failed, and will be queued again after a while. */
	void (*retried)(void *data);
};

struct reconciler_config {
	const struct reconciler_ops *ops;
	void *cookie;
	struct loop *loop;
	struct worker_pool *pool;
	struct transport *transport;
	struct recorder *recorder;
	const struct reconciler_observer *observer; /* NULL: nobody */
	void *observer_data;
};

struct reconciler *reconciler_new(const struct reconciler_config *config);
/* Takes no more keys; jobs under way go on.  Loop thread, once loop_run() has returned. */
void reconciler_stop(struct reconciler *reconciler);
/*
 * After its informers, its pool (which waits for the jobs) and then its loop (which runs what they posted) are freed;
 * NULL is fine.  Returns NULL.
 */
struct reconciler *reconciler_free(struct reconciler *reconciler);
/* Declares an input: its revision is waited for after writes, and nothing is taken before it has synced. */
void reconciler_add_input(struct reconciler *reconciler, struct informer *informer);
/*
 * The same, and queues the keys that @map names for each change of the informer's objects (old and new state each, if
 * there).  @map NULL: the object's own key.
 */
typedef void reconciler_map_fn(void *cookie, const struct object *object, struct informer_keys *keys);
void reconciler_add_source(struct reconciler *reconciler, struct informer *informer, reconciler_map_fn *map);

void reconciler_queue(struct reconciler *reconciler, struct str key);
/* At the latest after @delay_ns; a key that is taken before that is not taken again for it. */
void reconciler_queue_after(struct reconciler *reconciler, struct str key, int64_t delay_ns);
/* Keys that are not idle: 0 means that nothing is left to do but wait for events. */
size_t reconciler_busy(const struct reconciler *reconciler);

/* In gather: a reference that lives as long as @arena; NULL passes. */
struct object *reconciler_hold(struct arena *arena, struct object *object);
/* In gather: the objects of an index, held, in @arena; sorted by key, so that plans do not depend on hash order. */
struct object_slice {
	struct object **items;
	size_t len;
};
struct object_slice reconciler_hold_indexed(struct arena *arena, const struct informer *informer, int index,
					    struct str value);
struct object_slice reconciler_hold_all(struct arena *arena, const struct informer *informer);

#endif
