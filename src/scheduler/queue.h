/*
 * The pods that wait for a node, and when each is looked at again.
 *
 * A pod is in one of four places: ACTIVE, a heap in the order of decisions (QueueSort's); BACKOFF, which it leaves when
 * its time has come; UNSCHEDULABLE, which it leaves when something happens that may help it; GATED, which it leaves
 * when it may be scheduled at all.  DECIDING is the pod queue_pop() gave out, until it comes back or is removed.  One
 * function, move(), changes places and checks that the way exists.
 *
 * Upstream's rules (facts/scheduler.txt: queue): backoff of 1 s that doubles with each rejection in a row up to 10 s,
 * ends on whole seconds so that pods of one second come by priority, and, when nothing else is to do, is cut short for
 * pods that plugins rejected (not for those that failed by an error); after five minutes among the unschedulable a
 * pod is tried whatever happened.
 *
 * Time is a parameter; pods are their owner's.  The deciding thread's.
 */
#ifndef WHERRY_SCHEDULER_QUEUE_H
#define WHERRY_SCHEDULER_QUEUE_H

#include "scheduler/event.h"
#include "scheduler/pod.h"

struct queue {
	struct heap active, backoff;
	struct list unschedulable, gated;
	size_t unschedulable_len, gated_len;
	uint64_t sequence;
};

void queue_init(struct queue *queue);
void queue_release(struct queue *queue);

/* A pod in no place: ACTIVE, or GATED when a plugin says so. */
void queue_add(struct queue *queue, struct sched_pod *pod, int64_t now);
/* Its object has changed in the ways @event says (0: in none that matters). */
void queue_update(struct queue *queue, struct sched_pod *pod, const struct cluster_event *event, int64_t now);
/* Out of whatever place it is in. */
void queue_remove(struct queue *queue, struct sched_pod *pod);
/* The next to decide on, or NULL. */
struct sched_pod *queue_pop(struct queue *queue, int64_t now);
/* It could not be scheduled: plugins in @rejected_by (bits) said no. */
void queue_reject(struct queue *queue, struct sched_pod *pod, uint32_t rejected_by, int64_t now);
/* Something failed on the way (binding, say).  The pod may be in no place. */
void queue_fail(struct queue *queue, struct sched_pod *pod, int64_t now);
/* Wakes whom @event may help; returns how many. */
size_t queue_event(struct queue *queue, const struct cluster_event *event, int64_t now);
/* Moves those whose time has come. */
void queue_tick(struct queue *queue, int64_t now);
/* When queue_tick() has something to do next; INT64_MAX: never. */
int64_t queue_next_tick(const struct queue *queue);

#endif
