/*
 * Metrics: counters, gauges and histograms, written as Prometheus text.
 *
 * A family has a name, a help text and label names; a metric is one set of label values.  Metrics are looked up (under
 * the registry's lock) and then kept by their users, who change them without a lock from any thread.
 *
 *	struct metric_family *requests = metrics_counter(metrics, "apiserver_request_total", "...", "verb", "code",
 *NULL); metric_add(metric_get(requests, "GET", "200"), 1);
 *
 * Families and metrics live as long as the registry.  A family has at most LIMIT_METRICS_PER_FAMILY metrics; beyond
 * that all new sets of values share one.
 */
#ifndef WHERRY_COMPONENT_METRICS_H
#define WHERRY_COMPONENT_METRICS_H

#include "base/buf.h"

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
/* Asked for its value when the metrics are written; no labels. */
void metrics_gauge_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			    void *data);

/* The metric with these label values (C strings, as many as the family has names). */
struct metric *metric_get(struct metric_family *family, ...);
void metric_add(struct metric *metric, int64_t n);
void metric_set(struct metric *metric, int64_t n);
void metric_observe(struct metric *metric, double value);

/* All of it, families by name. */
void metrics_write(struct metrics *metrics, struct buf *out);

#endif
