/*
 * Who makes a request, as authentication found it.
 *
 * A plain value; its bytes live in the arena of the request, or as long as the component that calls in process.
 */
#ifndef WHERRY_APISERVER_USER_H
#define WHERRY_APISERVER_USER_H

#include "base/arena.h"
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

/* Makes the user a member of system:authenticated, as everybody is whom an authenticator knows. */
static inline void user_add_authenticated(struct user_info *user, struct arena *arena)
{
	struct str *items;

	if (user_in_group(user, STR("system:authenticated")) || user_in_group(user, STR("system:unauthenticated")))
		return;
	items = ARENA_NEW_N(arena, struct str, user->groups.len + 1);
	for (size_t i = 0; i < user->groups.len; i++)
		items[i] = user->groups.items[i];
	items[user->groups.len] = STR("system:authenticated");
	user->groups = (struct str_slice){items, user->groups.len + 1};
}

#endif
