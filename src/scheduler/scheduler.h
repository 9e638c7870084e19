/*
 * The scheduler: finds a node for every pod that has none.
 *
 * One thread, inside scheduler_run(), decides: its informers bring pods and nodes into the cache (cache.h) and the
 * queue (queue.h), decide.h chooses.  What follows a decision blocks and runs on workers: binding, events, conditions,
 * deleting victims.  Writes about one pod never overtake one another.
 *
 * scheduler_new() makes everything and starts nothing; scheduler_run() returns after scheduler_stop(), from any thread.
 *
 *	struct scheduler *scheduler = scheduler_new(&(struct scheduler_config){.transport = t});
 *	thread_start("scheduler", run, scheduler, ...);		scheduler_run(scheduler)
 *	scheduler_stop(scheduler);
 *	thread_join(...);
 *	scheduler_free(scheduler);
 */
#ifndef WHERRY_SCHEDULER_SCHEDULER_H
#define WHERRY_SCHEDULER_SCHEDULER_H

#include "client/transport.h"

struct metrics;
struct scheduler;

/* The user whose rights upstream's scheduler has. */
#define SCHEDULER_USER "system:kube-scheduler"

struct scheduler_config {
	struct transport *transport; /* speaks as SCHEDULER_USER; the scheduler frees it */
	struct str name;	     /* of spec.schedulerName; empty: "default-scheduler" */
	struct metrics *metrics;     /* borrowed */
	uint64_t seed;		     /* of the choice among equals; 0: by chance */
};

struct scheduler *scheduler_new(const struct scheduler_config *config);
void scheduler_run(struct scheduler *scheduler);
void scheduler_stop(struct scheduler *scheduler);
/* After scheduler_run() has returned; waits for writes under way.  NULL is fine; returns NULL. */
struct scheduler *scheduler_free(struct scheduler *scheduler);

#endif
