/*
 * Step: Impersonate-* headers: the user asks to be somebody else.
 *
 * The user must be allowed to impersonate each part: user (or service account), uid, groups, extra values.  From then
 * on the request is the other's.
 */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

static bool may(struct request *request, struct str group, struct str resource, struct str subresource,
		struct str name_space, struct str name)
{
	struct authorization_attributes asked = {
		.user = &request->user,
		.verb = STR("impersonate"),
		.is_resource = true,
		.group = group,
		.version = STR("v1"),
		.resource = resource,
		.subresource = subresource,
		.name_space = name_space,
		.name = name,
	};
	struct str reason;

	if (apiserver_authorize(request->server, &asked, &request->arena, &reason) == AUTHORIZATION_ALLOW)
		return true;
	status_forbidden(request, group, resource, name, authorization_denial(&asked, reason, &request->arena));
	return false;
}

/* "system:serviceaccount:NAMESPACE:NAME" */
static bool is_service_account(struct str user, struct str *ret_namespace, struct str *ret_name)
{
	static const struct str prefix = STR_INIT("system:serviceaccount:");

	return str_has_prefix(user, prefix) && str_cut(str_from_at(user, prefix.len), ':', ret_namespace, ret_name) &&
	       ret_namespace->len && ret_name->len;
}

static bool check_user(struct request *request, struct str user)
{
	struct str name_space, name;

	if (is_service_account(user, &name_space, &name))
		return may(request, STR_EMPTY, STR("serviceaccounts"), STR_EMPTY, name_space, name);
	return may(request, STR_EMPTY, STR("users"), STR_EMPTY, STR_EMPTY, user);
}

static enum step_result without_user(struct request *request, const struct impersonation *wanted)
{
	struct str groups = STR_EMPTY;

	for (size_t i = 0; i < wanted->groups.len; i++)
		groups = arena_printf(&request->arena, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(groups), i ? ", " : "",
				      STR_ARG(wanted->groups.items[i]));
	return status_bad_request(request,
				  "requested &user.DefaultInfo{Name:\"\", UID:\"" STR_FMT "\", Groups:[]string{" STR_FMT
				  "}, Extra:map[string][]string(nil)} without impersonating a user name",
				  STR_ARG(wanted->uid), STR_ARG(groups));
}

/* The groups the other has beside those named. */
static struct str_slice groups_of(struct request *request, const struct impersonation *wanted)
{
	struct arena *arena = &request->arena;
	struct str *items = ARENA_NEW_N(arena, struct str, wanted->groups.len + 3);
	struct str name_space, name;
	size_t len = 0;

	for (size_t i = 0; i < wanted->groups.len; i++)
		items[len++] = wanted->groups.items[i];
	if (len == 0 && is_service_account(wanted->user, &name_space, &name)) {
		items[len++] = STR("system:serviceaccounts");
		items[len++] = arena_concat(arena, STR("system:serviceaccounts:"), name_space);
	}
	if (str_eq(wanted->user, STR("system:anonymous")))
		items[len++] = STR("system:unauthenticated");
	else
		items[len++] = STR("system:authenticated");
	return (struct str_slice){items, len};
}

static bool check_all(struct request *request, const struct impersonation *wanted)
{
	static const struct str authentication = STR_INIT("authentication.k8s.io");

	if (!check_user(request, wanted->user))
		return false;
	for (size_t i = 0; i < wanted->groups.len; i++)
		if (!may(request, STR_EMPTY, STR("groups"), STR_EMPTY, STR_EMPTY, wanted->groups.items[i]))
			return false;
	if (wanted->uid.len && !may(request, authentication, STR("uids"), STR_EMPTY, STR_EMPTY, wanted->uid))
		return false;
	SLICE_FOREACH (extra, wanted->extra)
		SLICE_FOREACH (value, extra->value)
			if (!may(request, authentication, STR("userextras"), extra->key, STR_EMPTY, *value))
				return false;
	return true;
}

enum step_result step_impersonate(struct request *request)
{
	const struct impersonation *wanted = request->impersonation;

	if (!wanted)
		return STEP_NEXT;
	if (wanted->user.len == 0)
		return without_user(request, wanted);
	if (!check_all(request, wanted))
		return STEP_DONE;
	request->user = (struct user_info){
		.name = wanted->user,
		.uid = wanted->uid,
		.groups = groups_of(request, wanted),
		.extra = wanted->extra,
	};
	return STEP_NEXT;
}
