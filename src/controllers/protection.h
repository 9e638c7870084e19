/*
 * What the storage protection controllers share: an object that is being deleted keeps their finalizer until nothing
 * uses it any more.  Who uses it is asked of the server, not of a cache that may lag behind.
 *
 *	static const struct protection protection = {.name = "...", .finalizer = "...", .plural = "...", .in_use =
 *in_use}; struct protector *protector = protector_new(context, &protection); protector_add_user(protector,
 *client_resource("", "v1", "pods"), map);
 */
#ifndef WHERRY_CONTROLLERS_PROTECTION_H
#define WHERRY_CONTROLLERS_PROTECTION_H

#include "controllers/controller.h"

struct protection {
	const char *name;		      /* the controller's */
	const char *group, *version, *plural; /* what it protects */
	const char *finalizer;
	/* Worker thread; sets *@ret. */
	int (*in_use)(const struct client *client, const struct object *object, bool *ret, struct error *err);
};

struct protector;

struct protector *protector_new(struct controller_context *context, const struct protection *protection);
/* A change of these objects may be the end of a use: @map names the keys of what they use. */
void protector_add_user(struct protector *protector, struct controller_context *context,
			const struct resource *resource, reconciler_map_fn *map);
/* A controller's stop and free. */
void protector_stop(void *protector);
void protector_free(void *protector);

#endif
