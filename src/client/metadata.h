/*
 * What a cache keeps of an object of which it needs the metadata alone, in few bytes.
 *
 * Of the metadata it is what ties objects to each other and ends them: uid, ownerReferences, finalizers and
 * deletionTimestamp, with namespace, name and revision.  Labels, annotations, managedFields and all else are gone.
 * metadata_of() makes such an object of any; metadata_pack() writes it as bytes, the uid and behind it the protobuf of
 *the rest, which most objects have none of; namespace, name and revision are not among the bytes, since whoever keeps
 *them has these anyway.
 *
 *	struct object *slim = metadata_of(whole);
 *	metadata_pack(slim, &bytes);
 *	struct object *again = metadata_unpack(namespace, name, slim->revision, buf_view(&bytes));
 *
 * Pure; any thread.
 */
#ifndef WHERRY_CLIENT_METADATA_H
#define WHERRY_CLIENT_METADATA_H

#include "base/buf.h"
#include "types/object.h"

/* A PartialObjectMetadata of @object's metadata, a new reference. */
struct object *metadata_of(const struct object *object);
/* Appends the bytes of @object's metadata to @out. */
void metadata_pack(const struct object *object, struct buf *out);
/* The object of these bytes, which metadata_pack() wrote: a new reference. */
struct object *metadata_unpack(struct str namespace, struct str name, uint64_t revision, struct str bytes);

#endif
