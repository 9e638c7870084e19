/* Paths anybody may get: health checks, as upstream's --authorization-always-allow-paths has it. */
#include "apiserver/authorizer.h"

static enum authorization_decision authorize(struct authorizer *authorizer UNUSED,
					     const struct authorization_attributes *attributes,
					     struct arena *arena UNUSED, struct str *ret_reason)
{
	static const struct str paths[] = {STR_INIT("/healthz"), STR_INIT("/readyz"), STR_INIT("/livez")};

	*ret_reason = STR_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (!attributes->is_resource && str_eq(attributes->path, paths[i]))
			return AUTHORIZATION_ALLOW;
	return AUTHORIZATION_NO_OPINION;
}

static void free_it(struct authorizer *authorizer)
{
	free(authorizer);
}

struct authorizer *authorizer_new_open_paths(void)
{
	struct authorizer *authorizer = XNEW(struct authorizer);

	*authorizer = (struct authorizer){.name = "paths", .authorize = authorize, .free = free_it};
	return authorizer;
}
