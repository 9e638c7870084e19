/*
 * What follows a decision: one write about one pod, carried out by a worker.
 *
 * A write owns all it needs (references and an arena), so that the deciding thread's records may change meanwhile.
 */
#ifndef WHERRY_SCHEDULER_WRITE_H
#define WHERRY_SCHEDULER_WRITE_H

#include "base/arena.h"
#include "base/error.h"
#include "types/object.h"

struct recorder;
struct transport;

enum sched_write_kind {
	WRITE_BINDING, /* put the pod on @node */
	WRITE_FAILURE, /* say why not: condition and event; and make room, when there are victims */
};

struct sched_write {
	enum sched_write_kind kind;
	struct arena arena;
	struct object *pod;	 /* a reference */
	struct str key;		 /* of the pod */
	struct str node;	 /* to bind to, or nominated */
	struct str message;	 /* of a failure */
	bool is_error;		 /* SchedulerError, not Unschedulable */
	struct object **victims; /* references */
	size_t victims_len;
	struct error err; /* the result of a binding */
	int64_t began;	  /* of a binding: the decision before it */

	struct transport *transport;
	struct recorder *recorder;
	struct str scheduler_name;
	void (*done)(struct sched_write *write); /* on the worker; the write is its again */
	void *owner;
};

/* Carries it out; a worker's. */
void sched_write_run(struct sched_write *write);
/* NULL is fine; returns NULL. */
struct sched_write *sched_write_free(struct sched_write *write);

#endif
