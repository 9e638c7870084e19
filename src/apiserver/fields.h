/*
 * Top-level members of an object's struct by name: what the registry treats alike for all kinds (spec, status).
 */
#ifndef WHERRY_APISERVER_FIELDS_H
#define WHERRY_APISERVER_FIELDS_H

#include "types/schema.h"

/* Bytes of the member in the struct. */
size_t field_size(const struct schema_field *field);
/* Copies the member called @name from @from to @to (shallow); nothing when there is none. */
void field_copy(const struct schema *schema, struct str name, void *to, const void *from);
/* Zeroes the member. */
void field_clear(const struct schema *schema, struct str name, void *object);
/* Copies every member but metadata and @but. */
void fields_copy_but(const struct schema *schema, struct str but, void *to, const void *from);
bool field_exists(const struct schema *schema, struct str name);

#endif
