/* TokenReview: whose token is this?  And SelfSubjectReview: who am I? */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/server.h"
#include "apiserver/service_token.h"
#include "apiserver/status.h"
#include "types/gen/authentication_v1.h"

static void answer_user(const struct user_info *user, struct authentication_v1_user_info *ret)
{
	*ret = (struct authentication_v1_user_info){
		.username = user->name,
		.uid = user->uid,
		.groups = user->groups,
		.extra = user->extra,
	};
}

/* Tokens for other audiences are the service accounts' alone; any other kind of token is for the API. */
static int authenticate(struct request *request, struct str token, const struct str_slice *audiences,
			struct user_info *ret, struct str_slice *ret_audiences, struct error *err)
{
	struct apiserver *server = request->server;
	struct credentials credentials = {.authorization = arena_concat(&request->arena, STR("Bearer "), token)};
	const struct service_token_issuer *issuer = &server->config.token_issuer;
	const struct str_slice own = {&issuer->name, 1};
	int result = 0;

	if (issuer->key)
		result = service_token_authenticate(issuer, server->store, token, audiences->len ? audiences : &own,
						    request->now.seconds, &request->arena, ret, ret_audiences, err);
	for (size_t i = 0; i < server->authenticators_len && result == 0; i++) {
		result = server->authenticators[i]->authenticate(server->authenticators[i], &credentials,
								 &request->arena, ret, err);
		*ret_audiences = own;
	}
	return result;
}

static enum step_result run_review(struct request *request)
{
	struct authentication_v1_token_review *review = request->decoded;
	struct str_slice audiences = {0};
	struct user_info user = {0};
	struct error err = {0};
	int result;

	if (review->spec.token.len == 0)
		return status_bad_request(request, "token is required for TokenReview in authentication");
	review->status = (struct authentication_v1_token_review_status){0};
	result = authenticate(request, review->spec.token, &review->spec.audiences, &user, &audiences, &err);
	if (result > 0) {
		user_add_authenticated(&user, &request->arena);
		review->status.authenticated = true;
		review->status.audiences = audiences;
		answer_user(&user, &review->status.user);
	} else if (result < 0) {
		review->status.error = arena_printf(&request->arena, "[invalid bearer token, %s]", err.message);
	} else {
		review->status.error = STR("invalid bearer token");
	}
	return respond_struct(request, 201, &schema_authentication_v1_token_review, review);
}

const struct action action_token_review = {
	.group = STR_INIT("authentication.k8s.io"),
	.plural = STR_INIT("tokenreviews"),
	.verbs = VERB_CREATE,
	.run = run_review,
};

static enum step_result run_self(struct request *request)
{
	struct authentication_v1_self_subject_review *review = request->decoded;

	review->metadata.creation_timestamp = request->now;
	answer_user(&request->user, &review->status.user_info);
	return respond_struct(request, 201, &schema_authentication_v1_self_subject_review, review);
}

const struct action action_self_subject_review = {
	.group = STR_INIT("authentication.k8s.io"),
	.plural = STR_INIT("selfsubjectreviews"),
	.verbs = VERB_CREATE,
	.run = run_self,
};
