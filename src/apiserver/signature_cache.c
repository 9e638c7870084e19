/* Which tokens' signatures were found good before; see signature_cache.h. */
#include "apiserver/signature_cache.h"

#include <openssl/sha.h>

#define SLOTS 64

/* A token by its digest: the token itself, a secret, is not kept. */
struct slot {
	uint8_t digest[SHA256_DIGEST_LENGTH];
	const struct pki_key *key; /* NULL: free */
};

static _Thread_local struct slot slots[SLOTS];

static struct slot *slot_of(struct str token, uint8_t digest[SHA256_DIGEST_LENGTH])
{
	SHA256((const unsigned char *)token.data, token.len, digest);
	return &slots[digest[0] % SLOTS];
}

bool signature_cache_has(struct str token, const struct pki_key *key)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	const struct slot *slot = slot_of(token, digest);

	return slot->key == key && memcmp(slot->digest, digest, sizeof(digest)) == 0;
}

void signature_cache_add(struct str token, const struct pki_key *key)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct slot *slot = slot_of(token, digest);

	memcpy(slot->digest, digest, sizeof(digest));
	slot->key = key;
}
