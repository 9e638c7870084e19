/*
 * Records from the inside: how they are made, and what keeps their bytes.
 *
 * A record's bytes lie either behind the record itself (memory) or in an extent: a mapped file that goes when the last
 * record in it has gone.  Both counts are atomic; any thread may drop the last reference.
 *
 * The object's slot is a pointer whose lowest bit is a lock: it is held for the few instructions between reading the
 * pointer and taking a reference, so that the committer cannot drop the object in between.
 */
#ifndef WHERRY_STORE_RECORD_H
#define WHERRY_STORE_RECORD_H

#include "store/store.h"

/* Something mapped that records point into. */
struct store_extent {
	atomic_uint refs;
	_Atomic(uint64_t) held; /* bytes of the records in memory that lie in it */
	void (*free)(struct store_extent *extent);
};

void store_extent_unref(struct store_extent *extent);

/* What a record is made of; see store.h for the parts. */
struct store_record_parts {
	struct str key, topic, header, value;
	uint64_t revision, create_revision;
	bool deleted;
};

/* A record with one reference and a copy of the bytes. */
struct store_record *store_record_new(const struct store_record_parts *parts, const struct store_objects *objects);
/*
 * A record with one reference whose bytes stay where they are: @key and @rest (as in struct store_record) in @extent,
 * of which it takes a reference.  Only the lengths are taken from @parts.
 */
struct store_record *store_record_new_in(struct store_extent *extent, const char *key, const char *rest,
					 const struct store_record_parts *parts, const struct store_objects *objects);
/* Gives a record that nobody else can see yet its object, of which it takes a reference. */
void store_record_set_object(struct store_record *record, void *object);
/* Takes the object away. */
void store_record_drop_object(struct store_record *record);

#endif
