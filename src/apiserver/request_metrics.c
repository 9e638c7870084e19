/*
 * What is counted of requests; see request_metrics.h.
 *
 * A request that is answered at once costs one look at the clock and less than ten additions: sets of labels are found
 * without a lock (series.h), the few fixed ones were looked up at the start.
 */
#include "apiserver/request_metrics.h"

#include <stdatomic.h>

#include "apiserver/admission.h"
#include "apiserver/paths.h"
#include "apiserver/request.h"
#include "apiserver/series.h"
#include "apiserver/server.h"
#include "base/clock.h"
#include "component/metrics.h"
#include "net/http_server.h"

#define RESULTS_MAX 3

/* Requests of one kind that are under way, and the most there were at once lately. */
struct request_inflight {
	atomic_uint now;
	_Atomic(uint64_t) peak; /* the second it was in, << 32, and how many */
	struct metric *metric;
};

enum { INFLIGHT_READ_ONLY, INFLIGHT_MUTATING, INFLIGHT_MAX };

/* Names that are told; all others are "other", or "email_id". */
static const char *const user_words[] = {
	"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default", "email_id", "other"};

struct request_metrics {
	struct series_table *series;
	struct request_inflight inflight[INFLIGHT_MAX];
	struct metric *authentications[RESULTS_MAX], *authorizations[RESULTS_MAX];
	struct metric *users[ARRAY_LEN(user_words)];
};

static double seconds_since(int64_t began)
{
	return (double)(clock_monotonic_ns() - began) / (double)NS_PER_SEC;
}

/* --- In flight --------------------------------------------------------------------------------------------------- */

