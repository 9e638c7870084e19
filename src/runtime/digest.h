/* SHA-256 of a stream, in the form images name things by.  One thread per digest. */
#ifndef WHERRY_RUNTIME_DIGEST_H
#define WHERRY_RUNTIME_DIGEST_H

#include "base/str.h"

#define DIGEST_TEXT_SIZE 72 /* "sha256:", 64 digits, NUL */

struct digest {
	void *context;
};

void digest_init(struct digest *digest);
void digest_release(struct digest *digest);
void digest_update(struct digest *digest, const void *data, size_t size);
/* Ends it; only release may follow. */
void digest_finish(struct digest *digest, char out[DIGEST_TEXT_SIZE]);
void digest_of(struct str data, char out[DIGEST_TEXT_SIZE]);

#endif
