/* Selectors judged on a record's header alone, and look-ups in the head for strategies. */
#include "apiserver/server.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"

/* One requirement on a label that is @value, or absent when @found is false. */
static bool holds(const struct selector_requirement *requirement, bool found, struct str value)
{
	bool member = false;
	int64_t left, right;

	for (size_t i = 0; found && i < requirement->values.len && !member; i++)
		member = str_eq(value, requirement->values.items[i]);
	switch (requirement->op) {
	case SELECT_EQUALS:
	case SELECT_IN:
		return found && member;
	case SELECT_NOT_EQUALS:
	case SELECT_NOT_IN:
		return !found || !member;
	case SELECT_EXISTS:
		return found;
	case SELECT_DOES_NOT_EXIST:
		return !found;
	case SELECT_GREATER:
	case SELECT_LESS:
		if (!found || str_parse_int64(value, &left) < 0 || requirement->values.len != 1 ||
		    str_parse_int64(requirement->values.items[0], &right) < 0)
			return false;
		return requirement->op == SELECT_GREATER ? left > right : left < right;
	default:
		return false;
	}
}

/* Name and namespace of a record are the last parts of its key. */
static struct str key_part(const struct resource *resource, struct str key, bool name)
{
	ptrdiff_t slash = str_last_index(key, '/');
	struct str parent;

	if (name)
		return str_from_at(key, (size_t)slash + 1);
	if (!resource->namespaced)
		return STR_EMPTY;
	parent = str_sub(key, 0, (size_t)slash);
	return str_from_at(parent, (size_t)str_last_index(parent, '/') + 1);
}

bool request_selects(const struct request *request, const struct store_record *record)
{
	const struct selector *labels = &request->options.labels, *fields = &request->options.fields;
	struct stored_header header;
	struct str value, key = store_record_key(record);

	if (labels->nothing)
		return false;
	if (labels->len == 0 && fields->len == 0)
		return true;
	if (!stored_header_parse(store_record_header(record), &header))
		return false;
	SLICE_FOREACH (requirement, *labels) {
		bool found = stored_header_label(&header, requirement->key, &value);

		if (!holds(requirement, found, found ? value : STR_EMPTY))
			return false;
	}
	SLICE_FOREACH (requirement, *fields) {
		if (str_eq(requirement->key, STR("metadata.name")))
			value = key_part(request->resource, key, true);
		else if (str_eq(requirement->key, STR("metadata.namespace")))
			value = key_part(request->resource, key, false);
		else if (!stored_header_field(&header, requirement->key, &value))
			value = STR_EMPTY;
		if (!holds(requirement, true, value))
			return false;
	}
	return true;
}

const struct object *request_lookup(struct strategy_context *context, struct str group, struct str plural,
				    struct str name_space, struct str name)
{
	struct request *request = context->lookup_data;
	const struct resource *resource = NULL;
	const struct store_record *record;
	struct object *object = NULL;
	struct error err = {0};

	for (size_t i = 0; i < resources_len && !resource; i++)
		if (str_eq(resources[i].group, group) && str_eq(resources[i].plural, plural))
			resource = &resources[i];
	if (!resource)
		return NULL;
	record = store_get(request->server->store, stored_key(resource, name_space, name, &request->arena));
	if (!record)
		return NULL;
	if (stored_object(record, stored_schema(resource), &object, &err) == 0)
		request_hold_object(request, object);
	store_record_unref(record);
	return object;
}
