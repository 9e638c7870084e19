/*
 * Schemas as OpenAPI v3 writes them; for openapi.c alone.
 */
#ifndef WHERRY_TYPES_OPENAPI_SCHEMA_H
#define WHERRY_TYPES_OPENAPI_SCHEMA_H

#include "codec/value.h"
#include "types/schema.h"

/* The components.schemas of one document: what was asked for and all that these mention. */
struct openapi_schemas {
	struct arena *arena;
	struct str group, version; /* the document's: shared types are registered in it too */
	struct value *schemas;
	VEC_OF(const struct schema *) waiting; /* mentioned; those before `done` are written */
	size_t done;
};

/* {"$ref": ...} to @schema, which will be in the document. */
struct value *openapi_ref(struct openapi_schemas *s, const struct schema *schema);
/* The same by name, for a type that is a plain object or scalar without a schema of its own. */
struct value *openapi_ref_named(struct openapi_schemas *s, struct str name, struct value *definition);
/* Writes all that was mentioned. */
void openapi_finish(struct openapi_schemas *s);

/* Trees by hand: an object of the C string keys and values given, ended by NULL; a string. */
struct value *openapi_object(struct arena *arena, ...) __attribute__((sentinel));
struct value *openapi_string(struct arena *arena, const char *text);

#endif
