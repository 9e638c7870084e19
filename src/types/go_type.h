/*
 * How Go calls the types of fields in its messages: "string", "[]v1.Container", "map[string]string".  For the decoders.
 */
#ifndef WHERRY_TYPES_GO_TYPE_H
#define WHERRY_TYPES_GO_TYPE_H

#include "base/arena.h"
#include "types/schema.h"

/* Of a struct: "v1.ObjectMeta". */
struct str go_type_struct(const struct schema *schema, struct arena *arena);
/* Of one item of the field, and of all of it. */
struct str go_type_item(const struct schema_field *field, struct arena *arena);
struct str go_type_field(const struct schema_field *field, struct arena *arena);
#define GO_NAME_SIZE 64
/* A member's name in Go's struct, written to @room: "HostIP" of "hostIP", "NFS" of "nfs". */
struct str go_member_name(struct str json_name, char room[GO_NAME_SIZE]);

#endif
