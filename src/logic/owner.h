/* Who owns what: controller references. */
#ifndef WHERRY_LOGIC_OWNER_H
#define WHERRY_LOGIC_OWNER_H

#include "types/object.h"

/* The owner reference with controller: true, or NULL. */
const struct meta_v1_owner_reference *owner_controller(const struct meta_v1_object_meta *meta);
bool owner_is(const struct meta_v1_object_meta *meta, struct str owner_uid);
/* A reference that makes @owner the controller of what it is put on; blockOwnerDeletion is set. */
struct meta_v1_owner_reference owner_reference(const struct object *owner);

#endif
