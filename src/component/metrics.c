/*
 * Metrics; see metrics.h.
 *
 * A counter's or histogram's numbers lie in cells, one for each of a few processors, each with cache lines of its own:
 * two threads that count the same thing do not take its line from one another.  Additions are atomic all the same, as
 * a thread may be moved meanwhile; a metric is the sum of its cells.
 */
#include "component/metrics.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "sys/thread.h"

#define LABEL_TEXT_MAX (64 * KIB)
#define CELLS_MAX      8 /* a power of two */
#define CACHE_LINE     ((size_t)64)

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	const struct metric_family *family;
	char *labels;	  /* `verb="GET",code="200"`, its key */
	void *memory;	  /* of the cells */
	char *cells;	  /* the first that begins a cache line */
	size_t cell_size; /* whole cache lines */
	unsigned cells_len;
};

struct cell {
	_Atomic(double) real; /* of a histogram the sum of what was observed */
	/* A counter has one; a histogram one for each bound and one for what is above them all, not cumulative. */
	atomic_llong numbers[];
};

struct metric_family {
	struct mutex lock;  /* guards by_labels, not the values */
	unsigned cells_len; /* of each metric */
	const char *name, *help;
	enum metric_kind kind;
	const char *labels[METRICS_LABELS_MAX];
	size_t labels_len;
	const double *bounds;
	size_t bounds_len;
	double (*function)(void *data); /* NULL: the metrics have values of their own */
	void *data;
	struct map by_labels;
};

struct refresh {
	struct list link;
	void (*run)(void *data);
	void *data;
};

struct metrics {
	unsigned cells_len;
	struct mutex lock; /* guards the map of families and the list, which only grow */
	struct map families;
	struct list refreshes;
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = XNEW(struct metrics);
	long processors = sysconf(_SC_NPROCESSORS_CONF);

	for (metrics->cells_len = 1; metrics->cells_len < CELLS_MAX && (long)metrics->cells_len < processors;)
		metrics->cells_len *= 2;
	mutex_init(&metrics->lock);
	list_init(&metrics->refreshes);
	return metrics;
}

static void free_family(struct metric_family *family)
{
	MAP_FOREACH (entry, &family->by_labels) {
		struct metric *metric = entry->value;

		free(metric->labels);
		free(metric->memory);
		free(metric);
	}
	map_release(&family->by_labels);
	mutex_release(&family->lock);
	free(family);
}

struct metrics *metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return NULL;
	MAP_FOREACH (entry, &metrics->families)
		free_family(entry->value);
	map_release(&metrics->families);
	LIST_FOREACH_SAFE (struct refresh, refresh, &metrics->refreshes, link)
		free(refresh);
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
	if (family) {
		assert(family->kind == kind);
		return family;
	}
	family = XNEW(struct metric_family);
	mutex_init(&family->lock);
	family->name = name;
	family->help = help;
	family->kind = kind;
	/* What is set, and not added to, has one place. */
	family->cells_len = kind == METRIC_GAUGE ? 1 : metrics->cells_len;
	while ((label = va_arg(labels, const char *))) {
		assert(family->labels_len < METRICS_LABELS_MAX);
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

void metrics_counter_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			      void *data)
{
	struct metric_family *family = metrics_counter(metrics, name, help, NULL);

	family->function = value;
	family->data = data;
}

void metrics_gauge_function(struct metrics *metrics, const char *name, const char *help, double (*value)(void *data),
			    void *data)
{
	struct metric_family *family = metrics_gauge(metrics, name, help, NULL);

	family->function = value;
	family->data = data;
}

void metrics_refresh(struct metrics *metrics, void (*run)(void *data), void *data)
{
	struct refresh *refresh = XNEW(struct refresh);

	refresh->run = run;
	refresh->data = data;
	MUTEX_GUARD(&metrics->lock);
	list_append(&metrics->refreshes, &refresh->link);
}

static void append_label(struct buf *out, const char *name, struct str value)
{
	if (out->len)
		buf_char(out, ',');
	buf_c(out, name);
	buf_c(out, "=\"");
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '"' || c == '\\')
			buf_char(out, '\\');
		if (c == '\n')
			buf_c(out, "\\n");
		else
			buf_char(out, c);
	}
	buf_char(out, '"');
}

/* A histogram's buckets, or the one number of all else. */
static size_t numbers_of(const struct metric_family *family)
{
	return family->kind == METRIC_HISTOGRAM ? family->bounds_len + 1 : 1;
}

static struct cell *cell_at(const struct metric *metric, unsigned index)
{
	return (struct cell *)(void *)(metric->cells + index * metric->cell_size);
}

/* The one of this processor. */
static struct cell *cell_here(const struct metric *metric)
{
	return cell_at(metric, (unsigned)sched_getcpu() & (metric->cells_len - 1));
}

static struct metric *metric_new(const struct metric_family *family, struct str labels)
{
	struct metric *metric = XNEW(struct metric);

	size_t size = sizeof(struct cell) + numbers_of(family) * sizeof(atomic_llong);

	metric->family = family;
	metric->labels = xmemdup(labels.data, labels.len);
	metric->cell_size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	metric->cells_len = family->cells_len;
	metric->memory = xcalloc(1, metric->cell_size * metric->cells_len + CACHE_LINE);
	metric->cells = (char *)metric->memory + (CACHE_LINE - (uintptr_t)metric->memory % CACHE_LINE);
	return metric;
}

struct metric *metric_find(struct metric_family *family, const struct str *values)
{
	struct buf cleanup_buf labels;
	struct metric *metric;

