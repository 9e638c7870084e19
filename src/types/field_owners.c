/* Owners of fields: entries, and what writes do to them; see field_owners.h. */
#include "types/field_owners.h"

#include "base/limits.h"
#include "types/field_merge.h"
#include "types/field_set_internal.h"

#define ANCIENT "ancient-changes"

/* --- Entries ---------------------------------------------------------------------------------------------------- */

static int read_entry(const struct meta_v1_managed_fields_entry *entry, struct arena *arena, struct field_owner *ret,
		      struct error *err)
{
	struct field_set *set = field_set_new(arena);
	bool applied = str_eq(entry->operation, STR("Apply"));

	if (!applied && !str_eq(entry->operation, STR("Update")))
		return error_set(err, ERR_BAD_REQUEST, "operation must be `Apply` or `Update`");
	if (!entry->api_version.len)
		return error_set(err, ERR_BAD_REQUEST, "apiVersion must not be empty");
	if (!str_eq(entry->fields_type, STR("FieldsV1")))
		return error_set(err, ERR_BAD_REQUEST, "invalid fieldsType \"" STR_FMT "\" in managed fields entry",
				 STR_ARG(entry->fields_type));
	if (entry->fields_v1 && field_set_parse(entry->fields_v1->text, arena, &set, err) < 0)
		return error_wrap(err, "error decoding set");
	*ret = (struct field_owner){.manager = entry->manager,
				    .api_version = entry->api_version,
				    .subresource = entry->subresource,
				    .applied = applied,
				    .time = entry->time,
				    .set = set};
	return 0;
}

int field_owners_read(const struct meta_v1_managed_fields_entry_slice *entries, struct arena *arena,
		      struct field_owners *ret, struct error *err)
{
	struct field_owners owners = {.arena = arena};

	SLICE_FOREACH (entry, *entries) {
		struct field_owner owner;

		if (read_entry(entry, arena, &owner, err) < 0)
			return -(int)err->code;
		vec_push(arena, &owners.list, owner);
	}
	*ret = owners;
	return 0;
}

static const struct raw_json *text_of(const struct field_set *set, struct arena *arena)
{
	struct raw_json *raw = ARENA_NEW(arena, struct raw_json);
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	field_set_write(set, &text);
	raw->text = arena_str(arena, buf_view(&text));
	return raw;
}

static int64_t seconds_of(const struct field_owner *owner)
{
	return owner->time ? owner->time->seconds : 0;
}

static int by_age(const void *x, const void *y)
{
	const struct field_owner *a = x, *b = y;

	if (a->applied != b->applied)
		return a->applied ? -1 : 1;
	if (seconds_of(a) != seconds_of(b))
		return seconds_of(a) < seconds_of(b) ? -1 : 1;
	if (!str_eq(a->manager, b->manager))
		return str_cmp(a->manager, b->manager);
	if (!str_eq(a->api_version, b->api_version))
		return str_cmp(a->api_version, b->api_version);
	return str_cmp(a->subresource, b->subresource);
}

struct meta_v1_managed_fields_entry_slice field_owners_write(const struct field_owners *owners)
{
	struct arena *arena = owners->arena;
	struct field_owner *sorted = ARENA_NEW_N(arena, struct field_owner, owners->list.len + 1);
	struct meta_v1_managed_fields_entry *entries;
	size_t len = 0;

	for (size_t i = 0; i < owners->list.len; i++)
		if (!field_set_empty(owners->list.items[i].set))
			sorted[len++] = owners->list.items[i];
	if (!len)
		return (struct meta_v1_managed_fields_entry_slice){0};
	qsort(sorted, len, sizeof(*sorted), by_age);
	entries = ARENA_NEW_N(arena, struct meta_v1_managed_fields_entry, len);
	for (size_t i = 0; i < len; i++)
		entries[i] = (struct meta_v1_managed_fields_entry){
			.manager = sorted[i].manager,
			.operation = sorted[i].applied ? STR("Apply") : STR("Update"),
			.api_version = sorted[i].api_version,
			.time = sorted[i].time,
			.fields_type = STR("FieldsV1"),
			.fields_v1 = text_of(sorted[i].set, arena),
			.subresource = sorted[i].subresource,
		};
	return (struct meta_v1_managed_fields_entry_slice){entries, len};
}

/* --- What a write changed --------------------------------------------------------------------------------------- */

/* The difference of two objects, in one version. */
struct difference {
	struct str api_version;
	bool known;
	struct field_set *changed, *removed;
};

