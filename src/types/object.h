/*
 * Published API objects: immutable, counted, shared between threads by reference.
 *
 * A decoder or a strategy builds an object's struct in a private arena; object_publish() copies it, all of it, into an
 * arena of the object's own, so that no published object points into another's memory.  From then on nobody writes to
 *it (every pointer inside is to const), and threads pass references: object_ref() to keep one, object_unref() to let
 *go.
 *
 * To change one: copy the top by value, ARENA_DUP the parts that change, assign, publish.
 *
 *	struct core_v1_pod pod = *OBJECT_AS(core_v1_pod, old);
 *	pod.status.phase = STR("Running");
 *	struct object *next = object_publish(&schema_core_v1_pod, &pod);
 *
 * The one late write is the revision: only the committer knows it, and it sets it once, before anyone else has a
 * reference (object_set_revision); metadata.resourceVersion points at room for it inside the object.
 *
 * Objects of kinds without a C type carry a tree and a typed metadata made from it; everything that needs nothing but
 * metadata works on both.
 */
#ifndef WHERRY_TYPES_OBJECT_H
#define WHERRY_TYPES_OBJECT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "codec/value.h"
#include "types/gen/meta_v1.h"
#include "types/schema.h"

struct object {
	atomic_uint references;
	const struct schema *schema;
	const void *data;			/* the struct of schema, or NULL: a tree */
	const struct value *tree;		/* or NULL */
	const struct meta_v1_object_meta *meta; /* of both; NULL when the type has none */
	uint64_t revision;			/* 0: not stored */
	struct arena arena;			/* owns all of the above */
	char resource_version[24];
};

/* The struct inside, checked against the schema in debug builds: OBJECT_AS(core_v1_pod, object). */
#define OBJECT_AS(type, object) ((const struct type *)object_data((object), &schema_##type))

static inline const void *object_data(const struct object *object, const struct schema *schema)
{
	assert(object->schema == schema && object->data);
	(void)schema;
	return object->data;
}

/*
 * A new object, one reference, the caller's: a deep copy of the struct @data of @schema.  metadata.resourceVersion in
 * @data is not copied: it follows the revision.
 */
struct object *object_publish(const struct schema *schema, const void *data);
/*
 * The same without the copy: @data lives in @arena, which the object takes over (the caller's is empty afterwards). For
 * decoders, which built it in an arena of its own.
 */
struct object *object_adopt(const struct schema *schema, const void *data, struct arena *arena);
/* The same for a tree; fails with ERR_BAD_REQUEST when its metadata is none. */
struct error;
int object_adopt_tree(const struct schema *schema, const struct value *tree, struct arena *arena, struct object **ret,
		      struct error *err) MUST_CHECK;
struct object *object_ref(struct object *object);
/* Returns NULL. */
struct object *object_unref(struct object *object);
/* Sets revision and metadata.resourceVersion.  Once, by the owner of the only reference. */
void object_set_revision(struct object *object, uint64_t revision);

static inline void cleanup_objectp(struct object **object)
{
	object_unref(*object);
}
#define cleanup_object CLEANUP(cleanup_objectp)

/*
 * A member that a strategy or defaulting may still change, because the object was made by a decoder in this request's
 * arena and is not published: EDIT(struct core_v1_container, container)->image_pull_policy = ...
 */
#define EDIT(type, p) UNCONST(type *, p)

/* The metadata member of an object's struct, NULL when its type has none. */
const struct meta_v1_object_meta *object_meta_of(const struct schema *schema, const void *data);

#endif
