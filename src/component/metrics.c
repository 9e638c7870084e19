/* Metrics; see metrics.h. */
#include "component/metrics.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/map.h"
#include "sys/thread.h"

#define LABELS_MAX 6

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_FUNCTION };

struct metric {
	struct metric_family *family;
	char *labels; /* `verb="GET",code="200"`, its key */
	atomic_llong value;
	atomic_ullong count;
	_Atomic(double) sum;
	atomic_ullong *buckets; /* one for each bound; not cumulative */
};

struct metric_family {
	struct metrics *metrics;
	const char *name, *help;
	enum metric_kind kind;
	const char *labels[LABELS_MAX];
	size_t labels_len;
	const double *bounds;
	size_t bounds_len;
	double (*function)(void *data);
	void *data;
	struct map by_labels;
};

struct metrics {
	struct mutex lock; /* guards the maps, not the values */
	struct map families;
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = XNEW(struct metrics);

	mutex_init(&metrics->lock);
	return metrics;
}

static void free_family(struct metric_family *family)
{
	MAP_FOREACH (entry, &family->by_labels) {
		struct metric *metric = entry->value;

		free(metric->labels);
		free(metric->buckets);
		free(metric);
	}
	map_release(&family->by_labels);
	free(family);
}

struct metrics *metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return NULL;
	MAP_FOREACH (entry, &metrics->families)
		free_family(entry->value);
	map_release(&metrics->families);
	mutex_release(&metrics->lock);
	free(metrics);
	return NULL;
}

static struct metric_family *find_or_add(struct metrics *metrics, const char *name, const char *help,
					 enum metric_kind kind, va_list labels)
{
	struct metric_family *family;
	const char *label;

	MUTEX_GUARD(&metrics->lock);
	family = map_get(&metrics->families, str_from(name));
	if (family)
		return family;
	family = XNEW(struct metric_family);
	family->metrics = metrics;
	family->name = name;
	family->help = help;
	family->kind = kind;
	while ((label = va_arg(labels, const char *))) {
		assert(family->labels_len < LABELS_MAX);
		family->labels[family->labels_len++] = label;
	}
	map_set(&metrics->families, str_from(name), family);
	return family;
}

struct metric_family *metrics_counter(struct metrics *metrics, const char *name, const char *help, ...)
{
	struct metric_family *family;
	va_list labels;

	va_start(labels, help);
	family = find_or_add(metrics, name, help, METRIC_COUNTER, labels);
	va_end(labels);
	return family;
}

struct metric_family *metrics_gauge(struct metrics *metrics, const char *name, const char *help, ...)
{
	struct metric_family *family;
	va_list labels;

	va_start(labels, help);
	family = find_or_add(metrics, name, help, METRIC_GAUGE, labels);
	va_end(labels);
	return family;
}

struct metric_family *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
					const double *bounds, size_t bounds_len, ...)
{
	struct metric_family *family;
	va_list labels;

	va_start(labels, bounds_len);
	family = find_or_add(metrics, name, help, METRIC_HISTOGRAM, labels);
	va_end(labels);
	family->bounds = bounds;
	family->bounds_len = bounds_len;
	return family;
}

static struct metric_family *add_function(struct metrics *metrics, const char *name, const char *help, ...)
{
	struct metric_family *family;
	va_list labels;

	va_start(labels, help);
	family = find_or_add(metrics, name, help, METRIC_FUNCTION, labels);
	va_end(labels);
	return family;
}

void metrics_gauge_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			    void *data)
{
	struct metric_family *family = add_function(metrics, name, help, NULL);

	family->function = value;
	family->data = data;
}

static void append_label(struct buf *out, const char *name, const char *value)
{
	if (out->len)
		buf_char(out, ',');
	buf_c(out, name);
	buf_c(out, "=\"");
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_char(out, '\\');
		if (*p == '\n')
			buf_c(out, "\\n");
		else
			buf_char(out, *p);
	}
	buf_char(out, '"');
}