/* The same in all versions that owners ask for. */
struct differences {
	struct arena *arena;
	const struct field_change *change;
	const struct value *object;
	VEC_OF(struct difference) list; /* the actor's first */
};

static struct difference differ(struct differences *d, const struct schema *schema, struct str api_version,
				const struct value *live, const struct value *object)
{
	struct difference difference = {.api_version = api_version, .known = true};

	field_set_compare(schema, live, object, d->change->ignored, d->arena, &difference.changed, &difference.removed);
	return difference;
}

static const struct difference *in_version(struct differences *d, struct str api_version)
{
	const struct field_versions *versions = &d->change->versions;
	struct difference difference = {.api_version = api_version};
	const struct value *live, *object;
	const struct schema *schema;

	for (size_t i = 0; i < d->list.len; i++)
		if (str_eq(d->list.items[i].api_version, api_version))
			return &d->list.items[i];
	if (versions->convert && versions->convert(versions->data, d->change->live, api_version, &schema, &live) &&
	    versions->convert(versions->data, d->object, api_version, &schema, &object))
		difference = differ(d, schema, api_version, live, object);
	vec_push(d->arena, &d->list, difference);
	return &d->list.items[d->list.len - 1];
}

static struct differences difference_of(struct arena *arena, const struct field_change *change,
					const struct value *object, struct str api_version)
{
	struct differences d = {.arena = arena, .change = change, .object = object};

	vec_push(arena, &d.list, differ(&d, change->schema, api_version, change->live, object));
	return d;
}

/* Takes what changed, and what is gone, from all but owner number @but. */
static void take_from_others(struct field_owners *owners, struct differences *d, size_t but)
{
	struct arena *arena = owners->arena;
	VEC_OF(struct field_owner) rest = {0};

	for (size_t i = 0; i < owners->list.len; i++) {
		struct field_owner owner = owners->list.items[i];
		const struct difference *difference = in_version(d, owner.api_version);

		if (i != but && !difference->known)
			continue;
		if (i != but) {
			if (!field_set_empty(difference->changed))
				owner.set = field_set_difference(owner.set, difference->changed, arena);
			if (!field_set_empty(difference->removed))
				owner.set = field_set_difference(owner.set, difference->removed, arena);
		}
		vec_push(arena, &rest, owner);
	}
	owners->list.items = rest.items;
	owners->list.len = rest.len;
	owners->list.cap = rest.cap;
}

#define NOBODY SIZE_MAX

static size_t find_owner(const struct field_owners *owners, const struct field_actor *actor, bool applied)
{
	for (size_t i = 0; i < owners->list.len; i++) {
		const struct field_owner *owner = &owners->list.items[i];

		/* Who applies is one owner in all versions. */
		if (owner->applied == applied && str_eq(owner->manager, actor->manager) &&
		    str_eq(owner->subresource, actor->subresource) &&
		    (applied || str_eq(owner->api_version, actor->api_version)))
			return i;
	}
	return NOBODY;
}

static struct field_owner new_owner(const struct field_owners *owners, const struct field_actor *actor, bool applied,
				    const struct field_set *set)
{
	return (struct field_owner){.manager = arena_str(owners->arena, actor->manager),
				    .api_version = actor->api_version,
				    .subresource = actor->subresource,
				    .applied = applied,
				    .set = set};
}

/* --- Update ----------------------------------------------------------------------------------------------------- */

/* Two owners become one; the younger keeps its place and gives the time. */
static void join(struct field_owners *owners, size_t older, size_t younger)
{
	struct field_owner *both = &owners->list.items[younger];

	both->set = field_set_union(owners->list.items[older].set, both->set, owners->arena);
	both->manager = STR(ANCIENT);
	both->subresource = STR_EMPTY;
	memmove(owners->list.items + older, owners->list.items + older + 1,
		(owners->list.len - older - 1) * sizeof(*owners->list.items));
	owners->list.len--;
}

/* Too many updaters: the oldest of one version become one. */
static void join_ancient(struct field_owners *owners)
{
	size_t updaters = 0;

	for (size_t i = 0; i < owners->list.len; i++)
		updaters += !owners->list.items[i].applied;
	if (updaters <= LIMIT_FIELD_UPDATERS)
		return;
	qsort(owners->list.items, owners->list.len, sizeof(*owners->list.items), by_age);
	for (size_t i = 0; i < owners->list.len && updaters > LIMIT_FIELD_UPDATERS;) {
		const struct field_owner *oldest = &owners->list.items[i];
		size_t next = i + 1;

		while (next < owners->list.len && !str_eq(owners->list.items[next].api_version, oldest->api_version))
			next++;
		if (oldest->applied || next == owners->list.len) {
			i++;
			continue;
		}
		join(owners, i, next);
		updaters--;
	}
}

