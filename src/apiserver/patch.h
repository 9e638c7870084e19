/*
 * Patches as requests bring them: the present object as a tree, changed, and read back as a struct.
 *
 * patch_object() does it for the object itself; patch_struct() for anything else with a schema (a Scale).
 */
#ifndef WHERRY_APISERVER_PATCH_H
#define WHERRY_APISERVER_PATCH_H

#include "apiserver/request.h"

/* From request->old to request->decoded, both in the version of the request. */
enum step_result patch_object(struct request *request);
enum step_result patch_struct(struct request *request, const struct schema *schema, const void *data, void **ret);

#endif
