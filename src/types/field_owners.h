/*
 * Whose a field is: metadata.managedFields as data, and what writes do to it.
 *
 * An owner is a manager in one role: what it applied (one entry, whatever version it used), or what it changed by other
 * writes (one entry for each version), each apart for every subresource.  A field may have several owners.
 *
 *   update   whoever changed a field is its only owner among those who have another value there; what is gone is
 *            nobody's.
 *   apply    the manager owns what its configuration names, and no more: what it named last time and nobody else owns
 *            is removed from the object.  A field that another owner has with another value is a conflict; with force
 *it is taken over.
 *
 * Owners whose last field went are dropped when they are written down.  The time of an entry is that of the last write
 * that gave it a field.
 *
 * Owners speak of fields in the version they used.  Where an object exists in several, field_versions turns it from the
 * version of the request into another one; owners in versions nobody knows are dropped.
 *
 *	struct field_owners owners;
 *	if (field_owners_read(&meta->managed_fields, arena, &owners, err) == 0)
 *		field_owners_update(&owners, &change, &actor);
 *	meta->managed_fields = field_owners_write(&owners);
 *
 * All memory is the arena's; sets are replaced, never changed, so copies of a struct field_owners stay good.
 */
#ifndef WHERRY_TYPES_FIELD_OWNERS_H
#define WHERRY_TYPES_FIELD_OWNERS_H

#include "types/field_set.h"
#include "types/gen/meta_v1.h"

struct field_owner {
	struct str manager, api_version, subresource;
	bool applied;
	const struct timestamp *time; /* NULL: unknown */
	const struct field_set *set;
};

struct field_owners {
	struct arena *arena;
	VEC_OF(struct field_owner) list;
};

/* Who writes: an owner to be. */
struct field_actor {
	struct str manager, api_version, subresource;
	struct timestamp now;
};

/* Turns an object of the request's version into @api_version's; false: it has no such version. */
struct field_versions {
	bool (*convert)(void *data, const struct value *object, struct str api_version,
			const struct schema **ret_schema, const struct value **ret);
	void *data;
};

/* What a write is about: the object before, in the actor's version, and fields that are never anybody's. */
struct field_change {
	const struct schema *schema;
	struct value *live;
	const struct field_set *ignored; /* members and what is below them */
	struct field_versions versions;
};

/* What another owner has and a configuration would change. */
struct field_conflict {
	struct field_owner owner;
	const struct field_set *set;
};

struct field_conflicts {
	VEC_OF(struct field_conflict) list; /* by the owners' names */
};

/* Fails with ERR_BAD_REQUEST on an entry that is none. */
int field_owners_read(const struct meta_v1_managed_fields_entry_slice *entries, struct arena *arena,
		      struct field_owners *ret, struct error *err) MUST_CHECK;
/* In upstream's order: what was applied first, then by time, then by name. */
struct meta_v1_managed_fields_entry_slice field_owners_write(const struct field_owners *owners);

/* The object became @object by a write that was no apply. */
void field_owners_update(struct field_owners *owners, const struct field_change *change, const struct value *object,
			 const struct field_actor *actor);

/*
 * @config, which passed field_merge_check(), is applied: *ret is the new object, equal to the live one when nothing
 * changed.  Fails with ERR_CONFLICT and *ret_conflicts, changing nothing, unless @force.
 */
int field_owners_apply(struct field_owners *owners, const struct field_change *change, struct value *config,
		       const struct field_actor *actor, bool force, struct value **ret,
		       struct field_conflicts *ret_conflicts) MUST_CHECK;

#endif
