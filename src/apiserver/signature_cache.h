/*
 * Which tokens' signatures were found good before.
 *
 * A signature over the same bytes by the same key stays good for ever, so this is all that is remembered: what a token
 * says of its times, and whether its account still exists, is judged at every request.  Verifying one costs some 100 us
 * of CPU, as much as all else of a read together.  One small table for each thread: no lock, and nothing that outside
 * data can grow.
 */
#ifndef WHERRY_APISERVER_SIGNATURE_CACHE_H
#define WHERRY_APISERVER_SIGNATURE_CACHE_H

#include "base/str.h"

struct pki_key;

/* @token: the whole text, signature included. */
bool signature_cache_has(struct str token, const struct pki_key *key);
/* Only for a token that verified. */
void signature_cache_add(struct str token, const struct pki_key *key);

#endif
