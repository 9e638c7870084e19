/* Step: get and list, from the head. */
#include "apiserver/continue.h"
#include "apiserver/encode.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

static enum step_result read_one(struct request *request)
{
	const struct request_info *info = &request->info;
	const struct store_record *record;
	uint64_t current;

	record = store_get(request->server->store,
			   stored_key(request->resource, info->name_space, info->name, &request->arena));
	current = store_current_revision(request->server->store);
	if (request->options.revision > current) {
		store_record_unref(record);
		return status_too_large_version(request, request->options.revision, current);
	}
	if (!record)
		return status_not_found(request, info->name);
	request->new_record = record; /* held until the answer is out */
	return respond_record(request, 200, record);
}

struct visit {
	struct request *request;
	struct list_answer answer;
	struct str last_key;
	bool failed;
};

static enum store_visit visit_record(void *data, const struct store_record *record)
{
	struct visit *visit = data;

	if (!request_selects(visit->request, record))
		return STORE_VISIT_PASSED;
	if (!list_answer_add(&visit->answer, record)) {
		visit->failed = true;
		return STORE_VISIT_STOP;
	}
	visit->last_key = arena_str(&visit->request->arena, store_record_key(record));
	return STORE_VISIT_TAKEN;
}

/* The snapshot to read: a continued list's own, an exact one, or now. */
static enum step_result pick_revision(struct request *request, const struct store_view *view, struct str scope,
				      struct store_range *range)
{
	struct request_options *options = &request->options;
	uint64_t current = store_view_revision(view);
	struct error err = {0};

	if (options->continue_token.len) {
		struct continue_token token;

		if (continue_token_parse(options->continue_token, &request->arena, &token, &err) < 0)
			return status_from_error(request, &err);
		if (options->resource_version.len && !str_eq(options->resource_version, STR("0")))
			return status_bad_request(request,
						  "specifying resource version is not allowed when using continue");
		range->start = arena_concat(&request->arena, scope, token.start);
		range->revision = token.revision;
		return STEP_NEXT;
	}
	if (options->revision > current)
		return status_too_large_version(request, options->revision, current);
	/* A version alone means "not older", but with a limit "exactly", as upstream has it for compatibility. */
	if (options->version_match == VERSION_MATCH_EXACT ||
	    (options->version_match == VERSION_MATCH_UNSET && options->limit > 0 && options->revision > 0))
		range->revision = options->revision;
	return STEP_NEXT;
}

/* The snapshot is gone; @start: where the list was to go on, below its scope. */
static enum step_result expired(struct request *request, struct str start)
{
	if (request->options.continue_token.len)
		return status_continue_expired(request, continue_token_restart(start, &request->arena));
	return status_fail(request, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
}

static enum step_result read_list(struct request *request, const struct store_view *view)
{
	struct str scope = stored_key(request->resource, request->info.name_space, STR_EMPTY, &request->arena);
	struct store_range range = {.scope = scope};
	struct store_range_result result;
	struct visit visit = {.request = request};
	struct str token = STR_EMPTY;
	struct error err = {0};
	enum step_result step;
	int64_t remaining = -1;

	step = pick_revision(request, view, scope, &range);
	if (step != STEP_NEXT)
		return step;
	/* "Any version will do" is answered whole, as upstream's cache does. */
	if (request->options.limit > 0 &&
	    (!str_eq(request->options.resource_version, STR("0")) || request->options.continue_token.len))
		range.limit = (size_t)request->options.limit;
	list_answer_start(&visit.answer, request, range.revision ? range.revision : store_view_revision(view));
	if (store_view_scan(view, &range, visit_record, &visit, &result, &err) < 0) {
		if (err.code == ERR_EXPIRED)
			return expired(request, str_from_at(range.start, MIN(range.start.len, scope.len)));
		if (err.code == ERR_TIMEOUT)
			return status_too_large_version(request, range.revision, store_view_revision(view));
		return status_from_error(request, &err);
	}
	if (visit.failed)
		return status_from_error(request, &visit.answer.err);
	visit.answer.revision = result.revision;
	if (result.more && range.limit) {
		token = continue_token_make(result.revision, str_from_at(visit.last_key, scope.len), &request->arena);
		/* With a selector nobody knows how many are left. */
		if (request->options.labels.len == 0 && request->options.fields.len == 0)
			remaining = (int64_t)result.remaining;
	}
	return list_answer_finish(&visit.answer, token, remaining);
}

enum step_result step_read(struct request *request)
{
	struct store_view *view;
	enum step_result result;

	if (request->operation == OP_GET)
		return read_one(request);
	if (!check_include_object(request))
		return STEP_DONE;
	view = store_view_acquire(request->server->store);
	result = read_list(request, view);
	store_view_release(view);
	return result;
}
