/*
 * The API in calls: what controllers and the kubelet write in their workers.
 *
 * Each function is one request over the transport and blocks for its answer (LIMIT_CLIENT_CALL_SECONDS at most); worker
 * threads only.  Objects come back as references that the caller drops; bodies are structs of the resource's schema and
 * are only read.
 *
 *	struct object cleanup_object *made = NULL;
 *	if (client_create(client, RESOURCE_PODS, &pod, &made, err) < 0)
 *		return -1;
 */
#ifndef WHERRY_CLIENT_CLIENT_H
#define WHERRY_CLIENT_CLIENT_H

#include "client/transport.h"

struct client {
	struct transport *transport; /* borrowed */
	struct str field_manager;    /* "kubelet", "deployment-controller" ... */
};

/* The resource table's entry; aborts when there is none: for resources the program names itself. */
const struct resource *client_resource(const char *group, const char *version, const char *plural)
	__attribute__((returns_nonnull));

/* @ret may be NULL where the answer is not wanted. */
int client_get(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
	       struct object **ret, struct error *err) MUST_CHECK;
/* All objects; selectors may be empty.  Release with api_response_release(). */
int client_list(const struct client *client, const struct resource *resource, struct str namespace,
		struct str label_selector, struct str field_selector, struct api_response *ret,
		struct error *err) MUST_CHECK;
/* @data: the struct of resource's schema; namespace and name are taken from its metadata. */
int client_create(const struct client *client, const struct resource *resource, const void *data, struct object **ret,
		  struct error *err) MUST_CHECK;
/* Replaces; metadata.resourceVersion in @data, when set, must be current (else ERR_CONFLICT). */
int client_update(const struct client *client, const struct resource *resource, struct str subresource,
		  const void *data, struct object **ret, struct error *err) MUST_CHECK;
int client_patch(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
		 struct str subresource, enum patch_type type, struct str patch, struct object **ret,
		 struct error *err) MUST_CHECK;
/* @uid: delete only that incarnation, or empty.  @grace_period_seconds may be NULL. */
int client_delete(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
		  struct str uid, const int64_t *grace_period_seconds, struct error *err) MUST_CHECK;

/*
 * The merge patch that leads from @old to @new_ (structs of the same schema), both seen as JSON, for the members named
 * by
 * @only ("status", "metadata", ... or NULL: all but metadata.resourceVersion).  Empty when nothing differs: the way to
 * write a status without a conflict and without touching what others own.
 */
struct str client_diff(const struct schema *schema, const void *old, const void *new_, const char *only,
		       struct arena *arena);

#endif
