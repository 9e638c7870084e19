/*
 * What is not generic: reviews, bindings, evictions, scale, tokens, logs.
 *
 * An action is one entry: which resource or subresource, which verbs, and the function that answers.  By the time it
 * runs the user was allowed to, the body (where the verb has one and body_schema is set) is in request->decoded, and
 * the answer's form is negotiated.  An action that may block runs on a handler thread.
 *
 *	static enum step_result run(struct request *request)
 *	{
 *		const struct authorization_v1_subject_access_review *asked = request->decoded;
 *		...
 *		return respond_struct(request, 201, &schema_authorization_v1_subject_access_review, &answer);
 *	}
 *	const struct action action_subject_access_review = {
 *		.group = STR_INIT("authorization.k8s.io"), .plural = STR_INIT("subjectaccessreviews"),
 *		.verbs = VERB_CREATE, .run = run,
 *	};
 *
 * and a line in actions.h makes it known.
 */
#ifndef WHERRY_APISERVER_ACTION_H
#define WHERRY_APISERVER_ACTION_H

#include "apiserver/request.h"

struct action {
	struct str group, plural;
	struct str subresource; /* empty: the resource itself */
	unsigned verbs;		/* VERB_ bits it answers; others are served generically, or are 405 */
	bool may_block;
	bool any_method; /* proxies: every method, the rest of the path is theirs */
	enum step_result (*run)(struct request *request);
};

/*
 * Writes the struct of the resource's storage version in place of what is stored at @revision, past admission and the
 * kind's rules: for actions that change a part of an object that updates may not.  Blocks.
 */
int write_object(struct request *request, const struct resource *resource, const void *data, uint64_t revision,
		 struct store_write *write, struct error *err) MUST_CHECK;
/* The action for a verb of a resource, or NULL. */
const struct action *action_find(const struct resource *resource, struct str subresource, unsigned verb);

#endif
