/* Step: may the user do this?  The authorizers in order; nobody's opinion is a no. */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

struct str authorization_denial(const struct authorization_attributes *asked, struct str reason, struct arena *arena)
{
	struct str text, resource = asked->resource;

	if (!asked->is_resource) {
		text = arena_printf(arena, "User \"" STR_FMT "\" cannot " STR_FMT " path \"" STR_FMT "\"",
				    STR_ARG(asked->user->name), STR_ARG(asked->verb), STR_ARG(asked->path));
	} else {
		if (asked->subresource.len)
			resource = arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(resource),
						STR_ARG(asked->subresource));
		text = arena_printf(arena,
				    "User \"" STR_FMT "\" cannot " STR_FMT " resource \"" STR_FMT
				    "\" in API group \"" STR_FMT "\" ",
				    STR_ARG(asked->user->name), STR_ARG(asked->verb), STR_ARG(resource),
				    STR_ARG(asked->group));
		if (asked->name_space.len)
			text = arena_printf(arena, STR_FMT "in the namespace \"" STR_FMT "\"", STR_ARG(text),
					    STR_ARG(asked->name_space));
		else
			text = arena_concat(arena, text, STR("at the cluster scope"));
	}
	if (reason.len)
		text = arena_printf(arena, STR_FMT ": " STR_FMT, STR_ARG(text), STR_ARG(reason));
	return text;
}

enum authorization_decision apiserver_authorize(struct apiserver *server, const struct authorization_attributes *asked,
						struct arena *arena, struct str *ret_reason)
{
	struct str reasons = STR_EMPTY;

	for (size_t i = 0; i < server->authorizers_len; i++) {
		struct authorizer *authorizer = server->authorizers[i];
		struct str reason = STR_EMPTY;
		enum authorization_decision decision = authorizer->authorize(authorizer, asked, arena, &reason);

		if (decision != AUTHORIZATION_NO_OPINION) {
			request_metrics_decided(server, authorizer, decision);
			*ret_reason = reason;
			return decision;
		}
		if (reason.len)
			reasons = reasons.len
					  ? arena_printf(arena, STR_FMT "\n" STR_FMT, STR_ARG(reasons), STR_ARG(reason))
					  : reason;
	}
	*ret_reason = reasons;
	return AUTHORIZATION_NO_OPINION;
}

struct authorization_attributes request_attributes(const struct request *request)
{
	const struct request_info *info = &request->info;

	return (struct authorization_attributes){
		.user = &request->user,
		.verb = info->verb,
		.is_resource = info->is_resource,
		.group = info->group,
		.version = info->version,
		.resource = info->resource,
		.subresource = info->subresource,
		.name = info->name,
		.name_space = info->name_space,
		.field_selector =
			request->local ? request->options.field_text : query_get(&request->query, STR("fieldSelector")),
		.path = info->path,
	};
}

enum step_result request_authorize(struct request *request, const struct authorization_attributes *asked)
{
	const struct request_info *info = &request->info;
	enum authorization_decision decision;
	struct str reason;

	if (request->trusted)
		return STEP_NEXT;
	decision = apiserver_authorize(request->server, asked, &request->arena, &reason);
	request_metrics_authorized(request, decision);
	if (decision == AUTHORIZATION_ALLOW)
		return STEP_NEXT;
	return status_forbidden(request, info->group, info->is_resource ? info->resource : STR_EMPTY,
				info->is_resource ? info->name : STR_EMPTY,
				authorization_denial(asked, reason, &request->arena));
}

enum step_result step_authorize(struct request *request)
{
	struct authorization_attributes asked = request_attributes(request);

	return request_authorize(request, &asked);
}
