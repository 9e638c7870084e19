/* Answers of the API to reviews; see review_cache.h. */
#include "kubelet/review_cache.h"

#include "base/list.h"
#include "base/map.h"
#include "runtime/digest.h"
#include "types/object.h"

struct answer {
	struct list link;
	char key[DIGEST_TEXT_SIZE];
	struct object *object;
	int64_t until;
};

struct review_cache {
	size_t len_max;
	struct map by_key;
	struct list by_use; /* the latest first */
};

struct review_cache *review_cache_new(size_t len_max)
{
	struct review_cache *cache = XNEW(struct review_cache);

	cache->len_max = len_max;
	list_init(&cache->by_use);
	return cache;
}

static void drop(struct review_cache *cache, struct answer *answer)
{
	map_remove(&cache->by_key, str_from(answer->key));
	list_remove(&answer->link);
	object_unref(answer->object);
	free(answer);
}

struct review_cache *review_cache_free(struct review_cache *cache)
{
	if (!cache)
		return NULL;
	LIST_FOREACH_SAFE (struct answer, answer, &cache->by_use, link)
		drop(cache, answer);
	map_release(&cache->by_key);
	free(cache);
	return NULL;
}

struct object *review_cache_get(struct review_cache *cache, struct str question, int64_t now)
{
	char key[DIGEST_TEXT_SIZE];
	struct answer *answer;

	digest_of(question, key);
	answer = map_get(&cache->by_key, str_from(key));
	if (!answer)
		return NULL;
	if (now >= answer->until) {
		drop(cache, answer);
		return NULL;
	}
	list_remove(&answer->link);
	list_prepend(&cache->by_use, &answer->link);
	return object_ref(answer->object);
}

void review_cache_add(struct review_cache *cache, struct str question, struct object *object, int64_t until)
{
	struct answer *answer = XNEW(struct answer), *before;

	digest_of(question, answer->key);
	answer->object = object_ref(object);
	answer->until = until;
	before = map_get(&cache->by_key, str_from(answer->key));
	if (before)
		drop(cache, before);
	else if (cache->by_key.len >= cache->len_max)
		drop(cache, LIST_ENTRY(cache->by_use.prev, struct answer, link));
	map_set(&cache->by_key, str_from(answer->key), answer);
	list_prepend(&cache->by_use, &answer->link);
}

size_t review_cache_len(const struct review_cache *cache)
{
	return cache->by_key.len;
}
