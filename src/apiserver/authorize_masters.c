/* Members of system:masters may do anything: upstream's privileged group, which no rule can take away. */
#include "apiserver/authorizer.h"

static enum authorization_decision authorize(struct authorizer *authorizer UNUSED,
					     const struct authorization_attributes *attributes,
					     struct arena *arena UNUSED, struct str *ret_reason)
{
	*ret_reason = STR_EMPTY;
	return user_in_group(attributes->user, STR("system:masters")) ? AUTHORIZATION_ALLOW : AUTHORIZATION_NO_OPINION;
}

static void free_it(struct authorizer *authorizer)
{
	free(authorizer);
}

struct authorizer *authorizer_new_masters(void)
{
	struct authorizer *authorizer = XNEW(struct authorizer);

	*authorizer = (struct authorizer){.name = "masters", .authorize = authorize, .free = free_it};
	return authorizer;
}
