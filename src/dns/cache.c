/* Answers kept for a while; see cache.h. */
#include "dns/cache.h"

#include "base/clock.h"
#include "base/limits.h"

struct entry {
	struct list link;
	struct str key;
	int64_t stored, expires;
	size_t size;
	uint8_t *message;
	uint8_t key_bytes[DNS_KEY_SIZE];
};

void dns_cache_init(struct dns_cache *cache)
{
	*cache = (struct dns_cache){0};
	list_init(&cache->oldest_first);
}

static void drop(struct dns_cache *cache, struct entry *entry)
{
	map_remove(&cache->entries, entry->key);
	list_remove(&entry->link);
	free(entry->message);
	free(entry);
}

void dns_cache_release(struct dns_cache *cache)
{
	LIST_FOREACH_SAFE (struct entry, entry, &cache->oldest_first, link)
		drop(cache, entry);
	map_release(&cache->entries);
}

struct str dns_question_key(const struct dns_question *question, uint8_t out[DNS_KEY_SIZE])
{
	size_t len = question->name.len;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = question->name.wire[i];

		out[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	out[len] = (uint8_t)(question->type >> 8);
	out[len + 1] = (uint8_t)question->type;
	out[len + 2] = (uint8_t)(question->klass >> 8);
	out[len + 3] = (uint8_t)question->klass;
	out[len + 4] = (uint8_t)(question->edns | question->dnssec << 1 | ((question->flags & DNS_CD) != 0) << 2);
	return (struct str){(const char *)out, len + 5};
}

/* A reader behind the question of a message with one, and the number of records; false: no such message. */
static bool open_records(const uint8_t *message, size_t size, struct dns_reader *ret, unsigned counts[3])
{
	struct dns_reader reader = {message, size, 4};
	uint16_t questions, word;

	if (size < DNS_HEADER_SIZE || dns_read_u16(&reader, &questions) < 0 || questions != 1)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (dns_read_u16(&reader, &word) < 0)
			return false;
		counts[i] = word;
	}
	if (dns_read_name(&reader, NULL) < 0 || dns_read_u16(&reader, &word) < 0 || dns_read_u16(&reader, &word) < 0)
		return false;
	*ret = reader;
	return true;
}

/* The last 4 bytes of a SOA's data: how long a denial may be kept (RFC 2308, 5). */
static uint32_t soa_minimum(const uint8_t *message, const struct dns_record *record)
{
	struct dns_reader reader = {message, record->rdata_at + record->rdata_len, 0};
	uint32_t minimum = 0;

	if (record->rdata_len < 4)
		return 0;
	reader.at = reader.size - 4;
	return dns_read_u32(&reader, &minimum) < 0 ? 0 : MIN(minimum, record->ttl);
}

/* For how many seconds may it be kept? */
static uint32_t lifetime(const uint8_t *message, size_t size)
{
	uint32_t seconds = DNS_CACHE_SECONDS;
	struct dns_reader reader;
	bool denial_has_soa = false;
	unsigned counts[3], rcode = message[3] & 0xf;

	if (message[2] & (DNS_TC >> 8) || (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN) ||
	    !open_records(message, size, &reader, counts))
		return 0;
	for (unsigned i = 0; i < counts[0] + counts[1] + counts[2]; i++) {
		struct dns_record record;

		if (dns_read_record(&reader, &record) < 0)
			return 0;
		if (record.type == DNS_OPT)
			continue;
		seconds = MIN(seconds, record.ttl);
		if (record.type == DNS_SOA && i >= counts[0]) {
			denial_has_soa = true;
			seconds = MIN(seconds, soa_minimum(message, &record));
		}
	}
	return counts[0] > 0 || denial_has_soa ? seconds : 0;
}

/* The message was walked when it was put in, so it can be walked again. */
static void age(uint8_t *message, size_t size, uint32_t seconds)
{
	struct dns_reader reader;
	unsigned counts[3];

	if (!open_records(message, size, &reader, counts))
		return;
	for (unsigned i = 0; i < counts[0] + counts[1] + counts[2]; i++) {
		struct dns_record record;
		uint32_t ttl;

		if (dns_read_record(&reader, &record) < 0)
			return;
		if (record.type == DNS_OPT)
			continue;
		ttl = record.ttl - MIN(record.ttl, seconds);
		for (size_t b = 0; b < 4; b++)
			message[record.ttl_at + b] = (uint8_t)(ttl >> (24 - 8 * b));
	}
}

size_t dns_cache_get(struct dns_cache *cache, struct str key, int64_t now, uint8_t *out)
{
	struct entry *entry = map_get(&cache->entries, key);

	if (!entry)
		return 0;
	if (now >= entry->expires) {
		drop(cache, entry);
		return 0;
	}
	memcpy(out, entry->message, entry->size);
	age(out, entry->size, (uint32_t)((now - entry->stored) / NS_PER_SEC));
	return entry->size;
}

void dns_cache_put(struct dns_cache *cache, struct str key, int64_t now, const uint8_t *message, size_t size)
{
	struct entry *entry = map_get(&cache->entries, key);
	uint32_t seconds;

	if (size < DNS_HEADER_SIZE || size > DNS_CACHE_MESSAGE)
		return;
	seconds = lifetime(message, size);
	if (seconds == 0)
		return;
	if (entry)
		drop(cache, entry);
	else if (cache->entries.len >= LIMIT_DNS_CACHE)
		drop(cache, LIST_FIRST(&cache->oldest_first, struct entry, link));
	entry = XNEW(struct entry);
	memcpy(entry->key_bytes, key.data, key.len);
	entry->key = (struct str){(const char *)entry->key_bytes, key.len};
	entry->stored = now;
	entry->expires = now + seconds * NS_PER_SEC;
	entry->message = xmemdup(message, size);
	entry->size = size;
	list_append(&cache->oldest_first, &entry->link);
	map_set(&cache->entries, entry->key, entry);
}
