/*
 * Sets of label values; see series.h.
 *
 * The table is open-addressed and never moves: a slot goes from NULL to a series once, under the lock, and is published
 * with release order after the series is complete.  A reader that sees a pointer therefore sees all behind it, and one
 * that sees NULL takes the lock and looks again.
 */
#include "apiserver/series.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/limits.h"
#include "component/metrics.h"
#include "sys/thread.h"
#include "types/resource.h"

#define SLOTS	   32768 /* a power of two */
#define SERIES_MAX (SERIES_KIND_MAX * LIMIT_METRICS_PER_FAMILY)

static_assert(SLOTS > 2 * SERIES_MAX, "a probe ends soon");

struct series_table {
	struct metric_family *families[SERIES_KIND_MAX][SERIES_METRICS_MAX];
	struct metric_family *admission_step;
	struct mutex lock; /* guards filling a slot, and the two below */
	size_t lens[SERIES_KIND_MAX];
	struct series *others[SERIES_KIND_MAX];
	struct series *_Atomic slots[SLOTS];
};

static const char *const verb_names[] = {
#define X(name) #name,
	REQUEST_VERBS(X)
#undef X
};

/* --- Families ---------------------------------------------------------------------------------------------------- */

static const double request_bounds[] = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1,	 1.25, 1.5, 2,
					3,     4,     5,    6,	 8,   10,  15,	20,  30, 45,   60};
static const double size_bounds[] = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
static const double event_size_bounds[] = {1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};
static const double admission_bounds[] = {0.005, 0.025, 0.1, 0.5, 1, 2.5};

#define BOUNDS(array) array, ARRAY_LEN(array)

/* Labels in the order of the alphabet, as upstream's text has them. */
static void add_families(struct series_table *table, struct metrics *metrics)
{
	struct metric_family *(*of)[SERIES_METRICS_MAX] = table->families;

	of[SERIES_REQUEST][REQUEST_TOTAL] = metrics_counter(
		metrics, "apiserver_request_total", "Requests answered, those refused at the door too", "code",
		"component", "dry_run", "group", "resource", "scope", "subresource", "verb", "version", NULL);
	of[SERIES_REQUEST][REQUEST_SECONDS] = metrics_histogram(
		metrics, "apiserver_request_duration_seconds",
		"From the arrival of a request to its answer; of a stream, to its end", BOUNDS(request_bounds),
		"component", "dry_run", "group", "resource", "scope", "subresource", "verb", "version", NULL);
	of[SERIES_REQUEST][REQUEST_BYTES] = metrics_histogram(
		metrics, "apiserver_response_sizes", "Bytes of the bodies that answer reads, before compression",
		BOUNDS(size_bounds), "component", "group", "resource", "scope", "subresource", "verb", "version", NULL);
	of[SERIES_LONG_RUNNING][LONG_RUNNING_OPEN] =
		metrics_gauge(metrics, "apiserver_longrunning_requests",
			      "Watches and streams that are open (exec, attach, logs, proxies)", "component", "group",
			      "resource", "scope", "subresource", "verb", "version", NULL);
	of[SERIES_WATCH][WATCH_EVENTS] =
		metrics_counter(metrics, "apiserver_watch_events_total", "Events sent to watches", "group", "resource",
				"version", NULL);
	of[SERIES_WATCH][WATCH_BYTES] = metrics_histogram(
		metrics, "apiserver_watch_events_sizes", "Bytes of the events sent to watches over HTTP",
		BOUNDS(event_size_bounds), "group", "resource", "version", NULL);
	of[SERIES_WATCH][WATCH_INITIAL] = metrics_counter(metrics, "apiserver_init_events_total",
							  "Objects that watches began with, read from the store's head",
							  "group", "resource", NULL);
	of[SERIES_STORE][STORE_SECONDS] = metrics_histogram(
		metrics, "etcd_request_duration_seconds", "From handing a write to the store to its result",
		BOUNDS(request_bounds), "group", "operation", "resource", NULL);
	of[SERIES_STORE][STORE_TOTAL] = metrics_counter(metrics, "etcd_requests_total", "Writes handed to the store",
							"group", "operation", "resource", NULL);
	of[SERIES_STORE][STORE_ERRORS] = metrics_counter(metrics, "etcd_request_errors_total",
							 "Writes that the store did not take, conflicts among them",
							 "group", "operation", "resource", NULL);
	of[SERIES_ADMISSION][ADMISSION_SECONDS] = metrics_histogram(
		metrics, "apiserver_admission_controller_admission_duration_seconds", "Time one admission plug-in took",
		BOUNDS(admission_bounds), "name", "operation", "rejected", "type", NULL);
	table->admission_step = metrics_histogram(metrics, "apiserver_admission_step_admission_duration_seconds",
						  "Time all plug-ins of a step took together", BOUNDS(admission_bounds),
						  "operation", "rejected", "type", NULL);
	of[SERIES_DECISION][DECISION_TOTAL] = metrics_counter(metrics, "apiserver_authorization_decisions_total",
							      "Questions an authorizer has answered with yes or no",
							      "decision", "name", "type", NULL);
}

