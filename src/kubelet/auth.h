/*
 * Who may ask the kubelet's server for what.
 *
 * As upstream's kubelet with its defaults.  A client is who its certificate says, if the cluster's authority signed it,
 * or else whose token it shows: the API tells by a TokenReview.  Nobody else is let in.  What it may do the API tells
 *by a SubjectAccessReview: the HTTP method is the verb, the node the object, and the path gives the subresource.  Any
 *one of a path's subresources is enough; "proxy" stands for all paths without one of their own.
 *
 * Answers are remembered (review_cache.h): a token's AUTH_TOKEN_TTL, a right AUTH_ALLOWED_TTL, its lack
 * AUTH_DENIED_TTL.  That a review failed is not.  Members of system:masters are not asked about, since the API allows
 * them everything: its own way to the node does not depend on its answering.
 *
 * Threads: auth_judge() is the loop's and does not block.  When it lacks an answer, auth_ask() fetches that one on a
 * worker, to which the request belongs meanwhile, and then auth_judge() comes again, on the loop.
 *
 *	while ((verdict = auth_judge(auth, &request, clock_monotonic_ns())) == AUTH_ASK)
 *		auth_ask(auth, &request);		(the loop hands this to a worker)
 */
#ifndef WHERRY_KUBELET_AUTH_H
#define WHERRY_KUBELET_AUTH_H

#include "client/client.h"
#include "types/gen/authentication_v1.h"

#define AUTH_TOKEN_TTL	      (INT64_C(120) * 1000000000)
#define AUTH_ALLOWED_TTL      (INT64_C(300) * 1000000000)
#define AUTH_DENIED_TTL	      (INT64_C(30) * 1000000000)
#define AUTH_SUBRESOURCES_MAX 2

struct auth;

enum auth_verdict {
	AUTH_ALLOWED,
	AUTH_ASK,
	AUTH_UNKNOWN,	/* 401 */
	AUTH_FORBIDDEN, /* 403 */
	AUTH_FAILED,	/* 500: the API did not say */
};

/* The caller fills the first part; all of it lives as long as the request. */
struct auth_request {
	struct arena *arena;
	struct str method, path;     /* the path decoded */
	struct str certificate_name; /* of a verified client certificate, or empty */
	struct str_slice certificate_groups;
	struct str authorization; /* the header field, or empty */

	/* What is known so far. */
	bool identified;
	struct authentication_v1_user_info user;
	struct str subresources[AUTH_SUBRESOURCES_MAX];
	size_t subresources_len, current;
	/* The answer to the present question, from auth_ask() to auth_judge(). */
	struct object *answer;
	struct error err;
};

/* Both outlive it. */
struct auth *auth_new(const struct client *client, struct str node_name) __attribute__((returns_nonnull));
/* NULL is fine; returns NULL. */
struct auth *auth_free(struct auth *auth);
enum auth_verdict auth_judge(struct auth *auth, struct auth_request *request, int64_t now);
void auth_ask(struct auth *auth, struct auth_request *request);
/* What the client is told with 401, 403 or 500, in upstream's words. */
struct str auth_refusal(const struct auth_request *request, enum auth_verdict verdict);

/* Pure: "get" for "GET"; empty for methods without a verb. */
struct str auth_verb(struct str method);
/* Pure: the subresources of nodes that give the right to @path; how many. */
size_t auth_subresources(struct str path, struct str ret[AUTH_SUBRESOURCES_MAX]);

#endif
