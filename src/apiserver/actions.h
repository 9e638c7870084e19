/* The actions there are: one line each, action_<name> in its own file; included by actions.c alone. */
#ifndef WHERRY_APISERVER_ACTIONS_H
#define WHERRY_APISERVER_ACTIONS_H

#include "apiserver/action.h"

#define ACTIONS(X)                                                                                                     \
	X(scale)                                                                                                       \
	X(binding)                                                                                                     \
	X(pod_binding)                                                                                                 \
	X(pod_eviction)                                                                                                \
	X(token_request)                                                                                               \
	X(token_review)                                                                                                \
	X(self_subject_review)                                                                                         \
	X(subject_access_review)                                                                                       \
	X(self_subject_access_review)                                                                                  \
	X(local_subject_access_review)                                                                                 \
	X(self_subject_rules_review)

#define X(name) extern const struct action action_##name;
ACTIONS(X)
#undef X

#endif
