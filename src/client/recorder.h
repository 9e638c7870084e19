/*
 * The event recorder: tells users what components did, as Event objects.
 *
 * recorder_record() may be called on any thread and does not block: events go to a bounded queue
 * (LIMIT_RECORDED_EVENTS; more are dropped and counted) and a worker writes them.  Correlation is upstream's: an event
 * that differs in nothing but time raises `count` and `lastTimestamp` of the one before (a patch), and a source that
 * says more than 25 things about one object, refilled once in 5 minutes, is cut off.  Failing to write an event never
 * fails the caller.
 */
#ifndef WHERRY_CLIENT_RECORDER_H
#define WHERRY_CLIENT_RECORDER_H

#include "client/transport.h"
#include "types/gen/core_v1.h"

struct recorder;
struct worker_pool;

/* One thing to say; text lives in the caller's memory and is copied. */
struct event_record {
	struct core_v1_object_reference *involved; /* see recorder_reference() */
	struct str type;			   /* "Normal", "Warning" */
	struct str reason, message;
	/*
	 * What was being done ("Binding"); not empty: the event has the newer form (events.k8s.io): eventTime and
	 * series instead of times and a count, and no source.
	 */
	struct str action;
};

/* @component: event source ("kubelet"); @host may be empty. */
struct recorder *recorder_new(struct transport *transport, struct worker_pool *pool, struct str component,
			      struct str host);
/* Waits at most @timeout_ns for what is queued to be written, and takes no more. */
void recorder_stop(struct recorder *recorder, int64_t timeout_ns);
/* After recorder_stop() and its users; NULL is fine; returns NULL. */
struct recorder *recorder_free(struct recorder *recorder);
void recorder_record(struct recorder *recorder, const struct event_record *record);
/* The same with the text made here; @object is what it is about. */
void recorder_eventf(struct recorder *recorder, const struct object *object, const char *type, const char *reason,
		     const char *format, ...) PRINTF_LIKE(5, 6);
/* The reference events use for @object; @field_path ("spec.containers{app}") may be empty. */
struct core_v1_object_reference *recorder_reference(const struct object *object, struct str field_path,
						    struct arena *arena);

#endif
