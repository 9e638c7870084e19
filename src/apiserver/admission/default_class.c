/* The class that is the default one; see default_class.h. */
#include "apiserver/admission/default_class.h"

#include "apiserver/server.h"
#include "apiserver/stored.h"
#include "types/selector.h"

struct search {
	struct arena *arena;
	const struct schema *schema;
	const char *const *annotations;
	struct str *found;
	int64_t made;
};

static bool is_default(const struct search *search, const struct meta_v1_object_meta *meta)
{
	for (size_t i = 0; search->annotations[i]; i++) {
		const struct str *value = str_map_get(&meta->annotations, str_from(search->annotations[i]));

		if (value && str_eq(*value, STR("true")))
			return true;
	}
	return false;
}

/* Names come in order, so that of two made at once the first stays. */
static enum store_visit look(void *data, const struct store_record *record)
{
	struct search *search = data;
	struct object *object;
	struct error ignored = {0}; /* what cannot be read is no default */

	if (stored_object(record, search->schema, &object, &ignored) < 0)
		return STORE_VISIT_PASSED;
	if (is_default(search, object->meta) &&
	    (!search->found || object->meta->creation_timestamp.seconds > search->made)) {
		search->found = ARENA_NEW(search->arena, struct str);
		*search->found = arena_str(search->arena, object->meta->name);
		search->made = object->meta->creation_timestamp.seconds;
	}
	object_unref(object);
	return STORE_VISIT_PASSED;
}

const struct str *find_default_class(struct request *request, const struct resource *resource,
				     const char *const *annotations)
{
	struct search search = {
		.arena = &request->arena, .schema = stored_schema(resource), .annotations = annotations};
	struct store_range range = {.scope = stored_key(resource, STR_EMPTY, STR_EMPTY, &request->arena)};
	struct store_view *view = store_view_acquire(request->server->store);
	struct store_range_result seen;
	struct error ignored = {0}; /* the present revision can always be read */

	if (store_view_scan(view, &range, look, &search, &seen, &ignored) < 0)
		search.found = NULL;
	store_view_release(view);
	return search.found;
}
