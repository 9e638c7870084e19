/*
 * Sets of label values of what is counted for each request, found without a lock.
 *
 * A key says in a few words and pointers what is counted; its series has the metrics, resolved when the key was first
 * met.  There are at most LIMIT_METRICS_PER_FAMILY series of one kind; keys beyond that share one whose labels say
 * "other".  Any thread.  Series live as long as the table; resources that keys point to live longer.
 *
 *	const struct series *series = series_find(table, &(struct series_key){
 *		.kind = SERIES_STORE, .resource = resource, .code = STORE_CREATE});
 *	metric_observe(series->metrics[STORE_SECONDS], seconds);
 */
#ifndef WHERRY_APISERVER_SERIES_H
#define WHERRY_APISERVER_SERIES_H

#include "base/str.h"

struct metric;
struct metrics;
struct resource;
struct series_table;
struct subresource;

/* As upstream reports them. */
#define REQUEST_VERBS(X)                                                                                               \
	X(GET)                                                                                                         \
	X(LIST) X(WATCH) X(POST) X(PUT) X(PATCH) X(APPLY) X(DELETE) X(CONNECT) X(other)

enum request_verb {
#define X(name) REQUEST_VERB_##name,
	REQUEST_VERBS(X)
#undef X
		REQUEST_VERB_MAX
};

enum request_scope { REQUEST_SCOPE_NONE, REQUEST_SCOPE_CLUSTER, REQUEST_SCOPE_NAMESPACE, REQUEST_SCOPE_RESOURCE };
enum request_dry_run { REQUEST_DRY_RUN_NO, REQUEST_DRY_RUN_ALL, REQUEST_DRY_RUN_INVALID };

enum series_kind {
	SERIES_REQUEST,	     /* all of a key but `operation` and `yes` */
	SERIES_LONG_RUNNING, /* the same without code and dry_run */
	SERIES_WATCH,	     /* resource */
	SERIES_STORE,	     /* resource; operation: "create" */
	SERIES_ADMISSION,    /* word: the plug-in, NULL: all of a step; operation: "CREATE"; step; yes: rejected */
	SERIES_DECISION,     /* word: the authorizer's kind; yes: allowed */
	SERIES_KIND_MAX
};

struct series_key {
	const struct resource *resource; /* NULL: none, or none we know */
	const struct subresource *subresource;
	const char *word; /* of a request the path that is no resource; texts are compared by address */
	const char *operation, *step;
	enum series_kind kind;
	enum request_verb verb;
	enum request_scope scope;
	enum request_dry_run dry_run;
	int code;
	bool yes;
};

/* What series->metrics has, by kind.  What a set of labels does not count is NULL. */
enum { REQUEST_TOTAL, REQUEST_SECONDS, REQUEST_BYTES };
enum { LONG_RUNNING_OPEN };
enum { WATCH_EVENTS, WATCH_BYTES, WATCH_INITIAL };
enum { STORE_SECONDS, STORE_TOTAL, STORE_ERRORS };
enum { ADMISSION_SECONDS };
enum { DECISION_TOTAL };
#define SERIES_METRICS_MAX 3

struct series {
	struct series_key key;
	uint64_t hash;
	struct metric *metrics[SERIES_METRICS_MAX];
};

struct series_table *series_table_new(struct metrics *metrics);
/* NULL is fine; returns NULL. */
struct series_table *series_table_free(struct series_table *table);
const struct series *series_find(struct series_table *table, const struct series_key *key)
	__attribute__((returns_nonnull));

#endif
