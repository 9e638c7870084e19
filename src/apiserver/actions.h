/* The actions there are: one line each, action_<name> in its own file; included by actions.c alone. */
#ifndef WHERRY_APISERVER_ACTIONS_H
#define WHERRY_APISERVER_ACTIONS_H

#include "apiserver/action.h"

#define ACTIONS(X)                                                                                                     \
	X(binding)                                                                                                     \
	X(local_subject_access_review)                                                                                 \
	X(node_proxy)                                                                                                  \
	X(pod_attach)                                                                                                  \
	X(pod_binding)                                                                                                 \
	X(pod_eviction)                                                                                                \
	X(pod_exec)                                                                                                    \
	X(pod_log)                                                                                                     \
	X(pod_port_forward)                                                                                            \
	X(scale)                                                                                                       \
	X(self_subject_access_review)                                                                                  \
	X(self_subject_review)                                                                                         \
	X(self_subject_rules_review)                                                                                   \
	X(subject_access_review)                                                                                       \
	X(token_request)                                                                                               \
	X(token_review)

#define X(name) extern const struct action action_##name;
ACTIONS(X)
#undef X

#endif