/* --- Labels ------------------------------------------------------------------------------------------------------ */

/* The texts of a key's labels. */
struct texts {
	struct str component, group, version, resource, subresource, verb, scope, dry_run, code;
	char digits[16];
};

static void describe(const struct series_key *key, struct texts *ret)
{
	static const struct str scopes[] = {STR_INIT(""), STR_INIT("cluster"), STR_INIT("namespace"),
					    STR_INIT("resource")};
	static const struct str dry_runs[] = {STR_INIT(""), STR_INIT("All"), STR_INIT("invalid")};

	*ret = (struct texts){
		.component = STR("apiserver"),
		.verb = str_from(verb_names[key->verb]),
		.scope = scopes[key->scope],
		.dry_run = dry_runs[key->dry_run],
	};
	if (key->resource) {
		ret->group = key->resource->group;
		ret->version = key->resource->version;
		ret->resource = key->resource->plural;
	}
	if (key->subresource)
		ret->subresource = key->subresource->name;
	else if (key->word)
		ret->subresource = str_from(key->word);
	(void)snprintf(ret->digits, sizeof(ret->digits), "%d", key->code);
	ret->code = str_from(ret->digits);
}

/* A set of values for a family, in the order of add_families(). */
#define VALUES(...) ((const struct str[METRICS_LABELS_MAX]){__VA_ARGS__})

static void find_request(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct metric_family **of = table->families[SERIES_REQUEST];
	struct texts t;

	describe(key, &t);
	ret[REQUEST_TOTAL] = metric_find(of[REQUEST_TOTAL], VALUES(t.code, t.component, t.dry_run, t.group, t.resource,
								   t.scope, t.subresource, t.verb, t.version));
	ret[REQUEST_SECONDS] = metric_find(of[REQUEST_SECONDS], VALUES(t.component, t.dry_run, t.group, t.resource,
								       t.scope, t.subresource, t.verb, t.version));
	if (key->verb == REQUEST_VERB_GET || key->verb == REQUEST_VERB_LIST)
		ret[REQUEST_BYTES] = metric_find(of[REQUEST_BYTES], VALUES(t.component, t.group, t.resource, t.scope,
									   t.subresource, t.verb, t.version));
}

static void find_long_running(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct texts t;

	describe(key, &t);
	ret[LONG_RUNNING_OPEN] =
		metric_find(table->families[SERIES_LONG_RUNNING][LONG_RUNNING_OPEN],
			    VALUES(t.component, t.group, t.resource, t.scope, t.subresource, t.verb, t.version));
}

static void find_watch(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct metric_family **of = table->families[SERIES_WATCH];
	struct texts t;

	describe(key, &t);
	ret[WATCH_EVENTS] = metric_find(of[WATCH_EVENTS], VALUES(t.group, t.resource, t.version));
	ret[WATCH_BYTES] = metric_find(of[WATCH_BYTES], VALUES(t.group, t.resource, t.version));
	ret[WATCH_INITIAL] = metric_find(of[WATCH_INITIAL], VALUES(t.group, t.resource));
}

static void find_store(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct texts t;

	describe(key, &t);
	for (int i = STORE_SECONDS; i <= STORE_ERRORS; i++)
		ret[i] = metric_find(table->families[SERIES_STORE][i],
				     VALUES(t.group, str_from(key->operation), t.resource));
}

static void find_admission(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct str operation = str_from(key->operation), rejected = str_from(key->yes ? "true" : "false"),
		   step = str_from(key->step);

	if (key->word)
		ret[ADMISSION_SECONDS] = metric_find(table->families[SERIES_ADMISSION][ADMISSION_SECONDS],
						     VALUES(str_from(key->word), operation, rejected, step));
	else
		ret[ADMISSION_SECONDS] = metric_find(table->admission_step, VALUES(operation, rejected, step));
}

