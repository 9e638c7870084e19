/* Step: credentials become a user; authenticators in order, then system:anonymous. */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

static const struct str anonymous_groups[] = {STR_INIT("system:unauthenticated")};

/* Every authenticated user is a member of system:authenticated. */
static void add_authenticated(struct request *request)
{
	struct str_slice *groups = &request->user.groups;
	struct str *items;

	if (user_in_group(&request->user, STR("system:authenticated")) ||
	    user_in_group(&request->user, STR("system:unauthenticated")))
		return;
	items = ARENA_NEW_N(&request->arena, struct str, groups->len + 1);
	for (size_t i = 0; i < groups->len; i++)
		items[i] = groups->items[i];
	items[groups->len] = STR("system:authenticated");
	*groups = (struct str_slice){items, groups->len + 1};
}

enum step_result step_authenticate(struct request *request)
{
	struct apiserver *server = request->server;
	bool bad = false;

	if (request->local) {
		add_authenticated(request);
		return STEP_NEXT;
	}
	for (size_t i = 0; i < server->authenticators_len; i++) {
		struct authenticator *authenticator = server->authenticators[i];
		struct error err = {0};
		int result = authenticator->authenticate(authenticator, &request->credentials, &request->arena,
							 &request->user, &err);

		if (result > 0) {
			add_authenticated(request);
			return STEP_NEXT;
		}
		bad |= result < 0;
	}
	/* A token nobody knows is a failure; so is a bad one; another scheme is as good as none. */
	if (bad || str_has_prefix(request->credentials.authorization, STR("Bearer ")) || !server->config.anonymous)
		return status_unauthorized(request);
	request->user = (struct user_info){.name = STR("system:anonymous"), .groups = {anonymous_groups, 1}};
	return STEP_NEXT;
}
