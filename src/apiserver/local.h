/*
 * Requests of components in the same process: the same pipeline, below HTTP.
 *
 * RBAC, admission and validation apply to the user given; nothing is encoded or decoded.  The call blocks, so it is for
 * worker threads; the committer's answer wakes it.
 */
#ifndef WHERRY_APISERVER_LOCAL_H
#define WHERRY_APISERVER_LOCAL_H

#include "apiserver/user.h"
#include "base/error.h"
#include "types/gen/meta_v1.h"
#include "types/resource.h"

struct apiserver;
struct loop;
struct object;
struct request;
struct watcher;

struct local_call {
	const struct user_info *user;
	struct str verb; /* "get", "list", "create", "update", "patch", "delete", "deletecollection", "watch" */
	const struct resource *resource;
	struct str subresource; /* or empty */
	struct str name_space, name;
	const struct schema *body_schema; /* of body; NULL: the resource's */
	const void *body;		  /* create, update, actions */
	struct str patch, patch_type;	  /* JSON text and its media type */
	const struct meta_v1_delete_options *delete_options;
	struct str label_selector, field_selector;
	struct str resource_version; /* watch: from where; empty: initial events and their end */
	struct str field_manager;
	bool dry_run;
	bool lazy;	    /* the write need not survive the machine: it is made again at the next start */
	bool managed;	    /* update: the body's managedFields are as they are to be */
	bool metadata_only; /* watch: no more than `meta` of the objects will be looked at */
	bool trusted;	    /* was authorized as part of another request: not asked again */
};

struct local_answer {
	struct object *object; /* a reference the caller drops, or NULL */
	struct object **items; /* of a list: references, and the array to free() */
	size_t items_len;
	uint64_t revision;
};

/* A failure is the Status as a struct error. */
int apiserver_call(struct apiserver *server, const struct local_call *call, struct local_answer *ret,
		   struct error *err) MUST_CHECK;
/* Starts a watch; the watcher is to be started (watcher_start) on a loop, with an `event` sink. */
int apiserver_watch(struct apiserver *server, const struct local_call *call, struct watcher **ret,
		    struct error *err) MUST_CHECK;

#endif
