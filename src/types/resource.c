/* Looking resources up; see resource.h. */
#include "types/resource.h"

const struct resource *resource_find(struct str group, struct str version, struct str plural)
{
	for (size_t i = 0; i < resources_len; i++)
		if (str_eq(resources[i].plural, plural) && str_eq(resources[i].group, group) &&
		    str_eq(resources[i].version, version))
			return &resources[i];
	return NULL;
}

const struct resource *resource_by_kind(struct str api_version, struct str kind)
{
	for (size_t i = 0; i < resources_len; i++)
		if (str_eq(resources[i].kind, kind) && str_eq(resources[i].api_version, api_version))
			return &resources[i];
	return NULL;
}

const struct subresource *resource_subresource(const struct resource *resource, struct str name)
{
	for (size_t i = 0; i < resource->subresources_len; i++)
		if (str_eq(resource->subresources[i].name, name))
			return &resource->subresources[i];
	return NULL;
}

static const struct {
	enum verb verb;
	const char *name;
} verbs[] = {
	{VERB_GET, "get"},	 {VERB_LIST, "list"},
	{VERB_WATCH, "watch"},	 {VERB_CREATE, "create"},
	{VERB_UPDATE, "update"}, {VERB_PATCH, "patch"},
	{VERB_DELETE, "delete"}, {VERB_DELETE_COLLECTION, "deletecollection"},
};

unsigned verb_parse(struct str word)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eq_c(word, verbs[i].name))
			return verbs[i].verb;
	return 0;
}

const char *verb_name(enum verb verb)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].verb == verb)
			return verbs[i].name;
	return "";
}
