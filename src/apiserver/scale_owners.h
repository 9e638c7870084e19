/*
 * Owners of a Scale: those who own spec.replicas of the object that is scaled.
 *
 * A Scale is stored nowhere, so its managedFields are the object's: scale_owners_of() shows whoever owns the number as
 * an owner of the Scale, and after a write scale_owners_return() gives the object what became of them.
 */
#ifndef WHERRY_APISERVER_SCALE_OWNERS_H
#define WHERRY_APISERVER_SCALE_OWNERS_H

#include "types/field_owners.h"

struct field_owners scale_owners_of(const struct field_owners *object);
/* New owners own the field in @api_version, the object's. */
void scale_owners_return(const struct field_owners *scale, struct str api_version, struct field_owners *object);

#endif
