/*
 * Certificates and keys: made, signed, read and written as PEM.  EC P-256 only for what is made; what is read may be of
 * any kind OpenSSL knows.  Any thread; objects are not shared between threads unless said so.
 */
#ifndef WHERRY_NET_PKI_H
#define WHERRY_NET_PKI_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

struct pki_key;	 /* a private or public key; counted and immutable, so any thread may use it */
struct pki_cert; /* a certificate; the same */

int pki_key_generate(struct pki_key **ret, struct error *err) MUST_CHECK;
/* PEM in any of the usual forms (PKCS#8, SEC1, PKCS#1; public keys as SubjectPublicKeyInfo or in a certificate). */
int pki_key_load(struct str pem, struct pki_key **ret, struct error *err) MUST_CHECK;
int pki_public_key_load(struct str pem, struct pki_key **ret, struct error *err) MUST_CHECK;
/* "EC PRIVATE KEY", as upstream's tools write it, and "PUBLIC KEY". */
int pki_key_pem(const struct pki_key *key, struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;
int pki_public_key_pem(const struct pki_key *key, struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;
struct pki_key *pki_key_ref(struct pki_key *key);
struct pki_key *pki_key_unref(struct pki_key *key);
/* The key's EVP_PKEY *, borrowed. */
void *pki_key_evp(const struct pki_key *key);

enum pki_usage { PKI_USAGE_SERVER = 1, PKI_USAGE_CLIENT = 2 };

struct pki_cert_config {
	struct str common_name;
	const struct str *organizations;
	size_t organizations_len;
	const struct str *dns_names;
	size_t dns_names_len;
	const struct ip_address *addresses;
	size_t addresses_len;
	unsigned usages;	       /* PKI_USAGE_ bits; not for authorities */
	int64_t not_before, not_after; /* seconds since 1970 */
};

/* A self-signed authority. */
int pki_ca_new(const struct pki_cert_config *config, const struct pki_key *key, struct pki_cert **ret,
	       struct error *err) MUST_CHECK;
/* A certificate for @key (its public half is enough), signed by the authority. */
int pki_sign(const struct pki_cert_config *config, const struct pki_key *key, const struct pki_cert *ca,
	     const struct pki_key *ca_key, struct pki_cert **ret, struct error *err) MUST_CHECK;
/* The first certificate of a PEM text. */
int pki_cert_load(struct str pem, struct pki_cert **ret, struct error *err) MUST_CHECK;
int pki_cert_pem(const struct pki_cert *cert, struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;
struct pki_cert *pki_cert_ref(struct pki_cert *cert);
struct pki_cert *pki_cert_unref(struct pki_cert *cert);
/* What is in it; strings in @arena. */
int pki_cert_read(const struct pki_cert *cert, struct arena *arena, struct pki_cert_config *ret,
		  struct error *err) MUST_CHECK;
bool pki_cert_is_ca(const struct pki_cert *cert);
/* Is @key the certificate's? */
bool pki_cert_has_key(const struct pki_cert *cert, const struct pki_key *key);
/* Signed by @ca and in time at @now (seconds since 1970)? */
bool pki_cert_verify(const struct pki_cert *cert, const struct pki_cert *ca, int64_t now);
/* The certificate's X509 *, borrowed. */
void *pki_cert_x509(const struct pki_cert *cert);

/* A certificate signing request (PKCS#10, PEM): subject and key are checked against its signature. */
int pki_request_new(const struct pki_cert_config *config, const struct pki_key *key, struct arena *arena,
		    struct str *ret_pem, struct error *err) MUST_CHECK;
int pki_request_read(struct str pem, struct arena *arena, struct pki_cert_config *ret, struct pki_key **ret_key,
		     struct error *err) MUST_CHECK;

#endif
