/*
 * Answers of the world's name servers, kept for a while: at most DNS_CACHE_SECONDS, less when their records say so.
 *
 * A cached message is given out with the time it lay here taken off its records' TTLs.  Bounded by LIMIT_DNS_CACHE, the
 * oldest going first; large messages are not kept.  Time is a parameter, in nanoseconds of the monotonic clock.  One
 * thread.
 */
#ifndef WHERRY_DNS_CACHE_H
#define WHERRY_DNS_CACHE_H

#include "base/list.h"
#include "base/map.h"
#include "dns/wire.h"

#define DNS_CACHE_SECONDS 30 /* as the cache of upstream's default configuration */
#define DNS_CACHE_MESSAGE 2048
#define DNS_KEY_SIZE	  (DNS_NAME_SIZE + 5)

struct dns_cache {
	struct map entries;
	struct list oldest_first;
};

void dns_cache_init(struct dns_cache *cache);
void dns_cache_release(struct dns_cache *cache);

/* What makes two questions the same: name without case, type, class, and what the client asked of the answer. */
struct str dns_question_key(const struct dns_question *question, uint8_t out[DNS_KEY_SIZE]);

/* The size of the message copied to @out, of DNS_CACHE_MESSAGE bytes; 0: none. */
size_t dns_cache_get(struct dns_cache *cache, struct str key, int64_t now, uint8_t *out);
/* Keeps a whole, well-formed answer with a code that may be kept; ignores any other. */
void dns_cache_put(struct dns_cache *cache, struct str key, int64_t now, const uint8_t *message, size_t size);

#endif
