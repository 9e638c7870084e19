/* The table of actions and its look-up; see action.h. */
#include "apiserver/actions.h"

static const struct action *const actions[] = {
#define X(name) &action_##name,
	ACTIONS(X)
#undef X
};

const struct action *action_find(const struct resource *resource, struct str subresource, unsigned verb)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		const struct action *action = actions[i];

		/* A plural of "*" is any resource that has the subresource. */
		if (!str_eq(action->subresource, subresource))
			continue;
		if (!(action->verbs & verb) && !action->any_method)
			continue;
		if (str_eq(action->plural, STR("*")) ||
		    (str_eq(action->plural, resource->plural) && str_eq(action->group, resource->group)))
			return action;
	}
	return NULL;
}
