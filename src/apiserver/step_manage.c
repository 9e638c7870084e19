/*
 * Step: who changed what, in metadata.managedFields.
 *
 * What the client changed becomes its manager's and nobody else's; what is gone is nobody's.  The set is made of the
 * object as the client left it, defaulted, before admission and the kind's own rules.  An entry keeps its time until
 * its fields change.
 */
#include "apiserver/server.h"
#include "apiserver/steps.h"
#include "base/limits.h"
#include "types/codec.h"
#include "types/field_set.h"

#define UPDATE_MANAGERS_MAX 10 /* upstream's; more are joined under one name */
#define ANCIENT		    "ancient-changes"
#define MANAGER_NAME_MAX    128

/* The manager's name: as given, else the user agent up to its first '/'. */
static struct str manager_of(const struct request *request)
{
	struct str name = request->options.field_manager, rest;

	if (!name.len)
		str_cut(request->user_agent, '/', &name, &rest);
	return str_sub(name.len ? name : STR("unknown"), 0, MANAGER_NAME_MAX);
}

static struct str subresource_of(const struct request *request)
{
	return request->subresource ? request->subresource->name : STR_EMPTY;
}

static bool is_own(const struct request *request, const struct meta_v1_managed_fields_entry *entry)
{
	return str_eq(entry->manager, manager_of(request)) && str_eq(entry->operation, STR("Update")) &&
	       str_eq(entry->api_version, request->body_schema->api_version) &&
	       str_eq(entry->subresource, subresource_of(request));
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

static struct field_set *set_of(const struct meta_v1_managed_fields_entry *entry, struct arena *arena)
{
	struct error ignored = {0}; /* what cannot be read owns nothing */
	struct field_set *set;

	if (!entry->fields_v1 || field_set_parse(entry->fields_v1->text, arena, &set, &ignored) < 0)
		return field_set_new(arena);
	return set;
}

static struct meta_v1_managed_fields_entry new_entry(const struct request *request, const struct field_set *set,
						     struct arena *arena)
{
	struct timestamp now = {.seconds = request->now.seconds, .is_set = true};

	return (struct meta_v1_managed_fields_entry){
		.manager = arena_str(arena, manager_of(request)),
		.operation = STR("Update"),
		.api_version = request->body_schema->api_version,
		.time = ARENA_DUP(arena, struct timestamp, &now),
		.fields_type = STR("FieldsV1"),
		.fields_v1 = text_of(set, arena),
		.subresource = subresource_of(request),
	};
}

static int64_t time_of(const struct meta_v1_managed_fields_entry *entry)
{
	return entry->time ? entry->time->seconds : 0;
}

static bool is_apply(const struct meta_v1_managed_fields_entry *entry)
{
	return str_eq(entry->operation, STR("Apply"));
}

/* Upstream's order: Apply first, then by time, then by name. */
static int by_age(const void *x, const void *y)
{
	const struct meta_v1_managed_fields_entry *a = x, *b = y;

	if (is_apply(a) != is_apply(b))
		return is_apply(a) ? -1 : 1;
	if (time_of(a) != time_of(b))
		return time_of(a) < time_of(b) ? -1 : 1;
	if (!str_eq(a->manager, b->manager))
		return str_cmp(a->manager, b->manager);
	return str_cmp(a->subresource, b->subresource);
}

/* More than so many updaters: the oldest become one. */
static size_t join_ancient(struct meta_v1_managed_fields_entry *entries, size_t len, struct arena *arena)
{
	size_t updates = 0, first;

	for (size_t i = 0; i < len; i++)
		updates += !is_apply(&entries[i]);
	for (first = 0; first < len && is_apply(&entries[first]);)
		first++;
	for (; updates > UPDATE_MANAGERS_MAX; updates--, len--) {
		struct field_set *joined =
			field_set_union(set_of(&entries[first], arena), set_of(&entries[first + 1], arena), arena);

		entries[first + 1].manager = STR(ANCIENT);
		entries[first + 1].fields_v1 = text_of(joined, arena);
		memmove(entries + first, entries + first + 1, (len - first - 1) * sizeof(*entries));
	}
	return len;
}

static void manage(struct request *request, const struct field_set *changed, const struct field_set *removed)
{
	struct arena *arena = &request->arena;
	const struct meta_v1_managed_fields_entry_slice *before =
		request->old ? &request->old->meta->managed_fields : NULL;
	size_t len = 0, old_len = before ? before->len : 0;
	struct meta_v1_managed_fields_entry *all = ARENA_NEW_N(arena, struct meta_v1_managed_fields_entry, old_len + 1);
	bool own_seen = false;

	for (size_t i = 0; i < old_len; i++) {
		const struct meta_v1_managed_fields_entry *entry = &before->items[i];
		struct field_set *set = set_of(entry, arena), *next;
		bool own = is_own(request, entry);

		own_seen = own_seen || own;
		next = own ? field_set_union(set, changed, arena) : field_set_difference(set, changed, arena);
		next = field_set_difference(next, removed, arena);
		if (field_set_empty(next))
			continue;
		all[len] = *entry;
		if (own && !(field_set_empty(changed) && field_set_empty(removed)))
			all[len] = new_entry(request, next, arena);
		else if (!field_set_eq(set, next))
			all[len].fields_v1 = text_of(next, arena);
		len++;
	}
	if (!own_seen && !field_set_empty(changed))
		all[len++] = new_entry(request, changed, arena);
	qsort(all, len, sizeof(*all), by_age);
	request->managed_fields = (struct meta_v1_managed_fields_entry_slice){all, join_ancient(all, len, arena)};
}

enum step_result step_manage(struct request *request)
{
	struct arena *arena = &request->arena;
	const struct str spec = STR_INIT("spec"), status = STR_INIT("status");
	bool has_status = resource_subresource(request->resource, STR("status")) != NULL;
	bool is_status = str_eq(subresource_of(request), STR("status"));
	const void *old = request->old ? request->old->data : arena_zalloc(arena, request->schema->size);
	struct field_set *changed, *removed;

	if (!object_meta_of(request->schema, request->object))
		return STEP_NEXT;
	field_set_compare(request->schema, encode_value(request->schema, old, 0, arena),
			  encode_value(request->schema, request->object, 0, arena), is_status ? &spec : &status,
			  has_status ? 1 : 0, arena, &changed, &removed);
	manage(request, changed, removed);
	return STEP_NEXT;
}
