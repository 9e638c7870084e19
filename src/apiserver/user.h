/*
 * Who makes a request, as authentication found it.
 *
 * A plain value; its bytes live in the arena of the request, or as long as the component that calls in process.
 */
#ifndef WHERRY_APISERVER_USER_H
#define WHERRY_APISERVER_USER_H

#include "types/scalar.h"

struct user_info {
	struct str name; /* "system:anonymous" without credentials */
	struct str uid;
	struct str_slice groups;
	struct str_slice_map extra; /* sorted by key */
};

/* Is the user in the group? */
static inline bool user_in_group(const struct user_info *user, struct str group)
{
	for (size_t i = 0; i < user->groups.len; i++)
		if (str_eq(user->groups.items[i], group))
			return true;
	return false;
}

#endif
