/* Step: credentials become a user; authenticators in order, then system:anonymous. */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "net/headers.h"

static const struct str anonymous_groups[] = {STR_INIT("system:unauthenticated")};

static enum authentication_result authenticate(struct request *request)
{
	struct apiserver *server = request->server;
	struct str token;
	bool bad = false;

	for (size_t i = 0; i < server->authenticators_len; i++) {
		struct authenticator *authenticator = server->authenticators[i];
		struct error err = {0};
		int result = authenticator->authenticate(authenticator, &request->credentials, &request->arena,
							 &request->user, &err);

		if (result > 0) {
			user_add_authenticated(&request->user, &request->arena);
			return AUTHENTICATION_SUCCESS;
		}
		bad |= result < 0;
	}
	/* A token nobody knows is a failure; so is a bad one; another scheme is as good as none. */
	if (bad || http_bearer_token(request->credentials.authorization, &token))
		return AUTHENTICATION_ERROR;
	if (!server->config.anonymous)
		return AUTHENTICATION_FAILURE;
	request->user = (struct user_info){.name = STR("system:anonymous"), .groups = {anonymous_groups, 1}};
	return AUTHENTICATION_SUCCESS;
}

enum step_result step_authenticate(struct request *request)
{
	enum authentication_result result;

	if (request->local) {
		user_add_authenticated(&request->user, &request->arena);
		return STEP_NEXT;
	}
	result = authenticate(request);
	request_metrics_authenticated(request, result);
	return result == AUTHENTICATION_SUCCESS ? STEP_NEXT : status_unauthorized(request);
}
