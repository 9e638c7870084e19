/*
 * Discovery: which groups, versions and resources there are, in the old form (a document per group and version) and the
 * aggregated one (all in one, with an ETag).
 */
#include <openssl/sha.h>

#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "codec/base64.h"

#define AGGREGATED_TYPE "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static bool served(const struct resource *resource)
{
	return resource->schema && resource->stability == STABILITY_GA;
}

static bool version_served(const struct api_group_version *version)
{
	for (size_t i = 0; i < resources_len; i++)
		if (served(&resources[i]) && str_eq(resources[i].group, version->group) &&
		    str_eq(resources[i].version, version->version))
			return true;
	return false;
}

/* Is it the first version of its group in the list? */
static bool first_of_group(size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(api_group_versions[i].group, api_group_versions[at].group) &&
		    version_served(&api_group_versions[i]))
			return false;
	return version_served(&api_group_versions[at]);
}

static void list_json(const struct str_slice *list, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < list->len; i++)
		buf_printf(out, "%s\"" STR_FMT "\"", i ? "," : "", STR_ARG(list->items[i]));
	buf_char(out, ']');
}

/* Verbs in alphabetical order. */
static void verbs_json(unsigned verbs, struct buf *out)
{
	static const enum verb order[] = {VERB_CREATE, VERB_DELETE, VERB_DELETE_COLLECTION,
					  VERB_GET,    VERB_LIST,   VERB_PATCH,
					  VERB_UPDATE, VERB_WATCH};
	bool first = true;

	buf_c(out, "\"verbs\":[");
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!(verbs & order[i]))
			continue;
		buf_printf(out, "%s\"%s\"", first ? "" : ",", verb_name(order[i]));
		first = false;
	}
	buf_char(out, ']');
}

/* base64 of the first 8 bytes of the hash of group, storage version and kind. */
static void storage_hash_json(const struct resource *resource, struct buf *out)
{
	struct str group, version;
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char text[512];

	/* What is not stored has none. */
	if (!(resource->verbs & VERB_WATCH))
		return;
	if (!str_cut(resource->storage_version, '/', &group, &version)) {
		group = STR_EMPTY;
		version = resource->storage_version;
	}
	snprintf(text, sizeof(text), STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version),
		 STR_ARG(resource->kind));
	SHA256((const unsigned char *)text, strlen(text), hash);
	buf_c(out, ",\"storageVersionHash\":\"");
	base64_encode((struct bytes){hash, 8}, out);
	buf_char(out, '"');
}

static void resource_json(const struct resource *resource, struct buf *out)
{
	buf_printf(out,
		   "{\"name\":\"" STR_FMT "\",\"singularName\":\"" STR_FMT "\",\"namespaced\":%s,\"kind\":\"" STR_FMT
		   "\",",
		   STR_ARG(resource->plural), STR_ARG(resource->singular), resource->namespaced ? "true" : "false",
		   STR_ARG(resource->kind));
	verbs_json(resource->verbs, out);
	if (resource->short_names.len) {
		buf_c(out, ",\"shortNames\":");
		list_json(&resource->short_names, out);
	}
	if (resource->categories.len) {
		buf_c(out, ",\"categories\":");
		list_json(&resource->categories, out);
	}
	storage_hash_json(resource, out);
	buf_char(out, '}');
}

static void subresource_json(const struct resource *resource, const struct subresource *subresource, struct buf *out)
{
	buf_printf(out, "{\"name\":\"" STR_FMT "/" STR_FMT "\",\"singularName\":\"\",\"namespaced\":%s,",
		   STR_ARG(resource->plural), STR_ARG(subresource->name), resource->namespaced ? "true" : "false");
	if (!str_eq(subresource->group, resource->group) || !str_eq(subresource->version, resource->version)) {
		if (subresource->group.len)
			buf_printf(out, "\"group\":\"" STR_FMT "\",", STR_ARG(subresource->group));
		buf_printf(out, "\"version\":\"" STR_FMT "\",", STR_ARG(subresource->version));
	}
	buf_printf(out, "\"kind\":\"" STR_FMT "\",", STR_ARG(subresource->kind));
	verbs_json(subresource->verbs, out);
	buf_char(out, '}');
}

static enum step_result resource_list(struct request *request, struct str group, struct str version)
{
	struct buf *out = &request->response.body;
	bool first = true;

