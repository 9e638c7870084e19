/* The hashes of the OpenAPI documents, made when the index is first asked for.  Any thread. */
#ifndef WHERRY_APISERVER_OPENAPI_H
#define WHERRY_APISERVER_OPENAPI_H

struct openapi_cache;

struct openapi_cache *openapi_cache_new(void);
/* Takes NULL; returns NULL. */
struct openapi_cache *openapi_cache_free(struct openapi_cache *cache);

#endif
