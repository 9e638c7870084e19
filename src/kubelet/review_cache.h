/*
 * Answers of the API to reviews, remembered for a while.
 *
 * As upstream's LRUExpireCache: bounded in number, and when it is full the one that was not asked for the longest goes.
 * Of a question only the digest is kept: it may be a token, and is as long as a client likes.  One thread; time is a
 * parameter.
 */
#ifndef WHERRY_KUBELET_REVIEW_CACHE_H
#define WHERRY_KUBELET_REVIEW_CACHE_H

#include "base/str.h"

struct object;
struct review_cache;

struct review_cache *review_cache_new(size_t len_max) __attribute__((returns_nonnull));
/* NULL is fine; returns NULL. */
struct review_cache *review_cache_free(struct review_cache *cache);
/* A reference to the answer to @question; NULL: there is none, or no longer. */
struct object *review_cache_get(struct review_cache *cache, struct str question, int64_t now);
/* Remembers @answer, of which it takes a reference, until @until. */
void review_cache_add(struct review_cache *cache, struct str question, struct object *answer, int64_t until);
size_t review_cache_len(const struct review_cache *cache);

#endif