static void find_decision(struct series_table *table, const struct series_key *key, struct metric **ret)
{
	struct str type = str_from(key->word);
	char name[32];
	size_t len = 0;

	for (; len < sizeof(name) && len < type.len; len++)
		name[len] =
			(char)(type.data[len] >= 'A' && type.data[len] <= 'Z' ? type.data[len] | 0x20 : type.data[len]);
	ret[DECISION_TOTAL] =
		metric_find(table->families[SERIES_DECISION][DECISION_TOTAL],
			    VALUES(str_from(key->yes ? "allowed" : "denied"), (struct str){name, len}, type));
}

static void (*const finders[SERIES_KIND_MAX])(struct series_table *table, const struct series_key *key,
					      struct metric **ret) = {
	[SERIES_REQUEST] = find_request, [SERIES_LONG_RUNNING] = find_long_running, [SERIES_WATCH] = find_watch,
	[SERIES_STORE] = find_store,	 [SERIES_ADMISSION] = find_admission,	    [SERIES_DECISION] = find_decision,
};

/* --- The table --------------------------------------------------------------------------------------------------- */

struct series_table *series_table_new(struct metrics *metrics)
{
	struct series_table *table = XNEW(struct series_table);

	mutex_init(&table->lock);
	add_families(table, metrics);
	return table;
}

struct series_table *series_table_free(struct series_table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < SLOTS; i++)
		free(atomic_load(&table->slots[i]));
	for (int i = 0; i < SERIES_KIND_MAX; i++)
		free(table->others[i]);
	mutex_release(&table->lock);
	free(table);
	return NULL;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t hash_key(const struct series_key *key)
{
	uint64_t hash = mix((uintptr_t)key->resource, (uintptr_t)key->subresource);

	hash = mix(mix(mix(hash, (uintptr_t)key->word), (uintptr_t)key->operation), (uintptr_t)key->step);
	return mix(hash, (uint64_t)key->kind << 48 | (uint64_t)key->verb << 40 | (uint64_t)key->scope << 36 |
				 (uint64_t)key->dry_run << 33 | (uint64_t)key->yes << 32 | (uint32_t)key->code);
}

static bool same_key(const struct series_key *a, const struct series_key *b)
{
	return a->resource == b->resource && a->subresource == b->subresource && a->word == b->word &&
	       a->operation == b->operation && a->step == b->step && a->kind == b->kind && a->verb == b->verb &&
	       a->scope == b->scope && a->dry_run == b->dry_run && a->code == b->code && a->yes == b->yes;
}

/* The key's series, or NULL and the free slot it may have. */
static struct series *probe(struct series_table *table, const struct series_key *key, uint64_t hash, size_t *ret_slot)
{
	for (size_t slot = hash & (SLOTS - 1);; slot = (slot + 1) & (SLOTS - 1)) {
		struct series *series = atomic_load_explicit(&table->slots[slot], memory_order_acquire);

		if (series && (series->hash != hash || !same_key(&series->key, key)))
			continue;
		*ret_slot = slot;
		return series;
	}
}

/* What counts for keys beyond the ceiling: the kind's families say "other" for all their labels. */
static struct series *other(struct series_table *table, enum series_kind kind)
{
	static const struct str values[METRICS_LABELS_MAX] = {
		STR_INIT("other"), STR_INIT("other"), STR_INIT("other"), STR_INIT("other"), STR_INIT("other"),
		STR_INIT("other"), STR_INIT("other"), STR_INIT("other"), STR_INIT("other"), STR_INIT("other")};

	if (!table->others[kind]) {
		table->others[kind] = XNEW(struct series);
		for (int i = 0; i < SERIES_METRICS_MAX; i++)
			if (table->families[kind][i])
				table->others[kind]->metrics[i] = metric_find(table->families[kind][i], values);
	}
	return table->others[kind];
}

static struct series *add(struct series_table *table, const struct series_key *key, uint64_t hash)
{
	struct series *series;
	size_t slot;

	MUTEX_GUARD(&table->lock);
	series = probe(table, key, hash, &slot);
	if (series)
		return series;
	if (table->lens[key->kind] >= LIMIT_METRICS_PER_FAMILY)
		return other(table, key->kind);
	table->lens[key->kind]++;
	series = XNEW(struct series);
	series->key = *key;
	series->hash = hash;
	finders[key->kind](table, key, series->metrics);
	atomic_store_explicit(&table->slots[slot], series, memory_order_release);
	return series;
}

const struct series *series_find(struct series_table *table, const struct series_key *key)
{
	uint64_t hash = hash_key(key);
	size_t slot;
	struct series *series = probe(table, key, hash, &slot);

	return series ? series : add(table, key, hash);
}
