/* Step: which resource, what is done to it, how: from the info to resource, operation, options and the answer's form.
 */
#include "apiserver/action.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

/* Is there any resource in the group? */
static bool group_exists(struct str group)
{
	for (size_t i = 0; i < resources_len; i++)
		if (str_eq(resources[i].group, group))
			return true;
	return false;
}

/* A path in no group of ours gets Go's own answer. */
static enum step_result no_such_group(struct request *request)
{
	request->response.code = 404;
	request->response.content_type = STR("text/plain; charset=utf-8");
	response_header(request, STR("X-Content-Type-Options"), STR("nosniff"));
	buf_c(&request->response.body, "404 page not found\n");
	return STEP_DONE;
}

static unsigned verb_of(const struct request *request, bool named, enum operation *ret)
{
	static const struct {
		const char *method;
		bool named;
		unsigned verb;
		enum operation operation;
	} ways[] = {
		{"GET", true, VERB_GET, OP_GET},
		{"GET", false, VERB_LIST, OP_LIST},
		{"POST", false, VERB_CREATE, OP_CREATE},
		{"PUT", true, VERB_UPDATE, OP_UPDATE},
		{"PATCH", true, VERB_PATCH, OP_PATCH},
		{"DELETE", true, VERB_DELETE, OP_DELETE},
		{"DELETE", false, VERB_DELETE_COLLECTION, OP_DELETE_COLLECTION},
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (str_eq_c(request->method, ways[i].method) && ways[i].named == named) {
			*ret = ways[i].operation;
			return ways[i].verb;
		}
	return 0;
}

/* Finds the resource, or ends the request. */
static enum step_result find_resource(struct request *request)
{
	const struct request_info *info = &request->info;
	bool named = info->parts.len >= 2;

	request->resource = resource_find(info->group, info->version, info->resource);
	if (!request->resource || !request->resource->schema)
		return info->group.len && !group_exists(info->group) ? no_such_group(request)
								     : status_no_such_path(request);
	request->strategy = strategy_find(request->resource);
	/* A namespace is its own namespace in the info. */
	if (!request->resource->namespaced && info->name_space.len &&
	    !(str_eq(info->resource, STR("namespaces")) && info->group.len == 0))
		return status_no_such_path(request);
	if (request->resource->namespaced && info->name_space.len == 0 && named && !str_eq(info->verb, STR("watch")))
		return status_no_such_path(request);
	if (info->subresource.len) {
		request->subresource = resource_subresource(request->resource, info->subresource);
		if (!request->subresource)
			return status_no_such_path(request);
	}
	return STEP_NEXT;
}

/* A subresource that is no view of the object: its POST has a name. */
static unsigned subresource_verb(const struct request *request, enum operation *ret)
{
	if (str_eq(request->method, STR("POST"))) {
		*ret = OP_CREATE;
		return VERB_CREATE;
	}
	return verb_of(request, true, ret);
}

static enum step_result find_operation(struct request *request)
{
	const struct request_info *info = &request->info;
	bool named = info->parts.len >= 2, old_watch = str_eq(info->verb, STR("watch"));
	unsigned verb, allowed = request->resource->verbs;
	enum operation operation = OP_UNKNOWN;

	if (request->subresource) {
		verb = subresource_verb(request, &operation);
		allowed = request->subresource->verbs;
	} else {
		verb = verb_of(request, named, &operation);
		if (operation == OP_LIST && old_watch) {
			operation = OP_WATCH;
			verb = VERB_WATCH;
		}
		if (operation == OP_GET && old_watch) {
			operation = OP_WATCH;
			verb = VERB_WATCH;
		}
	}
	request->action = action_find(request->resource, info->subresource, verb);
	if (request->action && (verb & allowed || request->action->any_method)) {
		request->operation = OP_ACTION;
		return STEP_NEXT;
	}
	if (info->parts.len > 3)
		return status_no_such_path(request);
	if (!(verb & allowed))
		return status_method_not_allowed(request);
	if (request->resource->namespaced && info->name_space.len == 0 && operation != OP_LIST && operation != OP_WATCH)
		return status_method_not_allowed(request);
	request->operation = operation;
	return STEP_NEXT;
}

static enum step_result parse_options(struct request *request)
{
	switch ((unsigned)request->operation) {
	case OP_GET:
		return options_parse_get(request);
	case OP_LIST:
	case OP_WATCH:
	case OP_DELETE_COLLECTION:
		return options_parse_list(request);
	case OP_CREATE:
	case OP_UPDATE:
	case OP_PATCH:
		return options_parse_write(request);
	case OP_ACTION:
		if (str_eq(request->method, STR("GET")) || str_eq(request->method, STR("DELETE")))
			return STEP_NEXT;
		return options_parse_write(request);
	default:
		return STEP_NEXT;
	}
}

/* Field selectors may name only what the kind declares. */
static enum step_result check_fields(struct request *request)
{
	struct selector *fields = &request->options.fields;
	const struct strategy *strategy = request->strategy;

	for (size_t i = 0; i < fields->len; i++) {
		struct str *key = &EDIT(struct selector_requirement, &fields->items[i])->key;
		bool known = str_eq(*key, STR("metadata.name")) || str_eq(*key, STR("metadata.namespace"));

		for (size_t j = 0; j < strategy->field_aliases_len && !known; j++) {
			if (!str_eq(*key, strategy->field_aliases[j][0]))
				continue;
			*key = strategy->field_aliases[j][1];
			known = true;
		}
		for (size_t j = 0; j < strategy->selectable_fields_len && !known && !strategy->aliases_only; j++)
			known = str_eq(*key, strategy->selectable_fields[j]);
		if (known)
			continue;
		if (strategy->selectable_fields_len)
			return status_bad_request(request, "field label not supported: " STR_FMT, STR_ARG(*key));
		return status_bad_request(request,
					  "\"" STR_FMT "\" is not a known field selector: only "
					  "\"metadata.name\", \"metadata.namespace\"",
					  STR_ARG(*key));
	}
	return STEP_NEXT;
}

static enum step_result negotiate(struct request *request)
{
	if (negotiate_accept(request->accept, NEGOTIATE_TABLE | NEGOTIATE_PARTIAL, &request->arena,
			     &request->accepted)) {
		if (query_has(&request->query, STR("pretty")))
			request->accepted.pretty = query_flag(&request->query, STR("pretty"));
		return STEP_NEXT;
	}
	/* Proxies and logs answer in forms of their own. */
	if (request->operation == OP_ACTION)
		return STEP_NEXT;
	return status_not_acceptable(request);
}

static void fill_context(struct request *request)
{
	request->context.arena = &request->arena;
	request->context.resource = request->resource;
	request->context.now = request->now;
	request->context.user = &request->user;
	request->context.name_space = request->info.name_space;
	request->context.name = request->info.name;
	request->context.subresource = request->info.subresource;
	request->context.lookup = request_lookup;
	request->context.lookup_data = request;
	request->context.allocator = request->server->allocator;
	request->schema = stored_schema(request->resource);
}

/* Tells who came this far that the type should not be used any more. */
static enum step_result note_deprecation(struct request *request)
{
	const struct schema *schema = request->resource->schema;

	if (request->subresource && request->subresource->schema)
		schema = request->subresource->schema;
	request->deprecation = schema->deprecation;
	return STEP_NEXT;
}

enum step_result step_route(struct request *request)
{
	enum step_result result;

	if (request->local) {
		fill_context(request);
		return STEP_NEXT;
	}
	if (!request->info.is_resource) {
		request->operation = OP_PATH;
		return STEP_NEXT;
	}
	result = find_resource(request);
	if (result == STEP_NEXT)
		result = find_operation(request);
	if (result == STEP_NEXT)
		result = note_deprecation(request);
	if (result == STEP_NEXT)
		result = negotiate(request);
	if (result == STEP_NEXT)
		result = parse_options(request);
	if (result == STEP_NEXT)
		result = check_fields(request);
	if (result == STEP_NEXT)
		fill_context(request);
	return result;
}
