/*
 * Step: Impersonate-* headers: the user asks to be somebody else.
 *
 * There are several ways to be allowed to, tried in order, the narrow ones first.  In a constrained mode the user needs
 * the verb impersonate:MODE on whom he wants to be, and impersonate-on:MODE:VERB on what the request does; the modes
 * differ in whom they are for.  The old way, last, needs the verb impersonate alone, for each part of the other.  When
 * none allows it the refusal is the first one.  From then on the request is the other's.
 */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

#define MANY_GROUPS 4

struct mode {
	const char *name; /* NULL: the old way */
	bool (*fits)(const struct request *request, const struct impersonation *wanted);
};

/* What is asked of one mode. */
struct attempt {
	struct request *request;
	const struct impersonation *wanted;
	const struct mode *mode;
	struct user_info asker; /* as the authorizers see him */
};

/* --- Names */

/* "system:serviceaccount:NAMESPACE:NAME" */
static bool is_service_account(struct str user, struct str *ret_namespace, struct str *ret_name)
{
	static const struct str prefix = STR_INIT("system:serviceaccount:");

	return str_has_prefix(user, prefix) && str_cut(str_from_at(user, prefix.len), ':', ret_namespace, ret_name) &&
	       ret_namespace->len && ret_name->len;
}

/* "system:node:NAME" */
static bool is_node(struct str user, struct str *ret_name)
{
	static const struct str prefix = STR_INIT("system:node:");

	if (!str_has_prefix(user, prefix) || user.len == prefix.len)
		return false;
	*ret_name = str_from_at(user, prefix.len);
	return true;
}

static bool has_group(const struct str_slice *groups, struct str group)
{
	for (size_t i = 0; i < groups->len; i++)
		if (str_eq(groups->items[i], group))
			return true;
	return false;
}

/* --- Whom a mode is for */

static bool only_name(const struct impersonation *wanted)
{
	return wanted->uid.len == 0 && wanted->groups.len == 0 && wanted->extra.len == 0;
}

/* A service account whose token says that its pod runs on just that node. */
static bool is_associated_node(const struct request *request, const struct impersonation *wanted)
{
	struct str node, name_space, name;

	if (!only_name(wanted) || !is_node(wanted->user, &node) ||
	    !is_service_account(request->user.name, &name_space, &name))
		return false;
	SLICE_FOREACH (extra, request->user.extra)
		if (str_eq(extra->key, STR("authentication.kubernetes.io/node-name")))
			return extra->value.len == 1 && str_eq(extra->value.items[0], node);
	return false;
}

static bool is_any_node(const struct request *request UNUSED, const struct impersonation *wanted)
{
	struct str node;

	return only_name(wanted) && is_node(wanted->user, &node);
}

static bool is_account(const struct request *request UNUSED, const struct impersonation *wanted)
{
	struct str name_space, name;

	return only_name(wanted) && is_service_account(wanted->user, &name_space, &name);
}

static bool is_other(const struct request *request UNUSED, const struct impersonation *wanted)
{
	struct str name_space, name;

	return !is_node(wanted->user, &name) && !is_service_account(wanted->user, &name_space, &name);
}

static bool is_anybody(const struct request *request UNUSED, const struct impersonation *wanted UNUSED)
{
	return true;
}

static const struct mode modes[] = {
	{"associated-node", is_associated_node},
	{"arbitrary-node", is_any_node},
	{"serviceaccount", is_account},
	{"user-info", is_other},
	{NULL, is_anybody},
};

/* --- Questions */

static bool refuse(struct attempt *attempt, const struct authorization_attributes *asked, struct str reason)
{
	status_forbidden(attempt->request, asked->group, asked->is_resource ? asked->resource : STR_EMPTY,
			 asked->is_resource ? asked->name : STR_EMPTY,
			 authorization_denial(asked, reason, &attempt->request->arena));
	return false;
}

static bool check(struct attempt *attempt, const struct authorization_attributes *asked)
{
	struct request *request = attempt->request;
	struct str reason;

	return apiserver_authorize(request->server, asked, &request->arena, &reason) == AUTHORIZATION_ALLOW ||
	       refuse(attempt, asked, reason);
}

/* May the user, being the other, do what the request does? */
static bool check_deed(struct attempt *attempt)
{
	struct authorization_attributes asked = request_attributes(attempt->request);

	asked.user = &attempt->asker;
	asked.verb = arena_printf(&attempt->request->arena, "impersonate-on:%s:" STR_FMT, attempt->mode->name,
				  STR_ARG(asked.verb));
	return check(attempt, &asked);
}

/* May he be this part of the other? */
static struct authorization_attributes part(struct attempt *attempt, const char *resource, struct str name)
{
	const char *mode = attempt->mode->name;
	bool core = !mode && (strcmp(resource, "uids") != 0 && strcmp(resource, "userextras") != 0);

	return (struct authorization_attributes){
		.user = &attempt->asker,
		.verb = mode ? arena_printf(&attempt->request->arena, "impersonate:%s", mode) : STR("impersonate"),
		.is_resource = true,
		.group = core ? STR_EMPTY : STR("authentication.k8s.io"),
		.version = STR("v1"),
		.resource = str_from(resource),
		.name = name,
	};
}