static void enter(struct request_inflight *inflight, int64_t now)
{
	uint64_t count = atomic_fetch_add_explicit(&inflight->now, 1, memory_order_relaxed) + 1;
	uint64_t second = (uint64_t)(now / NS_PER_SEC) << 32;
	uint64_t peak = atomic_load_explicit(&inflight->peak, memory_order_relaxed);

	while (peak < (second | count) &&
	       !atomic_compare_exchange_weak_explicit(&inflight->peak, &peak, second | count, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static void leave(struct request_inflight *inflight)
{
	atomic_fetch_sub_explicit(&inflight->now, 1, memory_order_relaxed);
}

/* The most there were in the last second, as upstream reports it. */
static void refresh_inflight(void *data)
{
	struct request_metrics *metrics = data;
	uint64_t second = (uint64_t)(clock_monotonic_ns() / NS_PER_SEC);

	for (int i = 0; i < INFLIGHT_MAX; i++) {
		struct request_inflight *inflight = &metrics->inflight[i];
		uint64_t peak = atomic_load(&inflight->peak);
		unsigned now = atomic_load(&inflight->now);

		metric_set(inflight->metric, (peak >> 32) + 1 >= second ? MAX((uint32_t)peak, now) : now);
	}
}

/* --- Which series ------------------------------------------------------------------------------------------------ */

/* Subresources whose requests are connections to something else. */
static bool is_connect(struct str subresource)
{
	static const struct str words[] = {STR_INIT("log"), STR_INIT("exec"), STR_INIT("portforward"),
					   STR_INIT("attach"), STR_INIT("proxy")};

	for (size_t i = 0; subresource.len && i < ARRAY_LEN(words); i++)
		if (str_eq(subresource, words[i]))
			return true;
	return false;
}

static enum request_scope scope_of(const struct request_info *info)
{
	/* The path decides, not a field selector; what came in process has no path. */
	bool named = info->parts.len ? info->parts.len >= 2 : info->name.len > 0;

	if (!info->is_resource)
		return REQUEST_SCOPE_NONE;
	if (named || str_eq(info->verb, STR("create")))
		return REQUEST_SCOPE_RESOURCE;
	return info->name_space.len ? REQUEST_SCOPE_NAMESPACE : REQUEST_SCOPE_CLUSTER;
}

static enum request_verb verb_of(const struct request *request, enum request_scope scope)
{
	static const struct {
		struct str method;
		enum request_verb verb;
	} methods[] = {
		{STR_INIT("GET"), REQUEST_VERB_GET},	 {STR_INIT("HEAD"), REQUEST_VERB_GET},
		{STR_INIT("POST"), REQUEST_VERB_POST},	 {STR_INIT("PUT"), REQUEST_VERB_PUT},
		{STR_INIT("PATCH"), REQUEST_VERB_PATCH}, {STR_INIT("DELETE"), REQUEST_VERB_DELETE},
	};
	const struct request_info *info = &request->info;
	enum request_verb verb = REQUEST_VERB_other;

	if (info->is_resource && is_connect(info->subresource))
		return REQUEST_VERB_CONNECT;
	for (size_t i = 0; i < ARRAY_LEN(methods) && verb == REQUEST_VERB_other; i++)
		if (str_eq(request->method, methods[i].method))
			verb = methods[i].verb;
	if (verb == REQUEST_VERB_GET && (str_eq(info->verb, STR("watch")) || query_flag(&request->query, STR("watch"))))
		return REQUEST_VERB_WATCH;
	if (verb == REQUEST_VERB_GET && (scope == REQUEST_SCOPE_NAMESPACE || scope == REQUEST_SCOPE_CLUSTER))
		return REQUEST_VERB_LIST;
	if (verb == REQUEST_VERB_PATCH && str_eq(request->content_type, STR("application/apply-patch+yaml")))
		return REQUEST_VERB_APPLY;
	return verb;
}

static enum request_dry_run dry_run_of(const struct request *request)
{
	enum request_dry_run dry_run = REQUEST_DRY_RUN_NO;

	if (request->local)
		return request->options.dry_run ? REQUEST_DRY_RUN_ALL : REQUEST_DRY_RUN_NO;
	SLICE_FOREACH (param, request->query) {
		if (!str_eq(param->name, STR("dryRun")))
			continue;
		if (!str_eq(param->value, STR("All")))
			return REQUEST_DRY_RUN_INVALID;
		dry_run = REQUEST_DRY_RUN_ALL;
	}
	return dry_run;
}

static struct series_key key_of(const struct request *request, enum series_kind kind)
{
	const struct request_info *info = &request->info;
	struct series_key key = {.kind = kind, .resource = request->resource, .subresource = request->subresource};

	key.scope = scope_of(info);
	key.verb = verb_of(request, key.scope);
	if (!info->is_resource)
		key.word = path_served(info->path);
	/* It may have been turned away before it was routed. */
	if (info->is_resource && !key.resource)
		key.resource = resource_find(info->group, info->version, info->resource);
	if (key.resource && !key.subresource && info->subresource.len)
		key.subresource = resource_subresource(key.resource, info->subresource);
	return key;
}

static const struct series *series_of(const struct request *request, int code)
{
	struct series_key key = key_of(request, SERIES_REQUEST);

	key.dry_run = dry_run_of(request);
	key.code = code;
	return series_find(request->server->request_metrics->series, &key);
}

/* --- One request ------------------------------------------------------------------------------------------------- */

static bool is_long_running(const struct request_info *info)
{
	return str_eq(info->verb, STR("watch")) || (info->is_resource && is_connect(info->subresource));
}

static bool is_read(const struct request_info *info)
{
	return str_eq(info->verb, STR("get")) || str_eq(info->verb, STR("list"));
}

void request_metrics_waits(struct request *request)
{
	struct request_metrics *metrics = request->server->request_metrics;

	if (request->trusted || request->tally.inflight || is_long_running(&request->info))
		return;
	request->tally.inflight = &metrics->inflight[is_read(&request->info) ? INFLIGHT_READ_ONLY : INFLIGHT_MUTATING];
	enter(request->tally.inflight, clock_monotonic_ns());
}

static void stop_waiting(struct request_tally *tally)
{
	if (tally->inflight)
		leave(tally->inflight);
	tally->inflight = NULL;
}

static void count(const struct series *series, int64_t began)
{
	metric_add(series->metrics[REQUEST_TOTAL], 1);
	metric_observe(series->metrics[REQUEST_SECONDS], seconds_since(began));
}

static int code_of(const struct request *request)
{
	if (request->response.code)
		return request->response.code;
	/* In process a failure stays a Status, and a success may say nothing. */
	return request->status && request->status->code ? request->status->code : 200;
}

void request_metrics_answered(struct request *request)
{
	const struct series *series;

	stop_waiting(&request->tally);
	if (request->trusted)
		return;
	series = series_of(request, code_of(request));
	count(series, request->started);
	if (series->metrics[REQUEST_BYTES] && !request->local)
		metric_observe(series->metrics[REQUEST_BYTES], (double)request->response.body.len);
}

void request_metrics_gone(struct request *request)
{
	stop_waiting(&request->tally);
}

struct stream_tally request_metrics_open(const struct request *request, int code)
{
	struct series_key key = key_of(request, SERIES_LONG_RUNNING);
	const struct series *open = series_find(request->server->request_metrics->series, &key);
	struct stream_tally stream = {
		.series = series_of(request, code),
		.open = open->metrics[LONG_RUNNING_OPEN],
		.began = request->started,
	};

	metric_add(stream.open, 1);
	return stream;
}

void request_metrics_cancel(struct stream_tally *stream)
{
	if (stream->open)
		metric_add(stream->open, -1);
	*stream = (struct stream_tally){0};
}

void request_metrics_close(struct stream_tally *stream)
{
	if (stream->series)
		count(stream->series, stream->began);
	request_metrics_cancel(stream);
}

void request_metrics_refused(struct apiserver *server, struct http_request *http, int code)
{
	struct request request = {
		.server = server,
		.started = http->received ? http->received : clock_monotonic_ns(),
		.method = http->method,
	};

	/* A query that cannot be decoded says nothing. */
	(void)query_parse(http->query, &http->arena, &request.query);
	request_info_parse(http->method, http->path, &request.query, &http->arena, &request.info);
	count(series_of(&request, code), request.started);
}

/* --- Steps ------------------------------------------------------------------------------------------------------- */

/* Upstream's few words for all the names there may be. */
static size_t user_word(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(user_words) - 2; i++)
		if (str_eq_c(name, user_words[i]))
			return i;
	return str_index(name, '@') >= 0 ? ARRAY_LEN(user_words) - 2 : ARRAY_LEN(user_words) - 1;
}

void request_metrics_authenticated(const struct request *request, enum authentication_result result)
{
	struct request_metrics *metrics = request->server->request_metrics;

	metric_add(metrics->authentications[result], 1);
	if (result == AUTHENTICATION_SUCCESS)
		metric_add(metrics->users[user_word(request->user.name)], 1);
}

void request_metrics_authorized(const struct request *request, enum authorization_decision decision)
{
	metric_add(request->server->request_metrics->authorizations[decision], 1);
}

void request_metrics_decided(struct apiserver *server, const struct authorizer *authorizer,
			     enum authorization_decision decision)
{
	const struct series_key key = {
		.kind = SERIES_DECISION, .word = authorizer->type, .yes = decision == AUTHORIZATION_ALLOW};

	if (authorizer->type)
		metric_add(series_find(server->request_metrics->series, &key)->metrics[DECISION_TOTAL], 1);
}

/* As reviews of admission call it. */
static const char *operation_word(const struct request *request)
{
	switch ((unsigned)admission_operation(request)) {
	case OP_CREATE:
		return "CREATE";
	case OP_UPDATE:
	case OP_PATCH:
		return "UPDATE";
	case OP_DELETE:
	case OP_DELETE_COLLECTION:
		return "DELETE";
	default:
		return "CONNECT";
	}
}

int64_t request_metrics_admitted(const struct request *request, const char *plugin, const char *step, bool rejected,
				 int64_t began)
{
	const struct series_key key = {
		.kind = SERIES_ADMISSION,
		.word = plugin,
		.operation = operation_word(request),
		.step = step,
		.yes = rejected,
	};
	int64_t now = clock_monotonic_ns();

	metric_observe(series_find(request->server->request_metrics->series, &key)->metrics[ADMISSION_SECONDS],
		       (double)(now - began) / (double)NS_PER_SEC);
	return now;
}

void request_metrics_stored(const struct request *request)
{
	static const char *const operations[] = {
		[STORE_CREATE] = "create", [STORE_UPDATE] = "update", [STORE_DELETE] = "delete"};
	const struct series_key key = {
		.kind = SERIES_STORE, .resource = request->resource, .operation = operations[request->write.op]};
	const struct series *series = series_find(request->server->request_metrics->series, &key);

	metric_observe(series->metrics[STORE_SECONDS], seconds_since(request->tally.write_began));
	metric_add(series->metrics[STORE_TOTAL], 1);
	if (request->write.result < 0)
		metric_add(series->metrics[STORE_ERRORS], 1);
}

const struct series *request_metrics_watch(const struct request *request)
{
	const struct series_key key = {.kind = SERIES_WATCH, .resource = request->resource};

	return series_find(request->server->request_metrics->series, &key);
}

/* --- Life -------------------------------------------------------------------------------------------------------- */

static void add_questions(struct request_metrics *made, struct metrics *metrics)
{
	static const char *const authentications[] = {[AUTHENTICATION_SUCCESS] = "success",
						      [AUTHENTICATION_FAILURE] = "failure",
						      [AUTHENTICATION_ERROR] = "error"};
	static const char *const authorizations[] = {[AUTHORIZATION_NO_OPINION] = "no-opinion",
						     [AUTHORIZATION_ALLOW] = "allowed",
						     [AUTHORIZATION_DENY] = "denied"};
	struct metric_family *family =
		metrics_counter(metrics, "authenticated_user_requests", "Requests whose user is known, by kind of name",
				"username", NULL);

	for (size_t i = 0; i < ARRAY_LEN(user_words); i++)
		made->users[i] = metric_get(family, user_words[i]);
	family = metrics_counter(metrics, "authentication_attempts", "How asking who sends a request ended", "result",
				 NULL);
	for (size_t i = 0; i < ARRAY_LEN(authentications); i++)
		made->authentications[i] = metric_get(family, authentications[i]);
	family = metrics_counter(metrics, "authorization_attempts_total",
				 "How asking whether a request is allowed ended", "result", NULL);
	for (size_t i = 0; i < ARRAY_LEN(authorizations); i++)
		made->authorizations[i] = metric_get(family, authorizations[i]);
}

struct request_metrics *request_metrics_new(struct metrics *metrics)
{
	struct request_metrics *made = XNEW(struct request_metrics);
	struct metric_family *inflight =
		metrics_gauge(metrics, "apiserver_current_inflight_requests",
			      "The most requests under way at once in the last second", "request_kind", NULL);

	made->series = series_table_new(metrics);
	made->inflight[INFLIGHT_READ_ONLY].metric = metric_get(inflight, "readOnly");
	made->inflight[INFLIGHT_MUTATING].metric = metric_get(inflight, "mutating");
	add_questions(made, metrics);
	metrics_refresh(metrics, refresh_inflight, made);
	return made;
}

struct request_metrics *request_metrics_free(struct request_metrics *metrics)
{
	if (!metrics)
		return NULL;
	series_table_free(metrics->series);
	free(metrics);
	return NULL;
}
