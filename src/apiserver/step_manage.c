/*
 * Step: who changed what, in metadata.managedFields.
 *
 * What the client changed becomes its manager's and nobody else's; what is gone is nobody's.  The set is made of the
 * object as the client left it, defaulted, before admission and the kind's own rules.  An object that nobody keeps
 * account of stays so until somebody applies to it.  An apply knows its fields already (apply.c).
 */
#include "apiserver/convert.h"
#include "apiserver/managed_fields.h"
#include "apiserver/steps.h"
#include "types/copy.h"

/* A list with nothing in it, or with one entry that says nothing, asks to forget all owners. */
static bool is_reset(const struct meta_v1_managed_fields_entry_slice *entries)
{
	static const struct meta_v1_managed_fields_entry nothing;

	return (entries->items && !entries->len) ||
	       (entries->len == 1 && equal_struct(&schema_meta_v1_managed_fields_entry, entries->items, &nothing));
}

/*
 * The owners so far: those the client sends, which may be fewer than there are; but a client that knows nothing of them
 * removes none, and through a subresource they cannot be set at all.
 */
static struct field_owners owners_before(struct request *request)
{
	static const struct meta_v1_managed_fields_entry_slice none;
	const struct meta_v1_managed_fields_entry_slice *given =
		&object_meta_of(request->schema, request->object)->managed_fields;
	const struct meta_v1_managed_fields_entry_slice *live =
		request->old ? &request->old->meta->managed_fields : &none;
	struct field_owners owners = {.arena = &request->arena};

	if (request->subresource)
		return managed_owners(live, &request->arena);
	if (is_reset(given))
		return owners;
	owners = managed_owners(given, &request->arena);
	return owners.list.len ? owners : managed_owners(live, &request->arena);
}

/* A struct of the stored version in the version the client writes. */
static const void *as_written(struct request *request, const void *data)
{
	if (request->schema == request->body_schema)
		return data;
	return convert_struct(request->schema, request->body_schema, data, &request->arena);
}

enum step_result step_manage(struct request *request)
{
	struct field_owners owners;

	if (request->managed || !object_meta_of(request->schema, request->object))
		return STEP_NEXT;
	if (request->keeps_managed) {
		request->managed_fields = object_meta_of(request->schema, request->object)->managed_fields;
		return STEP_NEXT;
	}
	owners = owners_before(request);
	if (request->created || owners.list.len)
		managed_update(request, request->body_schema,
			       request->old ? as_written(request, request->old->data) : NULL,
			       as_written(request, request->object), &owners);
	request->managed_fields = field_owners_write(&owners);
	return STEP_NEXT;
}
