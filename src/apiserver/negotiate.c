/* Accept and Content-Type; see negotiate.h. */
#include "apiserver/negotiate.h"

#include "net/headers.h"
#include "net/http.h"

static const struct str format_names[MEDIA_FORMAT_MAX] = {
	[MEDIA_JSON] = STR_INIT("application/json"),
	[MEDIA_YAML] = STR_INIT("application/yaml"),
	[MEDIA_PROTOBUF] = STR_INIT("application/vnd.kubernetes.protobuf"),
};
static const struct str subtypes[MEDIA_FORMAT_MAX] = {
	[MEDIA_JSON] = STR_INIT("json"),
	[MEDIA_YAML] = STR_INIT("yaml"),
	[MEDIA_PROTOBUF] = STR_INIT("vnd.kubernetes.protobuf"),
};

struct str media_format_name(enum media_format format)
{
	return format_names[format];
}

struct str content_type_name(struct str content_type)
{
	struct str name, parameters;

	str_cut(content_type, ';', &name, &parameters);
	return str_trim(name);
}

bool negotiate_content(struct str content_type, enum media_format *ret)
{
	struct str name = content_type_name(content_type);

	if (name.len == 0) {
		*ret = MEDIA_JSON;
		return true;
	}
	for (int i = 0; i < MEDIA_FORMAT_MAX; i++)
		if (str_eq_nocase(name, format_names[i])) {
			*ret = (enum media_format)i;
			return true;
		}
	return false;
}

static struct str param(const struct media_type *clause, struct str name)
{
	struct str value = media_type_param(clause, name);

	return value.data ? value : STR_EMPTY;
}

/* The kind a clause asks for; false when we cannot give it. */
static bool clause_kind(const struct media_type *clause, unsigned can, struct answer_form *out)
{
	struct str as = param(clause, STR("as")), group = param(clause, STR("g"));
	bool meta;

	out->kind_version = param(clause, STR("v"));
	meta = str_eq(group, STR("meta.k8s.io")) &&
	       (str_eq(out->kind_version, STR("v1")) || str_eq(out->kind_version, STR("v1beta1")));
	if (as.len == 0)
		return param(clause, STR("profile")).len == 0;
	if (str_eq(as, STR("Table")) && meta && can & NEGOTIATE_TABLE) {
		out->kind = MEDIA_TABLE;
		return true;
	}
	if (str_eq(as, STR("PartialObjectMetadata")) && meta && can & NEGOTIATE_PARTIAL) {
		out->kind = MEDIA_PARTIAL;
		return true;
	}
	if (str_eq(as, STR("PartialObjectMetadataList")) && meta && can & NEGOTIATE_PARTIAL) {
		out->kind = MEDIA_PARTIAL_LIST;
		return true;
	}
	if (str_eq(as, STR("APIGroupDiscoveryList")) && can & NEGOTIATE_DISCOVERY &&
	    str_eq(group, STR("apidiscovery.k8s.io")) && str_eq(out->kind_version, STR("v2"))) {
		out->aggregated_discovery = true;
		return true;
	}
	return false;
}

static struct accept clauses_of(struct str accept, struct arena *arena)
{
	return accept_parse(HTTP_HEADERS({STR("accept"), accept}), arena);
}

bool negotiate_accept(struct str accept, unsigned can, struct arena *arena, struct answer_form *ret)
{
	struct accept clauses;

	if (str_trim(accept).len == 0) {
		*ret = (struct answer_form){.negotiated = true};
		return true;
	}
	clauses = clauses_of(accept, arena);
	SLICE_FOREACH (clause, clauses)
		for (int format = 0; format < MEDIA_FORMAT_MAX; format++) {
			struct answer_form form = {.negotiated = true, .format = (enum media_format)format};

			if (!media_type_matches(clause, STR("application"), subtypes[format]) ||
			    (format == MEDIA_PROTOBUF && can & NEGOTIATE_NO_PROTOBUF) ||
			    !clause_kind(clause, can, &form))
				continue;
			form.pretty = str_eq(param(clause, STR("pretty")), STR("1"));
			form.stream = str_eq(param(clause, STR("stream")), STR("watch"));
			*ret = form;
			return true;
		}
	return false;
}

bool accept_names_any(struct str accept, struct arena *arena)
{
	struct accept clauses;

	if (str_trim(accept).len == 0)
		return true;
	clauses = clauses_of(accept, arena);
	SLICE_FOREACH (clause, clauses)
		for (int format = 0; format < MEDIA_FORMAT_MAX; format++)
			if (media_type_matches(clause, STR("application"), subtypes[format]))
				return true;
	return false;
}
