/*
 * /openapi/v3: an index with a hash for each document, and the documents.
 *
 * Making a document takes milliseconds, so it happens on a handler thread.  Only the hashes are kept: clients cache
 * documents by them, and a server at rest should not hold megabytes that nobody reads.
 */
#include "apiserver/openapi.h"

#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "sys/thread.h"
#include "types/openapi.h"

struct openapi_cache {
	struct mutex lock; /* guards entries, which are set once */
	struct arena arena;
	struct openapi_entry *entries;
	size_t len;
};

struct openapi_cache *openapi_cache_new(void)
{
	struct openapi_cache *cache = XNEW(struct openapi_cache);

	mutex_init(&cache->lock);
	return cache;
}

struct openapi_cache *openapi_cache_free(struct openapi_cache *cache)
{
	if (!cache)
		return NULL;
	mutex_release(&cache->lock);
	arena_release(&cache->arena);
	free(cache);
	return NULL;
}

/* The document at @path ("apis/apps/v1"); false: there is none. */
static bool write_document(struct str path, struct buf *out)
{
	struct str first, group, version;

	if (openapi_v3_other(path, out))
		return true;
	if (str_eq(path, STR("api/v1"))) {
		openapi_v3_builtin(STR_EMPTY, STR("v1"), out);
		return true;
	}
	if (!str_cut(path, '/', &first, &group) || !str_eq(first, STR("apis")) ||
	    !str_cut(group, '/', &group, &version))
		return false;
	for (size_t i = 0; i < resources_len; i++)
		if (resources[i].schema && resources[i].stability == STABILITY_GA &&
		    str_eq(resources[i].group, group) && str_eq(resources[i].version, version)) {
			openapi_v3_builtin(group, version, out);
			return true;
		}
	return false;
}

struct collector {
	struct openapi_cache *cache;
	VEC_OF(struct openapi_entry) entries;
	struct buf text;
};

static void add_entry(struct collector *collector, struct str path)
{
	char hash[OPENAPI_HASH_SIZE];

	for (size_t i = 0; i < collector->entries.len; i++)
		if (str_eq(collector->entries.items[i].path, path))
			return;
	buf_clear(&collector->text);
	if (!write_document(path, &collector->text))
		return;
	openapi_hash(buf_view(&collector->text), hash);
	vec_push(&collector->cache->arena, &collector->entries,
		 (struct openapi_entry){arena_str(&collector->cache->arena, path),
					arena_str_c(&collector->cache->arena, hash)});
}

/* All documents there are; with the lock held. */
static void collect(struct openapi_cache *cache)
{
	static const struct str others[] = {STR_INIT(".well-known/openid-configuration"),
					    STR_INIT("api"),
					    STR_INIT("api/v1"),
					    STR_INIT("apis"),
					    STR_INIT("openid/v1/jwks"),
					    STR_INIT("version")};
	struct collector collector = {.cache = cache};

	buf_init(&collector.text, LIMIT_RESPONSE_BODY);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		add_entry(&collector, others[i]);
	for (size_t i = 0; i < api_group_versions_len; i++) {
		struct str group = api_group_versions[i].group;
		struct str path = arena_printf(&cache->arena, "apis/" STR_FMT "/" STR_FMT, STR_ARG(group),
					       STR_ARG(api_group_versions[i].version));
		size_t before = collector.entries.len;

		if (group.len == 0)
			continue;
		add_entry(&collector, path);
		if (collector.entries.len > before)
			add_entry(&collector, arena_printf(&cache->arena, "apis/" STR_FMT, STR_ARG(group)));
	}
	buf_release(&collector.text);
	cache->entries = collector.entries.items;
	cache->len = collector.entries.len;
}

static enum step_result serve_index(struct request *request)
{
	struct openapi_cache *cache = request->server->openapi;
	struct buf *out = &request->response.body;

	MUTEX_GUARD(&cache->lock);
	if (!cache->entries)
		collect(cache);
	openapi_v3_index(cache->entries, cache->len, out);
	request->response.code = 200;
	request->response.content_type = STR("text/plain; charset=utf-8");
	return STEP_DONE;
}

static enum step_result serve_document(struct request *request, struct str path)
{
	struct buf *out = &request->response.body;
	char hash[OPENAPI_HASH_SIZE];
	struct str tag;

	request->response.code = 404;
	if (!write_document(path, out))
		return STEP_DONE;
	openapi_hash(buf_view(out), hash);
	tag = arena_printf(&request->arena, "\"%s\"", hash);
	response_header(request, STR("etag"), tag);
	request->response.content_type = STR("application/json");
	request->response.code = 200;
	if (str_eq(request->if_none_match, tag)) {
		buf_clear(out);
		request->response.code = 304;
	}
	return STEP_DONE;
}

enum step_result path_openapi(struct request *request)
{
	struct str path = request->info.path;

	if (!str_eq(request->method, STR("GET")))
		return status_method_not_allowed(request);
	if (!request->on_handler)
		return request_move_to_handler(request);
	if (str_eq(path, STR("/openapi/v3")))
		return serve_index(request);
	return serve_document(request, str_from_at(path, strlen("/openapi/v3/")));
}