static void drop_empty(struct field_owners *owners)
{
	size_t len = 0;

	for (size_t i = 0; i < owners->list.len; i++)
		if (!field_set_empty(owners->list.items[i].set))
			owners->list.items[len++] = owners->list.items[i];
	owners->list.len = len;
}

void field_owners_update(struct field_owners *owners, const struct field_change *change, const struct value *object,
			 const struct field_actor *actor)
{
	struct differences d = difference_of(owners->arena, change, object, actor->api_version);
	const struct field_set *changed = d.list.items[0].changed;
	size_t at;

	take_from_others(owners, &d, NOBODY);
	if (!field_set_empty(changed)) {
		at = find_owner(owners, actor, false);
		if (at == NOBODY) {
			at = owners->list.len;
			vec_push(owners->arena, &owners->list, new_owner(owners, actor, false, changed));
		} else {
			struct field_owner *own = &owners->list.items[at];

			own->set = field_set_union(own->set, changed, owners->arena);
		}
		owners->list.items[at].time = ARENA_DUP(owners->arena, struct timestamp, &actor->now);
	}
	drop_empty(owners);
	join_ancient(owners);
}

/* --- Apply ------------------------------------------------------------------------------------------------------ */

static int by_name(const void *x, const void *y)
{
	const struct field_conflict *a = x, *b = y;
	int order = str_cmp(a->owner.manager, b->owner.manager);

	return order ? order : by_age(&a->owner, &b->owner);
}

static struct field_conflicts find_conflicts(const struct field_owners *owners, struct differences *d, size_t own)
{
	struct field_conflicts conflicts = {0};

	for (size_t i = 0; i < owners->list.len; i++) {
		const struct field_owner *owner = &owners->list.items[i];
		const struct difference *difference = in_version(d, owner->api_version);
		struct field_conflict conflict = {.owner = *owner};

		if (i == own || !difference->known)
			continue;
		conflict.set = field_set_intersection(owner->set, difference->changed, owners->arena);
		if (!field_set_empty(conflict.set))
			vec_push(owners->arena, &conflicts.list, conflict);
	}
	if (conflicts.list.len)
		qsort(conflicts.list.items, conflicts.list.len, sizeof(*conflicts.list.items), by_name);
	return conflicts;
}

/* What anybody owns once @set is the manager's. */
static const struct field_set *owned_by_all(const struct field_owners *owners, size_t own, const struct field_set *set)
{
	const struct field_set *all = set;

	for (size_t i = 0; i < owners->list.len; i++)
		if (i != own)
			all = field_set_union(all, owners->list.items[i].set, owners->arena);
	return all;
}

int field_owners_apply(struct field_owners *owners, const struct field_change *change, struct value *config,
		       const struct field_actor *actor, bool force, struct value **ret,
		       struct field_conflicts *ret_conflicts)
{
	struct arena *arena = owners->arena;
	const struct field_set *named = field_set_of(change->schema, config, arena), *set;
	struct value *merged = field_merge(change->schema, change->live, config, arena);
	size_t own = find_owner(owners, actor, true);
	struct field_conflicts conflicts;
	struct field_owner owner;
	struct differences d;

	if (own != NOBODY)
		merged = field_merge_drop(change->schema, merged, owners->list.items[own].set,
					  owned_by_all(owners, own, named), arena);
	d = difference_of(arena, change, merged, actor->api_version);
	conflicts = find_conflicts(owners, &d, own);
	if (conflicts.list.len && !force) {
		*ret_conflicts = conflicts;
		return -ERR_CONFLICT;
	}
	set = field_set_without(named, change->ignored, arena);
	owner = new_owner(owners, actor, true, set);
	owner.time = own == NOBODY ? NULL : owners->list.items[own].time;
	/* Who gives an opinion that changes nothing leaves the time alone, as upstream does. */
	if (!value_eq(change->live, merged))
		owner.time = ARENA_DUP(arena, struct timestamp, &actor->now);
	if (own == NOBODY) {
		own = owners->list.len;
		vec_push(arena, &owners->list, owner);
	} else {
		owners->list.items[own] = owner;
	}
	take_from_others(owners, &d, own);
	drop_empty(owners);
	*ret = merged;
	return 0;
}