	buf_init(&labels, LABEL_TEXT_MAX);
	for (size_t i = 0; i < family->labels_len; i++)
		append_label(&labels, family->labels[i], values[i]);
	MUTEX_GUARD(&family->lock);
	metric = map_get(&family->by_labels, buf_view(&labels));
	if (metric)
		return metric;
	if (labels.overflow || family->by_labels.len >= LIMIT_METRICS_PER_FAMILY) {
		buf_clear(&labels);
		for (size_t i = 0; i < family->labels_len; i++)
			append_label(&labels, family->labels[i], STR("other"));
		metric = map_get(&family->by_labels, buf_view(&labels));
		if (metric)
			return metric;
	}
	metric = metric_new(family, buf_view(&labels));
	map_set(&family->by_labels, (struct str){metric->labels, labels.len}, metric);
	return metric;
}

struct metric *metric_get(struct metric_family *family, ...)
{
	struct str values[METRICS_LABELS_MAX];
	va_list list;

	va_start(list, family);
	for (size_t i = 0; i < family->labels_len; i++)
		values[i] = str_from(va_arg(list, const char *));
	va_end(list);
	return metric_find(family, values);
}

void metric_add(struct metric *metric, int64_t n)
{
	atomic_fetch_add_explicit(&cell_here(metric)->numbers[0], n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t n)
{
	atomic_store_explicit(&cell_at(metric, 0)->numbers[0], n, memory_order_relaxed);
}

void metric_set_real(struct metric *metric, double value)
{
	atomic_store_explicit(&cell_at(metric, 0)->real, value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, double value)
{
	const struct metric_family *family = metric->family;
	struct cell *cell = cell_here(metric);
	double sum = atomic_load_explicit(&cell->real, memory_order_relaxed);
	size_t bucket = 0;

	while (bucket < family->bounds_len && value > family->bounds[bucket])
		bucket++;
	atomic_fetch_add_explicit(&cell->numbers[bucket], 1, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&cell->real, &sum, sum + value, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static long long number_of(const struct metric *metric, size_t index)
{
	long long total = 0;

	for (unsigned i = 0; i < metric->cells_len; i++)
		total += atomic_load_explicit(&cell_at(metric, i)->numbers[index], memory_order_relaxed);
	return total;
}

static double real_of(const struct metric *metric)
{
	double total = 0;

	for (unsigned i = 0; i < metric->cells_len; i++)
		total += atomic_load_explicit(&cell_at(metric, i)->real, memory_order_relaxed);
	return total;
}

/* --- The text ---------------------------------------------------------------------------------------------------- */

/* As few digits as give the same number back. */
static void write_number(struct buf *out, double number)
{
	char text[32];

	if (isnan(number)) {
		buf_c(out, "NaN");
		return;
	}
	if (isinf(number)) {
		buf_c(out, number > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	buf_c(out, text);
}

static void write_labels(const struct metric *metric, struct buf *out)
{
	if (*metric->labels)
		buf_printf(out, "{%s}", metric->labels);
	buf_char(out, ' ');
}

/* The count is the sum of the buckets, so the two agree whatever is observed meanwhile. */
static void write_histogram(const struct metric *metric, struct buf *out)
{
	const struct metric_family *family = metric->family;
	const char *comma = *metric->labels ? "," : "";
	long long total = 0;

	for (size_t i = 0; i <= family->bounds_len; i++) {
		total += number_of(metric, i);
		buf_printf(out, "%s_bucket{%s%sle=\"", family->name, metric->labels, comma);
		write_number(out, i < family->bounds_len ? family->bounds[i] : INFINITY);
		buf_printf(out, "\"} %lld\n", total);
	}
	buf_printf(out, "%s_sum", family->name);
	write_labels(metric, out);
	write_number(out, real_of(metric));
	buf_printf(out, "\n%s_count", family->name);
	write_labels(metric, out);
	buf_printf(out, "%lld\n", total);
}

static void write_value(const struct metric *metric, struct buf *out)
{
	long long value = number_of(metric, 0);
	double real = real_of(metric);

	buf_c(out, metric->family->name);
	write_labels(metric, out);
	if (real == 0)
		buf_printf(out, "%lld", value);
	else
		write_number(out, (double)value + real);
	buf_char(out, '\n');
}

static int compare_metrics(const void *a, const void *b)
{
	const struct metric *const *left = a, *const *right = b;

	return strcmp((*left)->labels, (*right)->labels);
}

/* A family nobody has counted in yet is not written, as upstream. */
static void write_family(struct metric_family *family, struct buf *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	struct metric **sorted;
	size_t len = 0;

	mutex_lock(&family->lock);
	sorted = xcalloc(family->by_labels.len + 1, sizeof(struct metric *));
	MAP_FOREACH (entry, &family->by_labels)
		sorted[len++] = entry->value;
	mutex_unlock(&family->lock);
	qsort(sorted, len, sizeof(struct metric *), compare_metrics);
	if (len || family->function)
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
			   types[family->kind]);
	if (family->function) {
		buf_printf(out, "%s ", family->name);
		write_number(out, family->function(family->data));
		buf_char(out, '\n');
	}
	for (size_t i = 0; i < len; i++)
		if (family->kind == METRIC_HISTOGRAM)
			write_histogram(sorted[i], out);
		else
			write_value(sorted[i], out);
	free(sorted);
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

	LIST_FOREACH (struct refresh, refresh, &metrics->refreshes, link)
		refresh->run(refresh->data);
	mutex_lock(&metrics->lock);
	sorted = xcalloc(metrics->families.len + 1, sizeof(struct metric_family *));
	MAP_FOREACH (entry, &metrics->families)
		sorted[len++] = entry->value;
	mutex_unlock(&metrics->lock);
	qsort(sorted, len, sizeof(struct metric_family *), compare_families);
	for (size_t i = 0; i < len; i++)
		write_family(sorted[i], out);
	free(sorted);
}