	/* The core group's list has never said its own version. */
	buf_printf(out, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"" STR_FMT "%s" STR_FMT "\",\"resources\":[",
		   group.len ? "\"apiVersion\":\"v1\"," : "", STR_ARG(group), group.len ? "/" : "", STR_ARG(version));
	for (size_t i = 0; i < resources_len; i++) {
		const struct resource *resource = &resources[i];

		if (!served(resource) || !str_eq(resource->group, group) || !str_eq(resource->version, version))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		resource_json(resource, out);
		for (size_t j = 0; j < resource->subresources_len; j++) {
			buf_char(out, ',');
			subresource_json(resource, &resource->subresources[j], out);
		}
	}
	buf_c(out, "]}");
	if (first) {
		buf_clear(out);
		return status_no_such_path(request);
	}
	return respond_json_body(request, 200);
}

/* {"groupVersion":"apps/v1","version":"v1"} */
static void group_version_json(const struct api_group_version *version, struct buf *out)
{
	buf_printf(out, "{\"groupVersion\":\"" STR_FMT "/" STR_FMT "\",\"version\":\"" STR_FMT "\"}",
		   STR_ARG(version->group), STR_ARG(version->version), STR_ARG(version->version));
}

/* Name, versions and the preferred one: the members of an APIGroup. */
static void group_json(size_t at, struct buf *out)
{
	struct str group = api_group_versions[at].group;
	bool first = true;

	buf_printf(out, "\"name\":\"" STR_FMT "\",\"versions\":[", STR_ARG(group));
	for (size_t i = at; i < api_group_versions_len; i++) {
		if (!str_eq(api_group_versions[i].group, group) || !version_served(&api_group_versions[i]))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		group_version_json(&api_group_versions[i], out);
	}
	buf_c(out, "],\"preferredVersion\":");
	group_version_json(&api_group_versions[at], out);
}

/* --- Aggregated */

static void response_kind_json(struct str group, struct str version, struct str kind, struct buf *out)
{
	buf_printf(out,
		   "\"responseKind\":{\"group\":\"" STR_FMT "\",\"version\":\"" STR_FMT "\",\"kind\":\"" STR_FMT "\"}",
		   STR_ARG(group), STR_ARG(version), STR_ARG(kind));
}

static void aggregated_resource_json(const struct resource *resource, struct buf *out)
{
	buf_printf(out, "{\"resource\":\"" STR_FMT "\",", STR_ARG(resource->plural));
	/* Group and version are empty where they are those of the list around it. */
	response_kind_json(STR_EMPTY, STR_EMPTY, resource->kind, out);
	buf_printf(out, ",\"scope\":\"%s\",\"singularResource\":\"" STR_FMT "\",",
		   resource->namespaced ? "Namespaced" : "Cluster", STR_ARG(resource->singular));
	verbs_json(resource->verbs, out);
	if (resource->short_names.len) {
		buf_c(out, ",\"shortNames\":");
		list_json(&resource->short_names, out);
	}
	if (resource->categories.len) {
		buf_c(out, ",\"categories\":");
		list_json(&resource->categories, out);
	}
	if (resource->subresources_len)
		buf_c(out, ",\"subresources\":[");
	for (size_t i = 0; i < resource->subresources_len; i++) {
		const struct subresource *subresource = &resource->subresources[i];
		bool own =
			str_eq(subresource->group, resource->group) && str_eq(subresource->version, resource->version);

		buf_printf(out, "%s{\"subresource\":\"" STR_FMT "\",", i ? "," : "", STR_ARG(subresource->name));
		response_kind_json(own ? STR_EMPTY : subresource->group, own ? STR_EMPTY : subresource->version,
				   subresource->kind, out);
		buf_char(out, ',');
		verbs_json(subresource->verbs, out);
		buf_char(out, '}');
	}
	buf_c(out, resource->subresources_len ? "]}" : "}");
}

static void aggregated_version_json(const struct api_group_version *version, struct buf *out)
{
	bool first = true;

	buf_printf(out, "{\"version\":\"" STR_FMT "\",\"resources\":[", STR_ARG(version->version));
	for (size_t i = 0; i < resources_len; i++) {
		if (!served(&resources[i]) || !str_eq(resources[i].group, version->group) ||
		    !str_eq(resources[i].version, version->version))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		aggregated_resource_json(&resources[i], out);
	}
	buf_c(out, "],\"freshness\":\"Current\"}");
}

