/* Owners of a Scale and of the object behind it; see scale_owners.h. */
#include "apiserver/scale_owners.h"

#define SCALE_VERSION "autoscaling/v1"

static struct field_set *replicas_alone(struct arena *arena)
{
	struct field_set *set = field_set_new(arena);

	field_set_add_path(set, STR("spec.replicas"), arena);
	return set;
}

static bool owns_replicas(const struct field_owner *owner)
{
	return field_set_find(field_set_find(owner->set, STR("f:spec")), STR("f:replicas")) != NULL;
}

/* The version is the only thing that tells an owner of one from that of the other. */
static bool is_same(const struct field_owner *a, const struct field_owner *b)
{
	return a->applied == b->applied && str_eq(a->manager, b->manager) && str_eq(a->subresource, b->subresource);
}

static struct field_owner *find(const struct field_owners *owners, const struct field_owner *wanted)
{
	for (size_t i = 0; i < owners->list.len; i++)
		if (is_same(&owners->list.items[i], wanted))
			return &owners->list.items[i];
	return NULL;
}

struct field_owners scale_owners_of(const struct field_owners *object)
{
	struct field_owners scale = {.arena = object->arena};

	for (size_t i = 0; i < object->list.len; i++) {
		struct field_owner owner = object->list.items[i];

		if (!owns_replicas(&owner))
			continue;
		owner.api_version = STR(SCALE_VERSION);
		owner.set = replicas_alone(object->arena);
		vec_push(object->arena, &scale.list, owner);
	}
	return scale;
}

void scale_owners_return(const struct field_owners *scale, struct str api_version, struct field_owners *object)
{
	struct field_set *replicas = replicas_alone(object->arena);

	for (size_t i = 0; i < object->list.len; i++) {
		struct field_owner *owner = &object->list.items[i];
		const struct field_owner *twin = find(scale, owner);

		if (owns_replicas(owner) && !(twin && owns_replicas(twin)))
			owner->set = field_set_difference(owner->set, replicas, object->arena);
	}
	for (size_t i = 0; i < scale->list.len; i++) {
		struct field_owner owner = scale->list.items[i], *twin = find(object, &owner);

		if (!owns_replicas(&owner))
			continue;
		owner.api_version = api_version;
		owner.set = replicas;
		/* Upstream gives no time to those who come this way. */
		owner.time = NULL;
		if (twin)
			twin->set = field_set_union(twin->set, replicas, object->arena);
		else
			vec_push(object->arena, &object->list, owner);
	}
}
