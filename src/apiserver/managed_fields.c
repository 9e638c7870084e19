/* Who writes, and what can be owned; see managed_fields.h. */
#include "apiserver/managed_fields.h"

#include "apiserver/convert.h"
#include "apiserver/fields.h"
#include "types/codec.h"

#define MANAGER_NAME_MAX 128

struct field_actor managed_actor(const struct request *request, struct str api_version)
{
	struct str name = request->options.field_manager, rest;

	if (!name.len)
		str_cut(request->user_agent, '/', &name, &rest);
	return (struct field_actor){
		.manager = str_sub(name.len ? name : STR("unknown"), 0, MANAGER_NAME_MAX),
		.api_version = api_version,
		.subresource = request->info.subresource,
		.now = {.seconds = request->now.seconds, .is_set = true},
	};
}

static void add_paths(struct field_set *set, struct str paths, struct arena *arena)
{
	struct str path, rest = paths;

	while (rest.len) {
		str_cut(rest, ' ', &path, &rest);
		field_set_add_path(set, path, arena);
	}
}

static const struct strategy_subresource *subresource_of(const struct request *request)
{
	const struct strategy *strategy = request->strategy;

	for (size_t i = 0; i < strategy->subresources_len; i++)
		if (str_eq(strategy->subresources[i].name, request->info.subresource))
			return &strategy->subresources[i];
	return NULL;
}

/* What the server owns, and what this way in cannot set. */
static struct field_set *ignored(struct request *request)
{
	struct field_set *set = field_set_server_owned(&request->arena);
	const struct strategy_subresource *subresource = subresource_of(request);

	if (str_eq(request->info.subresource, STR("status"))) {
		add_paths(set, STR("spec"), &request->arena);
		add_paths(set, request->strategy->status_reset_fields, &request->arena);
	} else if (subresource && subresource->reset_fields.len) {
		add_paths(set, subresource->reset_fields, &request->arena);
	} else {
		if (resource_subresource(request->resource, STR("status")))
			add_paths(set, STR("status"), &request->arena);
		add_paths(set, request->strategy->reset_fields, &request->arena);
	}
	return set;
}

/* The schema the request's object has in another version. */
static const struct schema *schema_in(const struct request *request, struct str api_version)
{
	if (str_eq(api_version, request->schema->api_version))
		return request->schema;
	return schema_by_kind(api_version, request->resource->kind);
}

static bool convert(void *data, const struct value *object, struct str api_version, const struct schema **ret_schema,
		    const struct value **ret)
{
	struct request *request = data;
	const struct schema *to = schema_in(request, api_version), *from = request->body_schema;
	struct error ignored_error = {0};
	void *decoded;

	if (!to || decode_value(from, object, &request->arena, NULL, &decoded, &ignored_error) < 0)
		return false;
	*ret_schema = to;
	*ret = encode_value(to, convert_struct(from, to, decoded, &request->arena), 0, &request->arena);
	return true;
}

static struct field_change change_of(struct request *request, const struct schema *schema)
{
	return (struct field_change){
		.schema = schema,
		.ignored = ignored(request),
		.versions = {convert, request},
	};
}

static const void *or_nothing(struct request *request, const struct schema *schema, const void *live)
{
	return live ? live : arena_zalloc(&request->arena, schema->size);
}

struct field_change managed_change(struct request *request, const struct schema *schema, const void *live)
{
	struct field_change change = change_of(request, schema);

	change.live = encode_value(schema, or_nothing(request, schema, live), ENCODE_KIND, &request->arena);
	return change;
}

/* The tree of a struct to be compared: what is ignored need not be made a tree of, and may be most of it. */
static struct value *without_ignored(const struct schema *schema, const void *data, const struct field_set *ignored,
				     struct arena *arena)
{
	void *copy = arena_memdup(arena, data, schema->size);

	for (size_t i = 0; i < schema->len; i++) {
		struct str name = schema->fields[i].name;
		const struct field_set *set = field_set_find(ignored, arena_concat(arena, STR("f:"), name));

		if (set && set->member)
			field_clear(schema, name, copy);
	}
	return encode_value(schema, copy, ENCODE_KIND, arena);
}

void managed_update(struct request *request, const struct schema *schema, const void *live, const void *object,
		    struct field_owners *owners)
{
	struct field_actor actor = managed_actor(request, schema->api_version);
	struct field_change change = change_of(request, schema);
	struct arena *arena = &request->arena;

	change.live = without_ignored(schema, or_nothing(request, schema, live), change.ignored, arena);
	field_owners_update(owners, &change, without_ignored(schema, object, change.ignored, arena), &actor);
}

struct field_owners managed_owners(const struct meta_v1_managed_fields_entry_slice *entries, struct arena *arena)
{
	struct field_owners owners = {.arena = arena};
	struct error ignored_error = {0};

	if (field_owners_read(entries, arena, &owners, &ignored_error) < 0)
		return (struct field_owners){.arena = arena};
	return owners;
}