static void aggregated_group_json(size_t at, struct buf *out)
{
	struct str group = api_group_versions[at].group;
	bool first = true;

	buf_c(out, "{\"metadata\":{");
	if (group.len)
		buf_printf(out, "\"name\":\"" STR_FMT "\"", STR_ARG(group));
	buf_c(out, "},\"versions\":[");
	for (size_t i = at; i < api_group_versions_len; i++) {
		if (!str_eq(api_group_versions[i].group, group) || !version_served(&api_group_versions[i]))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		aggregated_version_json(&api_group_versions[i], out);
	}
	buf_c(out, "]}");
}

static enum step_result aggregated(struct request *request, bool core)
{
	struct buf *out = &request->response.body;
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf cleanup_buf tag;
	bool first = true;
	enum step_result result;

	buf_c(out, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/"
		   "v2\",\"metadata\":{},\"items\":[");
	for (size_t i = 0; i < api_group_versions_len; i++) {
		if ((api_group_versions[i].group.len == 0) != core || !first_of_group(i))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		aggregated_group_json(i, out);
	}
	buf_c(out, "]}");
	SHA256((const unsigned char *)out->data, out->len, hash);
	buf_init(&tag, 256);
	buf_char(&tag, '"');
	hex_encode((struct bytes){hash, sizeof(hash)}, &tag);
	buf_char(&tag, '"');
	response_header(request, STR("etag"), arena_str(&request->arena, buf_view(&tag)));
	response_header(request, STR("vary"), STR("Accept"));
	if (str_eq(request->if_none_match, buf_view(&tag)))
		return respond_text(request, 304, STR(AGGREGATED_TYPE), STR_EMPTY);
	result = respond_json_body(request, 200);
	request->response.content_type = STR(AGGREGATED_TYPE);
	return result;
}

/* Only reads, and only what we can give; @can: NEGOTIATE_ bits. */
static bool acceptable(struct request *request, unsigned can)
{
	if (!str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD"))) {
		status_method_not_allowed(request);
		return false;
	}
	if (!negotiate_accept(request->accept, can, &request->arena, &request->accepted)) {
		status_not_acceptable(request);
		return false;
	}
	return true;
}

static struct str without_slash(struct str path)
{
	while (path.len && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}

enum step_result path_api(struct request *request)
{
	struct str path = without_slash(request->info.path);

	if (str_eq(path, STR("/api/v1")))
		return acceptable(request, 0) ? resource_list(request, STR_EMPTY, STR("v1")) : STEP_DONE;
	if (!str_eq(path, STR("/api")))
		return status_no_such_path(request);
	if (!acceptable(request, NEGOTIATE_DISCOVERY))
		return STEP_DONE;
	if (request->accepted.aggregated_discovery)
		return aggregated(request, true);
	buf_printf(&request->response.body,
		   "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":"
		   "\"0.0.0.0/0\",\"serverAddress\":\"" STR_FMT "\"}]}",
		   STR_ARG(apiserver_address(request)));
	return respond_json_body(request, 200);
}

static enum step_result group_list(struct request *request)
{
	struct buf *out = &request->response.body;
	bool first = true;

	buf_c(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	for (size_t i = 0; i < api_group_versions_len; i++) {
		if (api_group_versions[i].group.len == 0 || !first_of_group(i))
			continue;
		buf_c(out, first ? "{" : ",{");
		first = false;
		group_json(i, out);
		buf_char(out, '}');
	}
	buf_c(out, "]}");
	return respond_json_body(request, 200);
}

static enum step_result one_group(struct request *request, struct str group)
{
	struct buf *out = &request->response.body;

	for (size_t i = 0; i < api_group_versions_len; i++) {
		if (!str_eq(api_group_versions[i].group, group) || !first_of_group(i))
			continue;
		buf_c(out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
		group_json(i, out);
		buf_char(out, '}');
		return respond_json_body(request, 200);
	}
	return path_not_found(request);
}

static bool group_served(struct str group)
{
	for (size_t i = 0; i < api_group_versions_len; i++)
		if (str_eq(api_group_versions[i].group, group) && version_served(&api_group_versions[i]))
			return true;
	return false;
}

enum step_result path_apis(struct request *request)
{
	struct str path = without_slash(request->info.path), group, version;

	if (str_eq(path, STR("/apis"))) {
		if (!acceptable(request, NEGOTIATE_DISCOVERY))
			return STEP_DONE;
		return request->accepted.aggregated_discovery ? aggregated(request, false) : group_list(request);
	}
	str_cut(str_from_at(path, strlen("/apis/")), '/', &group, &version);
	if (!group_served(group))
		return path_not_found(request);
	if (!acceptable(request, 0))
		return STEP_DONE;
	return version.len ? resource_list(request, group, version) : one_group(request, group);
}
