/*
 * Tokens of service accounts: signed claims (JWT, ES256) that say which account, and what the token is bound to.
 *
 * The claims are upstream's.  A token is good while it is signed by this cluster, in time (a minute's leeway), for an
 * audience of those asked for, and its account and what it is bound to still exist with the uids it names.  Any thread;
 * time is a parameter, in seconds since 1970.
 */
#ifndef WHERRY_APISERVER_SERVICE_TOKEN_H
#define WHERRY_APISERVER_SERVICE_TOKEN_H

#include "apiserver/user.h"
#include "base/arena.h"
#include "base/error.h"

struct pki_key;
struct store;

/* Who signs; lives as long as the server. */
struct service_token_issuer {
	struct str name; /* claim "iss"; also the audience of the API */
	const struct pki_key *key;
};

struct service_token_ref {
	struct str name, uid;
};

struct service_token {
	struct str_slice audiences;
	int64_t issued_at, not_before, expires_at;
	int64_t warn_after; /* 0: not said */
	struct str id;
	struct str name_space;
	struct service_token_ref account;
	struct service_token_ref pod, secret, node; /* without a name: not bound to one */
};

int service_token_sign(const struct service_token_issuer *issuer, const struct service_token *token,
		       struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;
/* 1: a token of the issuer's, its signature good; 0: not this issuer's; negative: claims to be, and is not. */
int service_token_parse(const struct service_token_issuer *issuer, struct str text, struct arena *arena,
			struct service_token *ret, struct error *err) MUST_CHECK;
/* Is it in time, and does all it names exist?  Errors in upstream's words. */
int service_token_check(const struct service_token *token, struct store *store, int64_t now,
			struct error *err) MUST_CHECK;
/* The user a token makes one. */
void service_token_user(const struct service_token *token, struct arena *arena, struct user_info *ret);

/*
 * All of it: 1 and the user with those of @audiences that the token is for; 0: no token of this issuer; negative: bad.
 */
int service_token_authenticate(const struct service_token_issuer *issuer, struct store *store, struct str text,
			       const struct str_slice *audiences, int64_t now, struct arena *arena,
			       struct user_info *ret, struct str_slice *ret_audiences, struct error *err) MUST_CHECK;

#endif
