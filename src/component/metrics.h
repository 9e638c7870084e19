/*
 * Metrics: counters, gauges and histograms, written as Prometheus text.
 *
 * A family has a name, a help text and label names; a metric is one set of label values.  Metrics are looked up (which
 * makes text of the values and takes the family's lock) and then kept by their users, who change them without a lock
 * from any thread: what is busy looks nothing up.
 *
 *	struct metric_family *requests = metrics_counter(metrics, "apiserver_request_total", "...", "verb", "code",
 *							 NULL);
 *	struct metric *gets = metric_get(requests, "GET", "200");
 *	metric_add(gets, 1);
 *
 * Families and metrics live as long as the registry.  A family has at most LIMIT_METRICS_PER_FAMILY metrics; beyond
 * that all new sets of values share one, whose labels all say "other".
 */
#ifndef WHERRY_COMPONENT_METRICS_H
#define WHERRY_COMPONENT_METRICS_H

#include "base/buf.h"

#define METRICS_LABELS_MAX 10

struct metric;
struct metric_family;
struct metrics;

struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *metrics);

/* Label names follow the help, ended by NULL; all texts live on. The same name gives the same family. */
struct metric_family *metrics_counter(struct metrics *metrics, const char *name, const char *help, ...)
	__attribute__((sentinel));
struct metric_family *metrics_gauge(struct metrics *metrics, const char *name, const char *help, ...)
	__attribute__((sentinel));
/* @bounds: upper bounds in ascending order, in the metric's unit; they live on. */
struct metric_family *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
					const double *bounds, size_t bounds_len, ...) __attribute__((sentinel));
/* Asked for its value when the metrics are written, on any thread; no labels. */
void metrics_counter_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			      void *data);
void metrics_gauge_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			    void *data);
/*
 * Called before the metrics are written, to set those that are read off something else.  On any thread, also on several
 * at once.  At the start, before anything is written.
 */
void metrics_refresh(struct metrics *metrics, void (*run)(void *data), void *data);

/* The metric with these label values, as many as the family has names; they are copied. */
struct metric *metric_find(struct metric_family *family, const struct str *values);
/* The same with C strings. */
struct metric *metric_get(struct metric_family *family, ...);
/* A counter or a gauge. */
void metric_add(struct metric *metric, int64_t n);
/* The value; a metric that is set is not also added to by others. */
void metric_set(struct metric *metric, int64_t n);
/* For a value with a fraction; not to be mixed with the two above. */
void metric_set_real(struct metric *metric, double value);
/* A histogram. */
void metric_observe(struct metric *metric, double value);

/* All of it, families by name, metrics by their labels. */
void metrics_write(struct metrics *metrics, struct buf *out);

#endif
