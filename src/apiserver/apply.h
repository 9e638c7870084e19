/*
 * Server-side apply: the body is a configuration, and the object becomes what all that was applied to it says.
 *
 * apply_object() does it for the request's object, which need not exist yet; apply_struct() for anything else with a
 * schema (a Scale).  How configurations, owners and conflicts work is types/field_merge.h's and field_owners.h's; here
 * are the body's reading, the errors' words, and kubectl's way from client-side apply:
 *
 *   - An object nobody keeps account of belongs to `before-first-apply`.
 *   - Fields that the annotation kubectl.kubernetes.io/last-applied-configuration has as they are were applied by
 *     kubectl before: its manager `kubectl` takes them over without conflict, and keeps the annotation up to date.
 */
#ifndef WHERRY_APISERVER_APPLY_H
#define WHERRY_APISERVER_APPLY_H

#include "apiserver/request.h"
#include "types/field_owners.h"

/* Is the request a patch of that kind? */
bool request_applies(const struct request *request);
/* From request->old, if there is one, to request->decoded and request->managed_fields, in the request's version. */
enum step_result apply_object(struct request *request);
/*
 * *ret is the struct that @change's object becomes; @owners change with it.  With another result than STEP_NEXT the
 * request was ended with a Status.
 */
enum step_result apply_struct(struct request *request, const struct field_change *change, struct field_owners *owners,
			      void **ret);

#endif
