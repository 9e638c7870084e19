/* Query options, decoded and checked in upstream's words; see options.h. */
#include "apiserver/options.h"

#include "apiserver/status.h"
#include "types/duration.h"
#include "types/field_error.h"

#define FIELD_MANAGER_MAX 128

static struct field_errors *errors_of(struct request *request)
{
	struct field_errors *errors = ARENA_NEW(&request->arena, struct field_errors);

	errors->arena = &request->arena;
	return errors;
}

/* strconv.ParseInt's words. */
static enum step_result parse_int(struct request *request, struct str key, int64_t *ret, bool *ret_set)
{
	struct str text = query_get(&request->query, key);

	*ret_set = text.len > 0;
	if (!*ret_set)
		return STEP_NEXT;
	switch (str_parse_int64(text, ret)) {
	case 0:
		return STEP_NEXT;
	case -ERANGE:
		return status_bad_request(request, "strconv.ParseInt: parsing \"" STR_FMT "\": value out of range",
					  STR_ARG(text));
	default:
		return status_bad_request(request, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax",
					  STR_ARG(text));
	}
}

static struct str text_of(struct request *request, struct str key)
{
	struct str value = query_get(&request->query, key);

	return value.data ? value : STR_EMPTY;
}

/* What must hold between resourceVersion, its match and sendInitialEvents. */
static void check_versions(struct request *request, struct field_errors *errors)
{
	struct request_options *options = &request->options;
	struct str match = text_of(request, STR("resourceVersionMatch"));
	const struct path *match_path = FIELD(NULL, "resourceVersionMatch");
	bool watch = request->operation == OP_WATCH;

	if (options->send_initial_events_set) {
		if (!watch) {
			field_forbidden(errors, FIELD(NULL, "sendInitialEvents"),
					"sendInitialEvents is forbidden for list");
			return;
		}
		if (match.len == 0)
			field_forbidden(errors, match_path,
					"sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
		else if (!str_eq(match, STR("NotOlderThan")))
			field_not_supported_c(errors, match_path, VALUE(match), "NotOlderThan", NULL);
		return;
	}
	if (watch && options->continue_token.len)
		field_forbidden(errors, match_path, "resourceVersionMatch is forbidden when continue is provided");
	if (match.len == 0)
		return;
	if (watch) {
		field_forbidden(errors, match_path,
				"resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
				"provided");
		if (!str_eq(match, STR("NotOlderThan")))
			field_not_supported_c(errors, match_path, VALUE(match), "NotOlderThan", NULL);
		return;
	}
	if (options->resource_version.len == 0) {
		field_forbidden(errors, match_path,
				"resourceVersionMatch is forbidden unless resourceVersion is provided");
	}
	if (options->continue_token.len)
		field_forbidden(errors, match_path, "resourceVersionMatch is forbidden when continue is provided");
	if (str_eq(match, STR("Exact")) && str_eq(options->resource_version, STR("0")))
		field_forbidden(errors, match_path,
				"resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
	if (!str_eq(match, STR("Exact")) && !str_eq(match, STR("NotOlderThan")))
		field_not_supported_c(errors, match_path, VALUE(match), "Exact", "NotOlderThan", "", NULL);
}

static enum step_result parse_version(struct request *request)
{
	struct request_options *options = &request->options;
	struct str text = options->resource_version;

	if (text.len == 0 || str_parse_uint64(text, &options->revision) == 0)
		return STEP_NEXT;
	return status_bad_request(request,
				  "invalid resource version: resourceVersion: Invalid value: \"" STR_FMT
				  "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
				  STR_ARG(text), STR_ARG(text));
}

/* Upstream did not foresee a bad version here, and says so less well. */
static enum step_result parse_version_plain(struct request *request)
{
	struct str text = request->options.resource_version;

	if (text.len == 0 || str_parse_uint64(text, &request->options.revision) == 0)
		return STEP_NEXT;
	return status_plain(request, 500,
			    arena_printf(&request->arena,
					 "resourceVersion: Invalid value: \"" STR_FMT
					 "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
					 STR_ARG(text), STR_ARG(text)));
}

/* How long the client lets the request take: understood, and bounded by ours anyway. */
static enum step_result check_timeout(struct request *request)
{
	struct str text = text_of(request, STR("timeout"));
	struct error err = {0};
	int64_t nanos;

	if (text.len == 0 || duration_parse(text, &nanos, &err) == 0)
		return STEP_NEXT;
	return status_bad_request(request, "invalid timeout specified in the request URL - %s", err.message);
}

enum step_result options_parse_get(struct request *request)
{
	if (check_timeout(request) != STEP_NEXT)
		return STEP_DONE;
	request->options.resource_version = text_of(request, STR("resourceVersion"));
	return parse_version_plain(request);
}

enum step_result options_parse_list(struct request *request)
{
	struct request_options *options = &request->options;
	struct field_errors *errors = errors_of(request);
	struct error err = {0};
	bool set;

	if (check_timeout(request) != STEP_NEXT ||
	    parse_int(request, STR("limit"), &options->limit, &set) != STEP_NEXT ||
	    parse_int(request, STR("timeoutSeconds"), &options->timeout_seconds, &set) != STEP_NEXT)
		return STEP_DONE;
	options->label_text = text_of(request, STR("labelSelector"));
	options->field_text = text_of(request, STR("fieldSelector"));
	if (selector_parse(options->label_text, &request->arena, &options->labels, &err) < 0 ||
	    selector_parse_fields(options->field_text, &request->arena, &options->fields, &err) < 0) {
		err.code = ERR_BAD_REQUEST;
		return status_from_error(request, &err);
	}
	options->continue_token = text_of(request, STR("continue"));
	options->resource_version = text_of(request, STR("resourceVersion"));
	options->bookmarks = query_flag(&request->query, STR("allowWatchBookmarks"));
	options->send_initial_events_set = query_has(&request->query, STR("sendInitialEvents"));
	options->send_initial_events = query_flag(&request->query, STR("sendInitialEvents"));
	options->include_object = text_of(request, STR("includeObject"));
	options->version_match = str_eq(text_of(request, STR("resourceVersionMatch")), STR("Exact"))
					 ? VERSION_MATCH_EXACT
				 : text_of(request, STR("resourceVersionMatch")).len ? VERSION_MATCH_NOT_OLDER
										     : VERSION_MATCH_UNSET;
	check_versions(request, errors);
	if (errors->len)
		return status_field_errors(request, STR("meta.k8s.io"), STR("ListOptions"), STR_EMPTY, errors);
	return request->operation == OP_WATCH ? parse_version_plain(request) : parse_version(request);
}

/* dryRun may be repeated; each must be All. */
static void check_dry_run(struct request *request, struct field_errors *errors)
{
	VEC_OF(struct str) values = {0};
	bool good = true;

	SLICE_FOREACH (pair, request->query)
		if (str_eq(pair->name, STR("dryRun"))) {
			vec_push(&request->arena, &values, pair->value);
			good &= str_eq(pair->value, STR("All"));
		}
	if (good) {
		request->options.dry_run = values.len > 0;
		return;
	}
	field_not_supported_c(errors, FIELD(NULL, "dryRun"),
			      field_value_list(&(struct str_slice){values.items, values.len}, &request->arena), "All",
			      NULL);
}

static void check_field_manager(struct request *request, struct field_errors *errors)
{
	struct str manager = text_of(request, STR("fieldManager"));
	const struct path *path = FIELD(NULL, "fieldManager");

	request->options.field_manager = manager;
	if (manager.len > FIELD_MANAGER_MAX)
		field_too_long(errors, path, FIELD_MANAGER_MAX);
	for (size_t i = 0; i < manager.len; i++)
		if ((unsigned char)manager.data[i] < ' ' || manager.data[i] == 0x7f)
			field_invalid(errors, path, VALUE(manager), "invalid character U+%04X (at position %zu)",
				      (unsigned char)manager.data[i], i);
}

static void check_field_validation(struct request *request, struct field_errors *errors)
{
	struct str text = text_of(request, STR("fieldValidation"));

	if (text.len == 0 || str_eq(text, STR("Warn")))
		request->options.field_validation = FIELD_VALIDATION_WARN;
	else if (str_eq(text, STR("Ignore")))
		request->options.field_validation = FIELD_VALIDATION_IGNORE;
	else if (str_eq(text, STR("Strict")))
		request->options.field_validation = FIELD_VALIDATION_STRICT;
	else
		field_not_supported_c(errors, FIELD(NULL, "fieldValidation"), VALUE(text), "", "Ignore", "Strict",
				      "Warn", NULL);
}

enum step_result options_parse_write(struct request *request)
{
	struct field_errors *errors = errors_of(request);
	bool apply = str_has_prefix(request->content_type, STR("application/apply-patch"));
	struct str kind = request->operation == OP_UPDATE  ? STR("UpdateOptions")
			  : request->operation == OP_PATCH ? STR("PatchOptions")
							   : STR("CreateOptions");

	request->options.force = query_flag(&request->query, STR("force"));
	if (request->operation == OP_PATCH && !apply && query_has(&request->query, STR("force")))
		field_forbidden(errors, FIELD(NULL, "force"), "may not be specified for non-apply patch");
	check_field_manager(request, errors);
	if (request->operation == OP_PATCH && apply && request->options.field_manager.len == 0)
		field_required(errors, FIELD(NULL, "fieldManager"), "is required for apply patch");
	check_dry_run(request, errors);
	check_field_validation(request, errors);
	if (errors->len)
		return status_field_errors(request, STR("meta.k8s.io"), kind, STR_EMPTY, errors);
	return STEP_NEXT;
}

/* The query's options in the struct a body would give. */
static enum step_result delete_options_of_query(struct request *request, struct meta_v1_delete_options *options)
{
	struct str policy = query_get(&request->query, STR("propagationPolicy"));
	VEC_OF(struct str) dry_run = {0};
	int64_t grace;
	bool set;

	if (parse_int(request, STR("gracePeriodSeconds"), &grace, &set) != STEP_NEXT)
		return STEP_DONE;
	if (set)
		options->grace_period_seconds = ARENA_DUP(&request->arena, int64_t, &grace);
	if (policy.data)
		options->propagation_policy = ARENA_DUP(&request->arena, struct str, &policy);
	if (query_has(&request->query, STR("orphanDependents"))) {
		bool flag = query_flag(&request->query, STR("orphanDependents"));

		options->orphan_dependents = ARENA_DUP(&request->arena, bool, &flag);
	}
	SLICE_FOREACH (pair, request->query)
		if (str_eq(pair->name, STR("dryRun")))
			vec_push(&request->arena, &dry_run, pair->value);
	options->dry_run = (struct str_slice){dry_run.items, dry_run.len};
	return STEP_NEXT;
}

enum step_result options_parse_delete(struct request *request, const struct meta_v1_delete_options *body)
{
	struct meta_v1_delete_options *options = ARENA_NEW(&request->arena, struct meta_v1_delete_options);
	struct field_errors *errors = errors_of(request);

	if (body)
		*options = *body;
	else if (delete_options_of_query(request, options) != STEP_NEXT)
		return STEP_DONE;
	if (options->propagation_policy && options->orphan_dependents)
		field_invalid(errors, FIELD(NULL, "propagationPolicy"), VALUE(*options->propagation_policy),
			      "orphanDependents and deletionPropagation cannot be both set");
	else if (options->propagation_policy && !str_eq(*options->propagation_policy, STR("Foreground")) &&
		 !str_eq(*options->propagation_policy, STR("Background")) &&
		 !str_eq(*options->propagation_policy, STR("Orphan")))
		field_not_supported_c(errors, FIELD(NULL, "propagationPolicy"), VALUE(*options->propagation_policy),
				      "Foreground", "Background", "Orphan", "nil", NULL);
	SLICE_FOREACH (word, options->dry_run) {
		if (str_eq(*word, STR("All"))) {
			request->options.dry_run = true;
			continue;
		}
		field_not_supported_c(errors, FIELD(NULL, "dryRun"),
				      field_value_list(&options->dry_run, &request->arena), "All", NULL);
		break;
	}
	if (errors->len)
		return status_field_errors(request, STR("meta.k8s.io"), STR("DeleteOptions"), STR_EMPTY, errors);
	request->delete_options = options;
	return STEP_NEXT;
}
