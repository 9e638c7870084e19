/*
 * OpenAPI v3 documents, made from schemas and resources at run time.
 *
 * One document for each group and version, as upstream publishes them: a path for each thing that can be done to a
 * resource, with the action and the kind it concerns (kubectl refuses to apply without them), and the schemas of all
 *types these mention, with the markers that merge patches, apply and explain go by.  There are no descriptions in our
 *API data, so there are none here.
 *
 * Making a document takes milliseconds: callers cache the text and its hash.  Any thread.
 *
 *	openapi_v3_document(STR("apps"), STR("v1"), list, len, &out);
 *	openapi_hash(buf_view(&out), hash);
 */
#ifndef WHERRY_TYPES_OPENAPI_H
#define WHERRY_TYPES_OPENAPI_H

#include "base/buf.h"
#include "types/resource.h"

#define OPENAPI_HASH_SIZE 33

/* The document of @group and @version, whose resources are given (those of other groups among them are passed over). */
void openapi_v3_document(struct str group, struct str version, const struct resource *const *list, size_t len,
			 struct buf *out);
/* The same for what is built in and on by default: all of the resource table that is GA and has a type. */
void openapi_v3_builtin(struct str group, struct str version, struct buf *out);
/*
 * The small documents beside them: @path "api", "apis", "apis/GROUP", "version", ".well-known/openid-configuration" or
 * "openid/v1/jwks".  False when it is none of these.
 */
bool openapi_v3_other(struct str path, struct buf *out);

struct openapi_entry {
	struct str path; /* "apis/apps/v1" */
	struct str hash;
};
/* The index: where each document is, with its hash. */
void openapi_v3_index(const struct openapi_entry *entries, size_t len, struct buf *out);

/* A hash of a document's text, in hexadecimal: the same text has the same one on every server. */
void openapi_hash(struct str text, char ret[OPENAPI_HASH_SIZE]);

#endif
