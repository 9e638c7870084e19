/* Users by bearer token of a service account. */
#include "apiserver/server.h"
#include "apiserver/service_token.h"
#include "base/clock.h"
#include "net/headers.h"

struct service_token_authenticator {
	struct authenticator authenticator;
	const struct service_token_issuer *issuer;
	struct store *store;
};

static int authenticate(struct authenticator *authenticator, const struct credentials *credentials, struct arena *arena,
			struct user_info *ret, struct error *err)
{
	struct service_token_authenticator *self =
		CONTAINER_OF(authenticator, struct service_token_authenticator, authenticator);
	struct str_slice audiences = {&self->issuer->name, 1}, common;
	struct str token;

	if (!http_bearer_token(credentials->authorization, &token))
		return 0;
	return service_token_authenticate(self->issuer, self->store, token, &audiences, clock_wall_ns() / NS_PER_SEC,
					  arena, ret, &common, err);
}

static void free_it(struct authenticator *authenticator)
{
	free(CONTAINER_OF(authenticator, struct service_token_authenticator, authenticator));
}

struct authenticator *authenticator_new_service_token(const struct service_token_issuer *issuer, struct store *store)
{
	struct service_token_authenticator *self = XNEW(struct service_token_authenticator);

	self->authenticator = (struct authenticator){
		.name = "serviceaccount",
		.authenticate = authenticate,
		.free = free_it,
	};
	self->issuer = issuer;
	self->store = store;
	return &self->authenticator;
}