static bool check_identity(struct attempt *attempt)
{
	struct authorization_attributes asked = part(attempt, "users", attempt->wanted->user);
	struct str name_space, name;

	if (attempt->mode->name && is_node(attempt->wanted->user, &name)) {
		asked.resource = STR("nodes");
		/* Who may be the node of his pod may be any such node. */
		asked.name = attempt->mode->fits == is_associated_node ? STR("*") : name;
	} else if (is_service_account(attempt->wanted->user, &name_space, &name)) {
		asked.resource = STR("serviceaccounts");
		asked.name_space = name_space;
		asked.name = name;
	}
	return check(attempt, &asked);
}

/* The last refusal is forgotten: there is another question. */
static bool may_all(struct attempt *attempt, const struct authorization_attributes *asked)
{
	bool allowed = check(attempt, asked);

	attempt->request->status = NULL;
	return allowed;
}

static bool check_groups(struct attempt *attempt)
{
	const struct str_slice *groups = &attempt->wanted->groups;
	struct authorization_attributes asked = part(attempt, "groups", STR_EMPTY);

	if (attempt->mode->name) {
		if (has_group(groups, STR_EMPTY))
			return refuse(attempt, &asked, STR("impersonating the empty string group is not allowed"));
		asked.name = STR("system:masters");
		if (has_group(groups, asked.name))
			return refuse(attempt, &asked, STR("impersonating the system:masters group is not allowed"));
		asked.name = STR("*");
		if (groups->len >= MANY_GROUPS && may_all(attempt, &asked))
			return true;
	}
	for (size_t i = 0; i < groups->len; i++) {
		asked.name = groups->items[i];
		if (!check(attempt, &asked))
			return false;
	}
	return true;
}

static bool check_extra(struct attempt *attempt)
{
	struct authorization_attributes asked = part(attempt, "userextras", STR_EMPTY);

	SLICE_FOREACH (extra, attempt->wanted->extra)
		SLICE_FOREACH (value, extra->value) {
			asked.subresource = extra->key;
			if (attempt->mode->name && (extra->key.len == 0 || value->len == 0)) {
				asked.subresource = STR_EMPTY;
				return refuse(
					attempt, &asked,
					extra->key.len
						? STR("impersonating the empty string value in extra is not allowed")
						: STR("impersonating the empty string key in extra is not allowed"));
			}
			asked.name = *value;
			if (!check(attempt, &asked))
				return false;
		}
	return true;
}

static bool check_mode(struct attempt *attempt)
{
	struct authorization_attributes uid = part(attempt, "uids", attempt->wanted->uid);

	if (attempt->mode->name && !check_deed(attempt))
		return false;
	return check_identity(attempt) && (attempt->wanted->uid.len == 0 || check(attempt, &uid)) &&
	       check_groups(attempt) && check_extra(attempt);
}

/* --- The other */

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
static struct str_slice groups_of(struct attempt *attempt)
{
	const struct impersonation *wanted = attempt->wanted;
	struct arena *arena = &attempt->request->arena;
	struct str *items = ARENA_NEW_N(arena, struct str, wanted->groups.len + 3);
	bool anonymous = str_eq(wanted->user, STR("system:anonymous"));
	struct str name_space, name;
	struct str_slice groups = {items, wanted->groups.len};

	for (size_t i = 0; i < wanted->groups.len; i++)
		items[i] = wanted->groups.items[i];
	if (groups.len == 0 && is_service_account(wanted->user, &name_space, &name)) {
		items[groups.len++] = STR("system:serviceaccounts");
		items[groups.len++] = arena_concat(arena, STR("system:serviceaccounts:"), name_space);
	}
	if (attempt->mode->name && is_node(wanted->user, &name))
		items[groups.len++] = STR("system:nodes");
	if (has_group(&groups, STR("system:unauthenticated")))
		return groups;
	if (anonymous)
		items[groups.len++] = STR("system:unauthenticated");
	else if (!has_group(&groups, STR("system:authenticated")))
		items[groups.len++] = STR("system:authenticated");
	return groups;
}

static void become(struct attempt *attempt)
{
	const struct impersonation *wanted = attempt->wanted;

	attempt->request->status = NULL;
	attempt->request->user = (struct user_info){
		.name = wanted->user,
		.uid = wanted->uid,
		.groups = groups_of(attempt),
		.extra = wanted->extra,
	};
}

enum step_result step_impersonate(struct request *request)
{
	const struct impersonation *wanted = request->impersonation;
	struct meta_v1_status *first = NULL;

	if (!wanted)
		return STEP_NEXT;
	if (wanted->user.len == 0)
		return without_user(request, wanted);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct attempt attempt = {request, wanted, &modes[i], request->user};

		if (!modes[i].fits(request, wanted))
			continue;
		if (check_mode(&attempt)) {
			become(&attempt);
			return STEP_NEXT;
		}
		first = first ? first : request->status;
	}
	request->status = first;
	return STEP_DONE;
}
