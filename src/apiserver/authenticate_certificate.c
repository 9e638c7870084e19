/* Users by client certificate: CN is the name, each O a group. */
#include "apiserver/authenticator.h"

static int authenticate(struct authenticator *authenticator UNUSED, const struct credentials *credentials,
			struct arena *arena UNUSED, struct user_info *ret, struct error *err)
{
	if (credentials->bad_certificate)
		return error_set(err, ERR_UNAUTHORIZED, "the client certificate does not verify");
	if (credentials->common_name.len == 0)
		return 0;
	*ret = (struct user_info){.name = credentials->common_name, .groups = credentials->organizations};
	return 1;
}

static void free_it(struct authenticator *authenticator)
{
	free(authenticator);
}

struct authenticator *authenticator_new_certificate(void)
{
	struct authenticator *authenticator = XNEW(struct authenticator);

	*authenticator = (struct authenticator){
		.name = "x509",
		.authenticate = authenticate,
		.free = free_it,
	};
	return authenticator;
}
