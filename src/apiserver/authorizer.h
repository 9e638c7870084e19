/*
 * May this user do that?  The question, and a chain of those who answer it.
 *
 * Each authorizer allows, denies, or has no opinion and then the next is asked; nobody allowing is a denial.  The
 * reason goes into the 403's message.  Called on I/O and handler threads, many at a time: what they read is an
 * immutable snapshot.
 */
#ifndef WHERRY_APISERVER_AUTHORIZER_H
#define WHERRY_APISERVER_AUTHORIZER_H

#include "apiserver/user.h"
#include "base/arena.h"

struct store;

/* What is asked for: a resource, or a path. */
struct authorization_attributes {
	const struct user_info *user;
	struct str verb;
	bool is_resource;
	struct str group, version, resource, subresource, name, name_space;
	struct str field_selector; /* of lists and watches, as text; empty: none, or not known */
	struct str path;	   /* of what is no resource */
};

enum authorization_decision { AUTHORIZATION_NO_OPINION, AUTHORIZATION_ALLOW, AUTHORIZATION_DENY };

struct authorizer {
	const char *name;
	const char *type; /* upstream's word in metrics, "RBAC"; NULL: it is not counted there */
	/* May this one have to wait for something (a webhook)?  Then the request goes to a handler thread first. */
	bool may_block;
	/* @ret_reason is set in every case, in @arena or a literal; it may be empty. */
	enum authorization_decision (*authorize)(struct authorizer *authorizer,
						 const struct authorization_attributes *attributes, struct arena *arena,
						 struct str *ret_reason);
	void (*free)(struct authorizer *authorizer);
};

/* `User "x" cannot get resource "pods" in API group "" in the namespace "y"`, with the reason if there is one. */
struct str authorization_denial(const struct authorization_attributes *asked, struct str reason, struct arena *arena);

/* Allows the paths of health checks to everybody. */
struct authorizer *authorizer_new_open_paths(void);
/* Allows everything to members of system:masters (privileged by certificate, as upstream). */
struct authorizer *authorizer_new_masters(void);
/* Nodes: what their pods use, and what is their own; @store outlives it. */
struct authorizer *authorizer_new_node(struct store *store);

#endif
