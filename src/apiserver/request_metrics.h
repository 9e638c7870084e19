/*
 * What is counted of requests, under upstream's names.
 *
 * Every request that came from outside, or from a component of this process, is counted once: when its answer is
 * complete, or, if that goes on (a watch, a stream from a node), when it ends.  Those the pipeline makes for itself
 * (`trusted`) are part of another and not counted.
 *
 *	it has to wait	request_metrics_waits()		in flight
 *	complete()	request_metrics_answered()	counted
 *	or else		request_metrics_open()		long running, counted by request_metrics_close()
 *	request_free()	request_metrics_gone()		what had no answer is forgotten
 *
 * Unlike upstream, which counts in its handlers, what is turned away before (401, 403, 404, 413) is counted too.
 * Labels come from what the server knows, never from what a client made up: a path or resource nobody serves is "".
 * Any thread; one at a time for each request.
 */
#ifndef WHERRY_APISERVER_REQUEST_METRICS_H
#define WHERRY_APISERVER_REQUEST_METRICS_H

#include "apiserver/authorizer.h"
#include "base/str.h"

struct apiserver;
struct http_request;
struct metric;
struct metrics;
struct request;
struct request_inflight;
struct request_metrics;
struct resource;
struct series;

/* A request's own part; zeroed is fine. */
struct request_tally {
	struct request_inflight *inflight; /* where it is counted as under way */
	int64_t write_began;
};

/* An answer that goes on, held by whom it goes on with: it outlives its request.  Zeroed is none. */
struct stream_tally {
	const struct series *series; /* what it will count for */
	struct metric *open;	     /* the gauge it is counted in */
	int64_t began;
};

struct request_metrics *request_metrics_new(struct metrics *metrics);
/* NULL is fine; returns NULL. */
struct request_metrics *request_metrics_free(struct request_metrics *metrics);

/*
 * It will be on its way for longer than this thread has it: a write, or what may block.  What is answered at once is
 * never more than there are threads, and is not counted as in flight.  May be said again.
 */
void request_metrics_waits(struct request *request);
void request_metrics_answered(struct request *request);
/* The answer has begun, with @code. */
struct stream_tally request_metrics_open(const struct request *request, int code);
/* It has ended, and is none afterwards. */
void request_metrics_close(struct stream_tally *stream);
/* It came to nothing: the request has another answer. */
void request_metrics_cancel(struct stream_tally *stream);
void request_metrics_gone(struct request *request);
/* Turned away before there was a request. */
void request_metrics_refused(struct apiserver *server, struct http_request *http, int code);

enum authentication_result { AUTHENTICATION_SUCCESS, AUTHENTICATION_FAILURE, AUTHENTICATION_ERROR };
void request_metrics_authenticated(const struct request *request, enum authentication_result result);
void request_metrics_authorized(const struct request *request, enum authorization_decision decision);
/* A terminal answer of one authorizer. */
void request_metrics_decided(struct apiserver *server, const struct authorizer *authorizer,
			     enum authorization_decision decision);
/*
 * @plugin: NULL: all of the step, "admit" or "validate", together.  @began: clock_monotonic_ns() when it was asked;
 * returns what it is now, for the next to begin at.
 */
int64_t request_metrics_admitted(const struct request *request, const char *plugin, const char *step, bool rejected,
				 int64_t began);
/* The result of `write`, handed in at tally.write_began. */
void request_metrics_stored(const struct request *request);
/* What a watch of the resource counts for: WATCH_ metrics. */
const struct series *request_metrics_watch(const struct request *request);

#endif
