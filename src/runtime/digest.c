/* SHA-256 over OpenSSL; see digest.h. */
#include "runtime/digest.h"

#include <openssl/evp.h>
#include <stdio.h>

/* OpenSSL fails here only without memory or without SHA-256, which is no state to go on in. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

void digest_init(struct digest *digest)
{
	digest->context = EVP_MD_CTX_new();
	if (!digest->context)
		abort();
	must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
}

void digest_release(struct digest *digest)
{
	EVP_MD_CTX_free(digest->context);
	digest->context = NULL;
}

void digest_update(struct digest *digest, const void *data, size_t size)
{
	must(EVP_DigestUpdate(digest->context, data, size));
}

void digest_finish(struct digest *digest, char out[DIGEST_TEXT_SIZE])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	must(EVP_DigestFinal_ex(digest->context, hash, &len));
	memcpy(out, "sha256:", 7);
	for (unsigned i = 0; i < 32; i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", hash[i]);
}

void digest_of(struct str data, char out[DIGEST_TEXT_SIZE])
{
	struct digest digest;

	digest_init(&digest);
	digest_update(&digest, data.data, data.len);
	digest_finish(&digest, out);
	digest_release(&digest);
}
