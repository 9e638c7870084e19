/*
 * Objects as the store keeps them: JSON of the storage version, and a header beside it.
 *
 * The JSON has no resourceVersion, which only the committer knows; the header says where it goes in, so that an answer
 * is three pieces of bytes put together and nothing is encoded again.  The header also has what selectors are judged
 * on: labels and selectable fields, both as of that write.
 *
 * Header: version byte, flags byte, u32 body, u32 splice, then labels and fields as pairs of length-prefixed strings.
 * All little endian.  Stored files are ours alone, so a header that does not parse is a damaged record.
 */
#ifndef WHERRY_APISERVER_STORED_H
#define WHERRY_APISERVER_STORED_H

#include "apiserver/strategy.h"
#include "base/buf.h"
#include "store/store.h"
#include "types/object.h"

enum { STORED_TERMINATING = 1 << 0 /* has a deletionTimestamp */ };

struct stored_header {
	unsigned flags;
	uint32_t body;	 /* where "metadata" begins: what comes before is kind and apiVersion */
	uint32_t splice; /* where the resourceVersion goes in, after a member */
	const char *pairs, *end;
	uint16_t labels_len, fields_len;
};

/* The schema of the resource's stored form. */
const struct schema *stored_schema(const struct resource *resource);
/* The key of an object, or without a name the scope of a list (ending in '/'). */
struct str stored_key(const struct resource *resource, struct str name_space, struct str name, struct arena *arena);
/* Writes the stored form and the header of @data to the two buffers, which are empty. */
void stored_encode(const struct schema *schema, const struct strategy *strategy, const void *data, struct arena *arena,
		   struct buf *out, struct buf *header);
/* The topic a write of @data has: watchers by field find it without reading headers. */
struct str stored_topic(const struct resource *resource, const void *data, struct arena *arena);

bool stored_header_parse(struct str header, struct stored_header *ret);
/* The value of a label, or of a selectable field; NULL: there is none. */
bool stored_header_label(const struct stored_header *header, struct str key, struct str *ret);
bool stored_header_field(const struct stored_header *header, struct str key, struct str *ret);

/* Appends the record's object as JSON with its resourceVersion; @bare: without kind and apiVersion, as in lists. */
void stored_append(const struct store_record *record, bool bare, struct buf *out);
/* The same of bytes not yet in the store. */
void stored_append_bytes(struct str value, struct str header, uint64_t revision, bool bare, struct buf *out);

/*
 * The record's object, decoded if need be: a reference the caller drops.  Fails (ERR_INTERNAL) only when the bytes are
 * damaged.
 */
int stored_object(const struct store_record *record, const struct schema *schema, struct object **ret,
		  struct error *err) MUST_CHECK;
/*
 * The same for who looks at `meta` alone: where the record carries no object, a PartialObjectMetadata, for which the
 * rest of the bytes is passed over.
 */
int stored_metadata(const struct store_record *record, struct object **ret, struct error *err) MUST_CHECK;

#endif
