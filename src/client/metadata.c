/* Metadata in few bytes; see metadata.h. */
#include "client/metadata.h"

#include "types/codec.h"

/* What is kept, but for what tells the object from others. */
static struct meta_v1_object_meta ties_of(const struct meta_v1_object_meta *meta)
{
	return (struct meta_v1_object_meta){.deletion_timestamp = meta->deletion_timestamp,
					    .owner_references = meta->owner_references,
					    .finalizers = meta->finalizers};
}

static bool has_ties(const struct meta_v1_object_meta *meta)
{
	return meta->deletion_timestamp || meta->owner_references.len || meta->finalizers.len;
}

static struct object *publish(const struct meta_v1_object_meta *ties, struct str namespace, struct str name,
			      struct str uid, uint64_t revision)
{
	struct meta_v1_partial_object_metadata partial = {.metadata = *ties};
	struct object *object;

	partial.metadata.namespace = namespace;
	partial.metadata.name = name;
	partial.metadata.uid = uid;
	object = object_publish(&schema_meta_v1_partial_object_metadata, &partial);
	object_set_revision(object, revision);
	return object;
}

struct object *metadata_of(const struct object *object)
{
	const struct meta_v1_object_meta *meta = object->meta;
	struct meta_v1_object_meta ties = ties_of(meta);

	return publish(&ties, meta->namespace, meta->name, meta->uid, object->revision);
}

void metadata_pack(const struct object *object, struct buf *out)
{
	struct meta_v1_object_meta ties = ties_of(object->meta);
	uint32_t uid_len = (uint32_t)object->meta->uid.len;

	buf_append(out, (const char *)&uid_len, sizeof(uid_len));
	buf_str(out, object->meta->uid);
	if (has_ties(&ties))
		encode_proto(&schema_meta_v1_object_meta, &ties, out);
}

struct object *metadata_unpack(struct str namespace, struct str name, uint64_t revision, struct str bytes)
{
	struct arena cleanup_arena arena = {0};
	struct meta_v1_object_meta none = {0};
	struct str rest, uid;
	uint32_t uid_len;
	void *ties = &none;

	assert(bytes.len >= sizeof(uid_len));
	memcpy(&uid_len, bytes.data, sizeof(uid_len));
	uid = str_sub(bytes, sizeof(uid_len), uid_len);
	rest = str_from_at(bytes, sizeof(uid_len) + uid_len);
	if (rest.len) {
		struct error err = {0};
		int result =
			decode_proto(&schema_meta_v1_object_meta,
				     (struct bytes){(const unsigned char *)rest.data, rest.len}, &arena, &ties, &err);

		assert(result == 0); /* the bytes are our own */
		(void)result;
	}
	return publish(ties, namespace, name, uid, revision);
}
