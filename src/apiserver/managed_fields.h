/*
 * managedFields of a request: who writes, and what of the object can be anybody's.
 *
 * Between a request and types/field_owners.h: `manage` uses it for creates, updates and patches, apply.c for
 * server-side apply, the scale action for both.
 */
#ifndef WHERRY_APISERVER_MANAGED_FIELDS_H
#define WHERRY_APISERVER_MANAGED_FIELDS_H

#include "apiserver/request.h"
#include "types/field_owners.h"

/* The client as an owner: the manager it names, else its user agent up to the first '/'; fields of @api_version. */
struct field_actor managed_actor(const struct request *request, struct str api_version);
/*
 * A write of the request's resource: @live is a struct of @schema, which is its resource's in any version; NULL: there
 * was none.  What the kind resets (strategy.h) is ignored.
 */
struct field_change managed_change(struct request *request, const struct schema *schema, const void *live);
/* The object became @object, a struct of @schema as @live is, by a write that was no apply. */
void managed_update(struct request *request, const struct schema *schema, const void *live, const void *object,
		    struct field_owners *owners);
/* Owners that cannot be read own nothing. */
struct field_owners managed_owners(const struct meta_v1_managed_fields_entry_slice *entries, struct arena *arena);

#endif
