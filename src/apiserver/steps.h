/*
 * The way of a request: each step once, in order.
 *
 * X(name, operations it is for, may it block).  step_<name>() is in src/apiserver/step_<name>.c.  A step that may
 * block moves the request to a handler thread, where it stays; `authenticate`, `authorize` and `act` ask their parts.
 */
#ifndef WHERRY_APISERVER_STEPS_H
#define WHERRY_APISERVER_STEPS_H

#include "apiserver/authorizer.h"
#include "apiserver/request.h"

#define OP_ANY	   (~0u)
#define OP_READS   (OP_GET | OP_LIST)
#define OP_CHANGES (OP_UPDATE | OP_PATCH)
#define OP_WRITES  (OP_CREATE | OP_CHANGES)

#define REQUEST_STEPS(X)                                                                                               \
	X(identify, OP_ANY, false)     /* method, path, query -> info */                                               \
	X(authenticate, OP_ANY, false) /* credentials -> user */                                                       \
	X(impersonate, OP_ANY, false)  /* the user asks to be another */                                               \
	X(authorize, OP_ANY, false)    /* user, info -> go on, or 403 */                                               \
	X(route, OP_ANY, false)	       /* info -> resource, operation, options, accepted */                            \
	X(path, OP_PATH, false)	       /* what is no resource: /version, /healthz, discovery */                        \
	X(read, OP_READS, false)       /* get and list from the head */                                                \
	X(watch, OP_WATCH, false)                                                                                      \
	X(decode, OP_WRITES | OP_DELETE | OP_DELETE_COLLECTION | OP_ACTION, false) /* body -> struct */                \
	X(act, OP_ACTION, false) /* what is not generic: bindings, reviews, logs ... */                                \
	X(collection, OP_DELETE_COLLECTION, true)                                                                      \
	X(current, OP_WRITES | OP_DELETE, false) /* the object as it is; the namespace's state */                      \
	X(change, OP_WRITES, false)		 /* body or patch -> the new object, defaulted */                      \
	X(manage, OP_WRITES, false)		 /* who changed what */                                                \
	X(admit, OP_WRITES | OP_DELETE, false)	 /* admission that changes */                                          \
	X(prepare, OP_WRITES, false)		 /* metadata; what clients may not set */                              \
	X(validate, OP_WRITES, false)		 /* field errors -> 422 */                                             \
	X(judge, OP_WRITES | OP_DELETE, false)	 /* admission that only judges */                                      \
	X(delete, OP_DELETE, false)		 /* finalizers, grace: removal or a last change */                     \
	X(commit, OP_WRITES | OP_DELETE, false)	 /* to the store */                                                    \
	X(respond, OP_WRITES | OP_DELETE, false) /* the written object -> answer */

#define X(name, operations, may_block) enum step_result step_##name(struct request *request);
REQUEST_STEPS(X)
#undef X

/* What the request asks of the authorizers. */
struct authorization_attributes request_attributes(const struct request *request);
/* Asks them; not STEP_NEXT: 403. */
enum step_result request_authorize(struct request *request, const struct authorization_attributes *asked);

#endif
