/*
 * Published objects; see object.h.
 *
 * The struct object lies in its own arena together with all it owns, so an object is one or two blocks of memory: to
 * free it the arena is moved out first.
 */
#include "types/object.h"

#include <inttypes.h>
#include <stdio.h>

#include "types/copy.h"

const struct meta_v1_object_meta *object_meta_of(const struct schema *schema, const void *data)
{
	const struct schema_field *field = schema_find(schema, STR("metadata"));

	if (!field || field->message != &schema_meta_v1_object_meta || field->shape != SHAPE_ONE)
		return NULL;
	return (const void *)((const char *)data + field->offset);
}

/* Points metadata.resourceVersion at the room kept for it. */
static void bind_resource_version(struct object *object)
{
	struct meta_v1_object_meta *meta;

	if (!object->meta)
		return;
	meta = EDIT(struct meta_v1_object_meta, object->meta);
	meta->resource_version = (struct str){object->resource_version, 0};
}

static struct object *object_make(const struct schema *schema, const void *data, struct arena *arena)
{
	struct object *object = arena_zalloc(arena, sizeof(*object));

	atomic_init(&object->references, 1);
	object->schema = schema;
	object->data = data;
	object->meta = object_meta_of(schema, data);
	bind_resource_version(object);
	object->arena = *arena;
	*arena = (struct arena){0};
	return object;
}

struct object *object_publish(const struct schema *schema, const void *data)
{
	struct arena arena = {0};

	arena_reserve(&arena, copy_struct_size(schema, data) + sizeof(struct object) + 32);
	return object_make(schema, copy_struct(schema, data, &arena), &arena);
}

struct object *object_adopt(const struct schema *schema, const void *data, struct arena *arena)
{
	return object_make(schema, data, arena);
}

struct object *object_ref(struct object *object)
{
	unsigned before = atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
	return object;
}

struct object *object_unref(struct object *object)
{
	struct arena arena;

	/* Release: what this thread read happened before; acquire: the last one sees all of it before it frees. */
	if (!object || atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) != 1)
		return NULL;
	arena = object->arena;
	arena_release(&arena);
	return NULL;
}

void object_set_revision(struct object *object, uint64_t revision)
{
	int len = snprintf(object->resource_version, sizeof(object->resource_version), "%" PRIu64, revision);

	assert(atomic_load_explicit(&object->references, memory_order_relaxed) == 1);
	object->revision = revision;
	if (object->meta)
		EDIT(struct meta_v1_object_meta, object->meta)->resource_version.len = (size_t)len;
}
