/* Who owns what; see owner.h. */
#include "logic/owner.h"

const struct meta_v1_owner_reference *owner_controller(const struct meta_v1_object_meta *meta)
{
	SLICE_FOREACH (reference, meta->owner_references)
		if (reference->controller && *reference->controller)
			return reference;
	return NULL;
}

bool owner_is(const struct meta_v1_object_meta *meta, struct str owner_uid)
{
	const struct meta_v1_owner_reference *reference = owner_controller(meta);

	return reference && str_eq(reference->uid, owner_uid);
}

struct meta_v1_owner_reference owner_reference(const struct object *owner)
{
	static const bool yes = true;

	return (struct meta_v1_owner_reference){
		.api_version = owner->schema->api_version,
		.kind = owner->schema->kind,
		.name = owner->meta->name,
		.uid = owner->meta->uid,
		.controller = &yes,
		.block_owner_deletion = &yes,
	};
}
