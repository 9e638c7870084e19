/*
 * Signed tokens: compact JWS (RFC 7515) as service account tokens and OIDC use it.  Signs ES256; verifies ES256 and
 * RS256.  Knows nothing of the claims: payloads are bytes.
 */
#ifndef WHERRY_NET_JWS_H
#define WHERRY_NET_JWS_H

#include "net/pki.h"

/* header.payload.signature with the protected header {"alg":"ES256","kid":...}; @key: EC P-256, private. */
int jws_sign(struct str payload, struct str key_id, const struct pki_key *key, struct arena *arena, struct str *ret,
	     struct error *err) MUST_CHECK;

struct jws {
	struct str header;  /* JSON, decoded */
	struct str payload; /* decoded */
	struct str signature;
	struct str signing_input;
};
/* Splits and decodes; nothing is verified. */
int jws_parse(struct str token, struct arena *arena, struct jws *ret, struct error *err) MUST_CHECK;
/* Is the signature @key's, by the algorithm that fits the key (ES256 for P-256, RS256 for RSA) and that @alg names? */
bool jws_verify(const struct jws *jws, struct str alg, const struct pki_key *key);
/* The key id upstream derives: base64url of SHA-256 of the public key's DER. */
struct str jws_key_id(const struct pki_key *key, struct arena *arena);

#endif