struct metric *metric_get(struct metric_family *family, ...)
{
	struct buf cleanup_buf labels;
	struct metric *metric;
	va_list values;

	buf_init(&labels, 64 * KIB);
	va_start(values, family);
	for (size_t i = 0; i < family->labels_len; i++)
		append_label(&labels, family->labels[i], va_arg(values, const char *));
	va_end(values);
	MUTEX_GUARD(&family->metrics->lock);
	if (family->by_labels.len >= LIMIT_METRICS_PER_FAMILY && !map_get(&family->by_labels, buf_view(&labels))) {
		buf_clear(&labels);
		for (size_t i = 0; i < family->labels_len; i++)
			append_label(&labels, family->labels[i], "other");
	}
	metric = map_get(&family->by_labels, buf_view(&labels));
	if (metric)
		return metric;
	metric = XNEW(struct metric);
	metric->family = family;
	metric->labels = xstrdup(labels.data);
	if (family->bounds_len)
		metric->buckets = xcalloc(family->bounds_len, sizeof(*metric->buckets));
	map_set(&family->by_labels, str_from(metric->labels), metric);
	return metric;
}

void metric_add(struct metric *metric, int64_t n)
{
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t n)
{
	atomic_store_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_observe(struct metric *metric, double value)
{
	double sum = atomic_load_explicit(&metric->sum, memory_order_relaxed);

	for (size_t i = 0; i < metric->family->bounds_len; i++)
		if (value <= metric->family->bounds[i]) {
			atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
			break;
		}
	atomic_fetch_add_explicit(&metric->count, 1, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&metric->sum, &sum, sum + value, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static void write_histogram(const struct metric *metric, struct buf *out)
{
	const struct metric_family *family = metric->family;
	const char *comma = *metric->labels ? "," : "";
	unsigned long long total = 0, count = atomic_load(&metric->count);

	for (size_t i = 0; i < family->bounds_len; i++) {
		total += atomic_load(&metric->buckets[i]);
		buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", family->name, metric->labels, comma,
			   family->bounds[i], total);
	}
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", family->name, metric->labels, comma, count);
	if (*metric->labels)
		buf_printf(out, "%s_sum{%s} %g\n%s_count{%s} %llu\n", family->name, metric->labels,
			   atomic_load(&metric->sum), family->name, metric->labels, count);
	else
		buf_printf(out, "%s_sum %g\n%s_count %llu\n", family->name, atomic_load(&metric->sum), family->name,
			   count);
}

static void write_family(const struct metric_family *family, struct buf *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram", "gauge"};

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, types[family->kind]);
	if (family->kind == METRIC_FUNCTION) {
		buf_printf(out, "%s %g\n", family->name, family->function(family->data));
		return;
	}
	MAP_FOREACH (entry, &family->by_labels) {
		const struct metric *metric = entry->value;

		if (family->kind == METRIC_HISTOGRAM)
			write_histogram(metric, out);
		else if (*metric->labels)
			buf_printf(out, "%s{%s} %lld\n", family->name, metric->labels, atomic_load(&metric->value));
		else
			buf_printf(out, "%s %lld\n", family->name, atomic_load(&metric->value));
	}
}

static int compare_families(const void *a, const void *b)
{
	const struct metric_family *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

void metrics_write(struct metrics *metrics, struct buf *out)
{
	struct metric_family **sorted;
	size_t len = 0;

	MUTEX_GUARD(&metrics->lock);
	sorted = xcalloc(metrics->families.len + 1, sizeof(struct metric_family *));
	MAP_FOREACH (entry, &metrics->families)
		sorted[len++] = entry->value;
	qsort(sorted, len, sizeof(struct metric_family *), compare_families);
	for (size_t i = 0; i < len; i++)
		write_family(sorted[i], out);
	free(sorted);
}
