/*
 * Who is asking?  A chain of those who may know.
 *
 * Each looks at the request's credentials: 1 and *ret when it knows the user, 0 when it found nothing it understands,
 * negative when it found credentials that are bad (the chain goes on; when nobody knows the user, that is a 401).
 * Without any credentials the user is system:anonymous.
 */
#ifndef WHERRY_APISERVER_AUTHENTICATOR_H
#define WHERRY_APISERVER_AUTHENTICATOR_H

#include "apiserver/user.h"
#include "base/arena.h"
#include "base/error.h"

struct service_token_issuer;
struct store;

/* What a connection and a request bring along. */
struct credentials {
	struct str authorization; /* the header, empty when there is none */
	const void *certificate;  /* X509 of a verified client certificate, or NULL */
	bool bad_certificate;	  /* there was one, and it did not verify */
	struct str common_name;	  /* its subject's */
	struct str_slice organizations;
	struct bytes fingerprint; /* SHA-256 of the certificate */
};

struct authenticator {
	const char *name;
	bool may_block;
	int (*authenticate)(struct authenticator *authenticator, const struct credentials *credentials,
			    struct arena *arena, struct user_info *ret, struct error *err) MUST_CHECK;
	void (*free)(struct authenticator *authenticator);
};

/* User and groups from common name and organizations of a client certificate that the cluster CA signed. */
struct authenticator *authenticator_new_certificate(void);
/* Service accounts by token; both outlive it. */
struct authenticator *authenticator_new_service_token(const struct service_token_issuer *issuer, struct store *store);

#endif
