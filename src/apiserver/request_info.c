/* Paths and queries taken apart; see request_info.h. */
#include "apiserver/request_info.h"

bool query_flag(const struct query *query, struct str name)
{
	struct str value = query_get(query, name);

	return value.data && !str_eq_nocase(value, STR("false")) && !str_eq(value, STR("0"));
}

static const struct {
	const char *method, *verb;
} method_verbs[] = {
	{"POST", "create"}, {"GET", "get"},	{"HEAD", "get"},
	{"PUT", "update"},  {"PATCH", "patch"}, {"DELETE", "delete"},
};

static struct str lower(struct str text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);

	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] | 0x20) : text.data[i];
	out[text.len] = 0;
	return (struct str){out, text.len};
}

/* Subresources of namespaces, which look like resources in a namespace. */
static bool is_namespace_subresource(struct str word)
{
	return str_eq(word, STR("status")) || str_eq(word, STR("finalize"));
}

/* "/" separated parts of a path, empty ones at both ends dropped. */
static struct str_slice split(struct str path, struct arena *arena)
{
	VEC_OF(struct str) parts = {0};

	while (path.len && path.data[0] == '/')
		path = str_from_at(path, 1);
	while (path.len && path.data[path.len - 1] == '/')
		path.len--;
	while (path.len) {
		struct str part;
		bool more = str_cut(path, '/', &part, &path);

		vec_push(arena, &parts, part);
		if (more && path.len == 0)
			vec_push(arena, &parts, STR_EMPTY);
	}
	return (struct str_slice){parts.items, parts.len};
}

/* A get of the collection is a list or a watch, a delete of it a deletecollection; a field selector may name one. */
static void refine_verb(struct request_info *info, const struct query *query)
{
	struct str fields = query_get(query, STR("fieldSelector"));

	if (info->name.len)
		return;
	if (str_eq(info->verb, STR("get")))
		info->verb = query_flag(query, STR("watch")) ? STR("watch") : STR("list");
	else if (str_eq(info->verb, STR("delete")))
		info->verb = STR("deletecollection");
	if (fields.len && (str_eq(info->verb, STR("list")) || str_eq(info->verb, STR("watch")) ||
			   str_eq(info->verb, STR("deletecollection")))) {
		struct str rest = fields, term;

		while (rest.len) {
			str_cut(rest, ',', &term, &rest);
			if (str_has_prefix(term, STR("metadata.name="))) {
				struct str value = str_from_at(term, strlen("metadata.name="));

				if (value.len && value.data[0] == '=')
					value = str_from_at(value, 1);
				info->name = value;
			}
		}
	}
}

void request_info_parse(struct str method, struct str path, const struct query *query, struct arena *arena,
			struct request_info *ret)
{
	struct request_info info = {.path = path, .verb = lower(method, arena)};
	struct str_slice parts = split(path, arena);
	bool core;

	*ret = info;
	if (parts.len < 3)
		return;
	core = str_eq(parts.items[0], STR("api"));
	if (!core && !str_eq(parts.items[0], STR("apis")))
		return;
	info.api_prefix = parts.items[0];
	parts = (struct str_slice){parts.items + 1, parts.len - 1};
	if (!core) {
		/* /apis/GROUP/VERSION alone is no resource. */
		if (parts.len < 3)
			return;
		info.group = parts.items[0];
		parts = (struct str_slice){parts.items + 1, parts.len - 1};
	}
	info.is_resource = true;
	info.version = parts.items[0];
	parts = (struct str_slice){parts.items + 1, parts.len - 1};
	if (str_eq(parts.items[0], STR("watch")) || str_eq(parts.items[0], STR("proxy"))) {
		if (parts.len < 2)
			return;
		info.verb = parts.items[0];
		parts = (struct str_slice){parts.items + 1, parts.len - 1};
	} else {
		info.verb = STR_EMPTY;
		for (size_t i = 0; i < ARRAY_LEN(method_verbs); i++)
			if (str_eq_c(method, method_verbs[i].method))
				info.verb = str_from(method_verbs[i].verb);
	}
	if (str_eq(parts.items[0], STR("namespaces"))) {
		if (parts.len > 1) {
			info.name_space = parts.items[1];
			if (parts.len > 2 && !is_namespace_subresource(parts.items[2]))
				parts = (struct str_slice){parts.items + 2, parts.len - 2};
		}
	}
	info.parts = parts;
	info.resource = parts.items[0];
	if (parts.len >= 2)
		info.name = parts.items[1];
	if (parts.len >= 3 && !str_eq(info.verb, STR("proxy")))
		info.subresource = parts.items[2];
	refine_verb(&info, query);
	*ret = info;
}
